import pLimit from 'p-limit'
import { splitRange } from '../../lib/bytes/byte-range.ts'
import type { ByteRange } from '../../lib/bytes/byte-range.ts'
import { MiB } from '../../lib/bytes/sizes.ts'
import type { ExecuteOptions } from '../../lib/http/call.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { AzureFilesConnection } from './connection.ts'
import { copyStatus, startCopy, waitForCopy } from './copy.ts'
import type { WaitForCopyOptions } from './copy.ts'
import { createOnlyIfAbsent } from './create-if-absent.ts'
import { isDoneBefore } from './errors.ts'
import type { CopyFileRequest, CreateFileRequest, FileContent, FileInfo, FileRequest, FileService, ReadFileRequest, RenameFileRequest, SetHttpHeadersRequest, WriteFileRequest } from './file-requests.ts'
import { pickContentHeaders } from './headers.ts'
import { seal } from './integrity.ts'
import type { AzureLeases } from './leases.ts'
import { checkFileSize, checkShareName, filePath } from './names.ts'
import type { Target } from './names.ts'
import { withParents } from './parents.ts'
import { publish } from './publish.ts'
import { AzureRangeReadable } from './readable.ts'
import { ShareBoundFiles } from './share-bound-files.ts'
import { etagMismatch, replacesHeaders } from './upload.ts'
import type { Written } from './wire.ts'
import { abortCopyFile } from './wire-copy.ts'
import type { CopyStatus } from './wire-copy.ts'
import { createFile, deleteFile, getFileProperties, setFileMetadata, setFileProperties } from './wire-files.ts'
import type { FileProperties } from './wire-files.ts'
import { clearRange, listRanges, putRange } from './wire-ranges.ts'
import type { RangeList } from './wire-ranges.ts'

/**
 * Files, by one answer each; `createReadStream` and `createWriteStream` are for what does not fit into memory. Rejects with
 * a `NotFoundError` (`FileNotFound`, `ParentNotFound`, `ShareNotFound`), a `LeaseError` where the file is leased, a
 * `ConflictError` (`FileLocked`) where it is open through SMB.
 */
export class AzureFileService implements FileService {
  readonly #connection: AzureFilesConnection
  readonly #leases: AzureLeases
  readonly #shareOf: (share: string | undefined) => string

  constructor (connection: AzureFilesConnection, leases: AzureLeases, shareOf: (share: string | undefined) => string) {
    this.#connection = connection
    this.#leases = leases
    this.#shareOf = shareOf
  }

  /** The same, bound to a share, with the path as the first argument. */
  inShare (share: string): ShareBoundFiles {
    checkShareName(share)
    return new ShareBoundFiles(this, share)
  }

