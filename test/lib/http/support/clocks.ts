import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../../../lib/clock.ts'
import { AbortError } from '../../../../lib/errors.ts'
import { ManualClock } from '../../../streams/clocks.ts'

/** Time that jumps over every wait and writes it down. Chance is what the test says. */
export class WaitingClock implements Clock {
  readonly waits: number[] = []
  time: number
  readonly random: () => number

  /** @param random a number for all, or a function; 1 makes each wait as long as it can be. */
  constructor (random: number | (() => number) = 1, time = Date.UTC(2025, 0, 2, 3, 4, 5)) {
    this.random = typeof random === 'number' ? () => random : random
    this.time = time
  }

  now = (): number => this.time

  sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted === true) throw new AbortError(signal.reason)
    this.waits.push(ms)
    this.time += ms
    await setImmediate()
  }
}

/** Time that stands still until the test moves it. */
export class SteppedClock extends ManualClock implements Clock {
  random = (): number => 1

  /** Resolves when this many wait. */
  async sleepers (count: number): Promise<void> {
    while (this.sleeping < count) await setImmediate()
  }
}

/** The generator of Lehmer, for chance that repeats. */
export function lehmer (seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
