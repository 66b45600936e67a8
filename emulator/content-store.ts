/**
 * Where bodies stay. A body is written once as a blob (in memory when small, else a file) and is read as `Content`: a
 * manifest of slices of blobs. Joining parts, copying and cutting ranges only write manifests, so no body is ever whole on
 * the heap. Blobs are counted and go with their last reference.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { type FileHandle, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { KiB, MiB } from '../lib/bytes/sizes.ts'
import { createTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts'

const MEMORY_LIMIT = 64 * KiB
const MEMORY_TOTAL = 256 * MiB
const WRITE_SIZE = 512 * KiB
const READ_SIZE = 256 * KiB

/** Sees each chunk on its way in. */
export interface Tap {
  update (chunk: Uint8Array): unknown
}

interface Blob {
  readonly id: string
  readonly size: number
  /** Small bodies, whole. */
  readonly memory?: Buffer
  /** Bodies that were never kept read as this byte over and over. */
  readonly fill?: number
  references: number
}

interface Slice {
  readonly blob: Blob
  readonly start: number
  readonly size: number
}

export interface Content {
  readonly size: number
  readonly slices: readonly Slice[]
}

/** A manifest as JSON. */
export interface ContentRecord {
  slices: Array<{ blob: string, size: number, start: number, length: number, fill?: number }>
}

export interface ContentStoreOptions {
  /** Keeps all bodies here; without it, a temporary folder appears when the first large body does. */
  folder?: string
  /** Counts and hashes bodies but keeps none: they read back as zeros. */
  discard?: boolean
  /** How many bytes of small bodies may be in memory at once, 256 MiB unless given; those that come later become files. */
  memory?: number
  /** Bodies up to this many bytes are small, 64 KiB unless given. */
  largestInMemory?: number
}

export class ContentStore {
  readonly #blobs = new Map<string, Blob>()
  readonly #discard: boolean
  readonly #persistent: boolean
  readonly #memory: number
  readonly #largestInMemory: number
  #inMemory = 0
  #folder: string | undefined

  constructor (options: ContentStoreOptions = {}) {
    this.#discard = options.discard ?? false
    this.#memory = options.memory ?? MEMORY_TOTAL
    this.#largestInMemory = options.largestInMemory ?? MEMORY_LIMIT
    this.#persistent = options.folder !== undefined
    if (options.folder === undefined) return
    this.#folder = join(options.folder, 'blobs')
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
  }

  /** The folder in use, if any body went there yet. */
  get folder (): string | undefined {
    return this.#folder
  }

  /** Stores what `source` yields; holds at most two writes of 512 KiB in memory, or a body that stays there. The content is born with one reference. */
  async write (source: AsyncIterable<Buffer>, taps: readonly Tap[] = []): Promise<Content> {
    const sink = this.#discard ? new CountingSink() : new BlobSink(this.#persistent || this.#inMemory >= this.#memory ? 0 : this.#largestInMemory, id => this.#path(id))
    try {
      for await (const chunk of source) {
        for (const tap of taps) tap.update(chunk)
        const full = sink.write(chunk)
        if (full !== undefined) await full
      }
      return this.#adopt(await sink.end())
    } catch (error) {
      await sink.discard()
      throw error
    }
  }

  /** Content of one byte repeated, which takes no room at any size. */
  fill (size: number, byte: number): Content {
    return this.#adopt({ id: newId(), size, fill: byte, references: 1 })
  }

  /** Reads bytes `start` to `end` (exclusive). The caller holds a reference while it reads. */
  async * read (content: Content, start = 0, end = content.size): AsyncGenerator<Buffer> {
    let position = 0
    for (const { blob, start: offset, size } of content.slices) {
      const from = Math.max(start - position, 0)
      const to = Math.min(end - position, size)
      if (from < to) yield * this.#readBlob(blob, offset + from, offset + to)
      position += size
      if (position >= end) return
    }
  }

  /** Bytes `start` to `end` (exclusive) as content of their own, by reference. */
  cut (content: Content, start: number, end: number): Content {
    const slices: Slice[] = []
    let position = 0
    for (const slice of content.slices) {
      const from = Math.max(start - position, 0)
      const to = Math.min(end - position, slice.size)
      if (from < to) slices.push({ blob: slice.blob, start: slice.start + from, size: to - from })
      position += slice.size
    }
    return this.retain({ size: Math.max(end - start, 0), slices })
  }

  /** All of them in a row, by reference. */
  join (contents: readonly Content[]): Content {
    const slices = contents.flatMap(content => content.slices)
    return this.retain({ size: slices.reduce((sum, slice) => sum + slice.size, 0), slices })
  }

  retain (content: Content): Content {
    for (const { blob } of content.slices) blob.references++
    return content
  }

