import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { FileInfo } from './file-requests.ts'
import type { AzureFileService } from './files.ts'
import type { FileHeaders } from './headers.ts'
import type { AzureRangeReadable, ReadStreamOptions } from './readable.ts'
import type { AzureStoredFile } from './upload.ts'
import type { AzureRangeWritable, WriteStreamOptions } from './writable.ts'

interface StreamRequest {
  /** Default: the client's. */
  share?: string
  path: string
  leaseId?: string
  signal?: AbortSignal
}

export interface UploadStreamRequest extends StreamRequest, FileHeaders {
  /** Bytes; without it the length is unknown, and the file grows. A source that is longer or shorter is an error. */
  totalSize?: number
}

export interface DownloadStreamRequest extends StreamRequest {
  /** The stream's `highWaterMark`, bytes. */
  bufferSize?: number
}

/** Both ends inside. */
export interface DownloadRangeRequest extends StreamRequest {
  start: number
  end: number
}

export interface StreamFactory {
  createWriteStream (path: string, options: WriteStreamOptions): AzureRangeWritable
  createReadStream (path: string, options: ReadStreamOptions): AzureRangeReadable
}

/** The streams by the specification's names, over the native ones. */
export class AzureStreaming {
  readonly #streams: StreamFactory
  readonly #files: AzureFileService

  constructor (streams: StreamFactory, files: AzureFileService) {
    this.#streams = streams
    this.#files = files
  }

  /** Node's own streams, web streams, and whatever can be iterated. */
  async uploadStream (request: UploadStreamRequest, source: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>): Promise<FileInfo> {
    const { path, totalSize, leaseId, ...options } = request
    const stream = this.#streams.createWriteStream(path, {
      ...options,
      ...(totalSize === undefined ? {} : { size: totalSize }),
      ...(leaseId === undefined ? {} : { lease: { leaseId } })
    })
    await pipeline(source instanceof Readable ? source : Readable.from(source), stream)
    const { share, size, etag, lastModified } = stream.result as AzureStoredFile
    return { share, path, size, etag, lastModified, contentType: request.contentType, metadata: request.metadata ?? {} }
  }

  /** `Readable.toWeb` gives a web stream of it. */
  async downloadStream (request: DownloadStreamRequest): Promise<AzureRangeReadable> {
    const { path, bufferSize, ...options } = request
    return this.#streams.createReadStream(path, { ...options, ...(bufferSize === undefined ? {} : { highWaterMark: bufferSize }) })
  }

  async downloadRange (request: DownloadRangeRequest): Promise<Buffer> {
    return await this.#files.readRange(request)
  }
}
