import { NotFoundError } from '../../lib/errors.ts'
import { PageReadable } from '../../lib/flow/page-readable.ts'
import type { R2Connection } from './connection.ts'
import { abortMultipartUpload, listMultipartUploads } from './wire-multipart.ts'
import type { ListedUpload, UploadCursor } from './wire-multipart.ts'

export interface UploadListStreamOptions {
  /** Another bucket than the client's. */
  bucket?: string
  prefix?: string
  signal?: AbortSignal
}

/** Lists the multipart uploads that were begun and not ended (object mode): invisible in listings of objects, and billed. */
export class R2UploadListReadable extends PageReadable<ListedUpload, UploadCursor> {
  constructor (connection: R2Connection, bucket: string, options: UploadListStreamOptions = {}) {
    const { prefix } = options
    super({
      fetchPage: (cursor, signal) => connection.execute(listMultipartUploads(bucket, prefix === undefined ? {} : { prefix }, cursor), { signal })
    }, { signal: options.signal })
  }
}

export interface SweepOptions extends UploadListStreamOptions {
  /** Only uploads begun at least this long ago: younger ones may be alive in another process. */
  olderThanMs: number
}

export interface SweepResult {
  aborted: ListedUpload[]
  /** Younger than `olderThanMs`. */
  kept: number
}

/** Aborts stale uploads below a prefix, as a killed process leaves them. */
export async function sweepUploads (connection: R2Connection, bucket: string, options: SweepOptions): Promise<SweepResult> {
  if (!(options.olderThanMs >= 0)) throw new RangeError(`Cannot sweep uploads as olderThanMs must be 0 or more: received ${options.olderThanMs}`)
  const result: SweepResult = { aborted: [], kept: 0 }
  const before = connection.clock.now() - options.olderThanMs
  for await (const upload of new R2UploadListReadable(connection, bucket, options) as AsyncIterable<ListedUpload>) {
    if (upload.initiated === undefined || upload.initiated.getTime() > before) result.kept++
    else if (await abort(connection, bucket, upload, options.signal)) result.aborted.push(upload)
  }
  return result
}

/** False when it ended by itself meanwhile. */
async function abort (connection: R2Connection, bucket: string, { key, uploadId }: ListedUpload, signal?: AbortSignal): Promise<boolean> {
  try {
    await connection.execute(abortMultipartUpload({ bucket, key, uploadId }), { signal })
    return true
  } catch (error) {
    if (error instanceof NotFoundError) return false
    throw error
  }
}
