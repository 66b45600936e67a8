import { systemClock } from '../../lib/clock.ts'
import { ConfigurationError } from '../../lib/errors.ts'
import type { ClientOptions } from '../../lib/http/client-options.ts'
import { parseEndpoint } from '../../lib/http/endpoint.ts'
import type { Endpoint } from '../../lib/http/endpoint.ts'
import { isReplay, simulationFromEnv } from '../../lib/simulation/simulation-options.ts'
import { parseConnectionString } from './connection-string.ts'
import { BearerAuthorizer, SasAuthorizer, SharedKeyAuthorizer } from './credentials.ts'
import type { Authorizer, Provided, TokenCredential } from './credentials.ts'
import { INTEGRITIES } from './integrity.ts'
import type { Integrity } from './integrity.ts'
import { MAX_RANGE_BYTES, checkAccountName, checkConcurrency, checkRangeSize, checkShareName } from './names.ts'
import { RECORDING } from './recording.ts'

export interface AzureFilesOptions extends ClientOptions {
  /** 3 to 24 lower-case letters and digits; gives the endpoint `https://<accountName>.file.core.windows.net`. */
  accountName?: string
  /** One of the two keys of the account, base64; or a function that is asked for each attempt, so that keys can rotate. */
  accountKey?: Provided
  /** A shared access signature, with or without `?`; or a function that is asked for each attempt. */
  sasToken?: Provided
  /** As the portal shows it. */
  connectionString?: string
  /** Of Microsoft Entra, such as `new DefaultAzureCredential()`. */
  credential?: TokenCredential
  /** The share of every call that names no other. */
  share?: string
  /** Bytes of a range, 1 to 4,194,304. Default 4 MiB. */
  rangeSize?: number
  /** Ranges in flight, for each stream, 1 to 16. Default 4. A file takes 60 MiB a second on a standard share. */
  concurrency?: number
  /** Default `none`. */
  integrity?: Integrity
  /** `x-ms-version`. Default 2023-11-03, with a `credential` 2024-11-04, the first that takes one for shares. */
  apiVersion?: string
}

/** Checked, complete and frozen. */
export interface AzureFilesConfig {
  readonly endpoint: Endpoint
  readonly accountName: string
  readonly authorizer: Authorizer
  readonly share: string | undefined
  readonly rangeSize: number
  readonly concurrency: number
  readonly integrity: Integrity
  readonly apiVersion: string
}

const API_VERSION = '2023-11-03'
const BEARER_API_VERSION = '2024-11-04'
const CREDENTIALS = ['connectionString', 'accountKey', 'sasToken', 'credential'] as const satisfies Array<keyof AzureFilesOptions>

/** @throws {ConfigurationError} naming the option that is missing or wrong. */
export function resolveConfig (given: AzureFilesOptions): AzureFilesConfig {
  const options = withConnectionString(isReplay(given.simulation) ? forReplay(given) : given)
  const accountName = options.accountName ?? accountOf(options.endpoint)
  checkAccountName(accountName)
  const { rangeSize = MAX_RANGE_BYTES, concurrency = 4, integrity = 'none' } = options
  configured('rangeSize', () => checkRangeSize(rangeSize))
  configured('concurrency', () => checkConcurrency(concurrency))
  if (!INTEGRITIES.includes(integrity)) throw new ConfigurationError(`Cannot use integrity ${JSON.stringify(integrity)} as it must be one of ${INTEGRITIES.join(', ')}`)
  if (options.share !== undefined) configured('share', () => checkShareName(options.share))
  const authorizer = authorizerOf(options, accountName)
  const { apiVersion = authorizer.kind === 'bearer' ? BEARER_API_VERSION : API_VERSION } = options
  if (!/^\d{4}-\d{2}-\d{2}$/.test(apiVersion)) throw new ConfigurationError(`Cannot use apiVersion ${JSON.stringify(apiVersion)} as it must be a date such as ${API_VERSION}`)
  return Object.freeze({
    endpoint: parseEndpoint(options.endpoint ?? `https://${accountName}.file.core.windows.net`, 'endpoint'),
    accountName,
    authorizer,
    share: options.share,
    rangeSize,
    concurrency,
    integrity,
    apiVersion
  })
}

