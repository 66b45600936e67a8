/**
 * AWS Signature Version 4 as R2 wants it, one function per step of the specification so that each has its own vectors.
 * Wire: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 *   and https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
import { createHash, createHmac } from 'node:crypto'
import { encodeStrict } from '../../lib/http/percent-encoding.ts'

/** R2 refuses signatures over anything laxer. */
export { encodePath, encodeStrict } from '../../lib/http/percent-encoding.ts'

export const ALGORITHM = 'AWS4-HMAC-SHA256'
/** R2 has no regions: https://developers.cloudflare.com/r2/api/s3/api/ */
export const REGION = 'auto'
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'
export const EMPTY_PAYLOAD_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
/** Seven days, the longest life of a presigned URL. */
export const MAX_PRESIGN_SECONDS = 604_800

const SERVICE = 's3'
const TERMINATOR = 'aws4_request'

/**
 * Headers that proxies add or rewrite on the way (Cloudflare's edge does so with `accept-encoding`): a signature over
 * them breaks in transit.
 */
const NEVER_SIGNED = new Set([
  'accept-encoding', 'authorization', 'connection', 'content-length', 'expect', 'keep-alive', 'traceparent',
  'tracestate', 'transfer-encoding', 'user-agent'
])

export interface R2Credentials {
  accessKeyId: string
  secretAccessKey: string
  /** Of temporary credentials: sent and signed as `x-amz-security-token`. */
  sessionToken?: string
}

/** The parts of a request that are signed. `path` is already in its strictly encoded form, exactly as it is sent. */
export interface SignableRequest {
  method: string
  path: string
  query: ReadonlyArray<readonly [name: string, value: string]>
  /** Lower-case names; `host` included, with its port unless that is the scheme's own. */
  headers: Readonly<Record<string, string>>
}

export interface SigningScope {
  /** Milliseconds since the epoch. */
  time: number
  region?: string
}

export interface Signed {
  canonicalRequest: string
  stringToSign: string
  signature: string
}

/** Encoded, sorted, joined: sent on the wire in this very form. A parameter without a value is `name=`. */
export function canonicalQuery (query: SignableRequest['query']): string {
  if (query.length === 0) return ''
  return query
    .map(([name, value]) => [encodeStrict(name), encodeStrict(value)] as const)
    .sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

function compare (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Which of the headers are signed, sorted. */
export function signedHeaderNames (headers: SignableRequest['headers']): string[] {
  return Object.keys(headers).filter(name => !NEVER_SIGNED.has(name)).sort()
}

export function canonicalRequest (request: SignableRequest, signedHeaders: string[], payloadHash: string): string {
  let lines = `${request.method}\n${request.path === '' ? '/' : request.path}\n${canonicalQuery(request.query)}\n`
  for (const name of signedHeaders) lines += `${name}:${canonicalValue(request.headers[name] ?? '')}\n`
  return `${lines}\n${signedHeaders.join(';')}\n${payloadHash}`
}

function canonicalValue (value: string): string {
  return value.trim().replace(/ {2,}/g, ' ')
}

export function credentialScope (day: string, region: string): string {
  return `${day}/${region}/${SERVICE}/${TERMINATOR}`
}

export function stringToSign (timestamp: string, scope: string, canonical: string): string {
  return `${ALGORITHM}\n${timestamp}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`
}

export function deriveSigningKey (secretAccessKey: string, day: string, region: string): Buffer {
  return [day, region, SERVICE, TERMINATOR].reduce<Buffer>(
    (key, text) => createHmac('sha256', key).update(text).digest(),
    Buffer.from(`AWS4${secretAccessKey}`)
  )
}

let latest = { second: NaN, timestamp: '' }

/** `20250102T030405Z`, the basic ISO form. */
export function signingTimestamp (time: number): string {
  const second = Math.floor(time / 1000)
  if (second !== latest.second) latest = { second, timestamp: new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, '') }
  return latest.timestamp
}

/** Signs requests; keeps the derived key until the UTC day or the secret changes. */
export class Signer {
  #cached: { id: string, secret: string, key: Buffer } | undefined

  /** Headers to send: the given ones with `x-amz-date`, `x-amz-content-sha256`, the token and `authorization`. */
  signHeaders (request: SignableRequest, credentials: R2Credentials, payloadHash: string, scope: SigningScope): Record<string, string> {
    const headers: Record<string, string> = {
      ...request.headers,
      'x-amz-content-sha256': payloadHash,
      'x-amz-date': signingTimestamp(scope.time)
    }
    if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken
    const names = signedHeaderNames(headers)
    const { signature } = this.sign({ ...request, headers }, names, credentials, payloadHash, scope)
    const timestamp = headers['x-amz-date'] as string
    headers['authorization'] = `${ALGORITHM} Credential=${credentials.accessKeyId}/${credentialScope(timestamp.slice(0, 8), scope.region ?? REGION)}, ` +
      `SignedHeaders=${names.join(';')}, Signature=${signature}`
    return headers
  }

  /** The query of a presigned URL, in canonical form, the signature last. */
  presignQuery (request: SignableRequest, credentials: R2Credentials, expiresIn: number, scope: SigningScope): string {
    const timestamp = signingTimestamp(scope.time)
    const names = signedHeaderNames(request.headers)
    const query: Array<readonly [string, string]> = [
      ...request.query,
      ['X-Amz-Algorithm', ALGORITHM],
      ['X-Amz-Credential', `${credentials.accessKeyId}/${credentialScope(timestamp.slice(0, 8), scope.region ?? REGION)}`],
      ['X-Amz-Date', timestamp],
      ['X-Amz-Expires', String(expiresIn)],
      ['X-Amz-SignedHeaders', names.join(';')]
    ]
    if (credentials.sessionToken !== undefined) query.push(['X-Amz-Security-Token', credentials.sessionToken])
    const { signature } = this.sign({ ...request, query }, names, credentials, UNSIGNED_PAYLOAD, scope)
    return `${canonicalQuery(query)}&X-Amz-Signature=${signature}`
  }

  sign (request: SignableRequest, signedHeaders: string[], credentials: R2Credentials, payloadHash: string, scope: SigningScope): Signed {
    const timestamp = signingTimestamp(scope.time)
    const day = timestamp.slice(0, 8)
    const region = scope.region ?? REGION
    const canonical = canonicalRequest(request, signedHeaders, payloadHash)
    const text = stringToSign(timestamp, credentialScope(day, region), canonical)
    const key = this.#signingKey(credentials.secretAccessKey, day, region)
    return { canonicalRequest: canonical, stringToSign: text, signature: createHmac('sha256', key).update(text).digest('hex') }
  }

  #signingKey (secret: string, day: string, region: string): Buffer {
    const id = `${day}/${region}`
    if (this.#cached?.id !== id || this.#cached.secret !== secret) {
      this.#cached = { id, secret, key: deriveSigningKey(secret, day, region) }
    }
    return this.#cached.key
  }
}
