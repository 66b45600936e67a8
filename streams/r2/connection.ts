/** One client's way to R2: the layers of the request path, and the signature inside them. */
import type { Dispatcher } from 'undici'
import { systemClock } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import { StorageError } from '../../lib/errors.ts'
import { compose } from '../../lib/http/call.ts'
import type { Call, HttpRequest, HttpResponse, Send } from '../../lib/http/call.ts'
import { CircuitBreaker, circuitBreaker } from '../../lib/http/circuit-breaker.ts'
import type { ClientOptions } from '../../lib/http/client-options.ts'
import { createDispatcher } from '../../lib/http/dispatcher.ts'
import { exchange } from '../../lib/http/exchange.ts'
import type { Timeouts } from '../../lib/http/exchange.ts'
import { silentLogger } from '../../lib/http/logger.ts'
import type { Logger } from '../../lib/http/logger.ts'
import { observe } from '../../lib/http/observe.ts'
import { RateLimiter, rateLimit } from '../../lib/http/rate-limit.ts'
import { retry } from '../../lib/http/retry.ts'
import { createInstruments } from '../../lib/http/telemetry.ts'
import type { Counter } from '../../lib/http/telemetry.ts'
import { ThrottleGate } from '../../lib/http/throttle-gate.ts'
import { EMPTY_PAYLOAD_SHA256, Signer, canonicalQuery, encodePath } from './auth.ts'
import type { SignableRequest } from './auth.ts'
import type { R2Config } from './config.ts'
import { retryPolicyFor, toStorageError } from './errors.ts'
import { METRICS, PARTS_METRIC } from './metrics.ts'
import { sha256Hex } from './wire.ts'
import type { R2Operation } from './wire.ts'

/** R2A 5.4 (300 s), 9.4 (30 s to connect); the two waits between bytes are ours. */
const TIMEOUTS: Timeouts = { connectMs: 30_000, headersMs: 60_000, bodyIdleMs: 30_000, operationMs: 300_000 }
/** R2A 11.3. */
const BREAKER = { failureThreshold: 5, resetMs: 30_000, successThreshold: 3 }
const MAX_ERROR_BYTES = 256 * 1024

interface R2Call<T> extends Call<T> {
  operation: R2Operation<T>
  tally: Tally | undefined
}

/** Requests of one transfer, retries included. */
export interface Tally {
  attempts: number
}

export interface ExecuteOptions {
  signal?: AbortSignal | undefined
  tally?: Tally | undefined
}

export class R2Connection {
  readonly config: R2Config
  readonly clock: Clock
  readonly logger: Logger
  /** Requests sent so far, and how many of them were retries. */
  readonly sent = { requests: 0, retries: 0 }
  readonly partsCounter: Counter | undefined
  readonly #send: Send
  readonly #signer = new Signer()
  readonly #dispatcher: Dispatcher
  readonly #ownsDispatcher: boolean
  readonly #timeouts: Timeouts
  /** How far the service's clock is ahead of ours; found out when it refuses a signature for its date. */
  #clockOffsetMs = 0

  constructor (config: R2Config, options: ClientOptions) {
    this.config = config
    this.clock = options.clock ?? systemClock
    this.logger = options.logger ?? silentLogger
    this.#timeouts = Object.freeze({ ...TIMEOUTS, ...options.timeouts })
    this.#ownsDispatcher = options.dispatcher === undefined
    this.#dispatcher = options.dispatcher ?? createDispatcher({ connectMs: this.#timeouts.connectMs })
    const instruments = createInstruments('sluice/r2', METRICS, options.telemetry)
    this.partsCounter = instruments.meter?.createCounter(PARTS_METRIC.name, { description: PARTS_METRIC.description })
    const attributes = config.accountId === undefined ? {} : { 'r2.account_id': config.accountId }
    const { clock, logger } = this
    const layers = compose(
      observe({ instruments, logger, clock, prefix: 'r2', attributes }),
      retry({ clock, logger, gate: new ThrottleGate(clock), policyFor: policy(options.retry) }),
      ...(options.circuitBreaker === false ? [] : [circuitBreaker(new CircuitBreaker({ ...BREAKER, ...options.circuitBreaker }, clock, logger))]),
      ...(options.rateLimit === undefined ? [] : [rateLimit(new RateLimiter(options.rateLimit, clock))])
    )
    this.#send = layers(call => this.#attempt(call as R2Call<never>))
  }

  /** Sends one operation through all layers. */
  execute<T> (operation: R2Operation<T>, { signal, tally }: ExecuteOptions = {}): Promise<T> {
    const call: R2Call<T> = {
      operation,
      description: operation.description,
      action: operation.action,
      request: this.#request(operation),
      read: operation.read,
      labels: operation.bucket === undefined ? {} : { bucket: operation.bucket },
      subject: subjectOf(operation),
      signal,
      tally,
      streams: operation.streams ?? false
    }
    return this.#send(call)
  }

