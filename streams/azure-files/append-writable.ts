import type { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import { PartWritable } from '../../lib/flow/part-writable.ts'
import { AppendUpload } from './append-upload.ts'
import type { AzureFilesConnection } from './connection.ts'
import { rangesHeld } from './integrity.ts'
import type { Integrity } from './integrity.ts'
import { checkLeaseId } from './lease-requests.ts'
import type { AzureLeases } from './leases.ts'
import { checkConcurrency, checkRangeSize } from './names.ts'
import type { Target } from './names.ts'
import type { AzureStoredFile } from './upload.ts'
import { quote } from './wire.ts'
import type { Written } from './wire.ts'

export interface AppendStreamOptions {
  /** Another share than the client's. */
  share?: string
  /** Bytes that come, if known: a stream that turns out longer or shorter is an error, and the file keeps its old size. */
  size?: number
  /** Bytes of a range, 1 to 4,194,304 (4 MiB, the default). */
  rangeSize?: number
  /** Ranges in flight, 1 to 16. Default 4. */
  concurrency?: number
  /** Default `none`. */
  integrity?: Integrity
  /** `auto` (default): the file is locked from its size on to the last byte. `none`: there is no other writer. */
  lease?: 'auto' | 'none' | { leaseId: string }
  /** How long to wait for another writer's lock, with `auto`. Default 60,000. */
  timeoutMs?: number
  /** Makes the file where there is none. Default true. */
  create?: boolean
  signal?: AbortSignal
}

/**
 * Writes to the end of a file: it is locked, its size is read, it grows, and the bytes come behind what was there. Two that
 * append at once come one after the other. A failure, an abort or `destroy` cuts the file back to its old size.
 * After 'finish', `result.size` is the size of the whole file.
 *
 * Peak memory: (`concurrency` + 1) × `rangeSize`, more with an `integrity`, as for `AzureRangeWritable`.
 */
export class AzureAppendWritable extends PartWritable<Written | undefined, AzureStoredFile> {
  constructor (connection: AzureFilesConnection, leases: AzureLeases, target: Target, options: AppendStreamOptions = {}, budget?: ByteBudget) {
    const { config } = connection
    const { rangeSize = config.rangeSize, concurrency = config.concurrency, integrity = config.integrity } = options
    const { lease = 'auto', timeoutMs = 60_000, create = true } = options
    checkRangeSize(rangeSize)
    checkConcurrency(concurrency)
    if (typeof lease === 'object') checkLeaseId(lease.leaseId)
    super(new AppendUpload(connection, leases, target, { integrity, rangeSize, concurrency, lease, timeoutMs, create }), {
      partSize: rangeSize,
      concurrency: rangesHeld(integrity, concurrency),
      subject: quote(target.path),
      size: options.size,
      budget,
      signal: options.signal
    })
    connection.serve(this)
  }
}
