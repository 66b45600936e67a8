/** The built-in ways to a token: client credentials, refresh token, device code. */
import type { Clock } from '../../lib/clock.ts'
import { AuthenticationError, StorageError } from '../../lib/errors.ts'
import type { Secret } from '../../lib/secret.ts'
import { issuedToken } from './auth.ts'
import type { IssuedToken, TokenRequest, TokenSource } from './auth.ts'
import { clientCredentialsGrant, deviceCodeGrant, deviceCodeRequest, refreshTokenGrant } from './wire-identity.ts'
import type { ClientIdentity, DeviceCodeAnswer, IdentityOperation, TokenAnswer } from './wire-identity.ts'

/** Sends to the token endpoint; of the request path that is one more connection. */
export interface IdentityEndpoint {
  readonly clock: Clock
  execute<T> (operation: IdentityOperation<T>): Promise<T>
}

/** What the user is shown: to be typed in at a browser within `expiresInMs`. */
export interface DeviceCodePrompt {
  userCode: string
  verificationUri: string
  message: string
  expiresInMs: number
}

export interface DelegatedOptions {
  client: ClientIdentity
  scope: string
  /** Hears each new refresh token, to be kept where the next process finds it. */
  onRefreshToken?: ((refreshToken: string) => void | Promise<void>) | undefined
}

/** The app signs in as itself; there is no refresh token, and no `me`. */
export function clientCredentials (identity: IdentityEndpoint, client: ClientIdentity, scope: string): TokenSource {
  return {
    renewable: true,
    issue: async ({ claims }) => issued(identity.clock, await identity.execute(clientCredentialsGrant(client, { scope, claims })))
  }
}

/** On behalf of a user who signed in before. */
export class RefreshTokenSource implements TokenSource {
  readonly renewable = true
  readonly #identity: IdentityEndpoint
  readonly #options: DelegatedOptions
  #refreshToken: Secret

  constructor (identity: IdentityEndpoint, refreshToken: Secret, options: DelegatedOptions) {
    this.#identity = identity
    this.#refreshToken = refreshToken
    this.#options = options
  }

  async issue ({ claims }: TokenRequest): Promise<IssuedToken> {
    const { client, scope, onRefreshToken } = this.#options
    const answer = await this.#identity.execute(refreshTokenGrant(client, this.#refreshToken, { scope, claims }))
    if (answer.refreshToken !== undefined) {
      this.#refreshToken = answer.refreshToken
      await onRefreshToken?.(answer.refreshToken.reveal())
    }
    return issued(this.#identity.clock, answer)
  }
}

/** The user signs in at a browser once; from then on the refresh token serves. */
export class DeviceCodeSource implements TokenSource {
  readonly renewable = true
  readonly #identity: IdentityEndpoint
  readonly #options: DelegatedOptions
  readonly #prompt: (prompt: DeviceCodePrompt) => void | Promise<void>
  #refresh: RefreshTokenSource | undefined

  constructor (identity: IdentityEndpoint, prompt: (prompt: DeviceCodePrompt) => void | Promise<void>, options: DelegatedOptions) {
    this.#identity = identity
    this.#prompt = prompt
    this.#options = options
  }

  async issue (request: TokenRequest): Promise<IssuedToken> {
    if (this.#refresh !== undefined) return await this.#refresh.issue(request)
    const answer = await this.#signIn()
    if (answer.refreshToken !== undefined) {
      this.#refresh = new RefreshTokenSource(this.#identity, answer.refreshToken, this.#options)
      await this.#options.onRefreshToken?.(answer.refreshToken.reveal())
    }
    return issued(this.#identity.clock, answer)
  }

  async #signIn (): Promise<TokenAnswer> {
    const { client, scope } = this.#options
    const code = await this.#identity.execute(deviceCodeRequest(client, scope))
    const { userCode, verificationUri, message, expiresInMs } = code
    await this.#prompt({ userCode, verificationUri, message, expiresInMs })
    return await this.#poll(code)
  }

  /** Until the user has signed in, declined, or let the code expire. */
  async #poll ({ deviceCode, expiresInMs, intervalMs }: DeviceCodeAnswer): Promise<TokenAnswer> {
    const { clock } = this.#identity
    const until = clock.now() + expiresInMs
    for (let waitMs = intervalMs; clock.now() + waitMs <= until;) {
      await clock.sleep(waitMs)
      try {
        return await this.#identity.execute(deviceCodeGrant(this.#options.client, deviceCode))
      } catch (error) {
        const serviceCode = error instanceof StorageError ? error.serviceCode : undefined
        if (serviceCode === 'slow_down') waitMs += 5000 // RFC 8628, section 3.5
        else if (serviceCode !== 'authorization_pending') throw error
      }
    }
    throw new AuthenticationError('Cannot get an access token by device code: nobody signed in before the code expired', { code: 'Unauthorized', serviceCode: 'expired_token' })
  }
}

function issued (clock: Clock, { token, expiresInMs }: TokenAnswer): IssuedToken {
  const now = clock.now()
  return issuedToken(token, now, now + expiresInMs)
}
