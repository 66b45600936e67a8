import type { PathLike } from 'node:fs'
import { defaultBudget } from '../../lib/bytes/byte-budget.ts'
import type { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import { NotFoundError, StorageError } from '../../lib/errors.ts'
import type { FileSpan } from '../../lib/flow/part-writable.ts'
import type { RecursiveListReadable } from '../../lib/flow/recursive-list-readable.ts'
import type { Simulation } from '../../lib/simulation/simulation.ts'
import { resolveItem } from './addressing.ts'
import type { Address, ItemRef } from './addressing.ts'
import { runBatches } from './batch.ts'
import type { BatchOptions, BatchResult } from './batch.ts'
import { optionsFromEnv, resolveConfig } from './config.ts'
import type { OneDriveConfig, OneDriveOptions } from './config.ts'
import { OneDriveConnection } from './connection.ts'
import { startCopy } from './copy.ts'
import type { CopyOptions } from './copy.ts'
import { OneDriveCopyTransform } from './copy-transform.ts'
import type { CopyStreamOptions, To } from './copy-transform.ts'
import { OneDriveDeleteWritable } from './delete-writable.ts'
import type { DeleteStreamOptions } from './delete-writable.ts'
import { OneDriveDeltaReadable } from './delta-readable.ts'
import type { DeltaStreamOptions } from './delta-readable.ts'
import { FolderIds, destinationAt, makeFolder } from './folders.ts'
import type { CreateFolderOptions, Destination } from './folders.ts'
import type { Conditions } from './headers.ts'
import type { OneDriveItem } from './item.ts'
import { OneDriveListReadable, recursiveList } from './list-readable.ts'
import type { ListStreamOptions } from './list-readable.ts'
import type { CopyOperation } from './monitor.ts'
import { mockOf } from './mock.ts'
import type { MockOneDrive as Mocked, MockOneDriveClass, OneDriveMockOptions } from './mock.ts'
import { moveItem } from './move.ts'
import type { MoveOptions } from './move.ts'
import { OneDriveMoveTransform } from './move-transform.ts'
import type { MoveStreamOptions } from './move-transform.ts'
import { checkPageSize } from './names.ts'
import { OneDriveContentReadable } from './readable.ts'
import type { ReadStreamOptions } from './readable.ts'
import { OneDriveSearchReadable } from './search-readable.ts'
import type { SearchStreamOptions } from './search-readable.ts'
import { OneDriveUpload } from './upload.ts'
import type { OneDriveStoredItem } from './upload.ts'
import { OneDriveUploadSessions } from './upload-sessions.ts'
import { OneDriveVersions } from './versions.ts'
import type { Page } from './wire.ts'
import type { BatchRequest } from './wire-batch.ts'
import { deleteItem, getItem, listChildren } from './wire-items.ts'
import type { ChildrenOptions, DeleteItemOptions } from './wire-items.ts'
import { OneDriveSessionWritable, check, uploadOptions } from './writable.ts'
import type { WriteStreamOptions } from './writable.ts'

interface CallOptions {
  signal?: AbortSignal
}

/** What a whole file comes as. */
export interface OneDriveFile {
  item: OneDriveItem
  bytes: Buffer
}

const MAX_IN_MEMORY = 100 * 1024 * 1024

/**
 * OneDrive, OneDrive for Business and the libraries of SharePoint, through Microsoft Graph. Streams for everything that moves
 * or lists bytes; promises for what is one answer. Requests share one pool of connections, one token, one breaker and one
 * throttle.
 *
 * @example
 * const onedrive = new OneDrive({ tenantId, clientId, clientSecret, drive: { driveId } })
 * await pipeline(fs.createReadStream('a.raw'), onedrive.createWriteStream('/photos/a.raw'))
 * for await (const item of onedrive.createListStream('/', { recursive: true })) console.log(item.path)
 */
export class OneDrive {
  readonly versions: OneDriveVersions
  readonly uploadSession: OneDriveUploadSessions
  readonly #connection: OneDriveConnection
  readonly #budget: ByteBudget
  readonly #resolve = (item: ItemRef): Address => resolveItem(item, this.config.drive)
  readonly #destination = (to: To): Destination => this.#destinationOf(to)

  /** @throws {ConfigurationError} naming the option that is missing or wrong. */
  constructor (options: OneDriveOptions) {
    this.#connection = new OneDriveConnection(resolveConfig(options), options)
    this.#budget = options.budget ?? defaultBudget
    this.versions = new OneDriveVersions(this.#connection, this.#resolve)
    this.uploadSession = new OneDriveUploadSessions(this.#connection, this.#resolve)
  }

  /**
   * From `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`, `ONEDRIVE_DEFAULT_DRIVE_ID`, `ONEDRIVE_CHUNK_SIZE`;
   * options given here win, and `shared` fills what both leave open.
   */
  static fromEnv (options: OneDriveOptions = {}, env: Record<string, string | undefined> = process.env, shared: OneDriveOptions = {}): OneDrive {
    return new OneDrive(optionsFromEnv(env, options, shared))
  }

  /** For unit tests: this client above a OneDrive in memory, without network, account and credentials. See `MockOneDrive`. */
  static mock (options: OneDriveMockOptions = {}): MockOneDrive {
    return new MockOneDrive(options)
  }

  /** Checked, complete and frozen; holds no secret. */
  get config (): OneDriveConfig {
    return this.#connection.config
  }

  /** What the option `simulation` made of this client; `simulation.verify()` tells what was to happen and did not. */
  get simulation (): Simulation {
    return this.#connection.simulation
  }

  /** Requests sent by this client so far, and how many of them were retries. */
  get sent (): { requests: number, retries: number } {
    return { ...this.#connection.sent }
  }

  createWriteStream (item: ItemRef, options: WriteStreamOptions = {}): OneDriveSessionWritable {
    return new OneDriveSessionWritable(this.#connection, this.#resolve(item), options, this.#budget)
  }

  /** Stores a file, or its bytes from `start` to `end` (inclusive), the fastest way: `createWriteStream(item, options).fromFile(path)`. */
  async uploadFile (item: ItemRef, path: PathLike, { start, end, ...options }: WriteStreamOptions & FileSpan = {}): Promise<OneDriveStoredItem> {
    return await this.createWriteStream(item, options).fromFile(path, { start, end })
  }

  createReadStream (item: ItemRef, options: ReadStreamOptions = {}): OneDriveContentReadable {
    return new OneDriveContentReadable(this.#connection, this.#resolve(item), options, this.#budget)
  }

  createListStream (folder: ItemRef, options: ListStreamOptions & { recursive: true }): RecursiveListReadable<OneDriveItem, object>
  createListStream (folder?: ItemRef, options?: ListStreamOptions): OneDriveListReadable
  createListStream (folder: ItemRef = '/', options: ListStreamOptions = {}): OneDriveListReadable | RecursiveListReadable<OneDriveItem, object> {
    const address = this.#resolve(folder)
    return options.recursive === true ? recursiveList(this.#connection, address, options) as RecursiveListReadable<OneDriveItem, object> : new OneDriveListReadable(this.#connection, address, options)
  }

  createDeltaStream (options: DeltaStreamOptions & { folder?: ItemRef } = {}): OneDriveDeltaReadable {
    return new OneDriveDeltaReadable(this.#connection, this.#resolve(options.folder ?? '/'), options)
  }

  createSearchStream (query: string, options: SearchStreamOptions & { folder?: ItemRef } = {}): OneDriveSearchReadable {
    return new OneDriveSearchReadable(this.#connection, this.#resolve(options.folder ?? '/'), query, options)
  }

  createDeleteStream (options: DeleteStreamOptions = {}): OneDriveDeleteWritable {
    return new OneDriveDeleteWritable(this.#connection, this.#resolve, options)
  }

  createMoveStream (options: MoveStreamOptions = {}): OneDriveMoveTransform {
    return new OneDriveMoveTransform(this.#connection, this.#resolve, this.#destination, options)
  }

  createCopyStream (options: CopyStreamOptions = {}): OneDriveCopyTransform {
    return new OneDriveCopyTransform(this.#connection, this.#resolve, this.#destination, options)
  }

  /** What the service tells of an item; no bytes. */
  async get (item: ItemRef, options: Conditions & CallOptions = {}): Promise<OneDriveItem> {
    return await this.#connection.execute(getItem(this.#resolve(item), options), options)
  }

  /**
   * Stores bytes that are in memory: one PUT up to `simpleUploadLimit` (4 MiB), an upload session from there on. A string is
   * stored as UTF-8; a stream is better piped into `createWriteStream`.
   * @param options.simple one PUT or nothing: more bytes than the limit are `FileTooLarge`, and nothing is sent.
   */
  async upload (item: ItemRef, body: Uint8Array | string, options: Omit<WriteStreamOptions, 'size' | 'spool'> & { simple?: boolean } = {}): Promise<OneDriveStoredItem> {
    const address = this.#resolve(item)
    if (typeof body !== 'string' && !(body instanceof Uint8Array)) throw new TypeError(`Cannot upload ${address.name} as its body must be bytes or a string: pipe streams into createWriteStream()`)
    const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    check(address, { ...options, size: bytes.length })
    const settings = uploadOptions(this.#connection, options)
    if (options.simple === true && bytes.length > settings.simpleUploadLimit) {
      throw new StorageError(`Cannot upload ${address.name} in one request as it has ${bytes.length} bytes, more than ${settings.simpleUploadLimit}`, { code: 'FileTooLarge', operation: 'UploadContent', remote: 'clean' })
    }
    return await new OneDriveUpload(this.#connection, address, settings).putWhole(bytes, options.signal)
  }

  /** Reads a whole file into memory, at most `limit` bytes (100 MiB unless said otherwise): larger ones are for streams. */
  async download (item: ItemRef, options: ReadStreamOptions & { limit?: number } = {}): Promise<OneDriveFile> {
    const { limit = MAX_IN_MEMORY } = options
    const stream = this.createReadStream(item, options)
    stream.once('info', () => {
      if ((stream.size ?? 0) > limit) stream.destroy(new RangeError(`Cannot download ${this.#resolve(item).name} into memory as it has ${stream.size} bytes, more than limit ${limit}`))
    })
    const chunks: Buffer[] = []
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
    return { item: stream.info?.item as OneDriveItem, bytes: Buffer.concat(chunks) }
  }

  async createFolder (item: ItemRef, options: CreateFolderOptions = {}): Promise<OneDriveItem> {
    return await makeFolder(this.#connection, this.#resolve(item), options)
  }

  /** To the recycle bin, a folder with all that it holds; `permanent` past it. @throws {NotFoundError} there is no such item. */
  async delete (item: ItemRef, options: DeleteItemOptions & CallOptions = {}): Promise<void> {
    const tally = { attempts: 0, lost: 0 }
    try {
      await this.#connection.execute(deleteItem(this.#resolve(item), options), { ...options, tally })
    } catch (error) {
      if (error instanceof NotFoundError && tally.lost > 0) return // An earlier try has done it.
      throw error
    }
  }

  /** Within one drive: to a path with the new name, to another folder, or under another name. */
  async move (item: ItemRef, to: To, options: MoveOptions = {}): Promise<OneDriveItem> {
    return await moveItem(this.#connection, new FolderIds(this.#connection), this.#resolve(item), this.#destination(to), options)
  }

  /** Starts a copy on the server, also to another drive; `wait()` for it to be there. */
  async copy (item: ItemRef, to: To, options: CopyOptions = {}): Promise<CopyOperation> {
    return await startCopy(this.#connection, new FolderIds(this.#connection), this.#resolve(item), this.#destination(to), options)
  }

  /** One page of children; `createListStream()` gives all of them, lazily. @param options.next of the page before. */
  async list (folder: ItemRef = '/', options: ChildrenOptions & CallOptions & { next?: string } = {}): Promise<Page<OneDriveItem, string>> {
    checkPageSize(options.pageSize)
    return await this.#connection.execute(listChildren(this.#resolve(folder), options, options.next), options)
  }

  /** Any requests of Graph, twenty at a time in one; those that are throttled are tried again. */
  async batch (requests: readonly BatchRequest[], options: BatchOptions = {}): Promise<BatchResult[]> {
    return await runBatches(this.#connection, requests, options)
  }

  /** Lets requests in flight end and closes the connections, unless the dispatcher is the caller's. */
  async close (): Promise<void> {
    await this.#connection.close()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.close()
  }

  #destinationOf (to: To): Destination {
    if (typeof to === 'string') return destinationAt(this.#resolve(to))
    return { folder: to.folder === undefined ? undefined : this.#resolve(to.folder), name: to.name }
  }
}

export type MockOneDrive = Mocked
export const MockOneDrive: MockOneDriveClass = mockOf(OneDrive)
