import { EachTransform } from '../../lib/flow/each-transform.ts'
import type { EachTransformOptions } from '../../lib/flow/each-transform.ts'
import type { R2Connection } from './connection.ts'
import { keyOf } from './delete-writable.ts'
import type { KeyItem } from './delete-writable.ts'
import { headAsStored } from './head.ts'
import type { R2ObjectInfo } from './wire-objects.ts'

export interface HeadStreamOptions extends EachTransformOptions {
  /** Another bucket than the client's. */
  bucket?: string
}

/** Properties and metadata, one answer for each key or listing entry written (object mode), in their order. */
export class R2HeadTransform extends EachTransform<KeyItem, R2ObjectInfo> {
  constructor (connection: R2Connection, bucket: string, options: HeadStreamOptions = {}) {
    super({ runOne: (item, signal) => headAsStored(connection, { bucket, key: keyOf(item) }, {}, { signal }) }, options)
  }
}
