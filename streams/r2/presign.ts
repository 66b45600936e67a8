import { SecretURL } from '../../lib/secret.ts'
import { MAX_PRESIGN_SECONDS } from './auth.ts'
import type { R2Connection } from './connection.ts'
import { conditionHeaders, objectHeaders } from './headers.ts'
import type { Conditions, ObjectHeaders } from './headers.ts'
import { checkKey } from './names.ts'

export interface PresignOptions extends Conditions {
  /** Another bucket than the client's. */
  bucket?: string
  /** Seconds, 1 to 604,800 (7 days). Default 900. */
  expiresIn?: number
}

/** The headers given here are signed: whoever uses the URL must send the very same ones. */
export interface PresignPutOptions extends PresignOptions, ObjectHeaders {}

/**
 * URLs that carry their own signature: whoever holds one may do this one thing until it expires. Made without any
 * request. They hide themselves from `inspect` and JSON; `href` shows them.
 * Wire: https://developers.cloudflare.com/r2/api/s3/presigned-urls/ (never on custom domains; POST forms are not offered).
 */
export class R2Presign {
  readonly #connection: R2Connection
  readonly #bucketOf: (bucket: string | undefined) => string

  constructor (connection: R2Connection, bucketOf: (bucket: string | undefined) => string) {
    this.#connection = connection
    this.#bucketOf = bucketOf
  }

  get (key: string, options: PresignOptions = {}): Promise<SecretURL> {
    return this.#presign('GET', key, options, conditionHeaders(options))
  }

  put (key: string, options: PresignPutOptions = {}): Promise<SecretURL> {
    return this.#presign('PUT', key, options, { ...objectHeaders(options), ...conditionHeaders(options) })
  }

  head (key: string, options: PresignOptions = {}): Promise<SecretURL> {
    return this.#presign('HEAD', key, options, conditionHeaders(options))
  }

  delete (key: string, options: PresignOptions = {}): Promise<SecretURL> {
    return this.#presign('DELETE', key, options, {})
  }

  async #presign (method: string, key: string, options: PresignOptions, headers: Record<string, string>): Promise<SecretURL> {
    const { expiresIn = 900 } = options
    checkKey(key)
    if (!Number.isInteger(expiresIn) || expiresIn < 1 || expiresIn > MAX_PRESIGN_SECONDS) {
      throw new RangeError(`Cannot presign with expiresIn ${expiresIn} as it must be whole seconds from 1 to ${MAX_PRESIGN_SECONDS} (7 days)`)
    }
    return new SecretURL(await this.#connection.presign(method, this.#bucketOf(options.bucket), key, headers, expiresIn))
  }
}
