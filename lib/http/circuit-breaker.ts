import type { Clock } from '../clock.ts'
import { CircuitOpenError, NetworkError, ServerError, TimeoutError } from '../errors.ts'
import type { Layer } from './call.ts'
import type { Logger } from './logger.ts'

export interface CircuitBreakerOptions {
  /** Failures in a row that open the breaker. */
  failureThreshold: number
  /** How long it stays open before a probe is let through. */
  resetMs: number
  /** Successful probes in a row that close it. */
  successThreshold: number
}

type State =
  | { phase: 'closed', failures: number, lastFailureAt: number }
  | { phase: 'open', until: number }
  /** Only requests that entered after `since` are probes. */
  | { phase: 'half-open', successes: number, probing: boolean, since: number }

/**
 * Closed, open, half-open. Requests that overlap fail together and tell of one trouble: a failure counts only when its
 * request began after the failure before it, else four parts in flight would open the breaker at one hiccup. Requests
 * that began before it opened say nothing of the time after.
 * Throttling is the gate's matter, and a refusal (4xx) proves that the service is well.
 */
export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions
  readonly #clock: Clock
  readonly #logger: Logger
  #sequence = 0
  #state: State = { phase: 'closed', failures: 0, lastFailureAt: 0 }

  constructor (options: CircuitBreakerOptions, clock: Clock, logger: Logger) {
    this.#options = options
    this.#clock = clock
    this.#logger = logger
  }

  get phase (): State['phase'] {
    return this.#state.phase
  }

  /** Throws `CircuitOpenError` or lets the request through and returns its place in the order of events. */
  enter (): number {
    const state = this.#state
    if (state.phase === 'open') {
      if (this.#clock.now() < state.until) throw openError(state.until - this.#clock.now())
      this.#state = { phase: 'half-open', successes: 0, probing: true, since: this.#sequence }
    } else if (state.phase === 'half-open') {
      if (state.probing) throw openError(this.#options.resetMs)
      state.probing = true
    }
    return ++this.#sequence
  }

  succeeded (enteredAt: number): void {
    const state = this.#state
    if (state.phase === 'closed') state.failures = 0
    if (state.phase !== 'half-open' || enteredAt <= state.since) return
    state.probing = false
    if (++state.successes >= this.#options.successThreshold) {
      this.#state = { phase: 'closed', failures: 0, lastFailureAt: this.#sequence }
      this.#logger.info({}, 'Circuit breaker closed')
    }
  }

  failed (enteredAt: number): void {
    const state = this.#state
    if (state.phase === 'half-open' && enteredAt > state.since) return this.#open()
    if (state.phase !== 'closed' || enteredAt <= state.lastFailureAt) return
    state.failures++
    state.lastFailureAt = this.#sequence
    if (state.failures >= this.#options.failureThreshold) this.#open()
  }

  /** The request ended without saying anything about the service, as by an abort. */
  withdrew (enteredAt: number): void {
    if (this.#state.phase === 'half-open' && enteredAt > this.#state.since) this.#state.probing = false
  }

  #open (): void {
    this.#state = { phase: 'open', until: this.#clock.now() + this.#options.resetMs }
    this.#logger.error({ resetMs: this.#options.resetMs }, 'Circuit breaker opened')
  }
}

function openError (waitMs: number): CircuitOpenError {
  return new CircuitOpenError(`The circuit breaker is open after repeated failures: nothing was sent, a probe is due in ${Math.ceil(waitMs / 1000)} s`, { retryAfterMs: waitMs })
}

/** Inside the retry: each attempt asks the breaker and reports back. */
export function circuitBreaker (breaker: CircuitBreaker): Layer {
  return next => async call => {
    const enteredAt = breaker.enter()
    try {
      const result = await next(call)
      breaker.succeeded(enteredAt)
      return result
    } catch (error) {
      report(breaker, error, enteredAt)
      throw error
    }
  }
}

function report (breaker: CircuitBreaker, error: unknown, enteredAt: number): void {
  if (error instanceof ServerError || error instanceof NetworkError || error instanceof TimeoutError) return breaker.failed(enteredAt)
  if (error instanceof Error && 'status' in error && error.status !== undefined) return breaker.succeeded(enteredAt)
  breaker.withdrew(enteredAt)
}
