/** Folders: made with their parents, and found by what callers call them. */
import { ConflictError, NotFoundError, StorageError } from '../../lib/errors.ts'
import { parentOf } from './addressing.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import type { OneDriveItem } from './item.ts'
import { checkConflictBehavior, checkNewName } from './names.ts'
import type { ConflictBehavior } from './names.ts'
import { createFolder, getItem } from './wire-items.ts'

export interface CreateFolderOptions {
  /** Also make the folders above, and be content where the folder is there already. */
  parents?: boolean
  /** Default `fail`. */
  conflictBehavior?: ConflictBehavior
  signal?: AbortSignal
}

export async function makeFolder (connection: OneDriveConnection, address: Address, options: CreateFolderOptions = {}): Promise<OneDriveItem> {
  const { conflictBehavior = 'fail', parents = false, signal } = options
  checkConflictBehavior(conflictBehavior)
  for (const segment of address.segments) checkNewName(segment)
  const parent = parentOf(address)
  if (parent === undefined) throw new RangeError(`Cannot create ${address.name} as it has no name: pass a path`)
  try {
    return await connection.execute(createFolder(parent.folder, parent.name, conflictBehavior), { signal })
  } catch (error) {
    if (!parents) throw error
    if (error instanceof ConflictError && conflictBehavior === 'fail') return await existingFolder(connection, address, error, signal)
    if (!(error instanceof NotFoundError) || parent.folder.segments.length === 0) throw error
  }
  await makeFolder(connection, parent.folder, { parents, ...(signal === undefined ? {} : { signal }) })
  return await makeFolder(connection, address, { ...options, parents: false }).catch(async (error: unknown) => {
    // Somebody else made it meanwhile.
    if (error instanceof ConflictError && conflictBehavior === 'fail') return await existingFolder(connection, address, error, signal)
    throw error
  })
}

/** What is there under the name, if it is a folder. */
async function existingFolder (connection: OneDriveConnection, address: Address, conflict: StorageError, signal: AbortSignal | undefined): Promise<OneDriveItem> {
  const item = await connection.execute(getItem(address), { signal })
  if (item.type !== 'folder') throw conflict
  return item
}

/** Where an item is to go: a whole path, or a folder and a name, either of which may stay as it is. */
export interface Destination {
  folder: Address | undefined
  name: string | undefined
}

/** A path names folder and item; that of an item that is no path leaves the folder as it is. */
export function destinationAt (address: Address): Destination {
  const parent = parentOf(address)
  if (parent === undefined) throw new RangeError(`Cannot move or copy to ${address.name} as it names no new item: pass a path or { folder, name }`)
  checkNewName(parent.name)
  return parent
}

/** Ids of folders, each looked up once: requests want them by id, and the id of a root is not the word `root`. */
export class FolderIds {
  readonly #connection: OneDriveConnection
  readonly #found = new Map<string, Promise<{ driveId: string, id: string }>>()

  constructor (connection: OneDriveConnection) {
    this.#connection = connection
  }

  async of (folder: Address, signal: AbortSignal | undefined): Promise<{ driveId: string, id: string }> {
    const key = JSON.stringify([folder.drive, folder.anchor, folder.segments])
    const known = this.#found.get(key)
    if (known !== undefined) return await known
    const looking = this.#lookUp(folder, signal)
    this.#remember(key, looking)
    return await looking
  }

  /** Of many folders only the latest hundred are kept; one that was not found is asked for again. */
  #remember (key: string, looking: Promise<{ driveId: string, id: string }>): void {
    const oldest = this.#found.keys().next().value
    if (this.#found.size >= 100 && oldest !== undefined) this.#found.delete(oldest)
    this.#found.set(key, looking)
    looking.catch(() => this.#found.delete(key))
  }

  async #lookUp (folder: Address, signal: AbortSignal | undefined): Promise<{ driveId: string, id: string }> {
    const { id, driveId, type } = await this.#connection.execute(getItem(folder), { signal })
    if (type !== 'folder') throw new StorageError(`Cannot put an item into ${folder.name} as it is no folder but a ${type}`, { code: 'NotAFolder' })
    return { id, driveId: driveId ?? '' }
  }
}
