import { AbortError } from '../../../../lib/errors.ts'

/** Time that jumps over every sleep and remembers it; chance is what the test says. */
export class TestClock {
  readonly sleeps: number[] = []
  #now: number
  #chance: number

  constructor ({ now = Date.UTC(2026, 0, 1), chance = 0.5 }: { now?: number, chance?: number } = {}) {
    this.#now = now
    this.#chance = chance
  }

  now = (): number => this.#now

  random = (): number => this.#chance

  sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted === true) throw new AbortError(signal.reason)
    this.sleeps.push(ms)
    this.#now += ms
    // A timer would do so too: what runs meanwhile has its turn.
    await new Promise(resolve => setImmediate(resolve))
  }

  advance (ms: number): void {
    this.#now += ms
  }
}
