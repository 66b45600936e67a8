import { PageReadable } from '../../lib/flow/page-readable.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import type { OneDriveItem } from './item.ts'
import { checkPageSize } from './names.ts'
import { searchItems } from './wire-items.ts'

export interface SearchStreamOptions {
  pageSize?: number
  signal?: AbortSignal
}

/**
 * Finds items below a folder by name, metadata and content (object mode): whole words, `foo*` for what begins so. The index
 * lags by minutes to hours, so that it says nothing of whether a file is there. Memory holds one page.
 * Wire: https://learn.microsoft.com/graph/api/driveitem-search
 */
export class OneDriveSearchReadable extends PageReadable<OneDriveItem> {
  constructor (connection: OneDriveConnection, folder: Address, query: string, options: SearchStreamOptions = {}) {
    if (typeof query !== 'string') throw new TypeError(`Cannot search as the query must be a string: received ${typeof query}`)
    if (query === '') throw new RangeError('Cannot search as the query is empty')
    checkPageSize(options.pageSize)
    super({ fetchPage: (link, signal) => connection.execute(searchItems(folder, query, { pageSize: options.pageSize }, link), { signal }) }, { signal: options.signal })
  }
}
