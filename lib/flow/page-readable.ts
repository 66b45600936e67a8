import type { EntryReadableOptions } from './entry-readable.ts'
import { EntryReadable } from './entry-readable.ts'
import type { Page } from './page-walk.ts'
import { PageWalk } from './page-walk.ts'

export type { Page } from './page-walk.ts'

/** What a cloud implements for a `PageReadable`. */
export interface PageSource<Entry, Cursor> {
  /** The first page has no cursor. The signal aborts when the stream is destroyed. */
  fetchPage (cursor: Cursor | undefined, signal: AbortSignal): Promise<Page<Entry, Cursor>>
}

export type PageReadableOptions = EntryReadableOptions

/**
 * Lists entry by entry (object mode), page after page, and holds one page. Nothing is requested before the first read,
 * and no page before the one in hand is read. Empty pages are passed over.
 * @throws {StorageError} `EndlessListing`: the service answers with the cursor that it was given.
 */
export class PageReadable<Entry, Cursor = string> extends EntryReadable<Entry> {
  readonly #walk: PageWalk<Entry, Cursor>

  constructor (source: PageSource<Entry, Cursor>, options: PageReadableOptions = {}) {
    super(options)
    this.#walk = new PageWalk((cursor, signal) => source.fetchPage(cursor, signal))
  }

  protected override readyEntry (): Entry | null {
    return this.#walk.take() ?? null
  }

  protected override async nextEntry (signal: AbortSignal): Promise<Entry | null> {
    return await this.#walk.turn(signal) ? this.readyEntry() : null
  }
}
