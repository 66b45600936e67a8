/** Access tokens, refresh tokens and device codes that the login host has given out. */
import { randomBytes } from 'node:crypto'
import { ACCESS_TOKEN_LIFE, DEVICE_CODE_LIFE, REFRESH_TOKEN_LIFE } from './limits.ts'

export type TokenKind = 'app' | 'delegated'

export interface Grant {
  kind: TokenKind
  /** Milliseconds since the epoch. */
  expires: number
  scope: string
  /** The claims that it was asked for with, when there were any. */
  claims: string | undefined
}

export interface DeviceCode {
  code: string
  userCode: string
  scope: string
  expires: number
  polls: number
  state: 'pending' | 'approved' | 'declined'
}

export class Tokens {
  readonly #access = new Map<string, Grant>()
  readonly #refresh = new Map<string, { scope: string, used: number }>()
  readonly #devices = new Map<string, DeviceCode>()
  /** Claims that tokens must have been asked for with; undefined when any token will do. */
  demandedClaims: string | undefined

  issue (kind: TokenKind, scope: string, now: number, claims?: string): string {
    for (const [token, grant] of this.#access) if (grant.expires <= now) this.#access.delete(token)
    const token = `eyJ0eXAiOiJKV1QifQ.${randomBytes(96).toString('base64url')}.${randomBytes(32).toString('base64url')}`
    this.#access.set(token, { kind, scope, expires: now + ACCESS_TOKEN_LIFE * 1000, claims })
    return token
  }

  /** The grant of a token that is valid; undefined for one that is not. */
  check (token: string, now: number): Grant | undefined {
    const grant = this.#access.get(token)
    return grant !== undefined && grant.expires > now ? grant : undefined
  }

  /** Ends all access tokens, as a service does that was told to. */
  revoke (): void {
    this.#access.clear()
  }

  issueRefresh (scope: string, now: number): string {
    const token = `0.A${randomBytes(120).toString('base64url')}`
    this.#refresh.set(token, { scope, used: now })
    return token
  }

  /** The scope of a refresh token, which lives on while it is used. */
  useRefresh (token: string, now: number): string | undefined {
    const found = this.#refresh.get(token)
    if (found === undefined || found.used + REFRESH_TOKEN_LIFE * 1000 <= now) return undefined
    found.used = now
    return found.scope
  }

  revokeRefresh (): void {
    this.#refresh.clear()
  }

  startDevice (scope: string, now: number): DeviceCode {
    const device: DeviceCode = {
      code: randomBytes(48).toString('base64url'),
      userCode: randomBytes(5).toString('hex').slice(0, 9).toUpperCase(),
      scope,
      expires: now + DEVICE_CODE_LIFE * 1000,
      polls: 0,
      state: 'pending'
    }
    this.#devices.set(device.code, device)
    return device
  }

  device (code: string): DeviceCode | undefined {
    return this.#devices.get(code)
  }

  endDevice (device: DeviceCode): void {
    this.#devices.delete(device.code)
  }

  /** The device of a user code, or the latest that is pending. */
  pendingDevice (userCode?: string): DeviceCode | undefined {
    const pending = [...this.#devices.values()].filter(device => device.state === 'pending')
    return userCode === undefined ? pending.at(-1) : pending.find(device => device.userCode === userCode)
  }
}
