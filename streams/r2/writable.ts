import type { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import type { DigestAlgorithm } from '../../lib/digest/digest.ts'
import { PartWritable } from '../../lib/flow/part-writable.ts'
import type { R2Connection } from './connection.ts'
import { conditionHeaders, objectHeaders } from './headers.ts'
import type { Conditions, ObjectHeaders } from './headers.ts'
import { INTEGRITIES } from './integrity.ts'
import type { Integrity, PartReceipt } from './integrity.ts'
import { MAX_PARTS, checkConcurrency, checkObjectSize, checkPartSize, partSizeFor } from './names.ts'
import { R2Upload, withoutTransform } from './upload.ts'
import type { R2StoredObject } from './upload.ts'
import { quote } from './wire.ts'
import type { Target } from './wire-objects.ts'

export interface WriteStreamOptions extends ObjectHeaders, Conditions {
  /** Another bucket than the client's. */
  bucket?: string
  /** Bytes, if known: a stream that turns out longer or shorter is an error, and nothing is published. */
  size?: number
  /**
   * Bytes of each part but the last: 5,242,880 (5 MiB) to 5,363,466,240. R2 wants all equal, so the size is fixed at the
   * start: the default of 10 MiB holds 97.6 GiB of unknown length; where the size is known it grows as needed.
   */
  partSize?: number
  /** Parts in flight, 1 to 16. Default 4. */
  concurrency?: number
  /** Default `sha256`, computed off the main thread. */
  integrity?: Integrity
  /** A digest of the whole object for `result.digests`, computed in the same pass. */
  digest?: DigestAlgorithm
  signal?: AbortSignal
}

/**
 * Writes one object to R2. Chunks of any size in; one PUT when all fits in one part, else a multipart upload of equal
 * parts that are sent while the next one fills. After 'finish', `result` says what was stored; 'progress' tells how
 * many bytes R2 has acknowledged. A failure, an abort or `destroy` removes the upload before 'close'.
 *
 * Peak memory: (`concurrency` + 1) × `partSize`, less where the budget has no room; an object smaller than a part takes about
 * its own size. Parts are hashed where they are, in threads (one less than there are cores, at most three in the process) of
 * about 10 MiB each.
 * Wire: https://developers.cloudflare.com/r2/objects/multipart-objects/ (equal parts, 5 MiB, 10,000).
 *
 * @throws {RangeError} at once for a part size, part number or object size that R2 would refuse at the end.
 */
export class R2MultipartWritable extends PartWritable<PartReceipt, R2StoredObject> {
  readonly #upload: R2Upload

  constructor (connection: R2Connection, target: Target, options: WriteStreamOptions = {}, budget?: ByteBudget) {
    check(options)
    const { config } = connection
    const { size, partSize = config.partSize, integrity = config.integrity } = options
    const upload = new R2Upload(connection, target, withoutTransform({ ...options, integrity }))
    super(upload, {
      partSize: expected => partSizeFor(size ?? expected, partSize),
      concurrency: options.concurrency ?? config.concurrency,
      maxParts: MAX_PARTS,
      subject: quote(target.key),
      size,
      budget,
      signal: options.signal
    })
    this.#upload = upload
    connection.serve(this)
  }

  /** Of the multipart upload, once it has begun. */
  get uploadId (): string | undefined {
    return this.#upload.uploadId
  }
}

/** Everything that can be refused before a byte is sent. */
function check (options: WriteStreamOptions): void {
  if (options.size !== undefined) checkObjectSize(options.size)
  if (options.partSize !== undefined) checkPartSize(options.partSize)
  if (options.concurrency !== undefined) checkConcurrency(options.concurrency)
  if (options.integrity !== undefined && !INTEGRITIES.includes(options.integrity)) {
    throw new RangeError(`Cannot upload with integrity ${JSON.stringify(options.integrity)} as it must be one of ${INTEGRITIES.join(', ')}`)
  }
  objectHeaders(options)
  conditionHeaders(options)
}
