import { createHash } from 'node:crypto'
import { addAbortSignal, Transform, type TransformCallback } from 'node:stream'
import type { ContentEntry, ContentStore } from '../lib/simulation/content-store.ts'
import { checkSignal, optionMessage } from './option-checks.ts'

export interface RecordingTeeOptions {
  /** `fail`: the stream fails with the store's error. `continue`: the bytes go on, `'store-error'` is emitted once. */
  onStoreError?: 'fail' | 'continue' | undefined
  signal?: AbortSignal | undefined
}

/** What was stored: `sha256` in lower-case hex, `size` in bytes. */
export interface StoredContent {
  sha256: string
  size: number
}

type State =
  | { phase: 'recording', entry: ContentEntry }
  | { phase: 'stored', content: StoredContent }
  | { phase: 'abandoned', error: Error }

/** See `recordingTee()`. */
export class RecordingTee extends Transform {
  readonly #continues: boolean
  readonly #sha256 = createHash('sha256')
  #size = 0
  #state: State
  #inFlight: Promise<void> = Promise.resolve()

  constructor (store: ContentStore, { onStoreError = 'fail', signal }: RecordingTeeOptions = {}) {
    if (typeof store?.create !== 'function') throw new TypeError(optionMessage('create recordingTee', 'store', 'a content store', store))
    if (onStoreError !== 'fail' && onStoreError !== 'continue') {
      throw new RangeError(optionMessage('create recordingTee', 'onStoreError', '"fail" or "continue"', onStoreError))
    }
    checkSignal('create recordingTee', signal)
    super()
    this.#continues = onStoreError === 'continue'
    this.#state = { phase: 'recording', entry: store.create() }
    if (signal !== undefined) addAbortSignal(signal, this)
  }

  /** Known from before `'end'` on; undefined when the store failed. */
  get content (): StoredContent | undefined {
    return this.#state.phase === 'stored' ? this.#state.content : undefined
  }

  /** Why there is no content, with `onStoreError: 'continue'`. */
  get storeError (): Error | undefined {
    return this.#state.phase === 'abandoned' ? this.#state.error : undefined
  }

  override _transform (chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    // Stored before it is handed on: a consumer that changes the chunk in place must not change the record.
    this.#inFlight = this.#record(chunk)
    this.#inFlight.then(() => done(null, chunk), done)
  }

  override _flush (done: TransformCallback): void {
    this.#inFlight = this.#commit()
    this.#inFlight.then(() => done(), done)
  }

  override _destroy (error: Error | null, done: (error?: Error | null) => void): void {
    this.#inFlight
      .catch(() => undefined) // already reported by _transform or _flush
      .then(() => this.#discard()) // only now: a write in flight would come after the discard
      .then(() => done(error), () => done(error)) // a clean-up that fails does not replace the first error
  }

  async #record (chunk: Buffer): Promise<void> {
    if (this.#state.phase !== 'recording') return
    this.#sha256.update(chunk)
    this.#size += chunk.length
    await this.#try(this.#state.entry.write(chunk))
  }

  async #commit (): Promise<void> {
    if (this.#state.phase !== 'recording') return
    const content = { sha256: this.#sha256.digest('hex'), size: this.#size }
    if (await this.#try(this.#state.entry.commit(content.sha256, content.size))) this.#state = { phase: 'stored', content }
  }

  async #try (work: Promise<void>): Promise<boolean> {
    try {
      await work
      return true
    } catch (error) {
      if (!this.#continues) throw error
      await this.#abandon(error instanceof Error ? error : new Error(String(error)))
      return false
    }
  }

  async #abandon (error: Error): Promise<void> {
    await this.#discard()
    this.#state = { phase: 'abandoned', error }
    this.emit('store-error', error)
  }

  /** A clean-up that fails never hides what led to it. */
  async #discard (): Promise<void> {
    if (this.#state.phase === 'recording') await this.#state.entry.discard().catch(() => undefined)
  }
}

/**
 * Bytes pass untouched and are stored on the way under their SHA-256, at the pace of the slower side. `'end'` comes after
 * the store has committed; then `.content` is `{ sha256, size }`. A stream that is destroyed stores nothing. Holds the
 * one chunk that the store is writing.
 *
 * @param options.onStoreError `'fail'` unless told. With `'continue'` a failed store loses the record and not the transfer:
 *   `'store-error'` is emitted, `.storeError` says why, and the remaining bytes pass without it.
 * @example
 * const tee = recordingTee(new FolderContentStore('./recordings'))
 * await pipeline(r2.createReadStream('db.dump'), tee, createWriteStream('db.dump'))
 */
export function recordingTee (store: ContentStore, options?: RecordingTeeOptions): RecordingTee {
  return new RecordingTee(store, options)
}
