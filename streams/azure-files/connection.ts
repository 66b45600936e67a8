/** What Azure Files brings to the request path: addresses, versions, signatures, its tables and its clock. */
import { systemClock } from '../../lib/clock.ts'
import type { ClientOptions } from '../../lib/http/client-options.ts'
import type { ExecuteOptions, HttpRequest, Operation } from '../../lib/http/call.ts'
import { Connection } from '../../lib/http/connection.ts'
import type { FailedAnswer, Service } from '../../lib/http/connection.ts'
import type { StorageError } from '../../lib/errors.ts'
import type { Timeouts } from '../../lib/http/exchange.ts'
import { inRecordedTime } from '../../lib/simulation/recorded-time.ts'
import type { RecordedService } from '../../lib/simulation/recording-profile.ts'
import type { AzureFilesConfig } from './config.ts'
import { SasAuthorizer } from './credentials.ts'
import { retryPolicyFor, toStorageError } from './errors.ts'
import { METRICS, createLeaseGauge } from './metrics.ts'
import type { LeaseGauge } from './metrics.ts'
import { encodePath, encodeStrict } from './names.ts'
import type { Target } from './names.ts'
import { RECORDING } from './recording.ts'
import type { AzureOperation } from './wire.ts'

/** Operations say their own (specification 6.3); these serve what the table leaves open. */
const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 30_000, headersMs: 60_000, bodyIdleMs: 30_000, operationMs: 30_000 }
/** Specification 6.2. */
const BREAKER = { failureThreshold: 5, resetMs: 30_000, successThreshold: 2 }
/** The service refuses what is 15 minutes off: a difference below this is not the reason. */
const SKEW_MS = 300_000

export class AzureFilesConnection extends Connection<AzureOperation<unknown>> {
  readonly config: AzureFilesConfig
  readonly leaseGauge: LeaseGauge
  readonly #explicitTimeout: boolean

  constructor (config: AzureFilesConfig, given: ClientOptions) {
    const options = inRecordedTime(given, RECORDING.service)
    super(new AzureFilesService(config, options), options)
    this.config = config
    this.leaseGauge = createLeaseGauge(this.instruments.meter)
    this.#explicitTimeout = options.timeouts?.operationMs !== undefined
  }

  /** An explicit timeout stands above the table. */
  override execute<T> (operation: AzureOperation<T> & Operation<T>, options: ExecuteOptions = {}): Promise<T> {
    return super.execute(this.#explicitTimeout ? { ...operation, timeouts: {} } : operation, options)
  }

  /** Of a resource of this account, without any right to read it. */
  url (share?: string, path?: string): string {
    return this.config.endpoint.origin + wirePath(this.config, share, path)
  }
}

class AzureFilesService implements Service<AzureOperation<unknown>> {
  readonly name = 'azure_files'
  readonly metrics = METRICS
  readonly recording: RecordedService
  readonly timeouts = DEFAULT_TIMEOUTS
  readonly breaker = BREAKER
  readonly policyFor = retryPolicyFor
  readonly attributes: Record<string, string>
  readonly #config: AzureFilesConfig
  readonly #options: ClientOptions
  /** How far the service's clock is ahead of ours; found out when it refuses a signature for its date. */
  #clockOffsetMs = 0

  constructor (config: AzureFilesConfig, options: ClientOptions) {
    this.#config = config
    this.#options = options
    this.recording = { profile: RECORDING, endpoint: config.endpoint }
    this.attributes = { 'azure_files.account': config.accountName }
  }

  async prepare (operation: AzureOperation<unknown>): Promise<HttpRequest> {
    const { endpoint, authorizer } = this.#config
    const { method, body, query = [] } = operation
    const path = wirePath(this.#config, operation.share, operation.path)
    const headers = { ...await this.#headers(operation), ...(body === undefined ? {} : { 'content-length': String(body.byteLength) }) }
    const proof = await authorizer.authorize({ method, path, query, headers })
    const encoded = [...query.map(([name, value]) => `${name}=${encodeStrict(value)}`), ...(proof.query === undefined ? [] : [proof.query])].join('&')
    return {
      origin: endpoint.origin,
      target: encoded === '' ? path : `${path}?${encoded}`,
      method,
      headers: { ...headers, ...proof.headers },
      ...(body === undefined ? {} : { body })
    }
  }

  toError (answer: FailedAnswer, operation: AzureOperation<unknown>): StorageError {
    return toStorageError(answer, operation, this.#now())
  }

  /** A token may have been revoked; a date may be wrong by our own clock, which the service's `Date` then shows. */
  learn (failure: StorageError, { status, headers }: FailedAnswer): boolean {
    const { authorizer } = this.#config
    if (status === 401) return authorizer.refresh?.() ?? false
    const offsetMs = Date.parse(headers['date'] ?? '') - this.#clock().now()
    if (authorizer.kind !== 'sharedKey' || failure.serviceCode !== 'AuthenticationFailed') return false
    if (!(Math.abs(offsetMs - this.#clockOffsetMs) > SKEW_MS)) return false
    this.#clockOffsetMs = offsetMs
    this.#options.logger?.warn({ offsetMs }, 'Clock corrected by the Date header of Azure Files')
    return true
  }

  async #headers (operation: AzureOperation<unknown>): Promise<Record<string, string>> {
    const { source } = operation
    return {
      ...operation.headers,
      ...(source === undefined ? {} : { [source.header]: await this.#sourceUrl(source.target) }),
      'x-ms-date': new Date(this.#now()).toUTCString(),
      'x-ms-version': later(this.#config.apiVersion, operation.version)
    }
  }

  /** The service reads the source on its own: a SAS that lets us in must go with the URL, a key or token of ours need not. */
  async #sourceUrl ({ share, path }: Target): Promise<string> {
    const { authorizer, endpoint } = this.#config
    const url = endpoint.origin + wirePath(this.#config, share, path)
    return authorizer instanceof SasAuthorizer ? `${url}?${await authorizer.token()}` : url
  }

  #now (): number {
    return this.#clock().now() + this.#clockOffsetMs
  }

  #clock (): typeof systemClock {
    return this.#options.clock ?? systemClock
  }
}

function wirePath ({ endpoint }: AzureFilesConfig, share?: string, path?: string): string {
  const base = share === undefined ? '/' : `/${share}`
  return endpoint.pathPrefix + (path === undefined || path === '' ? base : `${base}/${encodePath(path)}`)
}

/** Versions are dates, which sort as text. */
function later (version: string, needed: string | undefined): string {
  return needed === undefined || needed < version ? version : needed
}
