/** The ways to prove who is asking, each of which changes a request on its way out. */
import type { Clock } from '../../lib/clock.ts'
import { AuthenticationError, ConfigurationError } from '../../lib/errors.ts'
import type { TokenCredential } from '../../lib/http/token-credential.ts'
import { Secret } from '../../lib/secret.ts'
import { sharedKeyAuthorization } from './auth.ts'
import type { SignableRequest } from './auth.ts'

/** A value, or where to get it anew: asked for each attempt, so that a rotated key or token is used at once. */
export type Provided = string | (() => string | Promise<string>)

export type { TokenCredential } from '../../lib/http/token-credential.ts'

/** What a request gets: more headers, or more query. */
export interface Proof {
  headers: Record<string, string>
  /** Encoded, without a question mark. */
  query?: string
}

export interface Authorizer {
  readonly kind: 'sharedKey' | 'sas' | 'bearer'
  authorize (request: SignableRequest): Promise<Proof>
  /** Whether after this refusal a fresh proof is worth one more try. */
  refresh? (): boolean
}

const SCOPE = 'https://storage.azure.com/.default'
/** A token is fetched anew when it has less than this to live. */
const REFRESH_BEFORE_MS = 300_000

export class SharedKeyAuthorizer implements Authorizer {
  readonly kind = 'sharedKey'
  readonly #accountName: string
  readonly #key: () => Promise<string>

  constructor (accountName: string, key: Provided) {
    this.#accountName = accountName
    this.#key = provider('accountKey', key, checkAccountKey)
  }

  /** Base64. */
  async key (): Promise<string> {
    return await this.#key()
  }

  async authorize (request: SignableRequest): Promise<Proof> {
    return { headers: { authorization: sharedKeyAuthorization(this.#accountName, await this.#key(), request) } }
  }
}

/** The token stands in the query, and there is no `Authorization`. */
export class SasAuthorizer implements Authorizer {
  readonly kind = 'sas'
  readonly #token: () => Promise<string>

  constructor (token: Provided) {
    this.#token = provider('sasToken', token, checkSasToken)
  }

  /** Encoded, without a question mark. */
  async token (): Promise<string> {
    return withoutMark(await this.#token())
  }

  async authorize (): Promise<Proof> {
    return { headers: {}, query: await this.token() }
  }
}

/** Microsoft Entra tokens. The service takes them for files only with the intent, which lets them pass file permissions by. */
export class BearerAuthorizer implements Authorizer {
  readonly kind = 'bearer'
  readonly #credential: TokenCredential
  readonly #clock: Clock
  #current: { token: Secret, expiresAt: number } | undefined
  #fetching: Promise<string> | undefined

  constructor (credential: TokenCredential, clock: Clock) {
    if (typeof credential?.getToken !== 'function') throw new ConfigurationError('Cannot use credential as it must have a getToken method', { code: 'MissingCredentials' })
    this.#credential = credential
    this.#clock = clock
  }

  async authorize (): Promise<Proof> {
    return { headers: { authorization: `Bearer ${await this.#token()}`, 'x-ms-file-request-intent': 'backup' } }
  }

  refresh (): boolean {
    this.#current = undefined
    return true
  }

  async #token (): Promise<string> {
    if (this.#current !== undefined && this.#current.expiresAt - this.#clock.now() > REFRESH_BEFORE_MS) return this.#current.token.reveal()
    // One request for all that wait.
    this.#fetching ??= this.#fetch().finally(() => { this.#fetching = undefined })
    return await this.#fetching
  }

  async #fetch (): Promise<string> {
    const access = await this.#credential.getToken(SCOPE)
    if (access === null || typeof access.token !== 'string' || access.token === '') throw new AuthenticationError('Cannot authorize as the credential gave no token')
    this.#current = { token: new Secret(access.token), expiresAt: access.expiresOnTimestamp }
    return access.token
  }
}

function provider (name: string, value: Provided, check: (text: string) => void): () => Promise<string> {
  if (typeof value === 'function') {
    return async () => {
      const text = await value()
      check(text)
      return text
    }
  }
  if (typeof value !== 'string') throw new ConfigurationError(`Cannot use ${name} as it must be a text or a function: received ${typeof value}`)
  check(value)
  const secret = new Secret(value)
  return async () => secret.reveal()
}

/** A mistyped key is found out here, before the service answers with a riddle. Its value is never shown. */
function checkAccountKey (key: string): void {
  const valid = typeof key === 'string' && key !== '' && /^[A-Za-z0-9+/]+={0,2}$/.test(key) && key.length % 4 === 0
  if (!valid) throw new ConfigurationError('Cannot use accountKey as it must be base64 text that is not empty', { code: 'InvalidKey' })
}

function checkSasToken (token: string): void {
  const fields = new URLSearchParams(typeof token === 'string' ? withoutMark(token) : '')
  if (fields.has('sig') && fields.has('sv')) return
  throw new ConfigurationError('Cannot use sasToken as it must be a query with the fields sv and sig')
}

function withoutMark (token: string): string {
  return token.startsWith('?') ? token.slice(1) : token
}
