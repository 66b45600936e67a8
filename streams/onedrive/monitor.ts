import { StorageError } from '../../lib/errors.ts'
import { Patience } from '../../lib/flow/patience.ts'
import type { Secret } from '../../lib/secret.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import type { OneDriveItem } from './item.ts'
import { getCopyStatus } from './wire-copy.ts'
import type { CopyStatus, Monitor } from './wire-copy.ts'
import { getItem, itemById } from './wire-items.ts'

export interface WaitOptions {
  /** Hears each answer of the monitor. */
  onProgress?: ((status: CopyStatus) => void) | undefined
  signal?: AbortSignal | undefined
}

/** Time between two questions, longer each time, unless the service names one. */
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 10_000
/** A copy that is said to be there is not found by every server at once. */
const LOOKUP = { attempts: 5, initialMs: 500, maxMs: 5000 }

/** A copy or move that goes on at the service. The process may end meanwhile; the work goes on. */
export class CopyOperation {
  readonly #connection: OneDriveConnection
  readonly #monitor: Monitor
  readonly #source: Address
  readonly #target: { drive: string, child: Address | undefined }

  constructor (connection: OneDriveConnection, monitor: Monitor, source: Address, target: { drive: string, child: Address | undefined }) {
    this.#connection = connection
    this.#monitor = monitor
    this.#source = source
    this.#target = target
  }

  /** Where the state is asked for; carries its own token. */
  get monitorUrl (): Secret {
    return this.#monitor.link
  }

  async status (options: { signal?: AbortSignal | undefined } = {}): Promise<CopyStatus> {
    return await this.#connection.execute(getCopyStatus(this.#monitor, this.#source.name, this.#connection.clock.now()), options)
  }

  /**
   * The new item, when it is there.
   * @throws {StorageError} the copy failed: `Conflict` where the name was taken, else `CopyFailed` with the service's code.
   */
  async wait ({ onProgress, signal }: WaitOptions = {}): Promise<OneDriveItem> {
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2)) {
      const status = await this.status({ signal })
      onProgress?.(status)
      if (status.state === 'completed') return await this.#result(status, signal)
      if (status.state !== 'running') throw status.error ?? new StorageError(`Cannot copy ${this.#source.name}: the copy was ${status.state}`, { code: 'CopyFailed', operation: 'CopyItem' })
      await this.#connection.clock.sleep(status.retryAfterMs ?? waitMs, signal)
    }
  }

  /** Ids come from the answer and never from the URL of the monitor. */
  async #result ({ item, itemId }: CopyStatus, signal: AbortSignal | undefined): Promise<OneDriveItem> {
    if (item !== undefined) return item
    const { drive, child } = this.#target
    const address = itemId === undefined ? child : itemById({ drive, anchor: '/root', segments: [], name: this.#source.name }, itemId)
    if (address === undefined) throw new StorageError(`Cannot tell the copy of ${this.#source.name}: it is complete, and the monitor names no item`, { code: 'MalformedAnswer', remote: 'stored', operation: 'CopyItem' })
    const patience = new Patience(LOOKUP, this.#connection.clock)
    for (;;) {
      try {
        return await this.#connection.execute(getItem(address), { signal })
      } catch (error) {
        if (!(error instanceof StorageError) || error.status !== 404 || !patience.fail()) throw error
        await patience.wait(0, signal ?? new AbortController().signal)
      }
    }
  }
}
