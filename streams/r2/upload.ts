import { aWhileAfter } from '../../lib/abort.ts'
import { createDigest } from '../../lib/digest/digest.ts'
import type { Digest, DigestAlgorithm } from '../../lib/digest/digest.ts'
import { md5Base64 } from '../../lib/digest/part-digests.ts'
import { AbortError, DigestMismatchError, NotFoundError, StorageError } from '../../lib/errors.ts'
import type { RemoteState } from '../../lib/errors.ts'
import type { Part, PartUpload } from '../../lib/flow/part-writable.ts'
import type { ExecuteOptions, Tally } from '../../lib/http/call.ts'
import type { R2Connection } from './connection.ts'
import { compositeEtag, md5OfEtag } from './etag.ts'
import { asStored } from './head.ts'
import type { Conditions, ObjectHeaders } from './headers.ts'
import { multipartChecksumHeaders, seal, wholeChecksumHeaders } from './integrity.ts'
import type { Integrity, PartReceipt } from './integrity.ts'
import { quote, readDate } from './wire.ts'
import type { R2Operation } from './wire.ts'
import { abortMultipartUpload, completeMultipartUpload, createMultipartUpload, listMultipartUploads, uploadPart } from './wire-multipart.ts'
import type { UploadTarget } from './wire-multipart.ts'
import { headObject, putObject } from './wire-objects.ts'
import type { R2ObjectInfo, Target } from './wire-objects.ts'

/** What was stored. */
export interface R2StoredObject {
  bucket: string
  key: string
  /** Bytes. */
  size: number
  etag: string
  versionId: string | undefined
  /** Lower-case hex, by algorithm: those that were asked for, and those that the integrity mode gave. */
  digests: Record<string, string>
  /** 1 for a single PUT. */
  parts: number
  /** Requests sent for it, retries included. */
  attempts: number
  /** The last answer was lost; a HEAD found that the object is there, with the etag that our bytes have. */
  reconciled: boolean
}

export interface UploadOptions extends ObjectHeaders, Conditions {
  integrity: Integrity
  /** Computed in the same pass over all bytes, on the main thread. */
  digest?: DigestAlgorithm | undefined
}

/** `Date` and `Last-Modified` show whole seconds. */
const AGE_SLACK_MS = 2000

/** How long beyond an abort the answer to a creation is waited for: without its id the upload cannot be removed. */
const CREATE_PATIENCE_MS = 5000

/** What the end of Complete is known to be. */
type Completion = 'not sent' | 'refused' | 'doubtful'

/** What HEAD finds after a lost answer: our object, or not; undefined when it cannot tell. */
type Found = R2ObjectInfo | 'none' | undefined

/** One object on its way into R2: a single PUT when it fits in one part, else a multipart upload. */
export class R2Upload implements PartUpload<PartReceipt, R2StoredObject> {
  readonly #connection: R2Connection
  readonly #target: Target
  readonly #options: UploadOptions
  readonly #tally: Tally & { lost: number } = { attempts: 0, lost: 0 }
  #digest: Digest | undefined
  #uploadId: string | undefined
  /** There may be an upload whose id has never arrived. */
  #strays = false
  #completion: Completion = 'not sent'
  #startedAt = 0
  #expectedEtag: string | undefined

  constructor (connection: R2Connection, target: Target, options: UploadOptions) {
    this.#connection = connection
    this.#target = target
    this.#options = options
  }

  /** Of the multipart upload under way. */
  get uploadId (): string | undefined {
    return this.#uploadId
  }

