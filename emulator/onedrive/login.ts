/** The login host: client credentials, refresh tokens and device codes, as forms in and JSON out. */
import { randomUUID } from 'node:crypto'
import type { Answer } from '../service.ts'
import type { Context } from './call.ts'
import { type Incoming, readText } from './incoming.ts'
import { ACCESS_TOKEN_LIFE, DEVICE_CODE_LIFE, DEVICE_POLL_INTERVAL } from './limits.ts'
import type { DeviceCode } from './tokens.ts'

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const USER_TENANTS: ReadonlySet<string> = new Set(['common', 'organizations', 'consumers'])

export class OAuthError extends Error {
  override name = 'OAuthError'
  readonly status: number
  readonly error: string
  /** The number after `AADSTS`. */
  readonly number: number

  constructor (status: number, error: string, number: number, description: string) {
    super(`AADSTS${number}: ${description}`)
    this.status = status
    this.error = error
    this.number = number
  }

  toAnswer (now: number): Answer {
    const [trace, correlation] = [randomUUID(), randomUUID()]
    const timestamp = new Date(now).toISOString().slice(0, 19).replace('T', ' ')
    return {
      status: this.status,
      headers: { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store, no-cache' },
      body: JSON.stringify({
        error: this.error,
        error_description: `${this.message} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}Z`,
        error_codes: [this.number],
        timestamp: `${timestamp}Z`,
        trace_id: trace,
        correlation_id: correlation
      })
    }
  }
}

/** One request for tokens: who asks, for what. */
interface TokenRequest {
  context: Context
  tenant: string
  form: URLSearchParams
  now: number
}

/** `path` below the login prefix: `/{tenant}/oauth2/v2.0/token`. */
export async function serveLogin (context: Context, incoming: Incoming, path: string): Promise<Answer> {
  if (path === '/devicelogin') return deviceLogin(context, incoming)
  const [, tenant = '', action = ''] = /^\/([^/]+)\/oauth2\/v2\.0\/(\w+)$/.exec(path) ?? []
  const now = incoming.now()
  try {
    if (!['token', 'devicecode'].includes(action)) throw new OAuthError(404, 'invalid_request', 90023, 'The endpoint does not exist.')
    if (incoming.head.method !== 'POST') throw new OAuthError(400, 'invalid_request', 900561, 'The endpoint only accepts POST requests.')
    const request: TokenRequest = { context, tenant, now, form: new URLSearchParams(await readText(incoming)) }
    checkTenant(request)
    return jsonAnswer(action === 'token' ? grantToken(request) : grantDeviceCode(request))
  } catch (error) {
    if (error instanceof OAuthError) return error.toAnswer(now)
    throw error
  }
}

function checkTenant ({ context, tenant, form }: TokenRequest): void {
  const forUsers = USER_TENANTS.has(tenant) && form.get('grant_type') !== 'client_credentials'
  if (tenant === context.tenantId || forUsers) return
  throw new OAuthError(400, 'invalid_request', 90002, `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID.`)
}

function grantToken (request: TokenRequest): object {
  checkClient(request)
  const grant = request.form.get('grant_type')
  switch (grant) {
    case 'client_credentials': return grantToApp(request)
    case 'refresh_token': return grantForRefresh(request)
    case DEVICE_GRANT: return grantForDevice(request)
    default: throw new OAuthError(400, 'unsupported_grant_type', 70003, `The app requested an unsupported grant type '${grant}'.`)
  }
}

function checkClient ({ context, form }: TokenRequest): void {
  const clientId = form.get('client_id')
  if (clientId === null) throw new OAuthError(400, 'invalid_request', 900144, "The request body must contain the following parameter: 'client_id'.")
  if (clientId === context.clientId) return
  throw new OAuthError(400, 'unauthorized_client', 700016, `Application with identifier '${clientId}' was not found in the directory.`)
}

function grantToApp (request: TokenRequest): object {
  const { context, form, now } = request
  checkSecret(request)
  const scope = form.get('scope') ?? ''
  if (!scope.endsWith('/.default')) {
    throw new OAuthError(400, 'invalid_scope', 1002012, `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.`)
  }
  const token = context.tokens.issue('app', scope, now, form.get('claims') ?? undefined)
  return { token_type: 'Bearer', expires_in: ACCESS_TOKEN_LIFE, ext_expires_in: ACCESS_TOKEN_LIFE, access_token: token }
}

/** A secret is compared; of an assertion only the shape can be, since no certificate was registered. */
function checkSecret ({ context, form }: TokenRequest): void {
  const assertion = form.get('client_assertion')
  if (assertion !== null && form.get('client_assertion_type') === ASSERTION_TYPE && assertion.split('.').length === 3) return
  const secret = form.get('client_secret')
  if (secret === null && assertion === null) {
    throw new OAuthError(401, 'invalid_client', 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
  }
  if (secret !== context.clientSecret) throw new OAuthError(401, 'invalid_client', 7000215, 'Invalid client secret provided.')
}

function grantForRefresh (request: TokenRequest): object {
  const { context, form, now } = request
  if (form.has('client_secret')) checkSecret(request)
  const scope = context.tokens.useRefresh(form.get('refresh_token') ?? '', now)
  if (scope === undefined) throw new OAuthError(400, 'invalid_grant', 700082, 'The refresh token has expired due to inactivity.')
  return userTokens(request, form.get('scope') ?? scope, true)
}

function grantForDevice (request: TokenRequest): object {
  const { context, form, now } = request
  const device = context.tokens.device(form.get('device_code') ?? '')
  if (device === undefined) throw new OAuthError(400, 'bad_verification_code', 70019, 'The device_code is not known.')
  if (device.expires <= now) throw new OAuthError(400, 'expired_token', 70020, 'The device_code has expired.')
  pollDevice(context, device)
  context.tokens.endDevice(device)
  return userTokens(request, device.scope, device.scope.split(' ').includes('offline_access'))
}

/** @throws {OAuthError} until the user has approved */
function pollDevice (context: Context, device: DeviceCode): void {
  device.polls++
  if (device.state === 'pending' && device.polls >= context.quirks.approveDeviceAfter) device.state = 'approved'
  if (device.state === 'declined') throw new OAuthError(400, 'authorization_declined', 70018, 'The user declined the request.')
  if (device.state === 'pending') throw new OAuthError(400, 'authorization_pending', 70016, 'OAuth 2.0 device flow error. Authorization is pending. Continue polling.')
}

function userTokens ({ context, form, now }: TokenRequest, scope: string, refreshable: boolean): object {
  const token = context.tokens.issue('delegated', scope, now, form.get('claims') ?? undefined)
  return {
    token_type: 'Bearer',
    scope,
    expires_in: ACCESS_TOKEN_LIFE,
    ext_expires_in: ACCESS_TOKEN_LIFE,
    access_token: token,
    ...(refreshable ? { refresh_token: context.tokens.issueRefresh(scope, now) } : {}),
    ...(scope.split(' ').includes('openid') ? { id_token: 'eyJ0eXAiOiJKV1QifQ.e30.' } : {})
  }
}

function grantDeviceCode (request: TokenRequest): object {
  checkClient(request)
  const { context, form, now } = request
  const device = context.tokens.startDevice(form.get('scope') ?? '', now)
  const page = `${context.graphOrigin}/onedrive/login/devicelogin`
  return {
    user_code: device.userCode,
    device_code: device.code,
    verification_uri: page,
    expires_in: DEVICE_CODE_LIFE,
    interval: DEVICE_POLL_INTERVAL,
    message: `To sign in, use a web browser to open the page ${page} and enter the code ${device.userCode} to authenticate.`
  }
}

/** Where the user types the code: `?code=` approves. */
function deviceLogin ({ tokens }: Context, { head }: Incoming): Answer {
  const code = new URLSearchParams(head.query).get('code')?.trim().toUpperCase()
  const device = code === undefined ? undefined : tokens.pendingDevice(code)
  if (device !== undefined) device.state = 'approved'
  const said = device !== undefined ? '<p>You have signed in on your device.</p>' : '<form><label>Code <input name="code"></label> <button>Next</button></form>'
  return { status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: `<!DOCTYPE html>\n<title>Enter code</title>\n${said}\n` }
}

function jsonAnswer (body: object): Answer {
  return {
    status: 200,
    headers: { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store, no-cache' },
    body: JSON.stringify(body)
  }
}
