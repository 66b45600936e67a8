import { setMaxListeners } from 'node:events'
import { Transform } from 'node:stream'
import { onAbort } from '../abort.ts'
import { AbortError } from '../errors.ts'
import { dispose, toError } from './lifecycle.ts'
import { positiveInteger } from './validate.ts'

/** What a cloud implements for an `EachTransform`. The signal aborts when the stream is destroyed. */
export interface EachRunner<Item, Result extends object> { runOne (item: Item, signal: AbortSignal): Promise<Result> }

export interface EachTransformOptions {
  /** How many items may be in flight. Default 4. */
  concurrency?: number | undefined
  /** `stop` destroys the stream with the first error; `yield` delivers an `ItemFailure` in the place of the result. Default `stop`. */
  onError?: 'stop' | 'yield' | undefined
  signal?: AbortSignal | undefined
}

/** What comes in the place of a result where `onError` is `yield`. */
export interface ItemFailure<Item> { item: Item, error: Error }

type Done = (error?: Error | null) => void

/**
 * One result for each item (object mode), in the order of the items, `concurrency` of them at work at once.
 * A result waits for those before it and keeps its place among the `concurrency`, so no more are held than that.
 */
export class EachTransform<Item, Result extends object> extends Transform {
  readonly #runner: EachRunner<Item, Result>
  readonly #concurrency: number
  readonly #yieldErrors: boolean
  readonly #cancel = new AbortController()
  readonly #stopListening: () => void
  readonly #queue: { delivered: Promise<void> }[] = []
  #tail: Promise<void> = Promise.resolve()

  constructor (runner: EachRunner<Item, Result>, { concurrency = 4, onError = 'stop', signal }: EachTransformOptions = {}) {
    positiveInteger('concurrency', concurrency)
    super({ objectMode: true, readableHighWaterMark: concurrency, writableHighWaterMark: concurrency })
    this.#runner = runner
    this.#concurrency = concurrency
    this.#yieldErrors = onError === 'yield'
    setMaxListeners(0, this.#cancel.signal)
    // Destroyed on the next tick only, but from here on nothing is sent.
    if (signal?.aborted === true) this.#cancel.abort(new AbortError(signal.reason))
    this.#stopListening = onAbort(signal, reason => this.destroy(new AbortError(reason)))
  }

  override _transform (item: Item, _encoding: BufferEncoding, done: Done): void {
    this.#tail = this.#deliver(this.#run(item), this.#tail)
    this.#queue.push({ delivered: this.#tail })
    if (this.#queue.length < this.#concurrency) return done()
    this.#queue[0]?.delivered.then(() => done(), done)
  }

  override _flush (done: Done): void {
    this.#tail.then(() => done(), done)
  }

  override _destroy (error: Error | null, done: Done): void {
    this.#stopListening()
    this.#cancel.abort(error ?? new AbortError(undefined, 'The stream was destroyed'))
    this.#tail.then(() => done(error), () => done(error))
  }

  override [Symbol.asyncDispose] (): Promise<void> {
    return dispose(this)
  }

  /** Never rejects: where errors are not results, one destroys the stream at once, not when its turn comes. */
  async #run (item: Item): Promise<Result | ItemFailure<Item> | undefined> {
    try {
      this.#cancel.signal.throwIfAborted()
      return await this.#runner.runOne(item, this.#cancel.signal)
    } catch (thrown) {
      const error = toError(thrown)
      if (this.#yieldErrors) return { item, error }
      this.destroy(error)
      return undefined
    }
  }

  async #deliver (running: Promise<Result | ItemFailure<Item> | undefined>, before: Promise<void>): Promise<void> {
    await before
    const result = await running
    this.#queue.shift()
    if (!this.destroyed) this.push(result)
  }
}
