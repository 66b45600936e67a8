/** What R2 accepts as bucket, key and part, checked before anything is sent. */
import { GiB, MiB, TiB, formatSize } from '../../lib/bytes/sizes.ts'

/** Wire: https://developers.cloudflare.com/r2/platform/limits/ */
export const MAX_PUT_BYTES = 5 * GiB - 5 * MiB
export const MAX_OBJECT_BYTES = 5 * TiB - 5 * GiB
export const MIN_PART_BYTES = 5 * MiB
export const MAX_PARTS = 10_000
const MAX_KEY_BYTES = 1024

const R2_BUCKET = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/
/** Other servers also take dots, and emulators more than that. */
const S3_BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/

export function checkBucket (bucket: unknown, strict: boolean): asserts bucket is string {
  if (typeof bucket !== 'string') throw new TypeError(`Cannot address a bucket as its name must be a string: received ${typeof bucket}`)
  if (strict ? R2_BUCKET.test(bucket) : S3_BUCKET.test(bucket)) return
  const wanted = strict ? '3 to 63 characters of a-z, 0-9 and "-", with a letter or digit at both ends' : 'letters, digits, ".", "_" and "-"'
  throw new RangeError(`Cannot address bucket ${JSON.stringify(bucket)} as its name must have ${wanted}`)
}

export function checkKey (key: unknown): asserts key is string {
  if (typeof key !== 'string') throw new TypeError(`Cannot address an object as its key must be a string: received ${typeof key}`)
  if (key === '') throw new RangeError('Cannot address an object as its key is empty')
  const bytes = Buffer.byteLength(key)
  if (bytes > MAX_KEY_BYTES) throw new RangeError(`Cannot address an object as its key has ${bytes} bytes: R2 takes at most ${MAX_KEY_BYTES}`)
  if (!isWellFormed(key)) throw new RangeError(`Cannot address key ${JSON.stringify(key)} as it holds half a surrogate pair`)
  // Proxies and URL parsers remove such segments, so that another object would be meant.
  if (/(^|\/)\.\.?(\/|$)/.test(key)) throw new RangeError(`Cannot address key ${JSON.stringify(key)} as "." and ".." cannot be segments of it`)
}

/** Half a surrogate pair has no UTF-8: it would be sent as another character. */
export function isWellFormed (text: string): boolean {
  return Buffer.from(text).toString() === text
}

export function checkPartSize (partSize: number): void {
  if (!Number.isSafeInteger(partSize) || partSize < MIN_PART_BYTES || partSize > MAX_PUT_BYTES) {
    throw new RangeError(`Cannot upload in parts of ${partSize} bytes as R2 takes parts of ${MIN_PART_BYTES} (5 MiB) to ${MAX_PUT_BYTES} bytes`)
  }
}

export function checkObjectSize (size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`Cannot upload as size must be a whole number of bytes: received ${size}`)
  if (size > MAX_OBJECT_BYTES) throw new RangeError(`Cannot upload ${size} bytes as R2 stores objects of at most ${MAX_OBJECT_BYTES} bytes (${formatSize(MAX_OBJECT_BYTES)})`)
}

/** The given part size, or as much more as 10,000 equal parts need to hold `size` bytes, in whole MiB. */
export function partSizeFor (size: number | undefined, partSize: number): number {
  if (size === undefined || size <= partSize * MAX_PARTS) return partSize
  return Math.ceil(size / MAX_PARTS / MiB) * MiB
}

/** The specification's widest (R2A 9.2). */
const MAX_CONCURRENCY = 16

export function checkConcurrency (concurrency: number): void {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_CONCURRENCY) return
  throw new RangeError(`Cannot keep ${concurrency} requests in flight as concurrency must be a whole number from 1 to ${MAX_CONCURRENCY}`)
}
