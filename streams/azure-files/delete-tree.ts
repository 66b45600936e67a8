import pLimit from 'p-limit'
import { StorageError } from '../../lib/errors.ts'
import type { ExecuteOptions } from '../../lib/http/call.ts'
import type { AzureFilesConnection } from './connection.ts'
import { isAbsent } from './errors.ts'
import type { Target } from './names.ts'
import { deleteDirectory, listDirectory } from './wire-directories.ts'
import type { DirectoryEntry } from './wire-directories.ts'
import { deleteFile } from './wire-files.ts'

export interface DeleteTreeOptions extends ExecuteOptions {
  /** Files deleted at once. Default 8. */
  concurrency?: number | undefined
  onDeleted?: ((entry: { type: 'file' | 'directory', path: string }) => void) | undefined
}

/** Somebody may put a file into a directory between its last page and its deletion. */
const ROUNDS = 3

/**
 * The service deletes only empty directories: children first, then the directory. Holds one page for each level on the way
 * down. What is gone already counts as deleted, so that a second run goes on where the first one ended.
 */
export async function deleteTree (connection: AzureFilesConnection, directory: Target, options: DeleteTreeOptions = {}): Promise<void> {
  for (let round = 1; ; round++) {
    try {
      await deleteContent(connection, directory, options)
      await connection.execute(deleteDirectory(directory), options)
      break
    } catch (error) {
      if (isAbsent(error)) break
      if (!(error instanceof StorageError) || error.code !== 'DirectoryNotEmpty' || round >= ROUNDS) throw error
    }
  }
  options.onDeleted?.({ type: 'directory', path: directory.path })
}

async function deleteContent (connection: AzureFilesConnection, directory: Target, options: DeleteTreeOptions): Promise<void> {
  // A marker names the next entry, so that it stays right while those before it are deleted.
  for (let marker: string | undefined, more = true; more; more = marker !== undefined) {
    const page = await connection.execute(listDirectory(directory, {}, marker), options)
    await deleteEntries(connection, directory.share, page.entries, options)
    marker = page.next
  }
}

async function deleteEntries (connection: AzureFilesConnection, share: string, entries: DirectoryEntry[], options: DeleteTreeOptions): Promise<void> {
  const limit = pLimit(options.concurrency ?? 8)
  const files = entries.filter(entry => entry.type === 'file')
  try {
    await Promise.all(files.map(({ path }) => limit(async () => {
      await deleteIfPresent(connection, { share, path }, options)
      options.onDeleted?.({ type: 'file', path })
    })))
  } catch (error) {
    limit.clearQueue()
    throw error
  }
  for (const { type, path } of entries) if (type === 'directory') await deleteTree(connection, { share, path }, options)
}

async function deleteIfPresent (connection: AzureFilesConnection, target: Target, options: ExecuteOptions): Promise<void> {
  try {
    await connection.execute(deleteFile(target), options)
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
}
