import { setTimeout as delay } from 'node:timers/promises'
import { AbortError } from './errors.ts'

/** Time and chance as values to pass in, so that waits and jitter are tested without sleeping. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after `ms`; rejects with an `AbortError` as soon as `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /**
   * As `sleep`, but beside the work, as for a deadline or a heartbeat: nothing that the process waits for, and nothing that
   * a clock which skips waits may skip. Default: `sleep`.
   */
  watch?(ms: number, signal?: AbortSignal): Promise<void>
  /** A number in [0, 1). */
  random(): number
}

/** Waits beside the work, see `Clock.watch`. */
export function watch (clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return clock.watch === undefined ? clock.sleep(ms, signal) : clock.watch(ms, signal)
}

export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms, signal) => pause(ms, signal),
  watch: (ms, signal) => pause(ms, signal, false)
}

async function pause (ms: number, signal: AbortSignal | undefined, ref = true): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? { ref } : { ref, signal })
  } catch (error) {
    throw new AbortError(signal?.reason ?? error)
  }
}
