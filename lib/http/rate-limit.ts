import type { Clock } from '../clock.ts'
import type { Layer } from './call.ts'

export interface RateLimitOptions {
  requestsPerSecond: number
}

/** Spaces requests evenly: each takes the next free slot and waits for it. */
export class RateLimiter {
  readonly #intervalMs: number
  readonly #clock: Clock
  #nextSlot = 0

  constructor ({ requestsPerSecond }: RateLimitOptions, clock: Clock) {
    this.#intervalMs = 1000 / requestsPerSecond
    this.#clock = clock
  }

  async take (signal?: AbortSignal): Promise<void> {
    const now = this.#clock.now()
    const slot = Math.max(now, this.#nextSlot)
    this.#nextSlot = slot + this.#intervalMs
    if (slot > now) await this.#clock.sleep(slot - now, signal)
  }
}

export function rateLimit (limiter: RateLimiter): Layer {
  return next => async call => {
    await limiter.take(call.signal)
    return next(call)
  }
}
