import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'

export interface PatienceOptions {
  /** How many failures in a row, without progress between them, are followed by another attempt. Default 5. */
  attempts?: number
  /** The longest wait after the first failure; doubles with each further one. Default 200. */
  initialMs?: number
  /** Default 10,000. */
  maxMs?: number
}

/** A wait of full jitter: anywhere between nothing and the doubled step, so that many readers do not come back together. */
export function fullJitter (failures: number, initialMs: number, maxMs: number, random: number): number {
  return random * Math.min(maxMs, initialMs * 2 ** (failures - 1))
}

/** Counts failures in a row and waits between attempts. */
export class Patience {
  readonly #attempts: number
  readonly #initialMs: number
  readonly #maxMs: number
  readonly #clock: Clock
  #failures = 0

  constructor ({ attempts = 5, initialMs = 200, maxMs = 10_000 }: PatienceOptions = {}, clock: Clock = systemClock) {
    this.#attempts = attempts
    this.#initialMs = initialMs
    this.#maxMs = maxMs
    this.#clock = clock
  }

  get failures (): number {
    return this.#failures
  }

  progress (): void {
    this.#failures = 0
  }

  /** Counts a failure and says whether another attempt is due. */
  fail (): boolean {
    return ++this.#failures <= this.#attempts
  }

  /** Waits as the number of failures demands, and at least as long as the service asked for. */
  async wait (retryAfterMs: number, signal: AbortSignal): Promise<void> {
    const backoffMs = fullJitter(this.#failures, this.#initialMs, this.#maxMs, this.#clock.random())
    await this.#clock.sleep(Math.max(backoffMs, retryAfterMs), signal)
  }
}
