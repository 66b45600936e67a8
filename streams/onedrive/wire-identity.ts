/**
 * The token endpoint of Microsoft's identity platform: request in, response out.
 * Wire: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
 *   .../v2-oauth2-device-code and .../v2-oauth2-auth-code-flow (refreshing)
 */
import { AuthenticationError } from '../../lib/errors.ts'
import type { HttpResponse, Operation, OperationDescription } from '../../lib/http/call.ts'
import { Secret } from '../../lib/secret.ts'
import { defined, numberOf, textOf } from './json.ts'
import { GetDeviceCode, GetToken } from './operations.ts'
import { readJson } from './wire.ts'

/** A form to the token endpoint, or to the one for device codes. */
export interface IdentityOperation<T> extends Operation<T> {
  /** Below `{authorityHost}/{tenant}`. */
  path: string
}

export interface TokenAnswer {
  token: Secret
  /** How long it lives. */
  expiresInMs: number
  /** A new one, which takes the place of the old. */
  refreshToken: Secret | undefined
}

export interface DeviceCodeAnswer {
  deviceCode: Secret
  /** What the user types at `verificationUri`. */
  userCode: string
  verificationUri: string
  /** For people, naming both. */
  message: string
  expiresInMs: number
  intervalMs: number
}

/** Who asks; a public client has no secret. */
export interface ClientIdentity {
  clientId: string
  clientSecret?: Secret | undefined
}

/** `claims` is what a challenge of the service demanded. */
export interface GrantOptions {
  scope: string
  claims?: string | undefined
}

export function clientCredentialsGrant (client: ClientIdentity, options: GrantOptions): IdentityOperation<TokenAnswer> {
  return grant('get an access token by client credentials', client, { grant_type: 'client_credentials', ...options })
}

export function refreshTokenGrant (client: ClientIdentity, refreshToken: Secret, options: GrantOptions): IdentityOperation<TokenAnswer> {
  return grant('refresh the access token', client, { grant_type: 'refresh_token', refresh_token: refreshToken.reveal(), ...options })
}

export function deviceCodeGrant (client: ClientIdentity, deviceCode: Secret): IdentityOperation<TokenAnswer> {
  const form = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: deviceCode.reveal() }
  return grant('get an access token by device code', client, form)
}

export function deviceCodeRequest (client: ClientIdentity, scope: string): IdentityOperation<DeviceCodeAnswer> {
  const action = 'get a device code'
  return {
    ...post(GetDeviceCode, action, '/oauth2/v2.0/devicecode', { client_id: client.clientId, scope }),
    read: async response => {
      const json = await readJson(response, action)
      const deviceCode = textOf(json['device_code'])
      if (deviceCode === undefined) throw new AuthenticationError(`Cannot ${action}: the answer holds none`, { code: 'MalformedAnswer' })
      return {
        deviceCode: new Secret(deviceCode),
        userCode: textOf(json['user_code']) ?? '',
        verificationUri: textOf(json['verification_uri']) ?? '',
        message: textOf(json['message']) ?? '',
        expiresInMs: (numberOf(json['expires_in']) ?? 900) * 1000,
        intervalMs: (numberOf(json['interval']) ?? 5) * 1000
      }
    }
  }
}

function grant (action: string, { clientId, clientSecret }: ClientIdentity, form: Record<string, string | undefined>): IdentityOperation<TokenAnswer> {
  return {
    ...post(GetToken, action, '/oauth2/v2.0/token', { client_id: clientId, client_secret: clientSecret?.reveal(), ...form }),
    read: response => readToken(response, action)
  }
}

function post (description: OperationDescription, action: string, path: string, form: Record<string, string | undefined>): Omit<IdentityOperation<unknown>, 'read'> {
  return {
    description,
    action,
    path,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: Buffer.from(new URLSearchParams(defined(form) as Record<string, string>).toString())
  }
}

async function readToken (response: HttpResponse, action: string): Promise<TokenAnswer> {
  const json = await readJson(response, action)
  const token = textOf(json['access_token'])
  if (token === undefined || token === '') throw new AuthenticationError(`Cannot ${action}: the answer holds none`, { code: 'MalformedAnswer' })
  const refreshToken = textOf(json['refresh_token'])
  return {
    token: new Secret(token),
    expiresInMs: (numberOf(json['expires_in']) ?? Number(json['expires_in'] ?? 3600)) * 1000,
    refreshToken: refreshToken === undefined ? undefined : new Secret(refreshToken)
  }
}
