/** What OneDrive brings to the request path: addresses of Graph, links used as they are, access tokens and their renewal. */
import { systemClock } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import type { StorageError } from '../../lib/errors.ts'
import { ConfigurationError } from '../../lib/errors.ts'
import type { ExecuteOptions, HttpRequest, HttpResponse } from '../../lib/http/call.ts'
import type { ClientOptions } from '../../lib/http/client-options.ts'
import { Connection } from '../../lib/http/connection.ts'
import type { FailedAnswer, Service } from '../../lib/http/connection.ts'
import { createDispatcher } from '../../lib/http/dispatcher.ts'
import { parseEndpoint } from '../../lib/http/endpoint.ts'
import type { Timeouts } from '../../lib/http/exchange.ts'
import { parseRetryAfter } from '../../lib/http/retry.ts'
import type { RetryPolicy } from '../../lib/http/retry.ts'
import type { Attributes, Counter, Histogram } from '../../lib/http/telemetry.ts'
import { ThrottleGate } from '../../lib/http/throttle-gate.ts'
import { Secret } from '../../lib/secret.ts'
import { inRecordedTime } from '../../lib/simulation/recorded-time.ts'
import type { RecordedService } from '../../lib/simulation/recording-profile.ts'
import { TokenCache, claimsOf } from './auth.ts'
import { tokenSource } from './config.ts'
import type { OneDriveConfig, OneDriveOptions } from './config.ts'
import { readError, retryPolicyFor, toStorageError } from './errors.ts'
import { IdentityService } from './identity-connection.ts'
import { BYTES_UPLOADED, DOWNLOADS, METRICS, UPLOADS, UPLOAD_DURATION } from './metrics.ts'
import { DOWNLOADING, GetDeviceCode, GetToken, UPLOADING } from './operations.ts'
import { RECORDING } from './recording.ts'
import { answererOf } from './wire.ts'
import type { GraphOperation, Where } from './wire.ts'
import type { IdentityOperation } from './wire-identity.ts'

/** The document gives none: those of R2 (R2A 5.4 and 9.4). */
const TIMEOUTS: Timeouts = { connectMs: 30_000, headersMs: 60_000, bodyIdleMs: 30_000, operationMs: 300_000 }
const NEVER: RetryPolicy = { retries: 0, initialMs: 0, maxMs: 0 }
const BREAKER = { failureThreshold: 5, resetMs: 30_000, successThreshold: 3 }

export class OneDriveConnection extends Connection<GraphOperation<unknown>> {
  readonly config: OneDriveConfig
  readonly uploads: Counter | undefined
  readonly downloads: Counter | undefined
  readonly uploadDuration: Histogram | undefined
  readonly #identity: Connection<IdentityOperation<unknown>>
  readonly #gate: ThrottleGate
  readonly #closeDispatcher: () => Promise<void>

  constructor (config: OneDriveConfig, given: OneDriveOptions) {
    const options = inRecordedTime(given, RECORDING.service)
    const timeouts = Object.freeze({ ...TIMEOUTS, ...options.timeouts })
    const own = options.dispatcher === undefined ? createDispatcher({ connectMs: timeouts.connectMs }) : undefined
    // Graph and the token endpoint share one dispatcher; overrides of the retry table are applied by our own policy.
    const shared: ClientOptions = withoutOverrides({ ...options, ...(own === undefined ? {} : { dispatcher: own }) })
    const identity = new Connection<IdentityOperation<unknown>>(new IdentityService(config.authority, config.tenantId, timeouts, shared), withoutRateLimit(shared))
    super(new OneDriveService(config, new TokenCache(tokenSource(config, options, identity), options.clock ?? systemClock), options), shared)
    this.config = config
    this.#identity = identity
    this.#gate = new ThrottleGate(this.clock)
    this.#closeDispatcher = async () => { await own?.close() }
    const { meter } = this.instruments
    this.uploads = meter?.createCounter(UPLOADS.name, { description: UPLOADS.description })
    this.downloads = meter?.createCounter(DOWNLOADS.name, { description: DOWNLOADS.description })
    this.uploadDuration = meter?.createHistogram(UPLOAD_DURATION.name, { description: UPLOAD_DURATION.description, unit: 's', advice: { explicitBucketBoundaries: UPLOAD_DURATION.buckets } })
    const uploaded = meter?.createCounter(BYTES_UPLOADED.name, { description: BYTES_UPLOADED.description, unit: 'By' })
    if (uploaded !== undefined && this.instruments.bytes !== undefined) this.instruments.bytes = contentBytes(uploaded, this.instruments.bytes)
  }