  /** Makes missing directories too. An existing file is replaced, unless `ifAbsent`. */
  async create (request: CreateFileRequest): Promise<FileInfo> {
    checkFileSize(request.size)
    const target = this.#target(request)
    const options = { signal: request.signal }
    const create = (): Promise<Written> => this.#connection.execute(createFile(target, request.size, request), options)
    const written = request.ifAbsent === true
      ? await createOnlyIfAbsent(this.#connection, target, request.size, request, options)
      : await withParents(this.#connection, target, create, options)
    return infoOf(target, request.size, written, request)
  }

  /** The whole file or a range of it, in memory, healed and of one version as `createReadStream` reads it. */
  async read (request: ReadFileRequest): Promise<FileContent> {
    const { limit = 100 * MiB, range, leaseId, signal } = request
    const stream = new AzureRangeReadable(this.#connection, this.#target(request), {
      ...(range === undefined ? {} : { start: range.start, end: range.end, verify: false }),
      ...(leaseId === undefined ? {} : { leaseId }),
      ...(signal === undefined ? {} : { signal })
    })
    stream.once('info', () => {
      if ((stream.size ?? 0) > limit) stream.destroy(new RangeError(`Cannot read ${JSON.stringify(request.path)} into memory as it has ${stream.size} bytes, more than limit ${limit}`))
    })
    const chunks: Buffer[] = []
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
    const properties = stream.info as FileProperties
    return { data: Buffer.concat(chunks), properties, etag: properties.etag }
  }

  async readRange (request: FileRequest & ByteRange): Promise<Buffer> {
    const { start, end, ...file } = request
    return (await this.read({ ...file, range: { start, end } })).data
  }

  /**
   * With `offset` one or more ranges, side by side. Without it `data` becomes the whole content: an existing file takes the
   * new length and keeps metadata and headers, unless new ones are given, which replace them all; a missing one is created.
   * Not atomic: readers may see old and new bytes until it resolves. `createWriteStream(path, { publish: 'rename' })` is.
   */
  async write (request: WriteFileRequest): Promise<FileInfo> {
    const target = this.#target(request)
    const data = bytesOf(request.data)
    const started = request.offset === undefined ? await this.#takeLength(target, data.length, request) : undefined
    await this.#putRanges(target, data, request)
    const { offset, leaseId, signal } = request
    if (started !== undefined && data.length === 0) return infoOf(target, 0, started, request)
    const properties = await this.#connection.execute(getFileProperties(target, { leaseId }), { signal })
    return infoOf(target, offset === undefined ? data.length : properties.size, properties, properties)
  }

  /**
   * Writes the whole content only if the file still has this etag. The service honours no condition: the file is leased,
   * its etag compared, and written under the lease, with the rights that `leases.lock` needs. Whoever writes without a lease meanwhile is refused by the service.
   * @throws {EtagMismatchError} it has another one. @throws {LeaseError} somebody else writes it.
   */
  async writeIfMatch (request: Omit<WriteFileRequest, 'offset'>, etag: string): Promise<FileInfo> {
    const target = this.#target(request)
    const { leaseId, signal } = request
    if (leaseId !== undefined) return await this.#writeUnder(leaseId, target, request, etag)
    const lock = { ...target, timeoutMs: 0, ...(signal === undefined ? {} : { signal }) }
    return await this.#leases.withLock(lock, guard => this.#writeUnder(guard.id, target, request, etag))
  }

  /** Both ends inside. Whole 512-byte pieces are freed, the rest is written as zeros; a long range is one request. */
  async clearRange (request: FileRequest & { range: ByteRange }): Promise<Written> {
    return await this.#connection.execute(clearRange(this.#target(request), request.range, request), request)
  }

  /** What is written, in order; all between reads as zeros. */
  async listRanges (request: FileRequest & { range?: ByteRange }): Promise<RangeList> {
    return await this.#connection.execute(listRanges(this.#target(request), request), request)
  }

  async delete (request: FileRequest): Promise<void> {
    try {
      await this.#connection.execute(deleteFile(this.#target(request), request), request)
    } catch (error) {
      if (!isDoneBefore(error, NotFoundError)) throw error
    }
  }

  async getProperties (request: FileRequest): Promise<FileProperties> {
    return await this.#connection.execute(getFileProperties(this.#target(request), request), request)
  }

  /** Replaces all metadata. */
  async setMetadata (request: FileRequest & { metadata: Record<string, string> }): Promise<Written> {
    return await this.#connection.execute(setFileMetadata(this.#target(request), request.metadata, request), request)
  }

  /** Sets the given headers and keeps the others, which the service would clear: they are read and sent again. */
  async setHttpHeaders (request: SetHttpHeadersRequest): Promise<Written> {
    const target = this.#target(request)
    const kept = request.replace === true ? {} : pickContentHeaders(await this.getProperties(request))
    return await this.#connection.execute(setFileProperties(target, { ...kept, ...pickContentHeaders(request), leaseId: request.leaseId }), request)
  }

  /** Cuts off what lies above, or adds zeros. All else stays. */
  async setSize (request: FileRequest & { size: number }): Promise<Written> {
    checkFileSize(request.size)
    return await this.#connection.execute(setFileProperties(this.#target(request), { size: request.size, leaseId: request.leaseId }), request)
  }

  /** On the server; replaces the destination. `pending`: it goes on behind the answer, see `waitForCopy`. */
  async copy (request: CopyFileRequest): Promise<CopyStatus> {
    const source = this.#target({ ...request, path: request.sourcePath, ...shareIs(request.sourceShare) })
    const { metadata, leaseId, signal } = request
    return await startCopy(this.#connection, source, this.#destination(request), { metadata, leaseId, signal })
  }

  /** From anywhere: a URL of at most 2 KiB that carries its own right to be read, such as a SAS of ours. */
  async copyFromUrl (request: Omit<CopyFileRequest, 'sourceShare' | 'sourcePath'> & { url: URL }): Promise<CopyStatus> {
    const { metadata, leaseId, signal } = request
    return await startCopy(this.#connection, request.url, this.#destination(request), { metadata, leaseId, signal })
  }

  /** Of the copy to this file. */
  async copyStatus (request: FileRequest & { copyId: string }): Promise<CopyStatus> {
    return await copyStatus(this.#connection, this.#target(request), request.copyId, request)
  }

  /** Looks until the copy to this file is `success`, `aborted` or `failed`. */
  async waitForCopy (request: FileRequest & WaitForCopyOptions & { copyId: string }): Promise<CopyStatus> {
    return await waitForCopy(this.#connection, this.#target(request), request.copyId, request)
  }

  /** Leaves an empty file with the metadata. @throws {ConflictError} `NoPendingCopyOperation` */
  async abortCopy (request: FileRequest & { copyId: string }): Promise<void> {
    await this.#connection.execute(abortCopyFile(this.#target(request), request.copyId, request), request)
  }

  /** One call on the server. @throws {ConflictError} `FileAlreadyExists`: the new name is taken and `replace` is not set. */
  async rename (request: RenameFileRequest): Promise<Written & { path: string }> {
    const target = this.#target(request)
    const to = { share: target.share, path: filePath(request.to) }
    const { size, fileId } = await this.getProperties({ ...request, ...leaseIs(request.sourceLeaseId ?? request.leaseId) })
    const options = { ...request, sourceLeaseId: request.sourceLeaseId ?? request.leaseId }
    const { etag, lastModified } = await withParents(this.#connection, to, () => publish(this.#connection, { ...target, size, fileId }, to, options), request)
    return { path: to.path, etag, lastModified }
  }

  async #writeUnder (leaseId: string, target: Target, request: WriteFileRequest, expected: string): Promise<FileInfo> {
    const { etag: actual } = await this.#connection.execute(getFileProperties(target, { leaseId }), { signal: request.signal })
    if (actual !== expected) throw etagMismatch(target, expected, actual)
    return await this.write({ ...request, leaseId })
  }

  /** Resized, so that it keeps what it carries beside its bytes; created where that is given anew or there is no file. */
  async #takeLength (target: Target, size: number, request: WriteFileRequest): Promise<Written> {
    const options: ExecuteOptions = { signal: request.signal }
    if (!replacesHeaders(request)) {
      try {
        return await this.#connection.execute(setFileProperties(target, { size, leaseId: request.leaseId }), options)
      } catch (error) {
        if (!(error instanceof NotFoundError) || error.code === 'ShareNotFound') throw error
      }
    }
    return await withParents(this.#connection, target, () => this.#connection.execute(createFile(target, size, request), options), options)
  }

  async #putRanges (target: Target, data: Buffer, { offset = 0, leaseId, signal }: WriteFileRequest): Promise<void> {
    const { concurrency, rangeSize, integrity } = this.#connection.config
    const limit = pLimit(concurrency)
    const ranges = [...splitRange({ start: 0, end: data.length - 1 }, rangeSize)]
    try {
      await Promise.all(ranges.map(({ start, end }) => limit(async () => {
        const sealed = await seal(data.subarray(start, end + 1), integrity)
        await this.#connection.execute(putRange(target, { start: offset + start, end: offset + end }, sealed, { leaseId }), { signal })
      })))
    } catch (error) {
      limit.clearQueue()
      throw error
    }
  }

  #target ({ share, path }: { share?: string | undefined, path: string }): Target {
    const name = this.#shareOf(share)
    checkShareName(name)
    return { share: name, path: filePath(path) }
  }

  #destination ({ destShare, destPath }: Pick<CopyFileRequest, 'destShare' | 'destPath'>): Target {
    return this.#target({ path: destPath, ...shareIs(destShare) })
  }
}

function infoOf ({ share, path }: Target, size: number, { etag, lastModified }: Written, { contentType, metadata = {} }: { contentType?: string | undefined, metadata?: Record<string, string> }): FileInfo {
  return { share, path, size, etag, lastModified, contentType, metadata }
}

function bytesOf (data: Uint8Array | string): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  if (!(data instanceof Uint8Array)) throw new TypeError('Cannot write as data must be bytes or a string: pipe streams into createWriteStream()')
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

function shareIs (share: string | undefined): { share?: string } {
  return share === undefined ? {} : { share }
}

function leaseIs (leaseId: string | undefined): { leaseId?: string } {
  return leaseId === undefined ? {} : { leaseId }
}
