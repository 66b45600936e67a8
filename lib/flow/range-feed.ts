import type { Readable } from 'node:stream'
import type { ByteBudget, Release } from '../bytes/byte-budget.ts'

/** Gets each chunk with the body that it comes from. */
export type TakeChunk = (chunk: Buffer, body: Readable) => void

export interface RangeFeedOptions {
  /** How many bytes will wait here at most. */
  bytes: number
  budget: ByteBudget | undefined
  /** Reads the range to its end. */
  read: (take: TakeChunk) => Promise<void>
  /** Takes a chunk of the range whose turn it is; false holds the body back until `resume`. */
  deliver: (chunk: Buffer) => boolean
  /** All has been read, and delivered if its turn had come. */
  onEnd: () => void
  /** Hears of a failure at once, not when the turn of the range comes. */
  onFailure: (error: unknown) => void
}

/**
 * One range: read before its turn, its chunks wait here; from its turn on they go straight on.
 * With a budget it is not read before there is room for it, or its turn has come and it is no longer ahead.
 */
export class RangeFeed {
  readonly #options: RangeFeedOptions
  readonly #chunks: Buffer[] = []
  #turn = false
  #ended = false
  #closed = false
  #held: Readable | undefined
  #release: Release | undefined
  #endWait: (() => void) | undefined

  /** @param turn it is the first one: nothing goes before it. */
  constructor (options: RangeFeedOptions, turn = false) {
    this.#options = options
    this.#turn = turn
    this.#read().catch(options.onFailure)
  }

  /** Whether nothing more will come. */
  get ended (): boolean {
    return this.#ended
  }

  /** From now on chunks are delivered, and the range is read even without room in the budget. */
  takeTurn (): void {
    this.#turn = true
    this.#endWait?.()
  }

  /** The next of the chunks that wait. */
  shift (): Buffer | undefined {
    return this.#chunks.shift()
  }

  /** More is wanted. */
  resume (): void {
    this.#held?.resume()
    this.#held = undefined
  }

  close (): void {
    this.#closed = true
    this.#endWait?.()
    this.#chunks.length = 0
    this.#release?.()
  }

  async #read (): Promise<void> {
    const { bytes, budget, read, onEnd } = this.#options
    if (budget !== undefined && !this.#turn) this.#release = budget.tryTake(bytes) ?? await this.#claim(budget)
    if (this.#closed) return this.#release?.()
    await read((chunk, body) => this.#take(chunk, body))
    this.#ended = true
    if (this.#turn) onEnd()
  }

  #take (chunk: Buffer, body: Readable): void {
    if (!this.#turn || this.#chunks.length > 0) {
      this.#chunks.push(chunk)
    } else if (!this.#options.deliver(chunk)) {
      body.pause()
      this.#held = body
    }
  }

  /** Room in the budget; undefined when the turn comes first. */
  async #claim (budget: ByteBudget): Promise<Release | undefined> {
    const { bytes } = this.#options
    const wait = new AbortController()
    const ended = new Promise<undefined>(resolve => {
      this.#endWait = () => {
        wait.abort()
        resolve(undefined)
      }
    })
    // More than the budget has altogether is never granted: then the range waits for its turn alone.
    if (bytes > budget.limit) return await ended
    const release = await budget.acquire(bytes, { signal: wait.signal }).catch(() => undefined) // Only by the turn.
    if (!wait.signal.aborted) return release
    release?.()
    return undefined
  }
}
