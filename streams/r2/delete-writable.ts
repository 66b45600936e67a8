import { StorageError } from '../../lib/errors.ts'
import { BatchWritable } from '../../lib/flow/batch-writable.ts'
import type { R2Connection } from './connection.ts'
import { checkKey } from './names.ts'
import { quote } from './wire.ts'
import { deleteObject, deleteObjects } from './wire-objects.ts'
import type { DeleteResult, Target } from './wire-objects.ts'

/** Clients found 1,000 to fail at times: https://developers.cloudflare.com/r2/api/s3/api/ against OpenDAL's tests. */
const BATCH_SIZE = 700

export interface DeleteStreamOptions {
  /** Another bucket than the client's. */
  bucket?: string
  /** Requests in flight. Default 2. */
  concurrency?: number
  /** Keys a request, 1 to 1,000. Default 700. */
  batchSize?: number
  /** End well although single keys could not be deleted; each one's 'result' tells. */
  tolerateFailures?: boolean
  signal?: AbortSignal
}

/** A key, or an entry of a listing. */
export type KeyItem = string | { key: string }

/**
 * Deletes what is written (object mode): keys, or entries of a listing. Emits 'result' for each key; keys that do not
 * exist count as deleted. Where single keys fail, the rest is still done and then the stream fails with a
 * `BatchIncompleteError`. Memory: `concurrency` + 1 batches of keys.
 */
export class R2DeleteWritable extends BatchWritable<KeyItem, DeleteResult> {
  constructor (connection: R2Connection, bucket: string, options: DeleteStreamOptions = {}) {
    const { batchSize = BATCH_SIZE, concurrency = 2 } = options
    if (!(batchSize <= 1000)) throw new RangeError(`Cannot delete ${batchSize} keys at once as R2 takes at most 1000`)
    super({
      runBatch: (items, signal) => deleteKeys(connection, bucket, items.map(keyOf), signal),
      failureOf: result => result.deleted ? undefined : result.error
    }, { batchSize, concurrency, tolerateFailures: options.tolerateFailures, signal: options.signal, subject: `delete from bucket ${quote(bucket)}` })
  }
}

export function keyOf (item: KeyItem): string {
  const key = typeof item === 'string' ? item : item.key
  checkKey(key)
  return key
}

/**
 * A batch that R2 refuses as such (400) is halved, down to single keys. These go without XML, which cannot carry every
 * text that a key may be; a refusal of that is their own result.
 */
export async function deleteKeys (connection: R2Connection, bucket: string, keys: string[], signal?: AbortSignal): Promise<DeleteResult[]> {
  try {
    return await connection.execute(deleteObjects(bucket, keys), { signal })
  } catch (error) {
    if (!(error instanceof StorageError) || error.status !== 400) throw error
    if (keys.length === 1) return [await deleteAlone(connection, { bucket, key: keys[0] as string }, signal)]
    const half = Math.ceil(keys.length / 2)
    return [
      ...await deleteKeys(connection, bucket, keys.slice(0, half), signal),
      ...await deleteKeys(connection, bucket, keys.slice(half), signal)
    ]
  }
}

async function deleteAlone (connection: R2Connection, target: Target, signal?: AbortSignal): Promise<DeleteResult> {
  const { key } = target
  try {
    await connection.execute(deleteObject(target), { signal })
    return { key, deleted: true }
  } catch (error) {
    if (error instanceof StorageError && error.status === 400) return { key, deleted: false, error }
    throw error
  }
}
