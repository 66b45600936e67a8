/** A span of bytes. Both ends are inside, as in `Content-Range` and `fs.createReadStream`. */
export interface ByteRange { start: number, end: number }

export type ContentRange =
  | { kind: 'range', start: number, end: number, size: number | undefined }
  | { kind: 'unsatisfied', size: number }

/** `bytes=0-99`; with `end` undefined `bytes=100-`, to the end of the object. */
export function formatRange (range: { start: number, end?: number | undefined }): string {
  return `bytes=${range.start}-${range.end ?? ''}`
}

export function rangeLength (range: ByteRange): number {
  return range.end - range.start + 1
}

const CONTENT_RANGE = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/i

/**
 * Reads the value of a `Content-Range` header: `bytes 0-9/100`, `bytes 0-9/*` or, with status 416, `bytes *\/100`.
 * Anything else, also a range that ends before it starts or past its size, is `undefined` (RFC 9110, 14.4: "invalid").
 */
export function parseContentRange (value: string): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(value.trim())
  if (match === null) return undefined
  const size = match[3] === '*' ? undefined : Number(match[3])
  if (match[1] === undefined) return size === undefined ? undefined : { kind: 'unsatisfied', size }
  const start = Number(match[1])
  const end = Number(match[2])
  return end < start || (size !== undefined && end >= size) ? undefined : { kind: 'range', start, end, size }
}

/** The ranges of at most `length` bytes that cover `range`, in order, one at a time. */
export function * splitRange (range: ByteRange, length: number): Generator<ByteRange, undefined> {
  for (let start = range.start; start <= range.end; start += length) {
    yield { start, end: Math.min(start + length - 1, range.end) }
  }
  return undefined
}