  async begin (_info: object, signal: AbortSignal): Promise<void> {
    await this.#start()
    const create = createMultipartUpload(this.#target, this.#options, multipartChecksumHeaders(this.#options.integrity))
    const patient = aWhileAfter(signal, CREATE_PATIENCE_MS, this.#connection.clock)
    try {
      this.#uploadId = await this.#execute(create, patient.signal)
    } finally {
      patient.stop()
      if (this.#tally.lost > 0) {
        this.#strays = true
        this.#connection.logger.warn({ ...this.#target }, 'An answer to the creation of the multipart upload was lost: it may have left an empty one for sweepUploads()')
      }
    }
  }

  async putPart (part: Part, signal: AbortSignal): Promise<PartReceipt> {
    this.#digest?.update(part.bytes) // Before anything is awaited: parts are handed over in order.
    const { bucket } = this.#target
    try {
      const sealed = await seal(part.bytes, this.#options.integrity)
      const { etag } = await this.#execute(uploadPart(this.#upload(), part.number, sealed), signal)
      this.#connection.partsCounter?.add(1, { bucket, status: 'success' })
      const { checksum } = sealed
      return { partNumber: part.number, etag, size: part.bytes.length, ...(checksum === undefined ? {} : { checksum }) }
    } catch (error) {
      this.#connection.partsCounter?.add(1, { bucket, status: 'error' })
      throw error
    }
  }

  async complete (parts: PartReceipt[], size: number, signal: AbortSignal): Promise<R2StoredObject> {
    this.#expectedEtag = compositeEtag(parts.map(part => part.etag))
    this.#completion = 'doubtful'
    const lostBefore = this.#tally.lost
    const checksumHeaders = wholeChecksumHeaders(this.#options.integrity, parts)
    try {
      const { ifMatch, ifNoneMatch } = this.#options
      const conditions = { ...(ifMatch === undefined ? {} : { ifMatch }), ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }) }
      const done = await this.#execute(completeMultipartUpload(this.#upload(), parts, { ...conditions, checksumHeaders }), signal)
      this.#compareEtags(done.etag, size)
      return this.#stored({ ...done, size, parts: parts.length, reconciled: false, crc64nvme: checksumHeaders['x-amz-checksum-crc64nvme'] })
    } catch (error) {
      if (!(error instanceof StorageError) || error.remote === 'stored') throw error
      if (this.#tally.lost === lostBefore && error.code !== 'NoSuchUpload') this.#completion = 'refused'
      const found = this.#completion === 'doubtful' ? await this.#find(this.#expectedEtag) : undefined
      if (typeof found !== 'object') throw error
      // The same bytes may have been there before: then the upload still stands, and nobody would know of it.
      if (error.code !== 'NoSuchUpload') await this.#abort()
      return this.#stored({ ...found, size, parts: parts.length, reconciled: true, crc64nvme: checksumHeaders['x-amz-checksum-crc64nvme'] })
    }
  }

  async putWhole (bytes: Buffer, signal?: AbortSignal): Promise<R2StoredObject> {
    await this.#start()
    this.#digest?.update(bytes)
    const sealed = await seal(bytes, this.#options.integrity)
    const sha256 = this.#options.integrity === 'sha256' ? sealed.payloadHash : undefined
    try {
      if (signal?.aborted === true) throw new AbortError(signal.reason)
      const done = await this.#execute(putObject(this.#target, sealed, this.#options), signal)
      return this.#stored({ ...done, size: bytes.length, parts: 1, reconciled: false, sha256 })
    } catch (error) {
      // Whatever the last answer says: an earlier one may be lost, and our own first try be what a condition meets.
      const maybeOurs = this.#tally.lost > 0
      if (error instanceof AbortError) error.remote ??= maybeOurs ? 'unknown' : 'clean'
      if (!(error instanceof StorageError)) throw error
      const found = maybeOurs ? await this.#find(md5Etag(bytes)) : undefined
      if (typeof found !== 'object') {
        // A PUT that was cut may still land after HEAD has found nothing.
        error.remote ??= maybeOurs ? 'unknown' : 'clean'
        throw error
      }
      return this.#stored({ ...found, size: bytes.length, parts: 1, reconciled: true, sha256 })
    }
  }

  async abort (): Promise<RemoteState> {
    const left = await this.#remove()
    if (this.#completion !== 'doubtful') return left
    // R2 also takes the abort of an upload that was completed after all.
    const found = await this.#find(this.#expectedEtag)
    if (found === undefined) return 'unknown'
    return found === 'none' ? left : 'stored'
  }

  async #remove (): Promise<RemoteState> {
    if (this.#uploadId !== undefined && !await this.#abort()) return 'orphan'
    return this.#strays && await this.#hasUploads() ? 'unknown' : 'clean'
  }

  /** Of this key, by whomever; true where it cannot be found out. */
  async #hasUploads (): Promise<boolean> {
    const { bucket, key } = this.#target
    try {
      const { entries } = await this.#execute(listMultipartUploads(bucket, { prefix: key }))
      return entries.some(upload => upload.key === key)
    } catch (error) {
      this.#connection.logger.debug({ ...this.#target, error: String(error) }, 'Could not look for an upload whose creation was not answered')
      return true
    }
  }

  /** Whether the upload is no more. */
  async #abort (): Promise<boolean> {
    try {
      await this.#execute(abortMultipartUpload(this.#upload()))
      return true
    } catch (error) {
      if (error instanceof NotFoundError) return true
      this.#connection.logger.error({ ...this.#target, uploadId: this.#uploadId, error: String(error) }, 'Failed to abort multipart upload: its parts stay until swept')
      return false
    }
  }

  /** The object, if it is there with the etag that our bytes must have, and no older than this upload. */
  async #find (etag: string | undefined): Promise<Found> {
    if (etag === undefined) return undefined
    const { clock, logger } = this.#connection
    try {
      const { told, at } = await this.#execute(headWithTime(this.#target, clock.now()))
      const info = await asStored(this.#connection, this.#target, told, { tally: this.#tally })
      if (info.etag === '') return undefined
      const ageMs = at - (info.lastModified?.getTime() ?? 0)
      return info.etag === etag && ageMs <= clock.now() - this.#startedAt + AGE_SLACK_MS ? info : 'none'
    } catch (error) {
      if (error instanceof NotFoundError) return 'none'
      logger.debug({ ...this.#target, error: String(error) }, 'Could not look up the object after a lost answer')
      return undefined
    }
  }

  /** R2 says what it joined: other parts than ours must not pass for success. */
  #compareEtags (found: string, size: number): void {
    const expected = this.#expectedEtag
    if (expected === undefined || found === expected || !/^"[0-9a-f]{32}-\d+"$/.test(found)) return
    throw new DigestMismatchError(`Cannot trust the upload of ${quote(this.#target.key)}: R2 stored etag ${found}, the parts give ${expected}`, {
      algorithm: 'md5', expected, found, size, remote: 'stored', operation: 'CompleteMultipartUpload'
    })
  }

  #stored (done: { etag: string, versionId: string | undefined, size: number, parts: number, reconciled: boolean, sha256?: string | undefined, crc64nvme?: string | undefined }): R2StoredObject {
    const { bucket, key } = this.#target
    const digests: Record<string, string> = {}
    const md5 = md5OfEtag(done.etag)
    if (done.parts === 1 && md5 !== undefined) digests['md5'] = md5
    if (done.sha256 !== undefined) digests['sha256'] = done.sha256
    if (done.crc64nvme !== undefined) digests['crc64nvme'] = Buffer.from(done.crc64nvme, 'base64').toString('hex')
    if (this.#digest !== undefined && this.#options.digest !== undefined) digests[this.#options.digest] = this.#digest.digest().toString('hex')
    const { etag, versionId, size, parts, reconciled } = done
    return { bucket, key, size, etag, versionId, digests, parts, attempts: this.#tally.attempts, reconciled }
  }

  async #start (): Promise<void> {
    this.#startedAt = this.#connection.clock.now()
    if (this.#options.digest !== undefined) this.#digest = await createDigest(this.#options.digest)
  }

  #upload (): UploadTarget {
    return { ...this.#target, uploadId: this.#uploadId ?? '' }
  }

  #execute<T> (operation: R2Operation<T>, signal?: AbortSignal): Promise<T> {
    const options: ExecuteOptions = { signal, tally: this.#tally }
    return this.#connection.execute(operation, options)
  }
}

/** With the time by the service's own clock, which may differ from ours by minutes. */
function headWithTime (target: Target, now: number): R2Operation<{ told: R2ObjectInfo, at: number }> {
  const head = headObject(target)
  return { ...head, read: async response => ({ told: await head.read(response), at: readDate(response.headers['date'])?.getTime() ?? now }) }
}

function md5Etag (bytes: Buffer): string {
  return `"${Buffer.from(md5Base64(bytes), 'base64').toString('hex')}"`
}

/** Keeps Cloudflare's edge from unpacking what is stored packed, where the caller says nothing of caching. */
export function withoutTransform (options: UploadOptions): UploadOptions {
  return options.contentEncoding === undefined || options.cacheControl !== undefined ? options : { ...options, cacheControl: 'no-transform' }
}
