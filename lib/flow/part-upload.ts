import type { RemoteState } from '../errors.ts'

export interface Part {
  /** From 1. */
  number: number
  /** Where the part starts in the object. */
  offset: number
  /** Valid until `putPart` settles; then the memory is used for another part. */
  bytes: Buffer
  last: boolean
}

export interface UploadInfo {
  /** The size for certain: it was declared, or the source has ended already. */
  size: number | undefined
  /** The likely size: as `size`, else what the piped source tells of itself. May turn out wrong. */
  expected: number | undefined
}

/**
 * What a cloud implements for a `PartWritable`. Each signal aborts when the stream is destroyed;
 * a call that has been made is always waited for.
 */
export interface PartUpload<Receipt, Result> {
  /** Called once, before the first `putPart`; never when `putWhole` serves. */
  begin (info: UploadInfo, signal: AbortSignal): Promise<void>
  putPart (part: Part, signal: AbortSignal): Promise<Receipt>
  /**
   * Publishes. The receipts are in the order of the parts.
   * To fail although the object is stored (a digest differs), reject with a `StorageError` whose `remote` is `stored`:
   * then `abort` is not called.
   */
  complete (receipts: Receipt[], size: number, signal: AbortSignal): Promise<Result>
  /**
   * Removes what `begin` and `putPart` left, and says what remains. Called at most once, only when `begin` was called
   * and `complete` did not succeed, after all other calls have settled. A clean-up that fails is `orphan` or `unknown`.
   */
  abort (cause: Error): Promise<RemoteState>
  /** When present: all bytes fit in one part, and this takes the place of `begin`, `putPart` and `complete`. */
  putWhole? (bytes: Buffer, signal: AbortSignal): Promise<Result>
}
