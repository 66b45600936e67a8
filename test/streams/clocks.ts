import { setImmediate } from 'node:timers/promises'
import { AbortError } from '../../lib/errors.ts'

/** Time that stands still until a test moves it. */
export class ManualClock {
  #now = 0
  #sleepers: Array<{ until: number, wake: () => void }> = []

  now = (): number => this.#now

  sleep = (ms: number, signal?: AbortSignal): Promise<void> => new Promise((resolve, reject) => {
    const abort = (): void => {
      this.#sleepers = this.#sleepers.filter(other => other !== sleeper)
      reject(new AbortError(signal?.reason))
    }
    const wake = (): void => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }
    const sleeper = { until: this.#now + ms, wake }
    this.#sleepers.push(sleeper)
    if (signal?.aborted === true) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })

  get sleeping (): number {
    return this.#sleepers.length
  }

  /** Moves on step by step, so that whoever wakes can sleep again within the same advance. */
  async advance (ms: number): Promise<void> {
    const until = this.#now + ms
    for (let next = this.#nextWithin(until); next !== undefined; next = this.#nextWithin(until)) {
      this.#sleepers = this.#sleepers.filter(other => other !== next)
      this.#now = next.until
      next.wake()
      await setImmediate()
    }
    this.#now = until
  }

  #nextWithin (until: number): { until: number, wake: () => void } | undefined {
    return this.#sleepers.filter(sleeper => sleeper.until <= until).sort((a, b) => a.until - b.until)[0]
  }
}

/** Time that jumps over every sleep. */
export class JumpingClock {
  readonly sleeps: number[] = []
  #now = 0

  now = (): number => this.#now

  sleep = async (ms: number): Promise<void> => {
    this.sleeps.push(ms)
    this.#now += ms
  }
}
