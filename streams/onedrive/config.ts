import { systemClock } from '../../lib/clock.ts'
import { ConfigurationError } from '../../lib/errors.ts'
import type { ClientOptions } from '../../lib/http/client-options.ts'
import { parseEndpoint } from '../../lib/http/endpoint.ts'
import type { Endpoint } from '../../lib/http/endpoint.ts'
import { Secret } from '../../lib/secret.ts'
import { isReplay, simulationFromEnv } from '../../lib/simulation/simulation-options.ts'
import { drivePath } from './addressing.ts'
import type { DriveRef } from './addressing.ts'
import type { AccessTokenProvider, TokenCredential, TokenSource } from './auth.ts'
import { credentialToken, providedToken, staticToken } from './auth.ts'
import { DeviceCodeSource, RefreshTokenSource, clientCredentials } from './auth-flows.ts'
import type { DelegatedOptions, DeviceCodePrompt, IdentityEndpoint } from './auth-flows.ts'
import { isDecoratedUserAgent } from './headers.ts'
import {
  DEFAULT_FRAGMENT_BYTES, SIMPLE_UPLOAD_BYTES, checkConcurrency, checkFragmentSize, checkSimpleUploadLimit
} from './names.ts'
import { RECORDING } from './recording.ts'

/** How the client comes by access tokens: exactly one way. */
export interface OneDriveAuthOptions {
  /** Any credential of `@azure/identity`, or what has the same `getToken`. */
  credential?: TokenCredential
  /** A token that somebody else renews, or a function that gives one. */
  accessToken?: string | AccessTokenProvider
  /** Of the app; with `clientSecret` it signs in as itself, with `refreshToken` or `deviceCode` on behalf of a user. */
  clientId?: string
  /** The directory; `common`, `organizations` and `consumers` serve users only. Default for these: `common`. */
  tenantId?: string
  clientSecret?: string
  /** Of a user who signed in before. */
  refreshToken?: string
  /** Shows the user where to sign in and which code to type. */
  deviceCode?: (prompt: DeviceCodePrompt) => void | Promise<void>
  /** Hears each new refresh token, to be kept where the next process finds it. */
  onRefreshToken?: (refreshToken: string) => void | Promise<void>
}

export interface OneDriveOptions extends ClientOptions, OneDriveAuthOptions {
  /** The drive of every call that names no other. Default `'me'`, which app-only tokens do not have. */
  drive?: DriveRef
  /** Default `https://login.microsoftonline.com`. May carry a path prefix; `http:` only for loopback hosts. */
  authorityHost?: string | URL
  /** Default: `https://graph.microsoft.com/.default`, of national clouds their own; `offline_access` is added for users. */
  scopes?: string[]
  /** Bytes of each fragment but the last: a multiple of 327,680 below 60 MiB. Default 10,485,760 (10 MiB). */
  fragmentSize?: number
  /** Files up to this many bytes are one PUT. Default 4,194,304 (4 MiB). */
  simpleUploadLimit?: number
  /** Ranges in flight, for each download. Default 4, at most 16. */
  concurrency?: number
  /** `ISV|Company|App/1.0` or `NONISV|Company|App/1.0`: traffic without such a name is served later. */
  userAgent?: string
}

/** Checked, complete and frozen; holds no secret. */
export interface OneDriveConfig {
  readonly endpoint: Endpoint
  readonly authority: Endpoint
  readonly tenantId: string
  readonly drive: DriveRef
  readonly auth: AuthWay
  readonly fragmentSize: number
  readonly simpleUploadLimit: number
  readonly concurrency: number
  readonly userAgent: string
}

export type AuthWay = 'credential' | 'accessToken' | 'clientCredentials' | 'refreshToken' | 'deviceCode'

const GRAPH = 'https://graph.microsoft.com/v1.0'
const AUTHORITY = 'https://login.microsoftonline.com'
/** Wire: the list of `@microsoft/microsoft-graph-client`. */
export const GRAPH_HOSTS: ReadonlySet<string> = new Set([
  'graph.microsoft.com', 'graph.microsoft.us', 'dod-graph.microsoft.us', 'graph.microsoft.de', 'microsoftgraph.chinacloudapi.cn'
])
/** Tenants that stand for many directories, which an app cannot sign in to as itself. */
const SHARED_TENANTS = new Set(['common', 'organizations', 'consumers'])
const TENANT = /^[A-Za-z0-9.-]+$/
const USER_AGENT = 'sluice'

