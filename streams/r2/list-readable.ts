import { PageReadable } from '../../lib/flow/page-readable.ts'
import type { R2Connection } from './connection.ts'
import { listObjects } from './wire-list.ts'
import type { ListOptions, R2ListEntry } from './wire-list.ts'

export interface ListStreamOptions extends ListOptions {
  /** Another bucket than the client's. */
  bucket?: string
  signal?: AbortSignal
}

/**
 * Lists a bucket entry by entry in the byte order of the keys (object mode), with a `delimiter` one level of it. The
 * next page is asked for when this one is consumed; memory holds one page (at most 1,000 entries).
 */
export class R2ListReadable extends PageReadable<R2ListEntry, string> {
  constructor (connection: R2Connection, bucket: string, options: ListStreamOptions = {}) {
    checkPageSize(options.pageSize)
    super({ fetchPage: (token, signal) => connection.execute(listObjects(bucket, options, token), { signal }) }, { signal: options.signal })
  }
}

/** A page of none is answered as truncated and would be asked for without end. */
export function checkPageSize (pageSize: number | undefined): void {
  if (pageSize === undefined || (Number.isInteger(pageSize) && pageSize >= 1 && pageSize <= 1000)) return
  throw new RangeError(`Cannot list pages of ${pageSize} entries as pageSize must be a whole number from 1 to 1000`)
}
