/** What is there under the name of an upload, and whether it is what was sent: for answers that were lost or said nothing. */
import { AbortError, NotFoundError, StorageError } from '../../lib/errors.ts'
import { Patience } from '../../lib/flow/patience.ts'
import type { Tally } from '../../lib/http/call.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import type { OneDriveItem } from './item.ts'
import { isSameContent } from './verify.ts'
import type { SentContent } from './verify.ts'
import { getItem } from './wire-items.ts'

/** Things just written are not found by every server at once. */
const PATIENCE = { attempts: 3, initialMs: 500, maxMs: 2000 }
/** SharePoint keeps whole seconds, and the two clocks may differ by as much again. */
const MODIFIED_SLACK_MS = 2000

export class UploadLookup {
  readonly #connection: OneDriveConnection
  readonly #address: Address
  readonly #tally: Tally
  readonly #startedAt: number

  constructor (connection: OneDriveConnection, address: Address, tally: Tally) {
    this.#connection = connection
    this.#address = address
    this.#tally = tally
    this.#startedAt = connection.clock.now()
  }

  /** The file of which the service said that it is stored. @throws {StorageError} with `remote` `stored`: it cannot be shown. */
  async stored (signal?: AbortSignal): Promise<OneDriveItem> {
    try {
      const item = await this.#find(() => true, signal)
      if (item !== undefined) return item
    } catch (error) {
      if (error instanceof StorageError || error instanceof AbortError) error.remote = 'stored'
      throw error
    }
    throw new StorageError(`Cannot show ${this.#address.name}: the service said that it is stored, and does not find it`, { code: 'UploadIncomplete', remote: 'stored' })
  }

  /** The file, where it has the bytes that were sent; undefined where it has not, or nobody can tell. */
  async ours (sent: SentContent, signal?: AbortSignal): Promise<OneDriveItem | undefined> {
    const item = await this.#look(sent, signal)
    return item === 'untold' ? undefined : item
  }

  /** What is left of an upload whose session is no more, or cannot be cancelled. */
  async state (sent: SentContent): Promise<'stored' | 'absent' | 'unknown'> {
    const item = await this.#look(sent, undefined)
    if (item === 'untold') return 'unknown'
    return item === undefined ? 'absent' : 'stored'
  }

  async #look (sent: SentContent, signal: AbortSignal | undefined): Promise<OneDriveItem | undefined | 'untold'> {
    try {
      return await this.#find(item => isSameContent(item, sent, this.#startedAt - MODIFIED_SLACK_MS), signal)
    } catch (error) {
      this.#connection.logger.debug({ item: this.#address.name, error: String(error) }, 'Could not look up the file after a lost answer')
      return 'untold'
    }
  }

  async #find (accept: (item: OneDriveItem) => boolean, signal: AbortSignal | undefined): Promise<OneDriveItem | undefined> {
    for (const patience = new Patience(PATIENCE, this.#connection.clock); ;) {
      try {
        const item = await this.#connection.execute(getItem(this.#address), { signal, tally: this.#tally })
        return accept(item) ? item : undefined
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error
        if (!patience.fail()) return undefined
      }
      await patience.wait(0, signal ?? new AbortController().signal)
    }
  }
}

/** The file of an upload, and how it is known. */
export interface Found {
  item: OneDriveItem
  /** The answer was lost; a look found it. */
  reconciled: boolean
}
