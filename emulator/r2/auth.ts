/**
 * Verifies requests signed with Signature Version 4, by header or by query, with R2's checks in R2's order. The path is
 * compared in its strict encoding however it was sent, as R2 does.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import {
  ALGORITHM, canonicalRequest, credentialScope, deriveSigningKey, encodePath, MAX_PRESIGN_SECONDS, stringToSign, UNSIGNED_PAYLOAD
} from '../../streams/r2/auth.ts'
import type { RequestHead } from '../service.ts'
import { invalidArgument, invalidRequest, notImplemented, R2Error, unauthorized } from './errors.ts'
import { decodeLoosely, type Query } from './query.ts'

const MAX_SKEW_MS = 15 * 60 * 1000
const ACCESS_KEY_LENGTH = 32
/** Location hints are accepted as regions; the empty region and us-east-1 are other names of `auto`. */
const REGIONS = ['auto', 'wnam', 'enam', 'weur', 'eeur', 'apac', 'oc']
const REGION_ALIASES = ['', 'us-east-1']
const STREAMING = /^STREAMING-/

export interface AuthSettings {
  accessKeyId: string
  secretAccessKey: string
  /** When set, requests must carry this token and no other; without it any token is refused. */
  sessionToken?: string | undefined
  /** Whether bodies in aws-chunked framing are taken. */
  streaming: boolean
}

/** What the body has to match, and what verifying its chunks takes. */
export interface Authenticated {
  payloadHash: string
  timestamp: string
  scope: string
  signingKey: Buffer
  signature: string
}

interface Claim {
  credential: string
  signedHeaders: string
  signature: string
  timestamp: string
  payloadHash: string
}

export class Authenticator {
  readonly #settings: AuthSettings
  readonly #keys = new Map<string, Buffer>()

  constructor (settings: AuthSettings) {
    this.#settings = settings
  }

  /** @throws {R2Error} the first check that failed */
  verify (head: RequestHead, query: Query, now: number): Authenticated {
    const authorization = head.headers['authorization']
    if (authorization !== undefined) return this.#verifyHeader(head, query, now, authorization)
    if (query.has('X-Amz-Credential')) return this.#verifyQuery(head, query, now)
    throw invalidArgument('Authorization')
  }

  #verifyHeader (head: RequestHead, query: Query, now: number, authorization: string): Authenticated {
    const payloadHash = head.headers['x-amz-content-sha256']
    if (payloadHash === undefined) throw invalidRequest('Missing x-amz-content-sha256')
    const timestamp = readDate(head)
    if (Math.abs(now - parseBasicDate(timestamp)) > MAX_SKEW_MS) {
      throw new R2Error(403, 'RequestTimeTooSkewed', "The difference between the request time and the server's time is too large.")
    }
    const claim = { ...parseAuthorization(authorization), timestamp, payloadHash }
    const scope = this.#checkScope(claim)
    const verified = this.#checkSignature(head, query, claim, scope)
    this.#checkToken(head.headers['x-amz-security-token'])
    if (STREAMING.test(payloadHash) && !this.#settings.streaming) throw notImplemented(payloadHash)
    return verified
  }

  #verifyQuery (head: RequestHead, query: Query, now: number): Authenticated {
    const claim = readPresigned(query)
    const date = parseBasicDate(claim.timestamp)
    if (Number.isNaN(date)) throw invalidArgument(`Date provided in X-Amz-Date (${claim.timestamp}) didn't parse successfully`)
    const scope = this.#checkScope(claim)
    checkExpiry(query.get('X-Amz-Expires') ?? '', date, now)
    const verified = this.#checkSignature(head, query, claim, scope)
    this.#checkToken(query.get('X-Amz-Security-Token'))
    return verified
  }

  /** Part count, service, terminator, key length, region, day, key: in that order. */
  #checkScope ({ credential, timestamp }: Claim): { day: string, region: string } {
    const parts = credential.split('/')
    if (parts.length < 5) {
      throw invalidArgument(`Credential sigv4 header should have at least 5 slash-separated parts, not ${parts.length}`)
    }
    const accessKeyId = parts.slice(0, -4).join('/')
    const [day = '', region = '', service, terminator] = parts.slice(-4)
    if (service !== 's3') throw invalidArgument(`Credential service should be s3, not ${service}`)
    if (terminator !== 'aws4_request') throw invalidArgument(`Credential termination string should be aws4_request, not ${terminator}`)
    if (accessKeyId.length !== ACCESS_KEY_LENGTH) {
      throw invalidArgument(`Credential access key has length ${accessKeyId.length}, should be ${ACCESS_KEY_LENGTH}`)
    }
    if (!REGIONS.includes(region) && !REGION_ALIASES.includes(region)) {
      throw new R2Error(400, 'InvalidRegionName', `The region name '${region}' is not valid. Must be one of: ${REGIONS.join(', ')}`)
    }
    if (!timestamp.startsWith(day)) {
      throw invalidArgument(`Credential signed date ${day} does not match ${timestamp.slice(0, 8)} from 'x-amz-date' header`)
    }
    if (accessKeyId !== this.#settings.accessKeyId) throw unauthorized()
    return { day, region }
  }

  #checkSignature (head: RequestHead, query: Query, claim: Claim, { day, region }: { day: string, region: string }): Authenticated {
    const signedHeaders = claim.signedHeaders.split(';').map(name => name.toLowerCase())
    if (!signedHeaders.includes('host')) throw unauthorized()
    const canonical = canonicalRequest({
      method: head.method,
      path: encodePath(decodeLoosely(head.path)),
      query: query.pairs.filter(([name]) => name !== 'X-Amz-Signature'),
      headers: head.headers
    }, signedHeaders, claim.payloadHash)
    const scope = credentialScope(day, region)
    const text = stringToSign(claim.timestamp, scope, canonical)
    const signingKey = this.#signingKey(day, region)
    const expected = createHmac('sha256', signingKey).update(text).digest('hex')
    if (!sameText(expected, claim.signature)) throw signatureDoesNotMatch(text, canonical, claim.signature)
    return { payloadHash: claim.payloadHash, timestamp: claim.timestamp, scope, signingKey, signature: claim.signature }
  }

  #checkToken (token: string | undefined): void {
    if (token !== this.#settings.sessionToken) throw invalidArgument('X-Amz-Security-Token')
  }

  #signingKey (day: string, region: string): Buffer {
    const id = `${day}/${region}`
    let key = this.#keys.get(id)
    if (key === undefined) {
      if (this.#keys.size > 32) this.#keys.clear()
      key = deriveSigningKey(this.#settings.secretAccessKey, day, region)
      this.#keys.set(id, key)
    }
    return key
  }
}