/** @throws {ConfigurationError} naming the option that is missing or wrong. */
export function resolveConfig (options: OneDriveOptions): OneDriveConfig {
  const endpoint = parseEndpoint(options.endpoint ?? GRAPH, 'endpoint')
  const authority = parseEndpoint(options.authorityHost ?? AUTHORITY, 'authorityHost')
  const { fragmentSize = DEFAULT_FRAGMENT_BYTES, simpleUploadLimit = SIMPLE_UPLOAD_BYTES, concurrency = 4, drive = 'me' } = options
  configured('fragmentSize', () => checkFragmentSize(fragmentSize))
  configured('simpleUploadLimit', () => checkSimpleUploadLimit(simpleUploadLimit))
  configured('concurrency', () => checkConcurrency(concurrency))
  configured('drive', () => { drivePath(drive) })
  if (options.userAgent !== undefined && !isDecoratedUserAgent(options.userAgent)) {
    throw new ConfigurationError(`Cannot use userAgent ${JSON.stringify(options.userAgent)} as it must be "ISV|Company|App/1.0" or "NONISV|Company|App/1.0"`)
  }
  checkScopes(options.scopes)
  const auth = authWay(options)
  return Object.freeze({
    endpoint,
    authority,
    tenantId: tenantOf(options, auth),
    drive: typeof drive === 'object' ? Object.freeze({ ...drive }) : drive,
    auth,
    fragmentSize,
    simpleUploadLimit,
    concurrency,
    userAgent: options.userAgent ?? USER_AGENT
  })
}

/** More than one way would leave open which of them counts. */
function authWay (options: OneDriveOptions): AuthWay {
  if (isReplay(options.simulation)) return 'accessToken'
  const { credential, accessToken, clientSecret, refreshToken, deviceCode } = options
  const ways = Object.entries({ credential, accessToken, refreshToken, deviceCode }).filter(([, value]) => value !== undefined).map(([name]) => name)
  if (ways.length > 1) throw new ConfigurationError(`Cannot use ${ways.join(' and ')} together: pass one of them`)
  const [way] = ways
  if (way === undefined) {
    if (clientSecret !== undefined) return checkClient(options, 'clientCredentials')
    throw new ConfigurationError('Cannot create a OneDrive client without credential, accessToken, or clientId with clientSecret, refreshToken or deviceCode')
  }
  if ((way === 'credential' || way === 'accessToken') && clientSecret !== undefined) {
    throw new ConfigurationError(`Cannot use ${way} and clientSecret together: pass one of them`)
  }
  if (way === 'credential') return checkCredential(credential)
  if (way === 'accessToken') return checkAccessToken(accessToken)
  return checkClient(options, way as AuthWay)
}

function checkCredential (credential: unknown): AuthWay {
  if (typeof credential === 'object' && credential !== null && 'getToken' in credential && typeof credential.getToken === 'function') return 'credential'
  throw new ConfigurationError('Cannot use credential as it must have a function getToken, as the credentials of @azure/identity have')
}

function checkAccessToken (accessToken: unknown): AuthWay {
  if (typeof accessToken === 'function') return 'accessToken'
  if (typeof accessToken !== 'string') throw new ConfigurationError(`Cannot use accessToken as it must be a string or a function: received ${typeof accessToken}`)
  if (/^Bearer /i.test(accessToken)) throw new ConfigurationError('Cannot use accessToken as it starts with "Bearer ": pass the token alone')
  if (!/^[\x21-\x7e]+$/.test(accessToken)) throw new ConfigurationError('Cannot use accessToken as it must be printable ASCII without spaces, and not empty')
  return 'accessToken'
}

function checkClient (options: OneDriveAuthOptions, way: AuthWay): AuthWay {
  checkText('clientId', options.clientId)
  if (options.clientSecret !== undefined) checkText('clientSecret', options.clientSecret)
  if (options.refreshToken !== undefined) checkText('refreshToken', options.refreshToken)
  if (options.deviceCode !== undefined && typeof options.deviceCode !== 'function') {
    throw new ConfigurationError(`Cannot use deviceCode as it must be a function that shows the code: received ${typeof options.deviceCode}`)
  }
  return way
}

/** Values are never shown: one of them may be a secret in the wrong place. */
function checkText (name: string, value: unknown): void {
  if (value === undefined) throw new ConfigurationError(`Cannot create a OneDrive client without ${name}`)
  if (typeof value !== 'string' || value.trim() === '') throw new ConfigurationError(`Cannot use ${name} as it must be a text that is not empty`)
}

function tenantOf ({ tenantId }: OneDriveAuthOptions, auth: AuthWay): string {
  if (tenantId !== undefined && (typeof tenantId !== 'string' || !TENANT.test(tenantId))) {
    throw new ConfigurationError(`Cannot use tenantId ${JSON.stringify(tenantId)} as it must be the id or a domain of a directory`)
  }
  if (auth !== 'clientCredentials') return tenantId ?? 'common'
  if (tenantId === undefined) throw new ConfigurationError('Cannot create a OneDrive client without tenantId: an app that signs in as itself belongs to one')
  if (SHARED_TENANTS.has(tenantId)) throw new ConfigurationError(`Cannot use tenantId "${tenantId}" with clientSecret as an app signs in to one directory: pass its id`)
  return tenantId
}

