import { PageReadable } from '../../lib/flow/page-readable.ts'
import { RecursiveListReadable } from '../../lib/flow/recursive-list-readable.ts'
import type { AzureFilesConnection } from './connection.ts'
import { checkPageSize } from './names.ts'
import type { Target } from './names.ts'
import { listDirectory } from './wire-directories.ts'
import type { DirectoryEntry, ListOptions } from './wire-directories.ts'

export interface ListStreamOptions extends ListOptions {
  /** Another share than the client's. */
  share?: string
  /** All that is below too, each directory right before what it holds. Default false. */
  recursive?: boolean
  signal?: AbortSignal
}

/**
 * Lists one directory entry by entry, in the order of the names (object mode). The next page is asked for when this one
 * is consumed; memory holds one page (at most 5,000 entries).
 */
export class AzureListReadable extends PageReadable<DirectoryEntry, string> {
  constructor (connection: AzureFilesConnection, directory: Target, options: ListStreamOptions = {}) {
    checkPageSize(options.pageSize)
    super({ fetchPage: (marker, signal) => connection.execute(listDirectory(directory, options, marker), { signal }) }, { signal: options.signal })
  }
}

/** A directory and all below it, depth-first; memory holds one page for each level on the way down. */
export function recursiveList (connection: AzureFilesConnection, directory: Target, options: ListStreamOptions = {}): RecursiveListReadable<DirectoryEntry> {
  checkPageSize(options.pageSize)
  if (options.prefix !== undefined) throw new RangeError('Cannot list with recursive and prefix together as a prefix is of the names in one directory')
  const { share } = directory
  return new RecursiveListReadable<DirectoryEntry>({
    fetchPage: (path, marker, signal) => connection.execute(listDirectory({ share, path }, options, marker), { signal }),
    folderOf: entry => entry.type === 'directory' ? entry.path : undefined
  }, directory.path, { signal: options.signal })
}
