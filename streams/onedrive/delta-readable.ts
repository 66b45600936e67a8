import { PageReadable } from '../../lib/flow/page-readable.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import { ResyncRequiredError } from './errors.ts'
import type { ResyncKind } from './errors.ts'
import type { OneDriveItem } from './item.ts'
import { checkPageSize } from './names.ts'
import type { DeltaPage } from './wire-items.ts'
import { listDelta } from './wire-items.ts'

export interface DeltaStreamOptions {
  /**
   * Where the changes begin: the `deltaLink` of an earlier stream, `latest` for only what comes from now on, on SharePoint
   * also a time in ISO form. Default: all items, as if each were new.
   */
  since?: string
  /** The service has forgotten the token: `follow` lists all anew after the event 'resync', `fail` ends the stream. Default `follow`. */
  resync?: 'follow' | 'fail'
  pageSize?: number
  signal?: AbortSignal
}

/** The state of one item; an item may come more than once, and the last one counts. */
export type OneDriveChange =
  | { type: 'updated', item: OneDriveItem }
  | { type: 'deleted', item: OneDriveItem }

/** What the event 'resync' carries. */
export interface Resync { kind: ResyncKind }

/**
 * Lists what has changed below the root of a drive, or on personal drives below any folder (object mode). After 'end',
 * `deltaLink` is where the next stream goes on. Items have no path: keep them by id. Where the service has forgotten the
 * token, 'resync' is emitted and all items follow anew: what is not among them is gone. Memory holds one page.
 *
 * Wire: https://learn.microsoft.com/graph/api/driveitem-delta
 * @throws {ResyncRequiredError} with `resync: 'fail'`.
 */
export class OneDriveDeltaReadable extends PageReadable<OneDriveChange> {
  #deltaLink: string | undefined

  constructor (connection: OneDriveConnection, folder: Address, options: DeltaStreamOptions = {}) {
    check(options)
    super({
      fetchPage: async (link, signal) => {
        const page = await this.#fetch(connection, folder, link ?? options.since, options, signal)
        this.#deltaLink = page.deltaLink
        return { entries: page.entries.map(changeOf), next: page.next }
      }
    }, { signal: options.signal })
  }

  /** From 'end' on: what the next stream takes as `since`. */
  get deltaLink (): string | undefined {
    return this.#deltaLink
  }

  async #fetch (connection: OneDriveConnection, folder: Address, from: string | undefined, options: DeltaStreamOptions, signal: AbortSignal): Promise<DeltaPage> {
    try {
      return await connection.execute(listDelta(folder, from, options.pageSize), { signal })
    } catch (error) {
      if (!(error instanceof ResyncRequiredError) || options.resync === 'fail' || from === undefined || from === error.link) throw error
      const resync: Resync = { kind: error.kind }
      this.emit('resync', resync)
      return await connection.execute(listDelta(folder, error.link, options.pageSize), { signal })
    }
  }
}

function changeOf (item: OneDriveItem): OneDriveChange {
  return { type: item.deleted ? 'deleted' : 'updated', item }
}

function check ({ since, resync, pageSize }: DeltaStreamOptions): void {
  checkPageSize(pageSize)
  if (since !== undefined && (typeof since !== 'string' || since === '')) throw new TypeError('Cannot list changes as since must be a delta link or a token')
  if (resync !== undefined && resync !== 'follow' && resync !== 'fail') throw new RangeError(`Cannot list changes as resync must be 'follow' or 'fail': received ${JSON.stringify(resync)}`)
}
