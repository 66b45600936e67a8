import { ConfigurationError } from '../../lib/errors.ts'
import { SecretURL } from '../../lib/secret.ts'
import type { AzureFilesConnection } from './connection.ts'
import { BearerAuthorizer, SharedKeyAuthorizer } from './credentials.ts'
import { checkShareName, filePath } from './names.ts'
import { accountSas, orderLetters, orderPermissions, sasTime, serviceSas, userDelegationSas } from './sas.ts'
import type { SasProtocol, SasResponseHeaders, ServiceSasFields, UserDelegationKey } from './sas.ts'
import { getUserDelegationKey } from './wire-shares.ts'

export interface SasOptions {
  /** Seconds, at least 1. Default 900. */
  expiresIn?: number
  /** Default: at once. */
  startsOn?: Date
  /** One address, or two with `-` between them. */
  ip?: string
  /** Default `https`; `https,http` where the endpoint is a loopback one. */
  protocol?: SasProtocol
}

export interface AccountSasOptions extends SasOptions {
  /** Of `rwdxlacuptfiy`. Default `r`. */
  permissions?: string
  /** Of `sco`: service (list shares), container (list directories), object (files). Default `o`. */
  resourceTypes?: string
}

export interface ServiceSasOptions extends SasOptions, SasResponseHeaders {
  /** Default: the client's. */
  share?: string
  /** Only this file; without it the whole share. There is no SAS of a directory. */
  path?: string
  /** Of `rcwd` for a file, `rcwdl` for a share. Default `r`. */
  permissions?: string
  /** A stored access policy of the share; what it says must not be said here again: then `permissions` and `expiresIn` have no default. */
  identifier?: string
}

/** A key is asked for again when it lives shorter than the token that is to be signed with it. */
const KEY_LIFE_MS = 86_400_000

/**
 * Shared access signatures: URLs that carry their own right, as little as possible and not for long by default. They hide
 * themselves from `inspect` and JSON; `href` shows them, and `search` the token alone. Made without a request, but for the
 * key of `userDelegation`.
 */
export class AzureSas {
  readonly #connection: AzureFilesConnection
  readonly #shareOf: (share: string | undefined) => string
  #delegation: { key: UserDelegationKey, expiresAt: number } | undefined

  constructor (connection: AzureFilesConnection, shareOf: (share: string | undefined) => string) {
    this.#connection = connection
    this.#shareOf = shareOf
  }

  /** For many shares and files; the URL is that of the service. @throws {ConfigurationError} the client has no account key. */
  async account (options: AccountSasOptions = {}): Promise<SecretURL> {
    const { accountName } = this.#connection.config
    const token = accountSas({
      ...this.#times(options),
      accountName,
      services: 'f',
      resourceTypes: orderLetters('resourceTypes of a SAS', 'sco', options.resourceTypes ?? 'o'),
      permissions: orderPermissions('account', options.permissions ?? 'r')
    }, await this.#accountKey())
    return new SecretURL(`${this.#connection.url()}?${token}`)
  }

  /** For one file, or one share; the URL is that of the file or share. @throws {ConfigurationError} the client has no account key. */
  async service (options: ServiceSasOptions = {}): Promise<SecretURL> {
    const fields = this.#fields(options)
    return this.#urlOf(fields, serviceSas(fields, await this.#accountKey()))
  }

  /**
   * As `service`, signed with a key that Microsoft Entra gave to this user instead of the account's; at most 7 days.
   * Needs a service of version 2026-02-06. @throws {ConfigurationError} the client has no `credential`.
   */
  async userDelegation (options: Omit<ServiceSasOptions, 'identifier'> & { signal?: AbortSignal } = {}): Promise<SecretURL> {
    if (!(this.#connection.config.authorizer instanceof BearerAuthorizer)) throw new ConfigurationError('Cannot sign for a user without credential', { code: 'MissingCredentials' })
    const fields = this.#fields(options)
    return this.#urlOf(fields, userDelegationSas(fields, await this.#delegationKey(fields.expiresOn, options.signal)))
  }

  #urlOf ({ share, path }: ServiceSasFields, token: string): SecretURL {
    return new SecretURL(`${this.#connection.url(share, path)}?${token}`)
  }

  #fields (options: ServiceSasOptions): ServiceSasFields {
    const { identifier, permissions = identifier === undefined ? 'r' : undefined, ip: _ip, ...rest } = options
    const share = this.#shareOf(options.share)
    checkShareName(share)
    const path = options.path === undefined ? undefined : filePath(options.path)
    return {
      ...pickResponseHeaders(rest),
      ...this.#times(options, identifier !== undefined && options.expiresIn === undefined),
      accountName: this.#connection.config.accountName,
      share,
      path,
      identifier,
      permissions: permissions === undefined ? '' : orderPermissions(path === undefined ? 'share' : 'file', permissions)
    }
  }

  #times (options: SasOptions, byPolicy = false): { startsOn: string | undefined, expiresOn: string, ip: string | undefined, protocol: SasProtocol } {
    const { expiresIn = 900, startsOn, ip, protocol = this.#connection.config.endpoint.origin.startsWith('http:') ? 'https,http' : 'https' } = options
    if (!Number.isInteger(expiresIn) || expiresIn < 1) throw new RangeError(`Cannot sign with expiresIn ${expiresIn} as it must be whole seconds, at least 1`)
    const from = Math.max(this.#connection.clock.now(), startsOn?.getTime() ?? 0)
    return {
      startsOn: startsOn === undefined ? undefined : sasTime(startsOn),
      expiresOn: byPolicy ? '' : sasTime(new Date(from + expiresIn * 1000)),
      ip,
      protocol
    }
  }

  async #accountKey (): Promise<string> {
    const { authorizer } = this.#connection.config
    if (authorizer instanceof SharedKeyAuthorizer) return await authorizer.key()
    throw new ConfigurationError('Cannot sign a SAS without accountKey', { code: 'MissingCredentials' })
  }

  async #delegationKey (expiresOn: string, signal: AbortSignal | undefined): Promise<UserDelegationKey> {
    const until = Date.parse(expiresOn)
    const now = this.#connection.clock.now()
    if (this.#delegation === undefined || this.#delegation.expiresAt < until) {
      const expiresAt = Math.max(until, now + KEY_LIFE_MS)
      const key = await this.#connection.execute(getUserDelegationKey(sasTime(new Date(now)), sasTime(new Date(expiresAt))), { signal })
      this.#delegation = { key, expiresAt }
    }
    return this.#delegation.key
  }
}

function pickResponseHeaders ({ cacheControl, contentDisposition, contentEncoding, contentLanguage, contentType }: SasResponseHeaders): SasResponseHeaders {
  const headers = { cacheControl, contentDisposition, contentEncoding, contentLanguage, contentType }
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
}