  /** The query of a presigned URL, and the path and host that it belongs to. Nothing is sent. */
  async presign (method: string, bucket: string, key: string, headers: Record<string, string>, expiresIn: number): Promise<string> {
    const { origin, host } = this.config.endpoint
    const path = this.#path(bucket, key)
    const request: SignableRequest = { method, path, query: [], headers: { ...headers, host } }
    const query = this.#signer.presignQuery(request, await this.config.credentials(), expiresIn, { time: this.#now() })
    return `${origin}${path}?${query}`
  }

  async close (): Promise<void> {
    if (this.#ownsDispatcher) await this.#dispatcher.close()
  }

  #request (operation: R2Operation<unknown>): HttpRequest {
    return {
      method: operation.method,
      path: this.#path(operation.bucket, operation.key),
      query: operation.query ?? [],
      headers: operation.headers ?? {},
      ...(operation.body === undefined ? {} : { body: operation.body })
    }
  }

  #path (bucket?: string, key?: string): string {
    const { pathPrefix } = this.config.endpoint
    if (bucket === undefined) return `${pathPrefix}/`
    return key === undefined ? `${pathPrefix}/${bucket}` : `${pathPrefix}/${bucket}/${encodePath(key)}`
  }

  async #attempt<T> (call: R2Call<T>): Promise<T> {
    this.sent.requests++
    if (call.tally !== undefined) call.tally.attempts++
    if ((call.attempt ?? 1) > 1) this.sent.retries++
    try {
      const response = await this.#sendSigned(call)
      return await this.#read(call, response)
    } catch (error) {
      throw named(error, call)
    }
  }

  async #sendSigned<T> (call: R2Call<T>): Promise<HttpResponse> {
    const response = await this.#exchange(call)
    if (response.status < 300) return response
    const failure = await this.#failure(call, response)
    if (!this.#learnedClock(failure, response)) throw failure
    const second = await this.#exchange(call)
    if (second.status < 300) return second
    throw await this.#failure(call, second)
  }

  async #exchange<T> ({ operation, request, signal }: R2Call<T>): Promise<HttpResponse> {
    const { endpoint } = this.config
    const credentials = await this.config.credentials()
    const payloadHash = operation.payloadHash ?? (request.body === undefined ? EMPTY_PAYLOAD_SHA256 : sha256Hex(request.body))
    const signable = { method: request.method, path: request.path, query: request.query, headers: { ...request.headers, host: endpoint.host } }
    const headers = this.#signer.signHeaders(signable, credentials, payloadHash, { time: this.#now() })
    const target = request.query.length === 0 ? request.path : `${request.path}?${canonicalQuery(request.query)}`
    return await exchange({ dispatcher: this.#dispatcher, origin: endpoint.origin, timeouts: this.#timeouts }, { ...request, headers }, target, signal)
  }

  async #read<T> (call: R2Call<T>, response: HttpResponse): Promise<T> {
    try {
      return await call.read(response)
    } finally {
      // What nobody reads would hold its socket.
      if (call.streams !== true && !response.body.destroyed) response.body.destroy()
    }
  }

  async #failure<T> ({ operation }: R2Call<T>, response: HttpResponse): Promise<StorageError> {
    const body = (await response.body.collect(MAX_ERROR_BYTES)).toString()
    const missing = response.status === 404 && body === '' && operation.missingCode !== undefined
    return toStorageError(
      { status: response.status, headers: response.headers, body: missing ? `<Error><Code>${operation.missingCode}</Code></Error>` : body },
      { operation: operation.description.name, action: operation.action, now: this.#now() }
    )
  }

  /** Once: the offset that the service's own `Date` shows. */
  #learnedClock (failure: StorageError, response: HttpResponse): boolean {
    const date = Date.parse(response.headers['date'] ?? '')
    if (failure.serviceCode !== 'RequestTimeTooSkewed' || Number.isNaN(date)) return false
    const offset = date - this.clock.now()
    if (Math.abs(offset - this.#clockOffsetMs) < 1000) return false
    this.#clockOffsetMs = offset
    this.logger.warn({ offsetMs: offset }, 'Clock corrected by the Date header of R2')
    return true
  }

  #now (): number {
    return this.clock.now() + this.#clockOffsetMs
  }
}

function policy (retryOption: ClientOptions['retry']): typeof retryPolicyFor {
  if (retryOption === false) return () => ({ retries: 0, initialMs: 0, maxMs: 0 })
  return retryOption === undefined ? retryPolicyFor : error => ({ ...retryPolicyFor(error), ...retryOption })
}

function subjectOf ({ bucket, key, subject }: R2Operation<unknown>): Record<string, string | number> {
  return { ...(bucket === undefined ? {} : { bucket }), ...(key === undefined ? {} : { key }), ...subject }
}

/** Failures of the network know nothing of the operation: say what could not be done. */
function named (error: unknown, { operation }: R2Call<unknown>): unknown {
  if (!(error instanceof StorageError) || error.operation !== undefined) return error
  error.operation = operation.description.name
  if (!error.message.startsWith('Cannot ')) error.message = `Cannot ${operation.action}: ${error.message}`
  return error
}
