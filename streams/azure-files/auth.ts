/**
 * Shared Key as Azure Files wants it, one function per step of the specification so that each has its own vectors.
 * Wire: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
 */
import { createHmac } from 'node:crypto'

/** The parts of a request that are signed. */
export interface SignableRequest {
  method: string
  /** As it is sent, percent-encoded, with the prefix of the endpoint. */
  path: string
  /** Decoded. Empty values are left out of the signature, so that none may be sent. */
  query: ReadonlyArray<readonly [name: string, value: string]>
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
}

/** Their values in this order, each on its line; `Date` stays empty as `x-ms-date` is sent. */
const STANDARD_HEADERS = [
  'content-encoding', 'content-language', 'content-length', 'content-md5', 'content-type', 'date', 'if-modified-since',
  'if-match', 'if-none-match', 'if-unmodified-since', 'range'
]

/** The whole string; no newline at its end. */
export function stringToSign (accountName: string, request: SignableRequest): string {
  const lines = STANDARD_HEADERS.map(name => standardValue(name, request.headers))
  return `${request.method}\n${lines.join('\n')}\n${canonicalHeaders(request.headers)}${canonicalResource(accountName, request)}`
}

/** The short form, which the service takes too: of the query only `comp` is signed. */
export function stringToSignLite (accountName: string, request: SignableRequest): string {
  const lines = ['content-md5', 'content-type', 'date'].map(name => standardValue(name, request.headers))
  const comp = request.query.find(([name]) => name.toLowerCase() === 'comp')?.[1]
  const resource = `/${accountName}${request.path === '' ? '/' : request.path}${comp === undefined ? '' : `?comp=${comp}`}`
  return `${request.method}\n${lines.join('\n')}\n${canonicalHeaders(request.headers)}${resource}`
}

function standardValue (name: string, headers: SignableRequest['headers']): string {
  const value = headers[name] ?? ''
  if (name === 'content-length') return value === '0' ? '' : value // Since 2015-02-21; before that the zero was signed.
  return name === 'date' && headers['x-ms-date'] !== undefined ? '' : value
}

/** Every `x-ms-` header as `name:value\n`, sorted by name; an empty value is kept. */
export function canonicalHeaders (headers: SignableRequest['headers']): string {
  return Object.keys(headers)
    .filter(name => name.startsWith('x-ms-'))
    .sort((a, b) => sortKey(a) < sortKey(b) ? -1 : 1)
    .map(name => `${name}:${folded(headers[name] ?? '')}\n`)
    .join('')
}

/** The service sorts as .NET does in English, where `_` comes before the digits: the SDK's own comparator imitates the same. */
function sortKey (name: string): string {
  return name.replaceAll('_', '-')
}

/** Runs of white space are one space, but not within quotes. */
function folded (value: string): string {
  return value.trim().replace(/"[^"]*"|\s+/g, match => match.startsWith('"') ? match : ' ')
}

/**
 * The account and the path in the very form in which it is sent. An endpoint with a path of its own
 * (`http://127.0.0.1:9999/azure-files`) is no exception: its prefix stands in the path, after the account.
 */
export function canonicalResource (accountName: string, { path, query }: Pick<SignableRequest, 'path' | 'query'>): string {
  const values = new Map<string, string[]>()
  for (const [name, value] of query) {
    if (value === '') continue
    const key = name.toLowerCase()
    values.set(key, [...values.get(key) ?? [], value])
  }
  const lines = [...values.keys()].sort().map(name => `\n${name}:${values.get(name)?.sort().join(',')}`)
  return `/${accountName}${path === '' ? '/' : path}${lines.join('')}`
}

/** HMAC-SHA256 with the decoded account key, base64. */
export function hmacBase64 (keyBase64: string, text: string): string {
  return createHmac('sha256', Buffer.from(keyBase64, 'base64')).update(text, 'utf8').digest('base64')
}

/** The value of `Authorization`. */
export function sharedKeyAuthorization (accountName: string, keyBase64: string, request: SignableRequest): string {
  return `SharedKey ${accountName}:${hmacBase64(keyBase64, stringToSign(accountName, request))}`
}
