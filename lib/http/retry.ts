import type { Clock } from '../clock.ts'
import { CircuitOpenError, StorageError, ThrottledError } from '../errors.ts'
import type { Call, Layer } from './call.ts'
import type { Logger } from './logger.ts'
import type { ThrottleGate } from './throttle-gate.ts'

/** Retries exclude the first try: attempts are retries + 1. */
export interface RetryPolicy {
  retries: number
  initialMs: number
  maxMs: number
}

export interface RetryOptions {
  clock: Clock
  gate: ThrottleGate
  logger: Logger
  /** The row of the cloud's table for this kind of error. */
  policyFor(error: StorageError): RetryPolicy
}

/** Full jitter: anything between nothing and the exponential step, so that clients that failed together part ways. */
export function backoffMs (policy: RetryPolicy, attempt: number, random: number): number {
  return random * Math.min(policy.maxMs, policy.initialMs * 2 ** (attempt - 1))
}

/**
 * How long to wait before the next attempt, or undefined to give up. A wait that the service asked for is kept (up to
 * the policy's cap), with jitter on top so that not all come back in the same instant.
 */
export function waitBeforeRetry (error: StorageError, attempt: number, policy: RetryPolicy, random: number): number | undefined {
  if (!error.temporary || attempt > policy.retries) return undefined
  if (error.retryAfterMs === undefined) return backoffMs(policy, attempt, random)
  return askedWaitMs(error, policy) + random * Math.min(policy.initialMs, 250)
}

function askedWaitMs (error: StorageError, policy: RetryPolicy): number {
  return Math.min(error.retryAfterMs ?? 0, policy.maxMs)
}

/** Outermost of the layers that send: each attempt passes the breaker and the rate limit and is signed anew. */
export function retry (options: RetryOptions): Layer {
  return next => call => attempts(call, options, attempt => next({ ...call, attempt }))
}

async function attempts<T, R> (call: Call<T>, options: RetryOptions, send: (attempt: number) => Promise<R>): Promise<R> {
  const started = options.clock.now()
  let earlier: StorageError | undefined
  for (let attempt = 1; ; attempt++) {
    await options.gate.wait(call.signal)
    try {
      return await send(attempt)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      // The breaker closed the road during our own retries: the failure that led there says more.
      if (error instanceof CircuitOpenError && earlier !== undefined) throw givenUp(earlier, attempt - 1, options.clock.now() - started)
      const policy = options.policyFor(error)
      const wait = waitBeforeRetry(error, attempt, policy, options.clock.random())
      if (wait === undefined) {
        // This call is over, but what the service asked for holds for the others.
        if (error.temporary) options.gate.close(askedWaitMs(error, policy))
        throw givenUp(error, attempt, options.clock.now() - started)
      }
      options.logger.warn({ operation: call.operation.description.name, ...call.operation.subject, attempt, waitMs: Math.round(wait), error: error.message }, 'Retrying')
      if (error instanceof ThrottledError || error.retryAfterMs !== undefined) options.gate.close(wait)
      await options.clock.sleep(wait, call.signal)
      earlier = error
    }
  }
}

function givenUp (error: StorageError, attempts: number, elapsedMs: number): StorageError {
  error.attempts = attempts
  if (attempts > 1) error.message += ` after ${attempts} attempts in ${(elapsedMs / 1000).toFixed(1)} s`
  return error
}

/** `Date.parse` takes nearly any text with a digit in it for a date. */
const HTTP_DATE = /^\s*[A-Z][a-z]+, \d/

/** `Retry-After` in its two forms, seconds or an HTTP date; undefined when absent or unreadable. */
export function parseRetryAfter (value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined
  if (/^\s*\d+(\.\d+)?\s*$/.test(value)) return Number(value) * 1000
  if (!HTTP_DATE.test(value)) return undefined
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
