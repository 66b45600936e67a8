import type { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import type { DigestAlgorithm } from '../../lib/digest/digest.ts'
import { PartWritable } from '../../lib/flow/part-writable.ts'
import type { AzureFilesConnection } from './connection.ts'
import { contentHeaders, fileTime, metadataHeaders } from './headers.ts'
import type { FileHeaders } from './headers.ts'
import { INTEGRITIES, rangesHeld } from './integrity.ts'
import type { Integrity } from './integrity.ts'
import { checkLeaseId } from './lease-requests.ts'
import type { AzureLeases } from './leases.ts'
import { MAX_FILE_BYTES, checkConcurrency, checkFileSize, checkRangeSize } from './names.ts'
import type { Target } from './names.ts'
import { AzureUpload } from './upload.ts'
import type { AzureStoredFile } from './upload.ts'
import { quote } from './wire.ts'
import type { Written } from './wire.ts'

export interface WriteStreamOptions extends FileHeaders {
  /** Another share than the client's. */
  share?: string
  /** Bytes, if known: a stream that turns out longer or shorter is an error, and nothing is published. */
  size?: number
  /** Bytes of a range, 1 to 4,194,304 (4 MiB, the default). */
  rangeSize?: number
  /** Ranges in flight, 1 to 16. Default 4. */
  concurrency?: number
  /** Default `none`. */
  integrity?: Integrity
  /** A digest of the whole file for `result.digests`, computed in the same pass; `md5` is also stored with the file. */
  digest?: DigestAlgorithm
  /**
   * `direct` (default): in place; readers see the file grow, and an upload that fails deletes it, the old content too.
   * `rename`: under a temporary name beside it, renamed when it is whole: nobody ever sees half a file.
   */
  publish?: 'direct' | 'rename'
  /** `auto`: the file is locked while it is written. `{ leaseId }`: it is locked already, by the lease of this id. */
  lease?: 'auto' | { leaseId: string }
  /** Only over the file with this etag (`*`: any): it is locked and its etag compared, as the service knows no condition. */
  ifMatch?: string
  /** `*`: only if there is no such file. Publishes by `rename`, which fails where the name is taken. */
  ifNoneMatch?: '*'
  /** What becomes of a file in place when the upload fails. Default `delete`. */
  onFailure?: 'delete' | 'keep'
  /** The time that the file shows as its last write. Default: that of the last range. */
  lastWrittenAt?: Date
  signal?: AbortSignal
}

/**
 * Writes one file to Azure Files. Chunks of any size in; ranges of `rangeSize` out, up to `concurrency` at once. With
 * `size` the file is created with it; without, it grows ahead of the ranges and is cut to its length at the end. Missing
 * directories are made. After 'finish', `result` says what was stored; 'progress' tells the bytes that are acknowledged.
 * A failure, an abort or `destroy` removes what was begun before 'close'.
 *
 * Peak memory: (`concurrency` + 1) × `rangeSize`; with integrity `crc64` one more range for each in flight; with `md5` as many
 * that are hashed ahead. Whole ranges are hashed where they are; others of 256 KiB or more are copied for it, into at most
 * 16 MiB for all streams of the process.
 * Wire: https://learn.microsoft.com/rest/api/storageservices/put-range (4 MiB, within the size of the file).
 *
 * @throws {RangeError} at once for a range size, concurrency or file size that the service would refuse.
 */
export class AzureRangeWritable extends PartWritable<Written | undefined, AzureStoredFile> {
  constructor (connection: AzureFilesConnection, leases: AzureLeases, target: Target, options: WriteStreamOptions = {}, budget?: ByteBudget) {
    const { config } = connection
    const { size, rangeSize = config.rangeSize, concurrency = config.concurrency, integrity = config.integrity } = options
    check(options)
    const publish = options.publish ?? (options.ifNoneMatch === undefined ? 'direct' : 'rename')
    super(new AzureUpload(connection, leases, target, { ...options, integrity, rangeSize, concurrency, publish }), {
      partSize: rangeSize,
      concurrency: rangesHeld(integrity, concurrency),
      maxParts: Math.ceil(MAX_FILE_BYTES / rangeSize),
      subject: quote(target.path),
      size,
      budget,
      signal: options.signal
    })
    connection.serve(this)
  }
}

/** Everything that can be refused before a byte is sent. */
function check (options: WriteStreamOptions): void {
  const { size, rangeSize, concurrency, integrity, lease, ifMatch, ifNoneMatch, publish, lastWrittenAt } = options
  if (size !== undefined) checkFileSize(size)
  if (rangeSize !== undefined) checkRangeSize(rangeSize)
  if (concurrency !== undefined) checkConcurrency(concurrency)
  if (integrity !== undefined && !INTEGRITIES.includes(integrity)) {
    throw new RangeError(`Cannot write with integrity ${JSON.stringify(integrity)} as it must be one of ${INTEGRITIES.join(', ')}`)
  }
  if (publish !== undefined && publish !== 'direct' && publish !== 'rename') throw new RangeError(`Cannot write as publish must be "direct" or "rename": received ${JSON.stringify(publish)}`)
  if (lease !== undefined && lease !== 'auto') checkLeaseId(lease.leaseId)
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw new RangeError(`Cannot write as ifNoneMatch must be "*": received ${JSON.stringify(ifNoneMatch)}`)
  if (ifNoneMatch !== undefined && publish === 'direct') throw new RangeError('Cannot write with ifNoneMatch and publish "direct" as Azure Files creates a file only if it is absent by a rename')
  if (ifNoneMatch !== undefined && ifMatch !== undefined) throw new RangeError('Cannot write with ifMatch and ifNoneMatch together')
  if (lastWrittenAt !== undefined) fileTime('lastWrittenAt', lastWrittenAt)
  contentHeaders(options)
  metadataHeaders(options.metadata ?? {})
}
