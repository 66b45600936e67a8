import type { StorageError } from '../../lib/errors.ts'
import { BatchWritable } from '../../lib/flow/batch-writable.ts'
import type { Address, ItemRef } from './addressing.ts'
import { runBatch } from './batch.ts'
import type { OneDriveConnection } from './connection.ts'
import { MAX_BATCH } from './wire-batch.ts'
import { deleteRequest } from './wire-items.ts'

export interface DeleteStreamOptions {
  /** Past the recycle bin; SharePoint and OneDrive for Business only. */
  permanent?: boolean
  /** Batches in flight. Default 1. */
  concurrency?: number
  /** Items a batch, 1 to 20. Default 20. */
  batchSize?: number
  /** End well although single items could not be deleted; each one's 'result' tells. */
  tolerateFailures?: boolean
  signal?: AbortSignal
}

/** `existed` is false where there was no such item, which counts as deleted. */
export type DeleteResult =
  | { item: ItemRef, deleted: true, existed: boolean }
  | { item: ItemRef, deleted: false, error: StorageError }

/**
 * Deletes what is written (object mode): paths, ids, or items of a listing, by twenties through `$batch`. Emits 'result' for
 * each. A folder goes with all that it holds. Items that were throttled are tried again alone; where single items fail, the
 * rest is still done and then the stream fails with a `BatchIncompleteError`. Memory: `concurrency` + 1 batches of items.
 */
export class OneDriveDeleteWritable extends BatchWritable<ItemRef, DeleteResult> {
  constructor (connection: OneDriveConnection, resolve: (item: ItemRef) => Address, options: DeleteStreamOptions = {}) {
    const { batchSize = MAX_BATCH, concurrency = 1, permanent = false } = options
    if (!(batchSize <= MAX_BATCH)) throw new RangeError(`Cannot delete ${batchSize} items at once as $batch takes at most ${MAX_BATCH}`)
    super({
      runBatch: (items, signal) => deleteItems(connection, resolve, items, permanent, signal),
      failureOf: result => result.deleted ? undefined : result.error
    }, { batchSize, concurrency, tolerateFailures: options.tolerateFailures, signal: options.signal, subject: 'delete from the drive' })
  }
}

async function deleteItems (connection: OneDriveConnection, resolve: (item: ItemRef) => Address, items: ItemRef[], permanent: boolean, signal: AbortSignal): Promise<DeleteResult[]> {
  const requests = items.map((item, index) => {
    const { method, where } = deleteRequest(resolve(item), permanent)
    return { id: String(index), method, url: where.path }
  })
  const results = await runBatch(connection, requests, signal)
  return results.map((result, index) => {
    const item = items[index] as ItemRef
    if (result.done) return { item, deleted: true, existed: true }
    return result.status === 404 ? { item, deleted: true, existed: false } : { item, deleted: false, error: result.error }
  })
}
