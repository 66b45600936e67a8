import type { Clock } from '../clock.ts'

/** One client's throttle is heard by all its requests: while the gate is closed none of them starts an attempt. */
export class ThrottleGate {
  readonly #clock: Clock
  #openAt = 0

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** The time, in milliseconds since the epoch, at which requests may start again. */
  get openAt (): number {
    return this.#openAt
  }

  close (forMs: number): void {
    this.#openAt = Math.max(this.#openAt, this.#clock.now() + forMs)
  }

  async wait (signal?: AbortSignal): Promise<void> {
    for (let rest = this.#openAt - this.#clock.now(); rest > 0; rest = this.#openAt - this.#clock.now()) {
      await this.#clock.sleep(rest, signal)
    }
  }
}
