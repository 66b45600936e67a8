import { BatchWritable } from '../../lib/flow/batch-writable.ts'
import { StorageError } from '../../lib/errors.ts'
import type { AzureFilesConnection } from './connection.ts'
import { deleteTree } from './delete-tree.ts'
import { isAbsent } from './errors.ts'
import { directoryPath, filePath } from './names.ts'
import { deleteDirectory } from './wire-directories.ts'
import { deleteFile } from './wire-files.ts'

export interface DeleteStreamOptions {
  /** Another share than the client's. */
  share?: string
  /** Requests in flight. Default 8. */
  concurrency?: number
  /** Directories with all that is in them; else only empty ones can be deleted. Default false. */
  recursive?: boolean
  /** End well although single entries could not be deleted; each one's 'result' tells. */
  tolerateFailures?: boolean
  signal?: AbortSignal
}

/** The path of a file, or an entry of a listing. */
export type DeleteItem = string | { path: string, type?: 'file' | 'directory' }

export type DeleteResult = { path: string, deleted: true } | { path: string, deleted: false, error: StorageError }

/**
 * Deletes what is written (object mode): paths of files, or entries of a listing. Emits 'result' for each; what does not
 * exist counts as deleted. Where single entries fail, the rest is still done and then the stream fails with a
 * `BatchIncompleteError`. Memory: `concurrency` + 1 items; with `recursive` one page for each level below each of them.
 */
export class AzureDeleteWritable extends BatchWritable<DeleteItem, DeleteResult> {
  constructor (connection: AzureFilesConnection, share: string, options: DeleteStreamOptions = {}) {
    super({
      // The service knows no batches.
      runBatch: async (items, signal) => await Promise.all(items.map(item => deleteItem(connection, share, item, options.recursive === true, signal))),
      failureOf: result => result.deleted ? undefined : result.error
    }, { batchSize: 1, concurrency: options.concurrency ?? 8, tolerateFailures: options.tolerateFailures, signal: options.signal, subject: `delete from share ${JSON.stringify(share)}` })
  }
}

async function deleteItem (connection: AzureFilesConnection, share: string, item: DeleteItem, recursive: boolean, signal: AbortSignal): Promise<DeleteResult> {
  const { path: given, type = 'file' } = typeof item === 'string' ? { path: item } : item
  const path = type === 'file' ? filePath(given) : directoryPath(given)
  try {
    if (type === 'file') await connection.execute(deleteFile({ share, path }), { signal })
    else if (recursive) await deleteTree(connection, { share, path }, { signal })
    else await connection.execute(deleteDirectory({ share, path }), { signal })
    return { path, deleted: true }
  } catch (error) {
    if (isAbsent(error) && error.code !== 'ShareNotFound') return { path, deleted: true }
    if (error instanceof StorageError && error.status !== undefined) return { path, deleted: false, error }
    throw error
  }
}
