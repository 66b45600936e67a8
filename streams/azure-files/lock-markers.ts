/**
 * Who holds or wants a lock, and that he is alive: a file's lease is without end and tells nobody whose it is, so each
 * contender keeps an empty file named after its lease id and touches it. By the service's clock an old one is of somebody
 * who died, and its name is the lease id with which the lease can be taken over.
 */
import { createHash } from 'node:crypto'
import type { ExecuteOptions } from '../../lib/http/call.ts'
import type { AzureFilesConnection } from './connection.ts'
import { isAbsent } from './errors.ts'
import { joinPath } from './names.ts'
import type { Target } from './names.ts'
import { withParents } from './parents.ts'
import { listDirectory } from './wire-directories.ts'
import type { DirectoryEntry } from './wire-directories.ts'
import { createFile, deleteFile } from './wire-files.ts'

export const MARKER_DIRECTORY = '.sluice-locks'

/** `Last-Modified` and `Date` are whole seconds. */
const RESOLUTION_MS = 2000

export interface Marker {
  leaseId: string
  target: Target
  /** After so long without a touch its owner is dead. */
  lifetimeMs: number
}

const NAME = /^[0-9a-f]{32}\.([0-9a-f-]{36})\.(\d+)$/i

/** Names are compared without case, as the service does. */
function markerPrefix (path: string): string {
  return `${createHash('sha256').update(path.toLowerCase()).digest('hex').slice(0, 32)}.`
}

export function markerOf (locked: Target, leaseId: string, lifetimeMs: number): Marker {
  const name = `${markerPrefix(locked.path)}${leaseId}.${Math.ceil(lifetimeMs / 1000)}`
  return { leaseId, lifetimeMs, target: { share: locked.share, path: joinPath(MARKER_DIRECTORY, name) } }
}

/** Create File on an existing file sets its time anew. */
export async function touchMarker (connection: AzureFilesConnection, marker: Marker, options: ExecuteOptions): Promise<void> {
  await withParents(connection, marker.target, () => connection.execute(createFile(marker.target, 0), options), options)
}

export async function removeMarker (connection: AzureFilesConnection, marker: Pick<Marker, 'target'>): Promise<void> {
  try {
    await connection.execute(deleteFile(marker.target))
  } catch (error) {
    if (!isAbsent(error)) connection.logger.warn({ ...marker.target, error: String(error) }, 'Could not remove the marker of a lock')
  }
}

/** Those of contenders that have died, judged by the service's clock alone. */
export async function deadMarkers (connection: AzureFilesConnection, locked: Target, options: ExecuteOptions): Promise<Marker[]> {
  const directory = { share: locked.share, path: MARKER_DIRECTORY }
  const dead: Marker[] = []
  for (let marker: string | undefined, more = true; more; more = marker !== undefined) {
    const page = await connection.execute(listDirectory(directory, { prefix: markerPrefix(locked.path) }, marker), options)
    for (const entry of page.entries) {
      const found = readMarker(directory, entry)
      if (found !== undefined && ageMs(page.listedAt, entry) > found.lifetimeMs + RESOLUTION_MS) dead.push(found)
    }
    marker = page.next
  }
  return dead
}

function readMarker (directory: Target, { name, path }: DirectoryEntry): Marker | undefined {
  const match = NAME.exec(name)
  if (match === null) return undefined
  return { leaseId: match[1] as string, lifetimeMs: Number(match[2]) * 1000, target: { share: directory.share, path } }
}

function ageMs (listedAt: Date | undefined, { lastModified, lastWrittenAt }: DirectoryEntry): number {
  const touched = lastModified ?? lastWrittenAt
  return listedAt === undefined || touched === undefined ? 0 : listedAt.getTime() - touched.getTime()
}
