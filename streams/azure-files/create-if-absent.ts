import { ConflictError } from '../../lib/errors.ts'
import type { ExecuteOptions } from '../../lib/http/call.ts'
import type { AzureFilesConnection } from './connection.ts'
import { isAbsent } from './errors.ts'
import type { FileHeaders } from './headers.ts'
import type { Target } from './names.ts'
import { withParents } from './parents.ts'
import { publish, temporaryTarget } from './publish.ts'
import type { Written } from './wire.ts'
import { createFile, deleteFile, getFileProperties } from './wire-files.ts'

/**
 * Create File replaces what is there, so the file is created under another name and renamed without replacing: of any
 * number of creators one wins. @throws {ConflictError} `FileAlreadyExists`
 */
export async function createOnlyIfAbsent (connection: AzureFilesConnection, target: Target, size: number, headers: FileHeaders, options: ExecuteOptions): Promise<Written> {
  const temporary = temporaryTarget(target)
  try {
    const { fileId } = await withParents(connection, target, () => connection.execute(createFile(temporary, size, headers), options), options)
    return await publish(connection, { ...temporary, fileId, size }, target, { ...options, replace: false })
  } catch (error) {
    await discard(connection, temporary)
    throw error
  }
}

/** Ends well also when somebody else was first. */
export async function createIfAbsent (connection: AzureFilesConnection, target: Target, size: number, options: ExecuteOptions): Promise<void> {
  try {
    await connection.execute(getFileProperties(target), options)
  } catch (error) {
    if (!isAbsent(error)) throw error
    await createOnlyIfAbsent(connection, target, size, {}, options).catch(ignoreExisting)
  }
}

function ignoreExisting (error: unknown): void {
  if (!(error instanceof ConflictError)) throw error
}

/** A clean-up, whose failure never replaces the first error. */
async function discard (connection: AzureFilesConnection, temporary: Target): Promise<void> {
  try {
    await connection.execute(deleteFile(temporary))
  } catch (error) {
    if (!isAbsent(error)) connection.logger.error({ ...temporary, error: String(error) }, 'Failed to delete a temporary file')
  }
}