/** Whether the request tries to authenticate at all. */
export function hasAuthentication (head: RequestHead, query: Query): boolean {
  return head.headers['authorization'] !== undefined || query.has('X-Amz-Credential')
}

function readDate (head: RequestHead): string {
  const name = head.headers['x-amz-date'] === undefined ? 'date' : 'x-amz-date'
  const value = head.headers[name]
  if (value === undefined) throw invalidArgument('No date provided in x-amz-date nor date header')
  if (Number.isNaN(parseBasicDate(value))) throw invalidArgument(`Date provided in '${name}' header (${value}) didn't parse successfully`)
  return value
}

/** Milliseconds since the epoch of the basic ISO 8601 form, the only one R2 reads; NaN for any other. */
function parseBasicDate (text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  if (match === null) return NaN
  const [, year, month, day, hour, minute, second] = match
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

function parseAuthorization (authorization: string): Pick<Claim, 'credential' | 'signedHeaders' | 'signature'> {
  const fields = new Map<string, string>()
  if (authorization.startsWith(`${ALGORITHM} `)) {
    for (const component of authorization.slice(ALGORITHM.length).split(',')) {
      const equals = component.indexOf('=')
      if (equals !== -1) fields.set(component.slice(0, equals).trim(), component.slice(equals + 1).trim())
    }
  }
  const credential = fields.get('Credential')
  const signedHeaders = fields.get('SignedHeaders')
  const signature = fields.get('Signature')
  if (credential === undefined || signedHeaders === undefined || signature === undefined) throw unsupportedAlgorithm()
  return { credential, signedHeaders, signature }
}

function readPresigned (query: Query): Claim {
  const names = ['X-Amz-Algorithm', 'X-Amz-Signature', 'X-Amz-Date', 'X-Amz-SignedHeaders', 'X-Amz-Expires']
  const missing = names.filter(name => !query.has(name))
  if (missing.length === 1) throw invalidArgument(`Required search parameter ${missing[0]} missing`)
  if (missing.length > 1) throw invalidArgument(`Required search parameters ${missing.join(',  ')} missing`) // two spaces: R2's own
  if (query.get('X-Amz-Algorithm') !== ALGORITHM) throw unsupportedAlgorithm()
  return {
    credential: query.get('X-Amz-Credential') ?? '',
    signedHeaders: query.get('X-Amz-SignedHeaders') ?? '',
    signature: query.get('X-Amz-Signature') ?? '',
    timestamp: query.get('X-Amz-Date') ?? '',
    payloadHash: UNSIGNED_PAYLOAD
  }
}

function checkExpiry (text: string, date: number, now: number): void {
  const seconds = text.trim() === '' ? NaN : Number(text)
  if (Number.isNaN(seconds)) throw invalidArgument('X-Amz-Expires should be a number')
  if (seconds > MAX_PRESIGN_SECONDS) {
    throw invalidArgument('X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ' +
      `${MAX_PRESIGN_SECONDS} seconds`)
  }
  if (seconds < 1 || now > date + seconds * 1000) throw new R2Error(403, 'ExpiredRequest', 'Request has expired')
}

function unsupportedAlgorithm (): R2Error {
  return invalidRequest(`Please use ${ALGORITHM}`)
}

function signatureDoesNotMatch (text: string, canonical: string, provided: string): R2Error {
  return new R2Error(403, 'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your secret access key and signing method.', {
      StringToSign: text,
      StringToSignBytes: dump(text),
      CanonicalRequest: canonical,
      CanonicalRequestBytes: dump(canonical),
      SignatureProvided: provided
    })
}

function dump (text: string): string {
  return Array.from(Buffer.from(text), byte => byte.toString(16).padStart(2, '0')).join(' ')
}

/** Compares digests of both, so that neither length nor content can be learned from the time it takes. */
function sameText (a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
