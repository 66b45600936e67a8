/** What R2 brings to the request path: path-style addresses, signatures, its tables and its clock. */
import { systemClock } from '../../lib/clock.ts'
import type { ClientOptions } from '../../lib/http/client-options.ts'
import type { HttpRequest } from '../../lib/http/call.ts'
import { Connection } from '../../lib/http/connection.ts'
import type { FailedAnswer, Service } from '../../lib/http/connection.ts'
import type { StorageError } from '../../lib/errors.ts'
import type { Timeouts } from '../../lib/http/exchange.ts'
import { inRecordedTime } from '../../lib/simulation/recorded-time.ts'
import type { RecordedService } from '../../lib/simulation/recording-profile.ts'
import type { Counter } from '../../lib/http/telemetry.ts'
import { EMPTY_PAYLOAD_SHA256, Signer, canonicalQuery, encodePath } from './auth.ts'
import type { R2Config } from './config.ts'
import { retryPolicyFor, toStorageError } from './errors.ts'
import { METRICS, PARTS_METRIC } from './metrics.ts'
import { RECORDING } from './recording.ts'
import { sha256Hex } from './wire.ts'
import type { R2Operation } from './wire.ts'

/** R2A 5.4 (300 s), 9.4 (30 s to connect); the two waits between bytes are ours. */
const TIMEOUTS: Timeouts = { connectMs: 30_000, headersMs: 60_000, bodyIdleMs: 30_000, operationMs: 300_000 }
/** How far the date of a signature may be off. Wire: https://developers.cloudflare.com/r2/api/error-codes/ */
const MAX_SKEW_MS = 15 * 60 * 1000
/** R2A 11.3. */
const BREAKER = { failureThreshold: 5, resetMs: 30_000, successThreshold: 3 }

export class R2Connection extends Connection<R2Operation<unknown>> {
  readonly config: R2Config
  readonly partsCounter: Counter | undefined
  readonly #signing: R2Service

  constructor (config: R2Config, given: ClientOptions) {
    const options = inRecordedTime(given, RECORDING.service)
    const service = new R2Service(config, options)
    super(service, options)
    this.config = config
    this.#signing = service
    this.partsCounter = this.instruments.meter?.createCounter(PARTS_METRIC.name, { description: PARTS_METRIC.description })
  }

  /** A whole presigned URL. Nothing is sent. */
  presign (method: string, bucket: string, key: string, headers: Record<string, string>, expiresIn: number): Promise<string> {
    return this.#signing.presign(method, bucket, key, headers, expiresIn)
  }
}

class R2Service implements Service<R2Operation<unknown>> {
  readonly name = 'r2'
  readonly metrics = METRICS
  readonly recording: RecordedService
  readonly timeouts = TIMEOUTS
  readonly breaker = BREAKER
  readonly policyFor = retryPolicyFor
  readonly attributes: Record<string, string>
  readonly #config: R2Config
  readonly #options: ClientOptions
  readonly #signer = new Signer()
  /** How far the service's clock is ahead of ours; found out when it refuses a signature for its date. */
  #clockOffsetMs = 0

  constructor (config: R2Config, options: ClientOptions) {
    this.#config = config
    this.#options = options
    this.recording = { profile: RECORDING, endpoint: config.endpoint }
    this.attributes = config.accountId === undefined ? {} : { 'r2.account_id': config.accountId }
  }

  async prepare (operation: R2Operation<unknown>): Promise<HttpRequest> {
    const { origin, host } = this.#config.endpoint
    const { method, body, query = [], headers = {} } = operation
    const path = this.#path(operation.bucket, operation.key)
    const payloadHash = operation.payloadHash ?? (body === undefined ? EMPTY_PAYLOAD_SHA256 : sha256Hex(body))
    const signable = { method, path, query, headers: { ...headers, host } }
    const signed = this.#signer.signHeaders(signable, await this.#config.credentials(), payloadHash, { time: this.#now() })
    return { origin, target: query.length === 0 ? path : `${path}?${canonicalQuery(query)}`, method, headers: signed, ...(body === undefined ? {} : { body }) }
  }

  toError (answer: FailedAnswer, { description, action, missingCode }: R2Operation<unknown>): StorageError {
    const missing = answer.status === 404 && answer.body === '' && missingCode !== undefined
    const body = missing ? `<Error><Code>${missingCode}</Code></Error>` : answer.body
    return toStorageError({ ...answer, body }, { operation: description.name, action, now: this.#now() })
  }

  /** The offset that the service's own `Date` shows. After HEAD there is no code: a `Date` far off tells as much. */
  learn (failure: StorageError, { headers }: FailedAnswer): boolean {
    const date = Date.parse(headers['date'] ?? '')
    if (Number.isNaN(date)) return false
    const isMute = failure.status === 403 && failure.serviceCode === undefined
    if (failure.serviceCode !== 'RequestTimeTooSkewed' && !(isMute && Math.abs(date - this.#now()) > MAX_SKEW_MS)) return false
    this.#clockOffsetMs = date - this.#clock().now()
    this.#options.logger?.warn({ offsetMs: this.#clockOffsetMs }, 'Clock corrected by the Date header of R2')
    return true
  }

  async presign (method: string, bucket: string, key: string, headers: Record<string, string>, expiresIn: number): Promise<string> {
    const { origin, host } = this.#config.endpoint
    const path = this.#path(bucket, key)
    const request = { method, path, query: [], headers: { ...headers, host } }
    const query = this.#signer.presignQuery(request, await this.#config.credentials(), expiresIn, { time: this.#now() })
    return `${origin}${path}?${query}`
  }

  #path (bucket?: string, key?: string): string {
    const { pathPrefix } = this.#config.endpoint
    if (bucket === undefined) return `${pathPrefix}/`
    return key === undefined ? `${pathPrefix}/${bucket}` : `${pathPrefix}/${bucket}/${encodePath(key)}`
  }

  #now (): number {
    return this.#clock().now() + this.#clockOffsetMs
  }

  #clock (): typeof systemClock {
    return this.#options.clock ?? systemClock
  }
}
