import { PageReadable } from '../../lib/flow/page-readable.ts'
import { RecursiveListReadable } from '../../lib/flow/recursive-list-readable.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import type { OneDriveItem } from './item.ts'
import { checkPageSize } from './names.ts'
import type { Page } from './wire.ts'
import { itemById, listChildren } from './wire-items.ts'
import type { ChildrenOptions } from './wire-items.ts'

export interface ListStreamOptions extends ChildrenOptions {
  /** The folder and all below it, depth-first. */
  recursive?: boolean
  signal?: AbortSignal
}

/** The service's 200 make five times the requests; the largest page that mature clients found safe. */
const PAGE_SIZE = 999

/**
 * Lists the children of a folder (object mode), in the order of the service. The next page is asked for when this one is
 * consumed; memory holds one page (at most 1,000 items). Children that others make or remove meanwhile may be missed or
 * come twice: only a delta is complete.
 */
export class OneDriveListReadable extends PageReadable<OneDriveItem> {
  constructor (connection: OneDriveConnection, folder: Address, options: ListStreamOptions = {}) {
    checkPageSize(options.pageSize)
    super({ fetchPage: (link, signal) => childrenOf(connection, { address: folder, path: pathOf(folder) }, options, link, signal) }, { signal: options.signal })
  }
}

/** A folder on the way down, with its path, as the answers do not always tell one. */
interface Folder {
  address: Address
  path: string | undefined
}

/**
 * Lists a folder and all below it, each folder right before what it holds (object mode). Memory: one page for each level on
 * the way down; a folder is listed when the item after it is read. Notebooks and shortcuts to other drives are not entered.
 */
export function recursiveList (connection: OneDriveConnection, folder: Address, options: ListStreamOptions = {}): RecursiveListReadable<OneDriveItem, Folder> {
  checkPageSize(options.pageSize)
  return new RecursiveListReadable<OneDriveItem, Folder>({
    fetchPage: (below, link, signal) => childrenOf(connection, below, options, link, signal),
    folderOf: item => item.type === 'folder' ? { address: { ...itemById(folder, item.id), name: JSON.stringify(item.path ?? item.name) }, path: item.path } : undefined
  }, { address: folder, path: pathOf(folder) }, { signal: options.signal })
}

async function childrenOf (connection: OneDriveConnection, { address, path }: Folder, options: ListStreamOptions, link: string | undefined, signal: AbortSignal): Promise<Page<OneDriveItem, string>> {
  const { pageSize = PAGE_SIZE, orderBy } = options
  const page = await connection.execute(listChildren(address, { pageSize, orderBy }, link), { signal })
  if (path === undefined) return page
  return { ...page, entries: page.entries.map(item => ({ ...item, path: `${path === '/' ? '' : path}/${item.name}` })) }
}

/** Below the root the path is known from the question; below an item only the answers tell. */
function pathOf ({ anchor, segments }: Address): string | undefined {
  return anchor === '/root' ? `/${segments.join('/')}` : undefined
}
