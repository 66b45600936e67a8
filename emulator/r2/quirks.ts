import { MiB } from '../../lib/bytes/sizes.ts'

/** R2's habits that catch clients out, each as a switch. The defaults are what the real service does. */
export interface R2Quirks {
  /** At Complete all parts but the last must have one size, and the last none larger. On. */
  equalParts: boolean
  /** At Complete no part but the last may be smaller, in bytes. 5 MiB; tests set it to a few bytes. */
  minPartSize: number
  /** 411 for a PUT without `Content-Length`. On. */
  contentLengthRequired: boolean
  /**
   * Writes per second to one key before 429 `ServiceUnavailable` with `Retry-After: 5`; R2's limit is 1. `false` by
   * default, since a test that writes a key twice would meet it.
   */
  keyWriteRate: number | false
  /** How many parts of one upload may be in flight before 500 `InternalError`. Unlimited by default. */
  partConcurrency: number
  /**
   * As Cloudflare's edge does: HEAD with `Accept-Encoding: gzip` has no length, and a body stored with
   * `Content-Encoding: gzip` is decompressed for a client that does not accept gzip, unless it is `no-transform`. On.
   */
  edgeGzip: boolean
  /**
   * `Expect: 100-continue` is never answered, so that whoever waits for it waits in vain: the AWS SDK for six seconds, with
   * each body of 2 MiB or more, unless its `expectContinueHeader` is false. On.
   */
  noContinue: boolean
  /** Bodies in aws-chunked framing: `'refuse'` with 501 as R2 does, or `'decode'` them and check their trailers. */
  streamingPayloads: 'refuse' | 'decode'
  /** The ETag of a single body: its MD5, or a random token as before June 2023 (and faster, for benchmarks). */
  etags: 'md5' | 'opaque'
}

export const DEFAULT_QUIRKS: Readonly<R2Quirks> = {
  equalParts: true,
  minPartSize: 5 * MiB,
  contentLengthRequired: true,
  keyWriteRate: false,
  partConcurrency: Infinity,
  edgeGzip: true,
  noContinue: true,
  streamingPayloads: 'refuse',
  etags: 'md5'
}
