import type { Readable } from 'node:stream'

export interface OpenedRange {
  start: number
  /** Inside; `start - 1` for an empty body. May lie before the end that was asked for, where the object ends there. */
  end: number
  /** Of the whole object. */
  size: number
  /** The etag, where the service gives one. */
  validator: string | undefined
  /** The bytes from `start` to `end`. */
  body: Readable
}

/** What a cloud implements for a `RangeReadable`. */
export interface RangeSource<Info extends { size: number }> {
  /**
   * `end` is inside; undefined means the end of the object. `validator` is undefined on the first open, afterwards the
   * first one that was found: send it as If-Match or compare, and reject with an `ObjectChangedError`.
   */
  open (range: AskedRange, signal: AbortSignal): Promise<OpenedRange & { info: Info }>
  /** Called once after the first open when the whole object is read; checks all bytes that are delivered. */
  verifier? (info: Info): Promise<Verifier | undefined> | Verifier | undefined
}

export interface AskedRange { start: number, end: number | undefined, validator: string | undefined }

export interface Verifier {
  update (chunk: Buffer): void
  /** Throws a `DigestMismatchError`. */
  finish (): void | Promise<void>
}