  override async execute<T> (operation: GraphOperation<T>, options: ExecuteOptions = {}): Promise<T> {
    await this.#gate.wait(options.signal)
    return await super.execute({ ...operation, read: response => this.#read(operation, response) }, options)
  }

  /** A throttle that was heard inside of a batch or by a fragment: no request of this client starts before it is over. */
  pause (forMs: number): void {
    this.#gate.close(forMs)
  }

  override async close (): Promise<void> {
    await super.close()
    await this.#identity.close()
    await this.#closeDispatcher()
  }

  /** An answer may say that the budget of the app is used up: the next request would be refused, and count. */
  #read<T> (operation: GraphOperation<T>, response: HttpResponse): Promise<T> | T {
    const resetMs = response.headers['ratelimit-remaining'] === '0' ? parseRetryAfter(response.headers['ratelimit-reset'], this.clock.now()) : undefined
    if (resetMs !== undefined) this.pause(resetMs)
    return operation.read(response)
  }
}

function withoutOverrides (options: OneDriveOptions): ClientOptions {
  const { retry, ...rest } = options
  return retry === false ? { ...rest, retry } : rest
}

function withoutRateLimit (options: ClientOptions): ClientOptions {
  const { rateLimit: _, ...rest } = options
  return rest
}

/** Two counters take the place of one with a direction, and only bytes of files count (ODA 10.3). */
function contentBytes (uploaded: Counter, downloaded: Counter): Counter {
  return {
    add (bytes, attributes: Attributes = {}) {
      const { direction, ...labels } = attributes
      const operation = String(labels['operation'])
      if (direction === 'upload' && UPLOADING.has(operation)) uploaded.add(bytes, labels)
      if (direction === 'download' && DOWNLOADING.has(operation)) downloaded.add(bytes, labels)
    }
  }
}

class OneDriveService implements Service<GraphOperation<unknown>> {
  readonly name = 'onedrive'
  readonly metrics = METRICS
  readonly recording: RecordedService
  readonly timeouts = TIMEOUTS
  readonly breaker = BREAKER
  readonly attributes: Attributes
  readonly #config: OneDriveConfig
  readonly #tokens: TokenCache
  readonly #clock: Clock
  readonly #overrides: Partial<RetryPolicy>
  /** What was sent with which token, so that a refusal renews that one and no other. */
  readonly #sentWith = new WeakMap<GraphOperation<unknown>, Secret>()
  readonly #followed = new WeakMap<GraphOperation<unknown>, Secret>()

  constructor (config: OneDriveConfig, tokens: TokenCache, options: OneDriveOptions) {
    this.#config = config
    this.#tokens = tokens
    this.#clock = options.clock ?? systemClock
    this.#overrides = options.retry === false ? {} : options.retry ?? {}
    this.recording = { profile: RECORDING, endpoint: config.endpoint, driveId: driveIdOf(config.drive) }
    this.attributes = { 'onedrive.drive': typeof config.drive === 'string' ? config.drive : Object.values(config.drive)[0] as string }
  }

  policyFor (error: StorageError): RetryPolicy {
    if (error.operation === GetToken.name || error.operation === GetDeviceCode.name) return NEVER // It was tried often enough by its own connection.
    return retryPolicyFor(error, this.#overrides)
  }

  async prepare (operation: GraphOperation<unknown>): Promise<HttpRequest> {
    const { method, body } = operation
    const { origin, target, authorized } = this.#address(operation)
    const headers: Record<string, string> = { accept: '*/*', 'user-agent': this.#config.userAgent, ...operation.headers }
    if (authorized) {
      const token = await this.#tokens.get()
      this.#sentWith.set(operation, token)
      headers['authorization'] = `Bearer ${token.reveal()}`
    }
    return { origin, target, method, headers, ...(body === undefined ? {} : { body }) }
  }

  toError (answer: FailedAnswer, operation: GraphOperation<unknown>): StorageError {
    const { description, action, where } = operation
    const answerer = answererOf(where, this.#followed.has(operation))
    return toStorageError(answer, { operation: description.name, action, answerer, now: this.#clock.now() })
  }

  /** A refused token is renewed, once; a redirection is followed where the operation expects one, without the token. */
  async learn (_failure: StorageError, answer: FailedAnswer, operation: GraphOperation<unknown>): Promise<boolean> {
    if (answer.status > 300 && answer.status < 400) return this.#follow(answer, operation)
    const token = this.#sentWith.get(operation)
    const claims = claimsOf(answer.headers['www-authenticate'])
    const refused = answer.status === 401 || (answer.status === 403 && (claims !== undefined || readError(answer.body).codes.includes('insufficient_claims')))
    if (!refused || token === undefined || operation.where.kind === 'authorized' || this.#followed.has(operation)) return false
    return await this.#tokens.replace(token, claims)
  }

  #follow ({ headers }: FailedAnswer, operation: GraphOperation<unknown>): boolean {
    const location = headers['location']
    if (operation.redirected === undefined || location === undefined) return false
    const link = new Secret(location)
    this.#followed.set(operation, link)
    operation.redirected(link)
    return true
  }

  #address (operation: GraphOperation<unknown>): { origin: string, target: string, authorized: boolean } {
    const { endpoint } = this.#config
    const { where } = operation
    const followed = this.#followed.get(operation)
    if (followed !== undefined) return this.#followedAddress(splitLink(followed.reveal()), where)
    if (where.kind === 'graph') return { origin: endpoint.origin, target: endpoint.pathPrefix + where.path, authorized: true }
    const { origin, target } = splitLink(where.kind === 'page' ? where.link : where.link.reveal())
    // The token goes to our own endpoint only, whatever host a link names.
    return { origin, target, authorized: where.kind === 'page' && origin === endpoint.origin }
  }

  /** Content is never asked for with the token; a monitor that is done may lead to the item at Graph, which wants it. */
  #followedAddress ({ origin, target }: { origin: string, target: string }, where: Where): { origin: string, target: string, authorized: boolean } {
    const { endpoint } = this.#config
    const isMonitor = where.kind === 'authorized' && where.by === 'monitor'
    return { origin, target, authorized: isMonitor && origin === endpoint.origin && target.startsWith(`${endpoint.pathPrefix}/`) }
  }
}

function driveIdOf (drive: OneDriveConfig['drive']): string | undefined {
  return typeof drive === 'object' && 'driveId' in drive ? drive.driveId : undefined
}

/** Origin and the rest of it, not parsed: a URL object would write `%27` for a quote and break the signature. */
export function splitLink (link: string): { origin: string, target: string } {
  const match = /^(https?:\/\/[^/?#]+)([^#]*)/i.exec(link)
  if (match === null) throw new ConfigurationError('Cannot follow a link of the service as it is no absolute URL')
  const { origin } = parseEndpoint(match[1] as string, 'a link of the service')
  const rest = match[2] as string
  return { origin, target: rest.startsWith('/') ? rest : `/${rest}` }
}
