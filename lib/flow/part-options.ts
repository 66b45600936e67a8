import type { ByteBudget } from '../bytes/byte-budget.ts'
import { SizeMismatchError, StorageError } from '../errors.ts'
import { positiveInteger, wholeNumber } from './validate.ts'

export interface PartWritableOptions {
  /** Bytes; a function is asked at the first write, with the declared size or else the likely one. */
  partSize: number | ((expected: number | undefined) => number)
  /** How many parts may be in flight. */
  concurrency: number
  /** Declares the size in bytes: a stream that turns out longer or shorter is an error and nothing is published. */
  size?: number | undefined
  maxParts?: number | undefined
  signal?: AbortSignal | undefined
  highWaterMark?: number | undefined
  /** Default: that of the process. */
  budget?: ByteBudget | undefined
  /** What is stored, for messages: `"videos/a.mp4"`. */
  subject?: string | undefined
}

export function partSizeFor ({ partSize }: PartWritableOptions, expected: number | undefined): number {
  return positiveInteger('partSize', typeof partSize === 'function' ? partSize(expected) : partSize)
}

/** @throws {RangeError} an option is out of range, or `size` does not fit in `maxParts` parts. */
export function validateParts (options: PartWritableOptions): void {
  const { size, maxParts = Infinity } = options
  positiveInteger('concurrency', options.concurrency)
  if (maxParts !== Infinity) positiveInteger('maxParts', maxParts)
  if (size !== undefined) wholeNumber('size', size)
  if (typeof options.partSize === 'function' && size === undefined) return
  const partSize = partSizeFor(options, size)
  if (size === undefined || size <= partSize * maxParts) return
  throw new RangeError(`Cannot store ${options.subject ?? 'the stream'} as its size of ${size} bytes exceeds ${partSize * maxParts}, the most that ${maxParts} parts of ${partSize} bytes hold`)
}

export function sizeMismatch ({ subject = 'the stream' }: PartWritableOptions, expected = 0, found: number): SizeMismatchError {
  const relation = found > expected ? 'longer' : 'shorter'
  return new SizeMismatchError(`Cannot store ${subject} as the stream is ${relation} than its declared size of ${expected} bytes: received ${found}`, { expected, found })
}

export function tooLarge ({ subject = 'the stream', maxParts = Infinity }: PartWritableOptions, partSize: number): StorageError {
  return new StorageError(`Cannot store ${subject} as it exceeds ${maxParts * partSize} bytes, the most that ${maxParts} parts of ${partSize} bytes hold`, { code: 'FileTooLarge' })
}
