/** Directories are not implicit on Azure Files: those that are missing above a path are made when the service misses them. */
import { NotFoundError, StorageError } from '../../lib/errors.ts'
import type { ExecuteOptions } from '../../lib/http/call.ts'
import type { AzureFilesConnection } from './connection.ts'
import { splitPath } from './names.ts'
import type { Target } from './names.ts'
import { createDirectory } from './wire-directories.ts'

/** Does `work`, and when it fails for want of the parent of `target`, makes that and does it once more. */
export async function withParents<T> (connection: AzureFilesConnection, target: Target, work: () => Promise<T>, options: ExecuteOptions = {}): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isParentMissing(error)) throw error
    await createParents(connection, { share: target.share, path: splitPath(target.path).parent }, options)
    return await work()
  }
}

/** `directory` and what is missing above it. That somebody else was faster is fine. */
export async function createParents (connection: AzureFilesConnection, directory: Target, options: ExecuteOptions = {}): Promise<void> {
  if (directory.path === '') return
  try {
    await withParents(connection, directory, () => connection.execute(createDirectory(directory), options), options)
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'DirectoryAlreadyExists') throw error
  }
}

function isParentMissing (error: unknown): boolean {
  return error instanceof NotFoundError && error.code === 'ParentNotFound'
}
