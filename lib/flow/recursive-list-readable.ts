import type { EntryReadableOptions } from './entry-readable.ts'
import { EntryReadable } from './entry-readable.ts'
import type { Page } from './page-walk.ts'
import { PageWalk } from './page-walk.ts'

/** What a cloud implements for a `RecursiveListReadable`: how to list one folder, and which entries are folders. */
export interface FolderSource<Entry, Folder, Cursor> {
  /** The first page of a folder has no cursor. The signal aborts when the stream is destroyed. */
  fetchPage (folder: Folder, cursor: Cursor | undefined, signal: AbortSignal): Promise<Page<Entry, Cursor>>
  /** The folder that an entry stands for; undefined if it is none, or is not to be entered. */
  folderOf (entry: Entry): Folder | undefined
}

/**
 * Lists a folder and all below it, depth-first: each folder comes right before what it holds (object mode).
 * Holds one page for each level on the way down, and requests lazily: a folder is listed when the entry after it is read.
 */
export class RecursiveListReadable<Entry, Folder = string, Cursor = string> extends EntryReadable<Entry> {
  readonly #source: FolderSource<Entry, Folder, Cursor>
  readonly #path: PageWalk<Entry, Cursor>[] = []

  constructor (source: FolderSource<Entry, Folder, Cursor>, root: Folder, options: EntryReadableOptions = {}) {
    super(options)
    this.#source = source
    this.#enter(root)
  }

  protected override readyEntry (): Entry | null {
    const entry = this.#path.at(-1)?.take()
    if (entry === undefined) return null
    const folder = this.#source.folderOf(entry)
    if (folder !== undefined) this.#enter(folder)
    return entry
  }

  protected override async nextEntry (signal: AbortSignal): Promise<Entry | null> {
    for (let walk = this.#path.at(-1); walk !== undefined; walk = this.#path.at(-1)) {
      if (await walk.turn(signal)) return this.readyEntry()
      this.#path.pop()
    }
    return null
  }

  #enter (folder: Folder): void {
    this.#path.push(new PageWalk((cursor, signal) => this.#source.fetchPage(folder, cursor, signal)))
  }
}
