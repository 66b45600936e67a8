import type { Dispatcher } from 'undici'
import type { ByteBudget } from '../bytes/byte-budget.ts'
import type { Clock } from '../clock.ts'
import type { SimulationOptions } from '../simulation/simulation-options.ts'
import { ConfigurationError } from '../errors.ts'
import type { CircuitBreakerOptions } from './circuit-breaker.ts'
import type { Timeouts } from './exchange.ts'
import type { Logger } from './logger.ts'
import type { RateLimitOptions } from './rate-limit.ts'
import type { RetryPolicy } from './retry.ts'
import type { TelemetryOptions } from './telemetry.ts'

/** The options that every client takes. */
export interface ClientOptions {
  /** Default: the service's own host. `http:` only for loopback hosts. May carry a port and a path prefix. */
  endpoint?: string | URL
  /** Default: our own pool of 20 connections. Bring a proxy, a mock or another CA; it is not closed with the client. */
  dispatcher?: Dispatcher
  /** `false`, or overrides for every row of the cloud's table. */
  retry?: false | Partial<RetryPolicy>
  /** `false`, or overrides of the cloud's numbers. */
  circuitBreaker?: false | Partial<CircuitBreakerOptions>
  /** Default: none. */
  rateLimit?: RateLimitOptions
  timeouts?: Partial<Timeouts>
  /** Shaped as pino's. Default: silent. */
  logger?: Logger
  /** Default: the global tracer and meter of `@opentelemetry/api` when that is installed. */
  telemetry?: TelemetryOptions
  /**
   * Shared by any number of clients: their part buffers and ranges read ahead stay within it together, but for the first buffer
   * of each transfer. Default: `defaultBudget`, 256 MiB for the process.
   */
  budget?: ByteBudget
  /** Default: the system's. */
  clock?: Clock
  /** Records what goes to the service and comes back, or answers from a recording without network and credentials. Default `disabled`. */
  simulation?: SimulationOptions
}

/** Node's timers turn longer waits into one of 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

const isPositive = (value: number): boolean => value > 0
const isDuration = (value: number): boolean => value >= 0
const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0
const isThreshold = (value: number): boolean => Number.isInteger(value) && value >= 1

const POSITIVE = [isPositive, 'a number above 0'] as const
const DURATION = [isDuration, 'a number of 0 or more'] as const
const COUNT = [isCount, 'a whole number of 0 or more'] as const
const THRESHOLD = [isThreshold, 'a whole number of 1 or more'] as const

const LIMITS = {
  timeouts: { connectMs: POSITIVE, headersMs: POSITIVE, bodyIdleMs: POSITIVE, operationMs: POSITIVE },
  retry: { retries: COUNT, initialMs: DURATION, maxMs: DURATION },
  circuitBreaker: { failureThreshold: THRESHOLD, resetMs: DURATION, successThreshold: THRESHOLD },
  rateLimit: { requestsPerSecond: POSITIVE }
}

/** Refuses numbers with which a layer would wait for ever or not at all. @throws {ConfigurationError} */
export function checkClientOptions (options: ClientOptions): void {
  for (const [option, limits] of Object.entries(LIMITS)) {
    const given: unknown = options[option as keyof typeof LIMITS]
    if (typeof given !== 'object' || given === null) continue
    for (const [name, [isGood, wanted]] of Object.entries(limits)) {
      if (name in given) checkNumber(`${option}.${name}`, (given as Record<string, unknown>)[name], isGood, wanted)
    }
  }
}

function checkNumber (name: string, value: unknown, isGood: (value: number) => boolean, wanted: string): void {
  if (typeof value !== 'number' || !isGood(value)) {
    throw new ConfigurationError(`Cannot use ${name} ${typeof value === 'string' ? JSON.stringify(value) : String(value)} as it must be ${wanted}`)
  }
  if (name.endsWith('Ms') && value > LONGEST_TIMER_MS) throw new ConfigurationError(`Cannot use ${name} ${value} as timers take at most ${LONGEST_TIMER_MS} ms`)
}
