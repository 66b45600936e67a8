import { Readable } from 'node:stream'
import { onAbort } from '../abort.ts'
import { AbortError } from '../errors.ts'
import { dispose, toError } from './lifecycle.ts'

export interface EntryReadableOptions {
  /** In entries. Default 1: the next page is requested when the last entry of this one is read. More reads ahead. */
  highWaterMark?: number | undefined
  signal?: AbortSignal | undefined
}

/** Object mode: delivers what `nextEntry` finds, one at a time. `destroy` aborts the request in flight. */
export abstract class EntryReadable<Entry> extends Readable {
  readonly #cancel = new AbortController()
  readonly #stopListening: () => void

  constructor ({ highWaterMark = 1, signal }: EntryReadableOptions = {}) {
    super({ objectMode: true, highWaterMark })
    // Destroyed on the next tick only, but from here on nothing is requested.
    if (signal?.aborted === true) this.#cancel.abort(new AbortError(signal.reason))
    this.#stopListening = onAbort(signal, reason => this.destroy(new AbortError(reason)))
  }

  /** The next entry if it is here, `null` if it takes a request. */
  protected abstract readyEntry (): Entry | null

  /** The next entry, requested; `null` at the end. */
  protected abstract nextEntry (signal: AbortSignal): Promise<Entry | null>

  override _read (): void {
    const entry = this.readyEntry()
    if (entry !== null) this.push(entry)
    else this.#request().catch(error => this.destroy(toError(error)))
  }

  override _destroy (error: Error | null, done: (error?: Error | null) => void): void {
    this.#stopListening()
    if (!this.readableEnded) this.#cancel.abort(error ?? new AbortError(undefined, 'The stream was destroyed'))
    done(error)
  }

  override [Symbol.asyncDispose] (): Promise<void> {
    return dispose(this)
  }

  async #request (): Promise<void> {
    const { signal } = this.#cancel
    signal.throwIfAborted()
    const entry = await this.nextEntry(signal)
    if (!this.destroyed) this.push(entry)
  }
}
