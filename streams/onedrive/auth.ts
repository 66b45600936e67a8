/** Access tokens: where they come from, how long they are kept, and one renewal at a time for all requests. */
import type { Clock } from '../../lib/clock.ts'
import { AuthenticationError } from '../../lib/errors.ts'
import type { AccessToken, TokenCredential } from '../../lib/http/token-credential.ts'
import { Secret } from '../../lib/secret.ts'

export type { AccessToken, TokenCredential } from '../../lib/http/token-credential.ts'

/** What a token is asked for with. */
export interface TokenRequest {
  /** What a challenge of the service demands, as JSON. */
  claims?: string | undefined
  /** The token that the service refused. */
  rejected?: string | undefined
}

/** A token, or only its text: then the function is called for every request and keeps the token itself. */
export type AccessTokenProvider = (request: TokenRequest) => string | AccessToken | Promise<string | AccessToken>

export interface IssuedToken {
  token: Secret
  /** Milliseconds since the epoch. */
  expiresAt: number
  refreshAt: number
}

/** One way to come by tokens. */
export interface TokenSource {
  issue (request: TokenRequest): Promise<IssuedToken>
  /** False for a token that is given once: asking again gives the same. */
  readonly renewable: boolean
}

/** New ones are asked for this long before the end, or at half the life of short ones. */
const REFRESH_BEFORE_MS = 300_000

export function issuedToken (token: Secret, now: number, expiresAt: number, refreshAfter?: number): IssuedToken {
  return { token, expiresAt, refreshAt: refreshAfter ?? expiresAt - Math.min(REFRESH_BEFORE_MS, Math.max(0, (expiresAt - now) / 2)) }
}

/** Keeps the token and renews it before it ends; requests that come meanwhile wait for the one renewal. */
export class TokenCache {
  readonly #source: TokenSource
  readonly #clock: Clock
  #current: IssuedToken | undefined
  #renewal: Promise<IssuedToken> | undefined

  constructor (source: TokenSource, clock: Clock) {
    this.#source = source
    this.#clock = clock
  }

  /** A token that is good now. */
  async get (): Promise<Secret> {
    const current = this.#current
    if (current !== undefined && this.#clock.now() < current.refreshAt) return current.token
    try {
      return (await this.#renew({})).token
    } catch (error) {
      // The old one still serves: the next request tries again.
      if (current !== undefined && this.#clock.now() < current.expiresAt) return current.token
      throw error
    }
  }

  /**
   * After the service refused `rejected`: true where there is another token now.
   * Of many requests that were refused together, the first renews and the others find its token.
   */
  async replace (rejected: Secret, claims?: string): Promise<boolean> {
    if (!this.#source.renewable) return false
    const current = this.#current
    if (this.#renewal === undefined && claims === undefined && current !== undefined && current.token.reveal() !== rejected.reveal()) return true
    const renewed = await this.#renew({ claims, rejected: rejected.reveal() })
    return renewed.token.reveal() !== rejected.reveal()
  }

  #renew (request: TokenRequest): Promise<IssuedToken> {
    this.#renewal ??= this.#issue(request).finally(() => { this.#renewal = undefined })
    return this.#renewal
  }

  async #issue (request: TokenRequest): Promise<IssuedToken> {
    this.#current = await this.#source.issue(request)
    return this.#current
  }
}

/** A token that is given once and for all. */
export function staticToken (token: string): TokenSource {
  const issued = issuedToken(new Secret(token), 0, Infinity, Infinity)
  return { renewable: false, issue: async () => issued }
}

export function providedToken (provider: AccessTokenProvider, clock: Clock): TokenSource {
  return {
    renewable: true,
    issue: async request => {
      const given = await provider(request)
      if (typeof given === 'string') return issuedToken(new Secret(nonEmpty(given, 'accessToken()')), 0, 0, 0)
      return fromAccessToken(given, clock, 'accessToken()')
    }
  }
}

export function credentialToken (credential: TokenCredential, scopes: string[], clock: Clock): TokenSource {
  return {
    renewable: true,
    issue: async ({ claims }) => {
      const given = await credential.getToken(scopes, { enableCae: true, ...(claims === undefined ? {} : { claims }) })
      if (given === null) throw new AuthenticationError('Cannot get an access token: the credential gave none')
      return fromAccessToken(given, clock, 'credential.getToken()')
    }
  }
}

function fromAccessToken ({ token, expiresOnTimestamp, refreshAfterTimestamp }: AccessToken, clock: Clock, from: string): IssuedToken {
  if (typeof expiresOnTimestamp !== 'number') throw new AuthenticationError(`Cannot use the token of ${from} as its expiresOnTimestamp must be a number: received ${typeof expiresOnTimestamp}`)
  return issuedToken(new Secret(nonEmpty(token, from)), clock.now(), expiresOnTimestamp, refreshAfterTimestamp)
}

function nonEmpty (token: unknown, from: string): string {
  if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token
  throw new AuthenticationError(`Cannot use the token of ${from} as it must be printable ASCII and not empty`)
}

/**
 * The claims that a refusal demands, as JSON; undefined where it demands none.
 * Wire: https://learn.microsoft.com/entra/identity-platform/claims-challenge
 */
export function claimsOf (challenge: string | undefined): string | undefined {
  if (challenge === undefined || !/error="?insufficient_claims"?/.test(challenge)) return undefined
  const encoded = /claims="([^"]*)"/.exec(challenge)?.[1]
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString()
}
