import type { ByteBudget, Release } from '../bytes/byte-budget.ts'
import { PartBuffer } from '../bytes/part-buffer.ts'

export interface PartMemoryOptions {
  partSize: number
  /** How many buffers may exist at once. */
  buffers: number
  budget: ByteBudget
}

/**
 * The buffers of one upload: the first starts small and grows, the others have the size of a part, all are used again.
 * The first is taken from the budget at once, and the others when it has room; until then an upload goes on with the buffers
 * it has, so it is slow under pressure and never stuck. What becomes free while others wait goes back to the budget: an
 * upload that came first does not keep all for itself until its end.
 */
export class PartMemory {
  readonly #partSize: number
  readonly #buffers: number
  readonly #budget: ByteBudget
  readonly #idle: PartBuffer[] = []
  readonly #claims = new Map<PartBuffer, Release[]>()
  #closed: AbortController | undefined
  #asking = false
  #waiting: { expected: number, give: (buffer: PartBuffer | undefined) => void } | undefined

  constructor ({ partSize, buffers, budget }: PartMemoryOptions) {
    this.#partSize = partSize
    this.#buffers = buffers
    this.#budget = budget
  }

  /** An empty buffer if one can be had without waiting. `expected` is how many bytes are likely to come. */
  take (expected: number): PartBuffer | undefined {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#claims.size === 0) return this.#first(expected)
    const release = this.#claims.size < this.#buffers ? this.#budget.tryTake(this.#partSize) : undefined
    return release === undefined ? undefined : this.#whole(release)
  }

  /** As `take`, when one is given back or the budget grants one more. One call at a time; undefined once it is closed. */
  async next (expected: number): Promise<PartBuffer | undefined> {
    const buffer = this.take(expected)
    if (buffer !== undefined) return buffer
    const given = new Promise<PartBuffer | undefined>(resolve => { this.#waiting = { expected, give: resolve } })
    this.#askForMore()
    return await given
  }

  giveBack (buffer: PartBuffer): void {
    buffer.clear()
    // One is kept, as the first is ours in any case. A source that is slower than the network needs no more at hand.
    if (this.#idle.length > 0 || (this.#claims.size > 1 && this.#budget.pressed)) this.#retire(buffer)
    else this.#idle.push(buffer)
    this.#serve()
  }

  /** What is not given back by then is not used again. */
  close (): void {
    this.#closed?.abort()
    for (const buffer of this.#idle.splice(0)) this.#retire(buffer)
    for (const releases of this.#claims.values()) releaseAll(releases)
    this.#claims.clear()
    this.#waiting?.give(undefined)
    this.#waiting = undefined
  }

  #first (expected: number): PartBuffer {
    const releases: Release[] = []
    const buffer = PartBuffer.small(this.#partSize, expected, bytes => releases.push(this.#budget.take(bytes)))
    releases.push(this.#budget.take(buffer.capacity))
    this.#claims.set(buffer, releases)
    return buffer
  }

  #whole (release: Release): PartBuffer {
    const buffer = PartBuffer.whole(this.#partSize)
    this.#claims.set(buffer, [release])
    return buffer
  }

  #retire (buffer: PartBuffer): void {
    buffer.retire()
    releaseAll(this.#claims.get(buffer) ?? [])
    this.#claims.delete(buffer)
  }

  #serve (): void {
    if (this.#waiting === undefined) return
    const buffer = this.take(this.#waiting.expected)
    if (buffer === undefined) return this.#askForMore()
    this.#waiting.give(buffer)
    this.#waiting = undefined
  }

  #askForMore (): void {
    if (this.#asking || this.#claims.size >= this.#buffers || this.#partSize > this.#budget.limit) return
    void this.#ask() // Never rejects.
  }

  async #ask (): Promise<void> {
    this.#closed ??= new AbortController()
    const { signal } = this.#closed
    this.#asking = true
    try {
      const release = await this.#budget.acquire(this.#partSize, { signal })
      this.#asking = false
      if (signal.aborted || this.#claims.size >= this.#buffers) return release()
      this.#idle.push(this.#whole(release))
      this.#serve()
    } catch {
      // Only `close` ends this wait, and then nobody needs the memory any more.
    }
  }
}

function releaseAll (releases: Release[]): void {
  for (const release of releases) release()
}
