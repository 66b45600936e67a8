import { aWhileAfter } from '../../lib/abort.ts'
import { createDigest } from '../../lib/digest/digest.ts'
import type { Digest, DigestAlgorithm } from '../../lib/digest/digest.ts'
import { NotFoundError, StorageError } from '../../lib/errors.ts'
import type { RemoteState } from '../../lib/errors.ts'
import type { Part, PartUpload, UploadInfo } from '../../lib/flow/part-writable.ts'
import type { ExecuteOptions, Tally } from '../../lib/http/call.ts'
import type { AzureFilesConnection } from './connection.ts'
import { EtagMismatchError, isAbsent, mayBeDone } from './errors.ts'
import { hasContentHeaders, pickContentHeaders } from './headers.ts'
import type { ContentHeaders, FileHeaders } from './headers.ts'
import type { HeldLock } from './held-lock.ts'
import type { Integrity } from './integrity.ts'
import type { AzureLeases } from './leases.ts'
import type { Target } from './names.ts'
import { withParents } from './parents.ts'
import { publish, temporaryTarget } from './publish.ts'
import { RangeFile } from './range-file.ts'
import { quote } from './wire.ts'
import type { AzureOperation, Written } from './wire.ts'
import { createFile, deleteFile, getFileProperties, setFileProperties } from './wire-files.ts'
import type { SetPropertiesOptions } from './wire-files.ts'

/** What was stored. */
export interface AzureStoredFile {
  share: string
  path: string
  /** Bytes. */
  size: number
  etag: string
  lastModified: Date | undefined
  /** Lower-case hex, by algorithm, where one was asked for. */
  digests: Record<string, string>
  /** Ranges written. */
  parts: number
  /** Requests sent for it, retries included. */
  attempts: number
  /** The answer to the rename was lost; a look at the file found that it was done. */
  reconciled: boolean
}

export interface UploadOptions extends FileHeaders {
  integrity: Integrity
  rangeSize: number
  concurrency: number
  /** `rename`: under a temporary name until it is whole. `direct`: in place, seen by readers while it grows. */
  publish: 'direct' | 'rename'
  lease?: 'auto' | { leaseId: string } | undefined
  /** An etag that the file must have. */
  ifMatch?: string | undefined
  /** `*`: there must be no such file. */
  ifNoneMatch?: '*' | undefined
  /** What becomes of a file in place when the upload fails. Default `delete`. */
  onFailure?: 'delete' | 'keep' | undefined
  /** Computed in the same pass over all bytes, on the main thread; `md5` is also stored as the file's `contentMd5`. */
  digest?: DigestAlgorithm | undefined
  /** The time that the file shows as its last write. */
  lastWrittenAt?: Date | undefined
}

type Receipt = Written | undefined

/** How long a Create that was sent is waited for beyond an abort, so that it is known what has to be removed. */
const PATIENCE_MS = 5000

/** One file on its way into Azure Files: created, filled with ranges, cut to its length, and renamed where that was asked for. */
export class AzureUpload implements PartUpload<Receipt, AzureStoredFile> {
  readonly #connection: AzureFilesConnection
  readonly #leases: AzureLeases
  readonly #target: Target
  readonly #options: UploadOptions
  readonly #writing: Target
  readonly #tally: Tally = { attempts: 0 }
  #digest: Digest | undefined
  #lock: HeldLock | undefined
  #created: { file: RangeFile, fileId: string | undefined, written: Written } | undefined
  #creating = false
  #publishing = false

  constructor (connection: AzureFilesConnection, leases: AzureLeases, target: Target, options: UploadOptions) {
    this.#connection = connection
    this.#leases = leases
    this.#target = target
    this.#options = options
    this.#writing = options.publish === 'rename' ? temporaryTarget(target) : target
  }

  async begin ({ size, expected }: UploadInfo, signal: AbortSignal): Promise<void> {
    const { digest, publish, lease } = this.#options
    if (digest !== undefined) this.#digest = await createDigest(digest)
    await this.#lockTarget(signal)
    await this.#compareEtag(signal)
    await this.#create(size ?? expected ?? 0, signal)
    // It did not exist, so that it could not be leased before.
    if (publish === 'direct' && lease === 'auto') this.#lock ??= await this.#acquire(signal)
    this.#file.leaseId = this.#writingLeaseId
  }

  async putPart (part: Part, signal: AbortSignal): Promise<Receipt> {
    this.#digest?.update(part.bytes) // Before anything is awaited: parts are handed over in order.
    // A range of no bytes cannot be expressed: an empty file is created, and that is all.
    return part.bytes.length === 0 ? undefined : await this.#file.write(part.offset, part.bytes, { last: part.last, signal })
  }

