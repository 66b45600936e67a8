import type { R2Connection } from './connection.ts'
import { quote } from './wire.ts'
import type { Page } from './wire.ts'
import type { Conditions, ObjectHeaders } from './headers.ts'
import { multipartChecksumHeaders, seal } from './integrity.ts'
import { MAX_PARTS, checkKey } from './names.ts'
import {
  abortMultipartUpload, completeMultipartUpload, createMultipartUpload, listMultipartUploads, listParts, uploadPart, uploadPartCopy
} from './wire-multipart.ts'
import type { CompleteResult, ListedPart, ListedUpload, UploadCursor, UploadTarget, UploadedPart } from './wire-multipart.ts'
import type { Target } from './wire-objects.ts'

/** A multipart upload by its key and id; `bucket` when it is not the client's. */
export interface UploadRef {
  bucket?: string
  key: string
  uploadId: string
}

export interface CallOptions {
  signal?: AbortSignal
}

/** The single steps of a multipart upload, for who keeps a journal of the parts and goes on in a later process. */
export class R2Multipart {
  readonly #connection: R2Connection
  readonly #bucketOf: (bucket: string | undefined) => string

  constructor (connection: R2Connection, bucketOf: (bucket: string | undefined) => string) {
    this.#connection = connection
    this.#bucketOf = bucketOf
  }

  /** Metadata and content headers are given here; conditions are checked here and again at `complete`. */
  async create (key: string, options: ObjectHeaders & Conditions & CallOptions & { bucket?: string } = {}): Promise<Required<UploadRef>> {
    const target = this.#target(options.bucket, key)
    const checksums = multipartChecksumHeaders(this.#connection.config.integrity)
    return { ...target, uploadId: await this.#connection.execute(createMultipartUpload(target, options, checksums), options) }
  }

  /** All parts but the last must have the same size, at least 5 MiB: R2 says so only at the end. */
  async putPart (upload: UploadRef, partNumber: number, bytes: Uint8Array, options: CallOptions = {}): Promise<UploadedPart> {
    checkPartNumber(partNumber)
    const sealed = await seal(bytes, this.#connection.config.integrity)
    const { etag } = await this.#connection.execute(uploadPart(this.#upload(upload), partNumber, sealed), options)
    return { partNumber, etag, ...(sealed.checksum === undefined ? {} : { checksum: sealed.checksum }) }
  }

  /** Copies bytes `start` to `end` (inclusive) of another object into a part, on the server. */
  async copyPart (upload: UploadRef, partNumber: number, from: { bucket?: string, key: string, start: number, end: number }, options: CallOptions = {}): Promise<UploadedPart> {
    checkPartNumber(partNumber)
    checkCopyRange(from)
    const source = this.#target(from.bucket, from.key)
    const { etag } = await this.#connection.execute(uploadPartCopy(this.#upload(upload), partNumber, source, from.start, from.end), options)
    return { partNumber, etag }
  }

  async complete (upload: UploadRef, parts: readonly UploadedPart[], options: Conditions & CallOptions = {}): Promise<CompleteResult> {
    if (parts.length === 0) throw new RangeError(`Cannot complete the upload of ${quote(upload.key)} without parts`)
    return await this.#connection.execute(completeMultipartUpload(this.#upload(upload), parts, options), options)
  }

  async abort (upload: UploadRef, options: CallOptions = {}): Promise<void> {
    await this.#connection.execute(abortMultipartUpload(this.#upload(upload)), options)
  }

  /** One page of at most 1,000 parts. Some servers answer 501: then only the own journal knows. */
  async listParts (upload: UploadRef, options: CallOptions & { marker?: number } = {}): Promise<Page<ListedPart, number>> {
    return await this.#connection.execute(listParts(this.#upload(upload), options.marker), options)
  }

  /** One page of at most 1,000 uploads; `createUploadListStream()` gives them all. */
  async listUploads (options: CallOptions & { bucket?: string, prefix?: string, cursor?: UploadCursor } = {}): Promise<Page<ListedUpload, UploadCursor>> {
    return await this.#connection.execute(listMultipartUploads(this.#bucketOf(options.bucket), options, options.cursor), options)
  }

  #target (bucket: string | undefined, key: string): Target {
    checkKey(key)
    return { bucket: this.#bucketOf(bucket), key }
  }

  #upload ({ bucket, key, uploadId }: UploadRef): UploadTarget {
    if (typeof uploadId !== 'string' || uploadId === '') throw new TypeError(`Cannot address the upload of ${quote(key)} without its uploadId`)
    return { ...this.#target(bucket, key), uploadId }
  }
}

function checkPartNumber (partNumber: number): void {
  if (Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= MAX_PARTS) return
  throw new RangeError(`Cannot address part ${partNumber} as its number must be a whole number from 1 to ${MAX_PARTS}`)
}

function checkCopyRange ({ start, end }: { start: number, end: number }): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end) return
  throw new RangeError(`Cannot copy bytes ${start}-${end} as start and end must be whole numbers with start at most end`)
}
