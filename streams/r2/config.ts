import { ConfigurationError } from '../../lib/errors.ts'
import type { ClientOptions } from '../../lib/http/client-options.ts'
import { parseEndpoint } from '../../lib/http/endpoint.ts'
import type { Endpoint } from '../../lib/http/endpoint.ts'
import { MiB } from '../../lib/bytes/sizes.ts'
import { Secret } from '../../lib/secret.ts'
import { isReplay, simulationFromEnv } from '../../lib/simulation/simulation-options.ts'
import type { R2Credentials } from './auth.ts'
import { INTEGRITIES } from './integrity.ts'
import type { Integrity } from './integrity.ts'
import { MAX_PUT_BYTES, checkBucket, checkConcurrency, checkPartSize } from './names.ts'
import { RECORDING } from './recording.ts'

export type Jurisdiction = 'eu' | 'fedramp' | 'us'

/** Fresh credentials for each request, so that rotated ones are used at once; keep them in memory as long as they live. */
export type CredentialsProvider = () => R2Credentials | Promise<R2Credentials>

export interface R2Options extends ClientOptions {
  /** 32 hex digits; gives the endpoint `https://<accountId>.r2.cloudflarestorage.com`. */
  accountId?: string
  /** A bucket with a jurisdiction is found on that jurisdiction's host only. */
  jurisdiction?: Jurisdiction
  /** The id of the API token, 32 hex digits on R2's own hosts. */
  accessKeyId?: string
  /** SHA-256 of the API token's value, 64 hex digits on R2's own hosts. */
  secretAccessKey?: string
  /** Of temporary credentials. */
  sessionToken?: string
  /** Instead of the three above. */
  credentials?: CredentialsProvider
  /** The bucket of every call that names no other. */
  bucket?: string
  /** Buffers of this many bytes and more are put in parts. Default 104,857,600 (100 MiB). */
  multipartThreshold?: number
  /** Bytes of each part but the last. Default 10,485,760 (10 MiB): objects up to 97.6 GiB of unknown length. */
  partSize?: number
  /** Parts or ranges in flight, for each stream. Default 4, at most 16. */
  concurrency?: number
  /** Default `sha256`. */
  integrity?: Integrity
}

/** Checked, complete and frozen. */
export interface R2Config {
  readonly endpoint: Endpoint
  readonly accountId: string | undefined
  /** Names and keys must have R2's own shapes. */
  readonly strict: boolean
  readonly credentials: CredentialsProvider
  readonly bucket: string | undefined
  readonly multipartThreshold: number
  readonly partSize: number
  readonly concurrency: number
  readonly integrity: Integrity
}

const HEX_32 = /^[0-9a-f]{32}$/i
const HEX_64 = /^[0-9a-f]{64}$/i
const R2_HOST = /\.r2\.cloudflarestorage\.com$/
const JURISDICTIONS: readonly string[] = ['eu', 'fedramp', 'us'] satisfies Jurisdiction[]

/** @throws {ConfigurationError} naming the option that is missing or wrong. */
export function resolveConfig (given: R2Options): R2Config {
  const isReplayed = isReplay(given.simulation)
  const options = isReplayed ? forReplay(given) : given
  const endpoint = parseEndpoint(options.endpoint ?? accountEndpoint(options), 'endpoint')
  const strict = R2_HOST.test(endpoint.hostname)
  const { multipartThreshold = 100 * MiB, partSize = 10 * MiB, concurrency = 4, integrity = 'sha256' } = options
  configured('partSize', () => checkPartSize(partSize))
  configured('concurrency', () => checkConcurrency(concurrency))
  if (!Number.isSafeInteger(multipartThreshold) || multipartThreshold < 1 || multipartThreshold > MAX_PUT_BYTES) {
    throw new ConfigurationError(`Cannot use multipartThreshold ${multipartThreshold} as it must be 1 to ${MAX_PUT_BYTES} bytes, the largest single PUT of R2`)
  }
  if (!INTEGRITIES.includes(integrity)) throw new ConfigurationError(`Cannot use integrity ${JSON.stringify(integrity)} as it must be one of ${INTEGRITIES.join(', ')}`)
  if (options.bucket !== undefined) configured('bucket', () => checkBucket(options.bucket, strict))
  return Object.freeze({
    endpoint,
    accountId: options.accountId,
    strict,
    credentials: resolveCredentials(options, strict && !isReplayed),
    bucket: options.bucket,
    multipartThreshold,
    partSize,
    concurrency,
    integrity
  })
}

