/**
 * A file under a temporary name, made to appear at once under its own by one rename on the server. It is the only way in
 * which Azure Files creates a file only if it is absent, or replaces one as a whole.
 */
import { randomUUID } from 'node:crypto'
import { StorageError } from '../../lib/errors.ts'
import type { ExecuteOptions } from '../../lib/http/call.ts'
import type { AzureFilesConnection } from './connection.ts'
import { isAbsent, isDoubtful, mayBeDone } from './errors.ts'
import { joinPath, splitPath } from './names.ts'
import type { Target } from './names.ts'
import type { Written } from './wire.ts'
import { rename } from './wire-copy.ts'
import type { RenameOptions } from './wire-copy.ts'
import { getFileProperties } from './wire-files.ts'

/** Beside the file, since a rename stays within a share and need not cross directories. */
export function temporaryTarget ({ share, path }: Target): Target {
  return { share, path: joinPath(splitPath(path).parent, `.sluice-${randomUUID()}.part`) }
}

export interface Published extends Written {
  /** The answer was lost; a look at both names found the file under the new one. */
  reconciled: boolean
}

/** Rename cannot be repeated blindly: a second try after a lost answer finds the old name gone, or its own file in the way. */
export async function publish (connection: AzureFilesConnection, from: Target & { fileId: string | undefined, size: number }, to: Target, options: RenameOptions & ExecuteOptions): Promise<Published> {
  try {
    return { ...await connection.execute(rename('file', from, to, options), options), reconciled: false }
  } catch (error) {
    if (!(error instanceof StorageError) || !mayBeDone(error)) throw error
    const found = await findRenamed(connection, from, to)
    if (found !== undefined) return { ...found, reconciled: true }
    if (isDoubtful(error)) error.remote ??= 'unknown'
    throw error
  }
}

/** The file under its new name: it keeps its id, and the old name is gone. */
async function findRenamed (connection: AzureFilesConnection, from: Target & { fileId: string | undefined, size: number }, to: Target): Promise<Written | undefined> {
  try {
    const found = await connection.execute(getFileProperties(to))
    if (found.size !== from.size) return undefined
    if (from.fileId !== undefined && found.fileId !== undefined) return found.fileId === from.fileId ? found : undefined
    return await isGone(connection, from) ? found : undefined
  } catch (error) {
    connection.logger.debug({ ...to, error: String(error) }, 'Could not look up the file after a lost answer')
    return undefined
  }
}

async function isGone (connection: AzureFilesConnection, target: Target): Promise<boolean> {
  try {
    await connection.execute(getFileProperties(target))
    return false
  } catch (error) {
    if (isAbsent(error)) return true
    throw error
  }
}
