/**
 * The bytes of a file: the ranges that were written, by reference into the content store, with holes between them that read
 * as zeros. A file of any size costs what was written to it.
 */
import type { Content, ContentRecord, ContentStore } from '../content-store.ts'

/** Clearing frees whole blocks; what is less stays, as zeros. */
const BLOCK = 512

/** Bytes `start` to `end`, exclusive. */
export interface Span {
  start: number
  end: number
}

interface Extent {
  start: number
  content: Content
}

export type SparseRecord = Array<{ start: number, content: ContentRecord }>

export class SparseContent {
  readonly #contents: ContentStore
  /** In order, none touching what another covers. */
  #extents: Extent[] = []

  constructor (contents: ContentStore) {
    this.#contents = contents
  }

  static fromRecord (contents: ContentStore, record: SparseRecord): SparseContent {
    const sparse = new SparseContent(contents)
    sparse.#extents = record.map(({ start, content }) => ({ start, content: contents.fromRecord(content) }))
    return sparse
  }

  toRecord (): SparseRecord {
    return this.#extents.map(({ start, content }) => ({ start, content: this.#contents.toRecord(content) }))
  }

  /** Takes over the reference to the content. */
  write (start: number, content: Content): void {
    const index = this.#remove(start, start + content.size)
    if (content.size === 0) this.#contents.release(content)
    else this.#extents.splice(index, 0, { start, content })
  }

  /** Frees the whole blocks within, and writes zeros where a block is only touched. */
  clear ({ start, end }: Span): void {
    const firstBlock = Math.ceil(start / BLOCK) * BLOCK
    const lastBlock = Math.floor(end / BLOCK) * BLOCK
    if (firstBlock >= lastBlock) return this.#writeZeros(start, end)
    this.#remove(firstBlock, lastBlock)
    this.#writeZeros(start, firstBlock)
    this.#writeZeros(lastBlock, end)
  }

  /** Forgets all from `size` on. */
  truncate (size: number): void {
    this.#remove(size, Infinity)
  }

  /** Of all or part of it, holes included, with a reference that is the caller's to release. */
  read ({ start, end }: Span): Content {
    const slices: Content['slices'][number][] = []
    let position = start
    for (let index = this.#firstTouching(start); index < this.#extents.length; index++) {
      const extent = this.#extents[index] as Extent
      if (extent.start >= end) break
      if (extent.start > position) slices.push(...this.#contents.fill(extent.start - position, 0).slices)
      const from = Math.max(extent.start, position)
      const to = Math.min(endOf(extent), end)
      slices.push(...this.#contents.cut(extent.content, from - extent.start, to - extent.start).slices)
      position = to
    }
    if (position < end) slices.push(...this.#contents.fill(end - position, 0).slices)
    return { size: end - start, slices }
  }

  /** What was written within, neighbours joined. */
  written ({ start, end }: Span): Span[] {
    const spans: Span[] = []
    for (let index = this.#firstTouching(start); index < this.#extents.length; index++) {
      const extent = this.#extents[index] as Extent
      if (extent.start >= end) break
      const span = { start: Math.max(extent.start, start), end: Math.min(endOf(extent), end) }
      const last = spans.at(-1)
      if (last?.end === span.start) last.end = span.end
      else spans.push(span)
    }
    return spans
  }

  /** Where something was written that the other does not hold as well, put there by the same write. */
  changedSince (before: SparseContent, span: Span): Span[] {
    const edges = new Set([...this.#edges(span), ...before.#edges(span)])
    const changed: Span[] = []
    for (const { start, end } of this.written(span)) {
      const cuts = [start, ...[...edges].filter(edge => edge > start && edge < end).sort((a, b) => a - b), end]
      for (let index = 1; index < cuts.length; index++) {
        const piece = { start: cuts[index - 1] as number, end: cuts[index] as number }
        if (this.#identity(piece) === before.#identity(piece)) continue
        const last = changed.at(-1)
        if (last?.end === piece.start) last.end = piece.end
        else changed.push(piece)
      }
    }
    return changed
  }

  /** The same bytes once more, by reference. */
  clone (): SparseContent {
    const copy = new SparseContent(this.#contents)
    copy.#extents = this.#extents.map(({ start, content }) => ({ start, content: this.#contents.retain(content) }))
    return copy
  }

  release (): void {
    for (const { content } of this.#extents) this.#contents.release(content)
    this.#extents = []
  }

  /** Where one slice ends and another begins. */
  #edges (span: Span): number[] {
    return this.#extents.filter(extent => extent.start < span.end && endOf(extent) > span.start).flatMap(({ start, content }) => {
      let position = start
      return [start, ...content.slices.map(slice => { position += slice.size; return position })]
    })
  }

  /** What is there, as a text that names the blobs. */
  #identity (span: Span): string {
    const content = this.read(span)
    const text = content.slices.map(({ blob, start, size }) => `${blob.fill === undefined ? `${blob.id} ${start}` : `fill ${blob.fill}`} ${size}`).join('\n')
    this.#contents.release(content)
    return text
  }

  #writeZeros (start: number, end: number): void {
    if (start < end) this.write(start, this.#contents.fill(end - start, 0))
  }

  /** Takes out what is covered, cutting what is half covered. Returns where an extent that starts at `start` belongs. */
  #remove (start: number, end: number): number {
    const first = this.#firstTouching(start)
    let next = first
    const kept: Extent[] = []
    let before = 0
    for (; next < this.#extents.length; next++) {
      const extent = this.#extents[next] as Extent
      if (extent.start >= end) break
      if (extent.start < start) {
        kept.push({ start: extent.start, content: this.#contents.cut(extent.content, 0, start - extent.start) })
        before = 1
      }
      if (endOf(extent) > end) {
        kept.push({ start: end, content: this.#contents.cut(extent.content, end - extent.start, extent.content.size) })
      }
      this.#contents.release(extent.content)
    }
    this.#extents.splice(first, next - first, ...kept)
    return first + before
  }

  /** Index of the first extent that ends after `position`. */
  #firstTouching (position: number): number {
    let low = 0
    let high = this.#extents.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (endOf(this.#extents[middle] as Extent) > position) high = middle
      else low = middle + 1
    }
    return low
  }
}

function endOf ({ start, content }: Extent): number {
  return start + content.size
}
