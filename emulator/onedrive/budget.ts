/** Request units of an app in a tenant, by the minute; each operation costs some. */
import { GraphError } from './errors.ts'
import type { OneDriveQuirks } from './quirks.ts'

const MINUTE = 60_000
/** From this part of the budget on, answers tell how much is left. */
const TELLING_FROM = 0.8
const DEFAULT_COST = 2
const CHEAP: ReadonlySet<string> = new Set(['GetItem', 'GetDrive', 'GetUser', 'GetSite', 'GetContent', 'GetVersionContent', 'DownloadContent', 'DeltaWithToken'])

export class RequestBudget {
  readonly #quirks: OneDriveQuirks
  #windowStart = -Infinity
  #used = 0

  constructor (quirks: OneDriveQuirks) {
    this.#quirks = quirks
  }

  /** Headers to send along. @throws {GraphError} 429 or 503; a throttled call counts too */
  spend (operation: string, now: number): Record<string, string> {
    const limit = this.#quirks.unitsPerMinute
    if (limit === false) return {}
    if (now - this.#windowStart >= MINUTE) {
      this.#windowStart = now
      this.#used = 0
    }
    this.#used += CHEAP.has(operation) ? 1 : DEFAULT_COST
    const reset = Math.max(1, Math.ceil((this.#windowStart + MINUTE - now) / 1000))
    const headers = this.#used >= limit * TELLING_FROM
      ? { 'RateLimit-Limit': String(limit), 'RateLimit-Remaining': String(Math.max(0, limit - this.#used)), 'RateLimit-Reset': String(reset) }
      : {}
    if (this.#used > limit) throw this.#throttled(reset, headers)
    return headers
  }

  #throttled (reset: number, headers: Record<string, string>): GraphError {
    const { retryAfter, throttleStatus } = this.#quirks
    const wait: Record<string, string> = retryAfter ? { 'Retry-After': String(reset) } : {}
    return throttleStatus === 429
      ? new GraphError(429, 'activityLimitReached', 'The request has been throttled', { inner: 'throttledRequest', headers: { ...headers, ...wait } })
      : new GraphError(503, 'serviceNotAvailable', 'The server is busy.', { inner: 'throttledRequest', headers: { ...headers, ...wait } })
  }
}