  async complete (receipts: Receipt[], size: number, signal: AbortSignal): Promise<AzureStoredFile> {
    const digest = this.#digest?.digest()
    const parts = receipts.filter(receipt => receipt !== undefined)
    const finished = await this.#finish(size, digest, signal)
    const published = this.#options.publish === 'rename' ? await this.#publish(size, signal) : { reconciled: false }
    const written = 'etag' in published ? published : finished ?? await this.#written(parts, signal)
    await this.#unlock()
    const { share, path } = this.#target
    const { etag, lastModified } = written
    const digests = digest === undefined || this.#options.digest === undefined ? {} : { [this.#options.digest]: digest.toString('hex') }
    return { share, path, size, etag, lastModified, digests, parts: parts.length, attempts: this.#tally.attempts, reconciled: published.reconciled }
  }

  async abort (): Promise<RemoteState> {
    try {
      return await this.#remove()
    } finally {
      await this.#unlock()
    }
  }

  async #remove (): Promise<RemoteState> {
    const direct = this.#options.publish === 'direct'
    // Create may have been done although no answer came: in place it could be another's file that a delete would hit.
    if (this.#created === undefined && (direct || !this.#creating)) return this.#creating ? 'unknown' : 'clean'
    if (direct && this.#options.onFailure === 'keep') return 'orphan'
    try {
      await this.#connection.execute(deleteFile(this.#writing, { leaseId: this.#writingLeaseId }))
      return 'clean'
    } catch (error) {
      if (isAbsent(error)) return this.#publishing ? 'unknown' : 'clean'
      this.#connection.logger.error({ ...this.#writing, error: String(error) }, 'Failed to delete an unfinished file')
      return 'orphan'
    }
  }

  get #file (): RangeFile {
    if (this.#created === undefined) throw new StorageError(`Cannot write ${quote(this.#target.path)} before it is created`)
    return this.#created.file
  }

  /** Of the target: a temporary name is nobody else's. */
  get #leaseId (): string | undefined {
    const { lease } = this.#options
    return this.#lock?.leaseId ?? (typeof lease === 'object' ? lease.leaseId : undefined)
  }

  get #writingLeaseId (): string | undefined {
    return this.#options.publish === 'direct' ? this.#leaseId : undefined
  }

  async #lockTarget (signal: AbortSignal): Promise<void> {
    const { lease, ifMatch } = this.#options
    if (lease !== 'auto' && (ifMatch === undefined || typeof lease === 'object')) return
    try {
      this.#lock = await this.#acquire(signal)
    } catch (error) {
      if (!(error instanceof NotFoundError) || ifMatch !== undefined) throw error
    }
  }

  #acquire (signal: AbortSignal): Promise<HeldLock> {
    return this.#leases.lock({ ...this.#target, timeoutMs: 0, signal })
  }

  /** Under the lease nobody changes it any more; without one the service offers no condition at all. */
  async #compareEtag (signal: AbortSignal): Promise<void> {
    const { ifMatch: expected } = this.#options
    if (expected === undefined) return
    const { etag: actual } = await this.#execute(getFileProperties(this.#target, { leaseId: this.#leaseId }), signal)
    if (expected !== '*' && actual !== expected) throw etagMismatch(this.#target, expected, actual)
  }

  async #create (size: number, signal: AbortSignal): Promise<void> {
    const create = createFile(this.#writing, size, { ...this.#options, leaseId: this.#writingLeaseId })
    const patient = aWhileAfter(signal, PATIENCE_MS, this.#connection.clock)
    try {
      const { fileId, ...written } = await withParents(this.#connection, this.#writing, () => this.#execute(create, patient.signal), { signal: patient.signal, tally: this.#tally })
      const file = new RangeFile(this.#connection, this.#writing, { ...this.#options, size, tally: this.#tally })
      this.#created = { file, fileId, written }
    } catch (error) {
      this.#creating = mayBeDone(error)
      throw error
    } finally {
      patient.stop()
    }
  }

  /** The true length, and what every write would have set back: the time, and the headers with the MD5 among them. */
  async #finish (size: number, digest: Buffer | undefined, signal: AbortSignal): Promise<Written | undefined> {
    const changes: SetPropertiesOptions = { ...this.#finalHeaders(digest), ...(this.#file.size === size ? {} : { size }) }
    if (this.#options.lastWrittenAt !== undefined) changes.lastWrittenAt = this.#options.lastWrittenAt
    if (Object.keys(changes).length === 0) return undefined
    return await this.#execute(setFileProperties(this.#writing, { ...changes, leaseId: this.#writingLeaseId }), signal)
  }

  #finalHeaders (digest: Buffer | undefined): ContentHeaders {
    if (digest === undefined || this.#options.digest !== 'md5') return {}
    const given = pickContentHeaders(this.#options)
    return { contentType: 'application/octet-stream', ...given, contentMd5: digest.toString('base64') }
  }

  async #publish (size: number, signal: AbortSignal): Promise<Written & { reconciled: boolean }> {
    this.#publishing = true
    await this.#compareEtag(signal)
    const options = { replace: this.#options.ifNoneMatch === undefined, destinationLeaseId: this.#leaseId, signal, tally: this.#tally }
    return await publish(this.#connection, { ...this.#writing, fileId: this.#created?.fileId, size }, this.#target, options)
  }

  /** Of several ranges in flight nobody knows which one was the last to change the etag. */
  async #written (parts: Written[], signal: AbortSignal): Promise<Written> {
    const only = parts.length === 0 ? this.#created?.written : parts[0]
    if (parts.length <= 1 && only !== undefined) return only
    return await this.#execute(getFileProperties(this.#writing, { leaseId: this.#writingLeaseId }), signal)
  }

  async #unlock (): Promise<void> {
    await this.#lock?.release()
  }

  #execute<T> (operation: AzureOperation<T>, signal: AbortSignal): Promise<T> {
    const options: ExecuteOptions = { signal, tally: this.#tally }
    return this.#connection.execute(operation, options)
  }
}

export function etagMismatch (target: Target, expected: string, actual: string): EtagMismatchError {
  return new EtagMismatchError(`Cannot write ${quote(target.path)} as it changed: expected etag ${expected}, found ${actual}`, { expected, actual, operation: 'Write' })
}

/** Whether a write would give the file other headers than it has. */
export function replacesHeaders (headers: FileHeaders): boolean {
  return hasContentHeaders(headers) || headers.metadata !== undefined
}