function checkScopes (scopes: unknown): void {
  if (scopes === undefined) return
  if (Array.isArray(scopes) && scopes.length > 0 && scopes.every(scope => typeof scope === 'string' && /^\S+$/.test(scope))) return
  throw new ConfigurationError('Cannot use scopes as they must be a list of texts without spaces, and not empty')
}

function configured (option: string, check: () => void): void {
  try {
    check()
  } catch (cause) {
    throw new ConfigurationError(`Cannot use ${option}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** The source of tokens that the options tell of; a recording answers whoever asks. @param identity is asked only by the built-in flows. */
export function tokenSource (config: OneDriveConfig, options: OneDriveOptions, identity: IdentityEndpoint): TokenSource {
  if (isReplay(options.simulation)) return staticToken('replay')
  const clock = options.clock ?? systemClock
  const { credential, accessToken, clientId = '', clientSecret, refreshToken, deviceCode, onRefreshToken } = options
  const client = { clientId, clientSecret: clientSecret === undefined ? undefined : new Secret(clientSecret) }
  const scopes = options.scopes ?? [defaultScope(config.endpoint)]
  const delegated: DelegatedOptions = { client, scope: [...new Set([...scopes, 'offline_access'])].join(' '), onRefreshToken }
  if (credential !== undefined) return credentialToken(credential, scopes, clock)
  if (accessToken !== undefined) return typeof accessToken === 'string' ? staticToken(accessToken) : providedToken(accessToken, clock)
  if (refreshToken !== undefined) return new RefreshTokenSource(identity, new Secret(refreshToken), delegated)
  if (deviceCode !== undefined) return new DeviceCodeSource(identity, deviceCode, delegated)
  return clientCredentials(identity, client, scopes.join(' '))
}

function defaultScope ({ hostname, origin }: Endpoint): string {
  return `${GRAPH_HOSTS.has(hostname) ? origin : 'https://graph.microsoft.com'}/.default`
}

/**
 * Options given in code win over the environment, and that over `shared`, what an application shares among its clients. A
 * way to tokens is taken whole from the first of them that has one. Empty variables count as absent.
 */
export function optionsFromEnv (env: Record<string, string | undefined>, overrides: OneDriveOptions = {}, shared: OneDriveOptions = {}): OneDriveOptions {
  const layers = [overrides, readEnvironment(env), shared]
  const way = layers.find(hasAuth)
  const plain = layers.map(layer => layer === way ? layer : withoutAuth(layer))
  return plain.reduceRight((lower, higher) => ({ ...lower, ...higher }), {})
}

function readEnvironment (env: Record<string, string | undefined>): OneDriveOptions {
  const value = (name: string): string | undefined => env[name] === '' ? undefined : env[name]
  const options: OneDriveOptions = {}
  const { tenantId, clientId, clientSecret } = { tenantId: value('AZURE_TENANT_ID'), clientId: value('AZURE_CLIENT_ID'), clientSecret: value('AZURE_CLIENT_SECRET') }
  if (tenantId !== undefined) options.tenantId = tenantId
  if (clientId !== undefined) options.clientId = clientId
  if (clientSecret !== undefined) options.clientSecret = clientSecret
  const { endpoint, authorityHost } = { endpoint: value('ONEDRIVE_ENDPOINT'), authorityHost: value('AZURE_AUTHORITY_HOST') }
  if (endpoint !== undefined) options.endpoint = endpoint
  if (authorityHost !== undefined) options.authorityHost = authorityHost
  const driveId = value('ONEDRIVE_DEFAULT_DRIVE_ID')
  if (driveId !== undefined) options.drive = { driveId }
  const fragmentSize = value('ONEDRIVE_CHUNK_SIZE')
  if (fragmentSize !== undefined) options.fragmentSize = readFragmentSize(fragmentSize)
  return { ...options, ...simulationFromEnv(env, RECORDING.service) }
}

function readFragmentSize (text: string): number {
  if (!/^\d+$/.test(text)) throw new ConfigurationError(`Cannot use ONEDRIVE_CHUNK_SIZE as it must be a number of bytes: received ${JSON.stringify(text)}`)
  configured('ONEDRIVE_CHUNK_SIZE', () => checkFragmentSize(Number(text)))
  return Number(text)
}

/** A client id in the code completes a secret of the environment; only what gives tokens by itself is a way. */
function hasAuth ({ credential, accessToken, clientSecret, refreshToken, deviceCode }: OneDriveOptions): boolean {
  return [credential, accessToken, clientSecret, refreshToken, deviceCode].some(option => option !== undefined)
}

function withoutAuth (options: OneDriveOptions): OneDriveOptions {
  const { credential: _, accessToken: _a, clientSecret: _c, refreshToken: _r, deviceCode: _d, ...rest } = options
  return rest
}
