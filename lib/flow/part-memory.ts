import type { ByteBudget, Release } from '../bytes/byte-budget.ts'
import { PartBuffer } from '../bytes/part-buffer.ts'

export interface PartMemoryOptions {
  partSize: number
  /** How many buffers may exist at once. */
  buffers: number
  budget?: ByteBudget | undefined
}

/**
 * The buffers of one upload: the first starts small and grows, the others have the size of a part, all are used again.
 * With a budget, the first is taken at once and the others when the budget has room; until then an upload goes on with
 * the buffers it has, so it is slow under pressure and never stuck.
 */
export class PartMemory {
  readonly #partSize: number
  readonly #buffers: number
  readonly #budget: ByteBudget | undefined
  readonly #idle: PartBuffer[] = []
  readonly #held: Release[] = []
  #closed: AbortController | undefined
  #count = 0
  #claim: Promise<void> | undefined
  #granted = 0

  constructor ({ partSize, buffers, budget }: PartMemoryOptions) {
    this.#partSize = partSize
    this.#buffers = buffers
    this.#budget = budget
  }

  /** An empty buffer if one can be had without waiting. `expected` is how many bytes are likely to come. */
  take (expected: number): PartBuffer | undefined {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#count === 0) return this.#first(expected)
    if (this.#count >= this.#buffers || !this.#mayGrow()) return undefined
    this.#count++
    return PartBuffer.whole(this.#partSize)
  }

  giveBack (buffer: PartBuffer): void {
    buffer.clear()
    this.#idle.push(buffer)
  }

  /** Resolves when the budget grants one more buffer; never where the upload has to wait for its own. */
  granted (): Promise<void> {
    if (this.#budget === undefined || this.#count >= this.#buffers || this.#partSize > this.#budget.limit) return new Promise(() => undefined)
    this.#claim ??= this.#ask(this.#budget)
    return this.#claim
  }

  close (): void {
    this.#closed?.abort()
    this.#idle.length = 0
    for (const release of this.#held.splice(0)) release()
  }

  #first (expected: number): PartBuffer {
    const buffer = PartBuffer.small(this.#partSize, expected, bytes => this.#take(bytes))
    this.#take(buffer.capacity)
    this.#count++
    return buffer
  }

  #take (bytes: number): void {
    if (this.#budget !== undefined) this.#held.push(this.#budget.take(bytes))
  }

  #mayGrow (): boolean {
    if (this.#budget === undefined) return true
    if (this.#granted > 0) {
      this.#granted--
      return true
    }
    const release = this.#budget.tryTake(this.#partSize)
    if (release !== undefined) this.#held.push(release)
    return release !== undefined
  }

  async #ask (budget: ByteBudget): Promise<void> {
    this.#closed ??= new AbortController()
    const { signal } = this.#closed
    try {
      const release = await budget.acquire(this.#partSize, { signal })
      if (signal.aborted) return release()
      this.#held.push(release)
      this.#granted++
    } catch {
      // Only `close` ends this wait, and then nobody needs the memory any more.
    } finally {
      this.#claim = undefined
    }
  }
}
