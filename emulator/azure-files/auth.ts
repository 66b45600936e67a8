/** Lets requests in: Shared Key, Shared Key Lite, shared access signatures, bearer tokens. */
import type { RequestHead } from '../service.ts'
import { authenticationFailed, azureError, invalidHeader, missingHeader } from './errors.ts'
import type { Operation, Route } from './operations.ts'
import { verifySas, type Grant, type SasSettings } from './sas.ts'
import { hmac, isSigned, sameText, sharedKeyLiteStrings, sharedKeyStrings } from './shared-key.ts'
import { SINCE } from './versions.ts'

const MAX_SKEW_MS = 15 * 60 * 1000
const SCHEME = /^(SharedKey|SharedKeyLite|Bearer)\s+(\S.*)$/

export interface AuthSettings extends SasSettings {
  /** Whether this bearer token is one of ours. */
  acceptsBearer (token: string): boolean
}

/** Who asks: with the key or a token anything is allowed, with a signature what it grants. */
export type Authenticated = { kind: 'sharedKey' | 'bearer' } | { kind: 'sas', grant: Grant }

export class Authenticator {
  readonly settings: AuthSettings

  constructor (settings: AuthSettings) {
    this.settings = settings
  }

  /** @throws {AzureError} the first check that failed */
  verify (head: RequestHead, route: Route, operation: Operation, version: string | undefined, now: number): Authenticated {
    const authorization = head.headers['authorization']
    if (authorization === undefined) {
      if (!route.query.has('sig')) throw challenge('NoAuthenticationInformation')
      return { kind: 'sas', grant: verifySas(this.settings, route.query, route, operation, now) }
    }
    const match = SCHEME.exec(authorization)
    if (match === null) throw azureError('InvalidAuthenticationInfo', { AuthenticationErrorDetail: 'Authentication scheme is not supported' })
    if (version === undefined) throw missingHeader('x-ms-version')
    const [, scheme, credential = ''] = match
    if (scheme === 'Bearer') return this.#verifyBearer(head, route, version, credential)
    this.#verifyKey(head, route, scheme === 'SharedKeyLite', credential, now)
    return { kind: 'sharedKey' }
  }

  #verifyKey (head: RequestHead, { query }: Route, lite: boolean, credential: string, now: number): void {
    const { accountName, accountKey } = this.settings
    const repeated = head.repeated?.find(isSigned)
    if (repeated !== undefined) throw invalidHeader(repeated, head.headers[repeated] ?? '')
    checkDate(head, now)
    const [account, signature = ''] = credential.split(':')
    if (account !== accountName) throw authenticationFailed('The account of the Authorization header is not the account of the request')
    const strings = lite ? sharedKeyLiteStrings(accountName, head, query) : sharedKeyStrings(accountName, head, query)
    if (strings.some(text => sameText(hmac(accountKey, text), signature))) return
    throw authenticationFailed(`The MAC signature found in the HTTP request '${signature}' is not the same as any computed signature. ` +
      `Server used following string to sign: '${strings[0]}'.`)
  }

  #verifyBearer ({ headers }: RequestHead, { level }: Route, version: string, token: string): Authenticated {
    if (!this.settings.acceptsBearer(token)) throw challenge('InvalidAuthenticationInfo')
    const since = level === 'file' || level === 'directory' ? SINCE.bearerForFiles : SINCE.bearerForShares
    if (version < since) throw authenticationFailed(`Authentication scheme Bearer is not supported in this version: ${since} or later is needed`)
    const intent = headers['x-ms-file-request-intent']
    if (intent === undefined) throw missingHeader('x-ms-file-request-intent')
    if (intent.toLowerCase() !== 'backup') throw invalidHeader('x-ms-file-request-intent', intent)
    return { kind: 'bearer' }
  }
}

function checkDate ({ headers }: RequestHead, now: number): void {
  const text = headers['x-ms-date'] ?? headers['date']
  if (text === undefined) throw authenticationFailed('Request date header not specified')
  const date = Date.parse(text)
  if (Number.isNaN(date)) throw authenticationFailed(`The Date header in the request is incorrect: ${text}`)
  if (Math.abs(now - date) > MAX_SKEW_MS) throw authenticationFailed(`Request date header too old: '${text}'`)
}

function challenge (code: 'NoAuthenticationInformation' | 'InvalidAuthenticationInfo'): Error {
  return azureError(code, {}, {
    'WWW-Authenticate': 'Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize resource_id=https://storage.azure.com'
  })
}
