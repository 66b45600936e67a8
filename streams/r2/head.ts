import { StorageError } from '../../lib/errors.ts'
import type { ExecuteOptions } from '../../lib/http/call.ts'
import type { R2Connection } from './connection.ts'
import type { Conditions } from './headers.ts'
import { getObject, headObject } from './wire-objects.ts'
import type { R2ObjectInfo, Target } from './wire-objects.ts'

/** The properties of an object as it is stored. */
export async function headAsStored (connection: R2Connection, target: Target, conditions: Conditions, options: ExecuteOptions): Promise<R2ObjectInfo> {
  return await asStored(connection, target, await connection.execute(headObject(target, conditions), options), options)
}

/**
 * Where Cloudflare's edge has repacked the answer to HEAD, it has no length, a weak etag and lacks the encoding: no base
 * for a condition or a comparison. A range is never repacked, so that one byte of the object tells them.
 */
export async function asStored (connection: R2Connection, target: Target, info: R2ObjectInfo, options: ExecuteOptions): Promise<R2ObjectInfo> {
  if (!Number.isNaN(info.size)) return info
  try {
    const ranged = await connection.execute(getObject(target, { start: 0, end: 0 }), options)
    ranged.body.destroy()
    return { ...ranged.info, checksums: info.checksums }
  } catch (error) {
    if (error instanceof StorageError && error.status === 416) return { ...info, size: 0 }
    throw error
  }
}
