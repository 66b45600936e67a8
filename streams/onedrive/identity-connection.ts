/** What the token endpoint brings to the request path: its own breaker and gate, as its troubles are not those of the drive. */
import type { StorageError } from '../../lib/errors.ts'
import { AuthenticationError, NotModifiedError } from '../../lib/errors.ts'
import { systemClock } from '../../lib/clock.ts'
import type { HttpRequest } from '../../lib/http/call.ts'
import type { ClientOptions } from '../../lib/http/client-options.ts'
import type { FailedAnswer, Service } from '../../lib/http/connection.ts'
import type { Endpoint } from '../../lib/http/endpoint.ts'
import type { Timeouts } from '../../lib/http/exchange.ts'
import { encodeSegment } from './addressing.ts'
import { readError, retryPolicyFor, toStorageError } from './errors.ts'
import { METRICS } from './metrics.ts'
import type { IdentityOperation } from './wire-identity.ts'

export class IdentityService implements Service<IdentityOperation<unknown>> {
  readonly name = 'onedrive'
  readonly metrics = METRICS
  readonly attributes = {}
  readonly timeouts: Timeouts
  readonly breaker = { failureThreshold: 5, resetMs: 30_000, successThreshold: 3 }
  readonly #authority: Endpoint
  readonly #tenant: string
  readonly #options: ClientOptions

  constructor (authority: Endpoint, tenant: string, timeouts: Timeouts, options: ClientOptions) {
    this.#authority = authority
    this.#tenant = tenant
    this.timeouts = timeouts
    this.#options = options
  }

  policyFor (error: StorageError): ReturnType<typeof retryPolicyFor> {
    return retryPolicyFor(error)
  }

  prepare ({ path, method, headers = {}, body }: IdentityOperation<unknown>): HttpRequest {
    const target = `${this.#authority.pathPrefix}/${encodeSegment(this.#tenant)}${path}`
    return { origin: this.#authority.origin, target, method, headers, ...(body === undefined ? {} : { body }) }
  }

  toError (answer: FailedAnswer, { description, action }: IdentityOperation<unknown>): StorageError {
    const now = (this.#options.clock ?? systemClock).now()
    const error = toStorageError(answer, { operation: description.name, action, answerer: 'identity', now })
    if (answer.status !== 400 && answer.status !== 401) return error
    const { codes } = readError(answer.body)
    const options = { operation: description.name, status: answer.status, ...(codes[0] === undefined ? {} : { serviceCode: codes[0] }) }
    // The answer to most questions of a device code: nothing has changed yet, and nothing is wrong.
    if (codes.includes('authorization_pending') || codes.includes('slow_down')) return new NotModifiedError(error.message, options)
    return new AuthenticationError(error.message, { ...options, code: 'Unauthorized' })
  }
}