  release (content: Content): void {
    for (const { blob } of content.slices) {
      if (--blob.references > 0) continue
      this.#blobs.delete(blob.id)
      this.#inMemory -= blob.memory?.length ?? 0
      if (isFile(blob)) rm(this.#path(blob.id), { force: true }).catch(() => {}) // goes with the folder at the latest
    }
  }

  toRecord (content: Content): ContentRecord {
    return {
      slices: content.slices.map(({ blob, start, size }) => ({
        blob: blob.id, size: blob.size, start, length: size, ...(blob.fill === undefined ? {} : { fill: blob.fill })
      }))
    }
  }

  fromRecord (record: ContentRecord): Content {
    const slices = record.slices.map(({ blob: id, size, start, length, fill }) => {
      let blob = this.#blobs.get(id)
      if (blob === undefined) {
        blob = { id, size, references: 0, ...(fill === undefined ? {} : { fill }) }
        this.#blobs.set(id, blob)
      }
      blob.references++
      return { blob, start, size: length }
    })
    return { size: slices.reduce((sum, slice) => sum + slice.size, 0), slices }
  }

  /**
   * Removes files that no manifest names: what a process that was killed left half written. Only once all services have
   * read their records.
   */
  async sweep (): Promise<void> {
    if (this.#folder === undefined) return
    for (const name of await readdir(this.#folder)) {
      if (!this.#blobs.has(name)) await rm(join(this.#folder, name), { force: true })
    }
  }

  /** How many blobs are held; for tests that look for leaks. */
  get blobCount (): number {
    return this.#blobs.size
  }

  close (): void {
    if (!this.#persistent && this.#folder !== undefined) removeTemporaryFolder(this.#folder)
    this.#folder = undefined
    this.#blobs.clear()
  }

  #adopt (blob: Blob): Content {
    this.#blobs.set(blob.id, blob)
    this.#inMemory += blob.memory?.length ?? 0
    return { size: blob.size, slices: [{ blob, start: 0, size: blob.size }] }
  }

  #path (id: string): string {
    this.#folder ??= createTemporaryFolder()
    return join(this.#folder, id)
  }

  async * #readBlob (blob: Blob, start: number, end: number): AsyncGenerator<Buffer> {
    if (blob.memory !== undefined) yield blob.memory.subarray(start, end)
    else if (blob.fill !== undefined) yield * repeat(blob.fill, end - start)
    else yield * readFile(this.#path(blob.id), start, end)
  }
}

interface Sink {
  /** Takes the chunk; a promise means: wait for it before the next. */
  write (chunk: Buffer): Promise<void> | undefined
  end (): Promise<Blob>
  discard (): Promise<void>
}

class CountingSink implements Sink {
  #size = 0

  write (chunk: Buffer): undefined {
    this.#size += chunk.length
  }

  async end (): Promise<Blob> {
    return { id: newId(), size: this.#size, fill: 0, references: 1 }
  }

  async discard (): Promise<void> {}
}

/** Gathers up to `memoryLimit` bytes, then moves to a file, written in large vectors with one write in flight. */
class BlobSink implements Sink {
  readonly #id = newId()
  readonly #memoryLimit: number
  readonly #pathOf: (id: string) => string
  #chunks: Buffer[] = []
  #gathered = 0
  #size = 0
  #file: Promise<FileHandle> | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor (memoryLimit: number, pathOf: (id: string) => string) {
    this.#memoryLimit = memoryLimit
    this.#pathOf = pathOf
  }

  write (chunk: Buffer): Promise<void> | undefined {
    this.#chunks.push(chunk)
    this.#gathered += chunk.length
    this.#size += chunk.length
    return this.#gathered < WRITE_SIZE || this.#size <= this.#memoryLimit ? undefined : this.#flush()
  }

  async end (): Promise<Blob> {
    if (this.#size <= this.#memoryLimit) {
      return { id: this.#id, size: this.#size, memory: Buffer.concat(this.#chunks), references: 1 }
    }
    await this.#flush()
    await this.#writing
    await (await this.#open()).close()
    return { id: this.#id, size: this.#size, references: 1 }
  }

  async discard (): Promise<void> {
    await this.#writing.catch(() => {}) // what failed to be written is not wanted any more
    if (this.#file === undefined) return
    await this.#file.then(file => file.close()).catch(() => {}) // nor is a file that never opened
    await rm(this.#pathOf(this.#id), { force: true })
  }

  /** Waits for the write before this one, not for this one: the disk works while the next chunks arrive. */
  async #flush (): Promise<void> {
    const chunks = this.#chunks
    this.#chunks = []
    this.#gathered = 0
    await this.#writing
    this.#writing = this.#writeAll(chunks)
    this.#writing.catch(() => {}) // reported by whoever waits for it next
  }

  async #writeAll (chunks: Buffer[]): Promise<void> {
    const file = await this.#open()
    const wanted = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    if (wanted === 0) return
    const { bytesWritten } = await file.writev(chunks)
    if (bytesWritten < wanted) await file.writeFile(Buffer.concat(chunks).subarray(bytesWritten))
  }

  #open (): Promise<FileHandle> {
    this.#file ??= open(this.#pathOf(this.#id), 'wx', 0o600)
    return this.#file
  }
}

function isFile (blob: Blob): boolean {
  return blob.memory === undefined && blob.fill === undefined
}

function newId (): string {
  return randomBytes(16).toString('hex')
}

async function * readFile (path: string, start: number, end: number): AsyncGenerator<Buffer> {
  const file = await open(path)
  try {
    for (let position = start; position < end;) {
      const wanted = Math.min(READ_SIZE, end - position)
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, position)
      if (bytesRead === 0) throw new Error(`Cannot read bytes ${position}-${end - 1} of "${path}": the file ends before`)
      position += bytesRead
      yield bytesRead === wanted ? buffer : buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

function * repeat (byte: number, size: number): Generator<Buffer> {
  const block = Buffer.alloc(Math.min(size, READ_SIZE), byte)
  for (let left = size; left > 0; left -= block.length) yield left < block.length ? block.subarray(0, left) : block
}