/** A recording answers whoever asks: nothing that would have to be asked for credentials is, what is missing is made up. */
function forReplay (options: AzureFilesOptions): AzureFilesOptions {
  const { accountKey, sasToken, credential: _, ...rest } = options
  const texts = defined({ ...(typeof accountKey === 'string' ? { accountKey } : {}), ...(typeof sasToken === 'string' ? { sasToken } : {}) })
  const isComplete = rest.connectionString !== undefined || Object.keys(texts).length > 0
  return { ...(rest.connectionString === undefined ? { accountName: 'replay' } : {}), ...defined(rest), ...(isComplete ? texts : { accountKey: Buffer.from('replay').toString('base64') }) }
}

function withConnectionString (options: AzureFilesOptions): AzureFilesOptions {
  const given = CREDENTIALS.filter(name => options[name] !== undefined)
  if (given.length > 1) throw new ConfigurationError(`Cannot use ${given.join(' and ')} together: pass one of them`)
  if (given.length === 0) throw new ConfigurationError(`Cannot create an Azure Files client without one of ${CREDENTIALS.join(', ')}`, { code: 'MissingCredentials' })
  return options.connectionString === undefined ? options : { ...parseConnectionString(options.connectionString), ...defined(options) }
}

function defined (options: AzureFilesOptions): AzureFilesOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** The account stands before `.file.` in the service's own hosts. */
function accountOf (endpoint: string | URL | undefined): string {
  const match = endpoint === undefined ? null : /^https:\/\/([a-z0-9]+)\.file\./.exec(String(endpoint))
  if (match === null) throw new ConfigurationError('Cannot create an Azure Files client without accountName', { code: 'InvalidAccountName' })
  return match[1] as string
}

function authorizerOf (options: AzureFilesOptions, accountName: string): Authorizer {
  if (options.accountKey !== undefined) return new SharedKeyAuthorizer(accountName, options.accountKey)
  if (options.sasToken !== undefined) return new SasAuthorizer(options.sasToken)
  return new BearerAuthorizer(options.credential as TokenCredential, options.clock ?? systemClock)
}

function configured (option: string, check: () => void): void {
  try {
    check()
  } catch (cause) {
    const code = cause instanceof ConfigurationError ? { code: cause.code } : {}
    throw new ConfigurationError(`Cannot use ${option}: ${cause instanceof Error ? cause.message : String(cause)}`, { ...code, cause })
  }
}

const ENVIRONMENT = {
  AZURE_STORAGE_ACCOUNT: 'accountName',
  AZURE_FILES_SHARE: 'share',
  AZURE_FILES_ENDPOINT: 'endpoint'
} as const satisfies Record<string, keyof AzureFilesOptions>

/** The first that is set counts, as with the Azure command line. */
const CREDENTIAL_ENVIRONMENT = {
  AZURE_STORAGE_CONNECTION_STRING: 'connectionString',
  AZURE_STORAGE_KEY: 'accountKey',
  AZURE_STORAGE_SAS_TOKEN: 'sasToken'
} as const satisfies Record<string, keyof AzureFilesOptions>

/** Options from the variables `AZURE_*`; empty ones count as absent, options given in code win, and one credential hides all others. */
export function optionsFromEnv (env: Record<string, string | undefined>, overrides: AzureFilesOptions = {}): AzureFilesOptions {
  const options: Record<string, unknown> = {}
  for (const [variable, option] of Object.entries(ENVIRONMENT)) {
    if (isSet(env[variable])) options[option] = env[variable]
  }
  const credential = Object.entries(CREDENTIAL_ENVIRONMENT).find(([variable]) => isSet(env[variable]))
  if (credential !== undefined && CREDENTIALS.every(name => overrides[name] === undefined)) options[credential[1]] = env[credential[0]]
  return { ...options, ...simulationFromEnv(env, RECORDING.service), ...overrides }
}

function isSet (value: string | undefined): boolean {
  return value !== undefined && value !== ''
}
