import { setImmediate as turn } from 'node:timers/promises'
import { systemClock, watch } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { AbortError } from '../errors.ts'

/**
 * A clock for tests that wait for nothing: `sleep` ends in the next turn of the event loop, and the time is then as late as
 * if it had been slept. Sleeps side by side pass together. What is waited for beside the work runs in real time.
 */
export class SkippingClock implements Clock {
  readonly random = systemClock.random
  #skipped = 0

  now = (): number => systemClock.now() + this.#skipped

  sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    const until = this.now() + ms
    try {
      await turn(undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      throw new AbortError(signal?.reason ?? error)
    }
    this.#skipped += Math.max(0, until - this.now())
  }

  watch = (ms: number, signal?: AbortSignal): Promise<void> => watch(systemClock, ms, signal)
}
