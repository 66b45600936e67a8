import type { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import type { DigestAlgorithm } from '../../lib/digest/digest.ts'
import { checkAlgorithm } from '../../lib/digest/digest.ts'
import { SizeMismatchError } from '../../lib/errors.ts'
import { PartWritable } from '../../lib/flow/part-writable.ts'
import type { Secret } from '../../lib/secret.ts'
import { SpoolStore } from '../spool.ts'
import type { SpoolOptions } from '../spool.ts'
import { parentOf } from './addressing.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import { conditionHeaders } from './headers.ts'
import type { Conditions } from './headers.ts'
import { fileSystemInfo } from './item.ts'
import type { FileTimes } from './item.ts'
import { checkConflictBehavior, checkFileSize, checkFragmentSize, checkNewName, checkSimpleUploadLimit } from './names.ts'
import type { ConflictBehavior } from './names.ts'
import { OneDriveUpload } from './upload.ts'
import type { OneDriveStoredItem, UploadOptions } from './upload.ts'

export interface WriteStreamOptions extends Conditions {
  /** Bytes, if known: a stream that turns out longer or shorter is an error, and nothing is published. */
  size?: number
  /** Bytes of each fragment but the last: a multiple of 327,680 (320 KiB) below 60 MiB. Default 10,485,760 (10 MiB). */
  fragmentSize?: number
  /** Up to this many bytes the file is one PUT. Default 4,194,304 (4 MiB). */
  simpleUploadLimit?: number
  /** Where a file of that name exists. Default `replace`, which makes a new version of it. */
  conflictBehavior?: ConflictBehavior
  /** Where a stream of unknown length waits for its end: bytes in memory, then a temporary file in `directory`. */
  spool?: SpoolOptions
  /** Of the file on the disk; told when the file is made, as a later change would be a second version. */
  fileTimes?: FileTimes
  /** Personal drives only. */
  description?: string
  /** Of small files; the service finds the type of the stored file by itself. */
  contentType?: string
  /** A digest of the whole file beside quickXor for `result.digests`, computed in the same pass. */
  digest?: DigestAlgorithm
  /** The file appears by a request of its own once all bytes are there. Default: with the last fragment. */
  deferCommit?: boolean
  /** A failure leaves the session for `uploadSession.resume()` in this or a later process. Default: it is cancelled. */
  keepSession?: boolean
  signal?: AbortSignal
}

/**
 * Writes one file to OneDrive. Chunks of any size in; up to 4 MiB go as one PUT, more through an upload session, fragment
 * after fragment while the next one fills. The service wants the size of the file first: it is `size`, or what a piped file,
 * HTTP message or readable of ours tells; a stream that tells nothing and outgrows one fragment is spooled to its end, and
 * only then sent. After 'finish', `result` says what was stored; 'progress' tells how many bytes are through. A fragment
 * without a good answer is not sent again: the session is asked what it lacks. What was spooled is begun anew when its session
 * dies, or refuses the last fragment for ever, which fragments of another size may get through. A failure, an abort or `destroy` cancels the
 * session before 'close'.
 *
 * Peak memory: 2 × `fragmentSize`, one more after the service kept part of a fragment; where it spools, `spool.memory` (16 MiB
 * unless told) besides, or as much of that as the budget has room for: the rest is in the file. A file smaller than a fragment takes about its own size.
 * Wire: https://learn.microsoft.com/graph/api/driveitem-createuploadsession (320 KiB, 60 MiB, order, total).
 *
 * @throws {RangeError} at once for a name, fragment size or file size that OneDrive would refuse.
 */
export class OneDriveSessionWritable extends PartWritable<number, OneDriveStoredItem> {
  readonly #upload: OneDriveUpload

  constructor (connection: OneDriveConnection, address: Address, options: WriteStreamOptions & Pick<UploadOptions, 'resume'> = {}, budget?: ByteBudget) {
    check(address, options)
    const upload = new OneDriveUpload(connection, address, uploadOptions(connection, options), budget)
    super(upload, {
      partSize: options.fragmentSize ?? connection.config.fragmentSize,
      concurrency: 1, // Fragments are taken strictly in order.
      subject: address.name,
      size: options.size,
      budget,
      signal: options.signal
    })
    this.#upload = upload
    connection.serve(this)
  }

  /** The upload session under way: what `uploadSession.resume()` goes on with. Its URL is a secret. */
  get session (): { uploadUrl: Secret, expiresAt: Date | undefined, total: number, next: number } | undefined {
    return this.#upload.session
  }

  override _final (done: (error?: Error | null) => void): void {
    super._final(error => done(error instanceof SizeMismatchError ? uploadIncomplete(error) : error))
  }
}

/** The name that the document gives to an unexpected end of the source (ODA 9.1). */
function uploadIncomplete (error: SizeMismatchError): SizeMismatchError {
  const { message, expected, found, remote } = error
  return new SizeMismatchError(message, { code: 'UploadIncomplete', expected, found, cause: error, ...(remote === undefined ? {} : { remote }) })
}

export function uploadOptions ({ config }: OneDriveConnection, options: WriteStreamOptions & Pick<UploadOptions, 'resume'>): UploadOptions {
  const { fragmentSize = config.fragmentSize, simpleUploadLimit = config.simpleUploadLimit, conflictBehavior = 'replace' } = options
  return { ...options, fragmentSize, simpleUploadLimit, conflictBehavior }
}

/** Everything that can be refused before a byte is sent. */
export function check (address: Address, options: WriteStreamOptions): void {
  const parent = parentOf(address)
  if (parent !== undefined) checkNewName(parent.name)
  else if (!address.anchor.startsWith('/items/')) throw new RangeError(`Cannot upload to ${address.name} as it is a folder: name a file in it`)
  if (options.size !== undefined) checkFileSize(options.size)
  if (options.fragmentSize !== undefined) checkFragmentSize(options.fragmentSize)
  if (options.simpleUploadLimit !== undefined) checkSimpleUploadLimit(options.simpleUploadLimit)
  if (options.conflictBehavior !== undefined) checkConflictBehavior(options.conflictBehavior)
  if (options.digest !== undefined) checkAlgorithm(options.digest)
  if (options.spool !== undefined) new SpoolStore(options.spool) // eslint-disable-line no-new -- its checks are wanted
  conditionHeaders(options)
  fileSystemInfo(options.fileTimes)
}
