import type { Dispatcher } from 'undici'
import type { ByteBudget } from '../bytes/byte-budget.ts'
import type { Clock } from '../clock.ts'
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
  /** Shared by any number of clients: all part buffers together stay within it. */
  budget?: ByteBudget
  /** Default: the system's. */
  clock?: Clock
}
