import { isDeepStrictEqual } from 'node:util'
import { StorageError } from '../errors.ts'

export interface Page<Entry, Cursor> {
  entries: Entry[]
  /** Undefined after the last page. */
  next: Cursor | undefined
}

export type FetchPage<Entry, Cursor> = (cursor: Cursor | undefined, signal: AbortSignal) => Promise<Page<Entry, Cursor>>

/** Goes through a listing entry by entry and holds one page of it. */
export class PageWalk<Entry, Cursor> {
  readonly #fetchPage: FetchPage<Entry, Cursor>
  #entries: Entry[] = []
  #index = 0
  #cursor: Cursor | undefined
  #ended = false

  constructor (fetchPage: FetchPage<Entry, Cursor>) {
    this.#fetchPage = fetchPage
  }

  /** The next entry; undefined where the page is used up. */
  take (): Entry | undefined {
    return this.#entries[this.#index++]
  }

  /** Gets a page unless there are entries left in this one; false after the last entry of the last page. */
  async turn (signal: AbortSignal): Promise<boolean> {
    while (this.#index >= this.#entries.length) {
      if (this.#ended) return false
      this.#open(await this.#fetchPage(this.#cursor, signal))
    }
    return true
  }

  #open ({ entries, next }: Page<Entry, Cursor>): void {
    // Services do answer with the cursor they were given; following it would list the same page for ever.
    if (next !== undefined && isDeepStrictEqual(next, this.#cursor)) {
      throw new StorageError('Cannot go on listing as the service answered with the cursor it was given', { code: 'EndlessListing' })
    }
    this.#entries = entries
    this.#index = 0
    this.#cursor = next
    this.#ended = next === undefined
  }
}
