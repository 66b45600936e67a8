import type { ByteBudget, Release } from '../bytes/byte-budget.ts'

export interface RangeAheadOptions {
  /** How many bytes will wait here at most. */
  bytes: number
  budget: ByteBudget | undefined
  read: () => AsyncIterable<Buffer>
  /** Hears of a failure at once, not when the turn of the range comes. */
  onFailure: (error: unknown) => void
}

/**
 * A range that is read before its turn: its chunks wait here.
 * With a budget it is not read before there is room for it, or its turn has come and it is no longer ahead.
 */
export class RangeAhead {
  readonly #chunks: Buffer[] = []
  readonly #turn = new AbortController()
  #release: Release | undefined
  #ended = false
  #wake: (() => void) | undefined

  constructor (options: RangeAheadOptions) {
    this.#fill(options).catch(options.onFailure)
  }

  /** From now on the range is read even without room in the budget. */
  takeTurn (): void {
    this.#turn.abort()
  }

  /** The next chunk; undefined after the last one. */
  async next (): Promise<Buffer | undefined> {
    while (this.#chunks.length === 0 && !this.#ended) await new Promise<void>(resolve => { this.#wake = resolve })
    return this.#chunks.shift()
  }

  close (): void {
    this.#turn.abort()
    this.#chunks.length = 0
    this.#release?.()
  }

  async #fill ({ bytes, budget, read }: RangeAheadOptions): Promise<void> {
    if (budget !== undefined) await this.#claim(bytes, budget)
    for await (const chunk of read()) {
      this.#chunks.push(chunk)
      this.#wake?.()
    }
    this.#ended = true
    this.#wake?.()
  }

  async #claim (bytes: number, budget: ByteBudget): Promise<void> {
    const signal = this.#turn.signal
    try {
      // More than the budget has altogether is never granted: then the range waits for its turn alone.
      this.#release = bytes > budget.limit ? await aborted(signal) : await budget.acquire(bytes, { signal })
    } catch {
      return // The turn has come first.
    }
    if (signal.aborted) this.#release?.()
  }
}

function aborted (signal: AbortSignal): Promise<undefined> {
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(undefined), { once: true }))
}
