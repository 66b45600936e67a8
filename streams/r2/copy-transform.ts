import { EachTransform } from '../../lib/flow/each-transform.ts'
import type { EachTransformOptions } from '../../lib/flow/each-transform.ts'
import type { R2Connection } from './connection.ts'
import { copyOnServer } from './copy.ts'
import type { ServerCopyOptions } from './copy.ts'
import { checkKey } from './names.ts'
import type { CopyResult } from './wire-objects.ts'

export interface CopyItem {
  from: string
  to: string
}

export type CopiedItem = CopyItem & CopyResult

export interface CopyStreamOptions extends Omit<ServerCopyOptions, 'signal'>, EachTransformOptions {
  /** Another bucket than the client's, for both ends unless the next two say otherwise. */
  bucket?: string
  fromBucket?: string
  toBucket?: string
}

/** Copies on the server, one object for each `{ from, to }` written (object mode); results come in the order of the items. */
export class R2CopyTransform extends EachTransform<CopyItem, CopiedItem> {
  constructor (connection: R2Connection, buckets: { from: string, to: string }, options: CopyStreamOptions = {}) {
    super({
      runOne: async ({ from, to }, signal) => {
        checkKey(from)
        checkKey(to)
        const copied = await copyOnServer(connection, { bucket: buckets.from, key: from }, { bucket: buckets.to, key: to }, { ...options, signal })
        return { from, to, ...copied }
      }
    }, options)
  }
}
