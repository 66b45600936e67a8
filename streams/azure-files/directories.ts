import { ConflictError, NotFoundError, StorageError } from '../../lib/errors.ts'
import type { EntryReadableOptions } from '../../lib/flow/entry-readable.ts'
import type { RecursiveListReadable } from '../../lib/flow/recursive-list-readable.ts'
import type { AzureFilesConnection } from './connection.ts'
import { deleteTree } from './delete-tree.ts'
import { isDoneBefore } from './errors.ts'
import { AzureListReadable, recursiveList } from './list-readable.ts'
import type { ListStreamOptions } from './list-readable.ts'
import { checkPageSize, checkShareName, directoryPath } from './names.ts'
import type { Target } from './names.ts'
import { createParents } from './parents.ts'
import type { Written } from './wire.ts'
import { rename } from './wire-copy.ts'
import type { RenameOptions } from './wire-copy.ts'
import { createDirectory, deleteDirectory, getDirectoryProperties, listDirectory, setDirectoryMetadata } from './wire-directories.ts'
import type { DirectoryEntry, DirectoryProperties, ListOptions } from './wire-directories.ts'

export interface DirectoryRequest {
  /** Default: the client's. */
  share?: string
  /** '' is the root of the share. */
  path: string
  signal?: AbortSignal
}

export interface CreateDirectoryRequest extends DirectoryRequest {
  metadata?: Record<string, string>
  /** Makes what is missing above it, and ends well where it exists already. Default false. */
  recursive?: boolean
}

export interface DeleteDirectoryRequest extends DirectoryRequest {
  /** Files deleted at once, by `deleteRecursive`. Default 8. */
  concurrency?: number
  /** Hears of each file and directory, by `deleteRecursive`. */
  onDeleted?: (entry: { type: 'file' | 'directory', path: string }) => void
}

export interface ListDirectoryRequest extends Partial<DirectoryRequest>, Omit<EntryReadableOptions, 'signal'>, ListOptions {
  /** Of the page before; only for `list`. */
  marker?: string
}

export interface DirectoryInfo {
  share: string
  path: string
  etag: string
  lastModified: Date | undefined
  metadata: Record<string, string>
}

export interface DirectoryListing {
  entries: DirectoryEntry[]
  /** Of the next page; undefined on the last one. */
  nextMarker: string | undefined
}

/** Directories, by one answer each; their listings as streams. A missing one is a `NotFoundError` (`DirectoryNotFound`). */
export class AzureDirectoryService {
  readonly #connection: AzureFilesConnection
  readonly #shareOf: (share: string | undefined) => string

  constructor (connection: AzureFilesConnection, shareOf: (share: string | undefined) => string) {
    this.#connection = connection
    this.#shareOf = shareOf
  }

  /** @throws {ConflictError} `DirectoryAlreadyExists`: a directory or file of this name. One of several creators wins. */
  async create (request: CreateDirectoryRequest): Promise<DirectoryInfo> {
    const target = this.#target(request)
    const { metadata = {}, signal } = request
    if (request.recursive === true) return await this.#createAll(target, request)
    const written = await this.#connection.execute(createDirectory(target, metadata), { signal })
    return { ...target, ...written, metadata }
  }

  /** Only an empty one. @throws {ConflictError} `DirectoryNotEmpty` */
  async delete (request: DirectoryRequest): Promise<void> {
    try {
      await this.#connection.execute(deleteDirectory(this.#target(request)), request)
    } catch (error) {
      if (!isDoneBefore(error, NotFoundError)) throw error
    }
  }

  /** With all that is in it, children first, one page for each level in memory. May be called again where it ended early. */
  async deleteRecursive (request: DeleteDirectoryRequest): Promise<void> {
    const target = this.#target(request)
    if (target.path === '') throw new RangeError('Cannot delete the root directory of a share')
    const { concurrency, onDeleted, signal } = request
    await deleteTree(this.#connection, target, { concurrency, onDeleted, signal })
  }

  /** One page; `listAll` gives all of them, lazily. */
  async list (request: ListDirectoryRequest = {}): Promise<DirectoryListing> {
    checkPageSize(request.pageSize)
    const target = this.#target({ path: '', ...request })
    const { entries, next } = await this.#connection.execute(listDirectory(target, request, request.marker), { signal: request.signal })
    return { entries, nextMarker: next }
  }

  /** Entry by entry (object mode), page after page as they are consumed. */
  listAll (request: ListDirectoryRequest & ListStreamOptions = {}): AzureListReadable | RecursiveListReadable<DirectoryEntry> {
    const target = this.#target({ path: '', ...request })
    return request.recursive === true ? recursiveList(this.#connection, target, request) : new AzureListReadable(this.#connection, target, request)
  }

  async getProperties (request: DirectoryRequest): Promise<DirectoryProperties> {
    return await this.#connection.execute(getDirectoryProperties(this.#target(request)), request)
  }

  /** Replaces all metadata. */
  async setMetadata (request: DirectoryRequest & { metadata: Record<string, string> }): Promise<Written> {
    return await this.#connection.execute(setDirectoryMetadata(this.#target(request), request.metadata), request)
  }

  /** One call on the server, with all that is in it. */
  async rename (request: DirectoryRequest & Pick<RenameOptions, 'replace' | 'ignoreReadOnly'> & { to: string }): Promise<Written & { path: string }> {
    const target = this.#target(request)
    const to = { share: target.share, path: directoryPath(request.to) }
    return { path: to.path, ...await this.#connection.execute(rename('directory', target, to, request), request) }
  }

  async #createAll (target: Target, { metadata, signal }: CreateDirectoryRequest): Promise<DirectoryInfo> {
    try {
      await createParents(this.#connection, target, { signal })
      if (metadata !== undefined) await this.#connection.execute(setDirectoryMetadata(target, metadata), { signal })
      return await this.#connection.execute(getDirectoryProperties(target), { signal })
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== 'ResourceTypeMismatch') throw error
      throw new ConflictError(`Cannot create directory ${JSON.stringify(target.path)} as a file has its name`, { code: 'DirectoryAlreadyExists', operation: 'CreateDirectory', cause: error })
    }
  }

  #target ({ share, path }: DirectoryRequest): Target {
    const name = this.#shareOf(share)
    checkShareName(name)
    return { share: name, path: directoryPath(path) }
  }
}
