/** Moves and renames: one PATCH, within one drive. */
import { AbortError, StorageError } from '../../lib/errors.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import type { Destination, FolderIds } from './folders.ts'
import type { OneDriveItem } from './item.ts'
import { CopyOperation } from './monitor.ts'
import { checkConflictBehavior, checkNewName } from './names.ts'
import type { ConflictBehavior } from './names.ts'
import { getItem, itemById, updateItem } from './wire-items.ts'

export interface MoveOptions {
  /** The etag that the item must have. */
  ifMatch?: string
  /** Default `fail`. */
  conflictBehavior?: ConflictBehavior
  signal?: AbortSignal | undefined
}

/** @throws {StorageError} `CrossDriveMove`: the service moves within one drive only; copy and delete, or stream, instead. */
export async function moveItem (connection: OneDriveConnection, folders: FolderIds, from: Address, to: Destination, options: MoveOptions = {}): Promise<OneDriveItem> {
  const { ifMatch, conflictBehavior, signal } = options
  if (conflictBehavior !== undefined) checkConflictBehavior(conflictBehavior)
  if (to.name !== undefined) checkNewName(to.name)
  if (to.name === undefined && to.folder === undefined) throw new TypeError(`Cannot move ${from.name} without a folder or a name`)
  const item = await connection.execute(getItem(from), { signal })
  const target = itemById(from, item.id)
  const parent = to.folder === undefined ? undefined : await folders.of(to.folder, signal)
  if (parent !== undefined && item.driveId !== undefined && !sameDrive(parent.driveId, item.driveId)) {
    throw new StorageError(`Cannot move ${from.name} to another drive as OneDrive moves within one drive only: copy it and delete it here`, { code: 'CrossDriveMove', operation: 'UpdateItem' })
  }
  const changes = { name: to.name, parentId: parent?.id }
  const tally = { attempts: 0, lost: 0 }
  try {
    const result = await connection.execute(updateItem(target, changes, { ...(ifMatch === undefined ? {} : { ifMatch }), conflictBehavior }), { signal, tally })
    if (result.kind === 'item') return result.item
    if (result.kind === 'monitor') return await new CopyOperation(connection, result.monitor, from, { drive: from.drive, child: target }).wait({ signal })
    return await connection.execute(getItem(target), { signal })
  } catch (error) {
    // An earlier try may have moved it, so that a later one met another etag, or its own name.
    const moved = tally.lost > 0 && !(error instanceof AbortError) ? await movedItem(connection, target, changes, signal) : undefined
    if (moved === undefined) throw error
    return moved
  }
}

/** The item, where it is what the changes wanted; undefined also where nobody can tell. */
async function movedItem (connection: OneDriveConnection, target: Address, changes: { name: string | undefined, parentId: string | undefined }, signal: AbortSignal | undefined): Promise<OneDriveItem | undefined> {
  const item = await connection.execute(getItem(target), { signal }).catch(() => undefined)
  if (item === undefined) return undefined
  const moved = (changes.name === undefined || item.name === changes.name) && (changes.parentId === undefined || item.parentId === changes.parentId)
  return moved ? item : undefined
}

/** Personal drives write one id in either case, and drop leading zeros. */
function sameDrive (a: string, b: string): boolean {
  return a === '' || a === b || normalized(a) === normalized(b)
}

function normalized (driveId: string): string {
  return /^[0-9a-f]{1,16}$/i.test(driveId) ? driveId.toLowerCase().padStart(16, '0') : driveId
}