/** A recording answers whoever asks: a provider of credentials is not called, what is missing is made up. */
function forReplay ({ credentials: _, ...options }: R2Options): R2Options {
  const endpoint = options.endpoint ?? (options.accountId === undefined ? 'https://replay.invalid' : undefined)
  return { accessKeyId: 'replay', secretAccessKey: 'replay', ...options, ...(endpoint === undefined ? {} : { endpoint }) }
}

function accountEndpoint ({ accountId, jurisdiction, simulation }: R2Options): string {
  if (accountId === undefined) throw new ConfigurationError('Cannot create an R2 client without accountId or endpoint')
  if (!HEX_32.test(accountId) && !isReplay(simulation)) throw new ConfigurationError(`Cannot use accountId ${JSON.stringify(accountId)} as it must be 32 hex digits`)
  if (jurisdiction !== undefined && !JURISDICTIONS.includes(jurisdiction)) {
    throw new ConfigurationError(`Cannot use jurisdiction ${JSON.stringify(jurisdiction)} as it must be one of ${JURISDICTIONS.join(', ')}`)
  }
  return `https://${accountId.toLowerCase()}.${jurisdiction === undefined ? '' : `${jurisdiction}.`}r2.cloudflarestorage.com`
}

function resolveCredentials (options: R2Options, strict: boolean): CredentialsProvider {
  const { credentials, accessKeyId, secretAccessKey, sessionToken } = options
  if (credentials !== undefined) {
    if (typeof credentials !== 'function') throw new ConfigurationError(`Cannot use credentials as they must be a function: received ${typeof credentials}`)
    return async () => checkCredentials(await credentials(), strict)
  }
  if (accessKeyId === undefined) throw new ConfigurationError('Cannot create an R2 client without accessKeyId (or credentials)')
  if (secretAccessKey === undefined) throw new ConfigurationError('Cannot create an R2 client without secretAccessKey (or credentials)')
  checkCredentials({ accessKeyId, secretAccessKey }, strict)
  const secret = new Secret(secretAccessKey)
  const token = sessionToken === undefined ? undefined : new Secret(sessionToken)
  return () => ({ accessKeyId, secretAccessKey: secret.reveal(), ...(token === undefined ? {} : { sessionToken: token.reveal() }) })
}

/** A pasted token or swapped keys are told apart here, before R2 answers with a riddle. Values are never shown. */
function checkCredentials (credentials: R2Credentials, strict: boolean): R2Credentials {
  for (const name of ['accessKeyId', 'secretAccessKey'] as const) {
    const value: unknown = credentials?.[name]
    if (typeof value !== 'string' || value === '') throw new ConfigurationError(`Cannot use ${name} as it must be a text that is not empty`)
    const shape = name === 'accessKeyId' ? HEX_32 : HEX_64
    if (strict && !shape.test(value)) {
      throw new ConfigurationError(`Cannot use ${name} as R2's has ${name === 'accessKeyId' ? 32 : 64} hex digits: received ${value.length} characters`)
    }
  }
  return credentials
}

function configured (option: string, check: () => void): void {
  try {
    check()
  } catch (cause) {
    throw new ConfigurationError(`Cannot use ${option}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

const ENVIRONMENT = {
  R2_ENDPOINT: 'endpoint',
  R2_ACCOUNT_ID: 'accountId',
  R2_JURISDICTION: 'jurisdiction',
  R2_ACCESS_KEY_ID: 'accessKeyId',
  R2_SECRET_ACCESS_KEY: 'secretAccessKey',
  R2_SESSION_TOKEN: 'sessionToken',
  R2_BUCKET: 'bucket'
} as const satisfies Record<string, keyof R2Options>

/** Options from the variables `R2_*`; empty ones count as absent, options given in code win. */
export function optionsFromEnv (env: Record<string, string | undefined>, overrides: R2Options = {}): R2Options {
  const options: Record<string, unknown> = {}
  for (const [variable, option] of Object.entries(ENVIRONMENT)) {
    if (env[variable] !== undefined && env[variable] !== '') options[option] = env[variable]
  }
  return { ...options, ...simulationFromEnv(env, RECORDING.service), ...overrides }
}
