/** Copies on the server. No byte passes through here. */
import { childOf } from './addressing.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import type { Destination, FolderIds } from './folders.ts'
import { CopyOperation } from './monitor.ts'
import { checkConflictBehavior, checkNewName } from './names.ts'
import type { ConflictBehavior } from './names.ts'
import { copyItem } from './wire-copy.ts'

export interface CopyOptions {
  /** Default `fail`. Personal drives do not heed it. */
  conflictBehavior?: ConflictBehavior
  /** With all versions; the copy keeps the name of its source then. */
  includeAllVersionHistory?: boolean
  signal?: AbortSignal | undefined
}

/** Starts a copy; a name that is taken shows when it is waited for, not here. */
export async function startCopy (connection: OneDriveConnection, folders: FolderIds, from: Address, to: Destination, options: CopyOptions = {}): Promise<CopyOperation> {
  const { conflictBehavior = 'fail', includeAllVersionHistory, signal } = options
  checkConflictBehavior(conflictBehavior)
  if (to.name !== undefined) checkNewName(to.name)
  const folder = to.folder ?? folderOf(from)
  const parent = await folders.of(folder, signal)
  const name = to.name ?? from.segments.at(-1)
  const monitor = await connection.execute(copyItem(from, { parent, name: to.name, conflictBehavior, includeAllVersionHistory }), { signal })
  const child = name === undefined || conflictBehavior === 'rename' ? undefined : childOf(folder, name)
  return new CopyOperation(connection, monitor, from, { drive: parent.driveId === '' ? folder.drive : `/drives/${encodeURIComponent(parent.driveId)}`, child })
}

function folderOf (from: Address): Address {
  if (from.segments.length === 0) throw new RangeError(`Cannot copy ${from.name} without a folder: pass { folder }`)
  const segments = from.segments.slice(0, -1)
  return { ...from, segments, name: JSON.stringify(`/${segments.join('/')}`) }
}
