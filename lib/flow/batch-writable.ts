import { setMaxListeners } from 'node:events'
import { Writable } from 'node:stream'
import { onAbort } from '../abort.ts'
import { AbortError, StorageError } from '../errors.ts'
import { dispose, toError } from './lifecycle.ts'
import { positiveInteger } from './validate.ts'

/** How many failures of single items a `BatchIncompleteError` keeps. */
export const KEPT_FAILURES = 1000

/** What a cloud implements for a `BatchWritable`. */
export interface BatchRunner<Item, ItemResult> {
  /** One result for each item. To reject is to give up the whole stream. */
  runBatch (items: Item[], signal: AbortSignal): Promise<ItemResult[]>
  /** Why this one item failed; undefined where it did not. */
  failureOf (result: ItemResult): Error | undefined
}

export interface BatchWritableOptions {
  batchSize: number
  /** How many batches may be in flight. Default 1. */
  concurrency?: number | undefined
  /** End well also where single items failed. */
  tolerateFailures?: boolean | undefined
  signal?: AbortSignal | undefined
  /** What is done, for messages: `delete from "backups"`. */
  subject?: string | undefined
}

/** Some items of a stream failed while the others were done. */
export class BatchIncompleteError extends StorageError {
  override name = 'BatchIncompleteError'
  static override readonly defaultCode: string = 'BatchIncomplete'
  /** The first thousand. */
  readonly failures: Error[]
  readonly succeeded: number
  readonly failed: number

  constructor (message: string, options: { failures: Error[], succeeded: number, failed: number }) {
    super(message, { cause: options.failures[0] })
    this.failures = options.failures
    this.succeeded = options.succeeded
    this.failed = options.failed
  }
}

type Done = (error?: Error | null) => void

/**
 * Gathers items (object mode) into batches of `batchSize`, the last one smaller, and runs `concurrency` of them at once.
 * Emits 'result' for each item in the order of completion. Where single items fail, all others are still done; then the
 * stream fails with a `BatchIncompleteError`, unless `tolerateFailures`. Memory: the items of `concurrency` + 1 batches.
 * `destroy` aborts the batches in flight and waits for them; whether their items were done is not known.
 */
export class BatchWritable<Item, ItemResult> extends Writable {
  readonly #runner: BatchRunner<Item, ItemResult>
  readonly #options: BatchWritableOptions
  readonly #concurrency: number
  readonly #cancel = new AbortController()
  readonly #inFlight = new Set<Promise<void>>()
  readonly #failures: Error[] = []
  readonly #stopListening: () => void
  #gathered: Item[] = []
  #succeeded = 0
  #failed = 0

  constructor (runner: BatchRunner<Item, ItemResult>, options: BatchWritableOptions) {
    positiveInteger('batchSize', options.batchSize)
    const concurrency = positiveInteger('concurrency', options.concurrency ?? 1)
    super({ objectMode: true })
    this.#runner = runner
    this.#options = options
    this.#concurrency = concurrency
    setMaxListeners(0, this.#cancel.signal)
    // Destroyed on the next tick only, but from here on nothing is sent.
    if (options.signal?.aborted === true) this.#cancel.abort(new AbortError(options.signal.reason))
    this.#stopListening = onAbort(options.signal, reason => this.destroy(new AbortError(reason)))
  }

  get succeeded (): number {
    return this.#succeeded
  }

  get failed (): number {
    return this.#failed
  }

  override _write (item: Item, _encoding: BufferEncoding, done: Done): void {
    this.#gathered.push(item)
    if (this.#gathered.length < this.#options.batchSize) return done()
    this.#send().then(() => done(), done)
  }

  override _final (done: Done): void {
    this.#finish().then(() => done(), done)
  }

  override _destroy (error: Error | null, done: Done): void {
    this.#stopListening()
    this.#cancel.abort(error ?? new AbortError(undefined, 'The stream was destroyed'))
    Promise.all(this.#inFlight).then(() => done(error), () => done(error))
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return dispose(this)
  }

  async #send (): Promise<void> {
    while (this.#inFlight.size >= this.#concurrency) await Promise.race(this.#inFlight)
    this.#cancel.signal.throwIfAborted()
    const running = this.#run(this.#gathered).finally(() => this.#inFlight.delete(running))
    this.#inFlight.add(running)
    this.#gathered = []
  }

  /** Never rejects. */
  async #run (items: Item[]): Promise<void> {
    try {
      const results = await this.#runner.runBatch(items, this.#cancel.signal)
      for (const result of results) this.#count(result)
    } catch (error) {
      this.destroy(toError(error))
    }
  }

  #count (result: ItemResult): void {
    const failure = this.#runner.failureOf(result)
    if (failure === undefined) this.#succeeded++
    else if (++this.#failed <= KEPT_FAILURES) this.#failures.push(failure)
    if (!this.destroyed) this.emit('result', result)
  }

  async #finish (): Promise<void> {
    if (this.#gathered.length > 0) await this.#send()
    await Promise.all(this.#inFlight)
    this.#cancel.signal.throwIfAborted()
    if (this.#failed > 0 && this.#options.tolerateFailures !== true) throw this.#incomplete()
  }

  #incomplete (): BatchIncompleteError {
    const total = this.#succeeded + this.#failed
    return new BatchIncompleteError(`Cannot ${this.#options.subject ?? 'run the whole batch'}: ${this.#failed} of ${total} items failed, first: ${this.#failures[0]?.message}`,
      { failures: this.#failures, succeeded: this.#succeeded, failed: this.#failed })
  }
}
