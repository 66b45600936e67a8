/**
 * The strings that Shared Key and Shared Key Lite sign, made of a request as it came over the wire. Written for the
 * emulator, so that a mistake of our own client is not repeated here.
 * Wire: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { RequestHead } from '../service.ts'
import type { Query } from './query.ts'

const FULL = [
  'content-encoding', 'content-language', 'content-length', 'content-md5', 'content-type', 'date', 'if-modified-since', 'if-match', 'if-none-match',
  'if-unmodified-since', 'range'
]
const LITE = ['content-md5', 'content-type', 'date']
const collator = new Intl.Collator('en')

/** Whether a header is part of the signature, so that it may come only once. */
export function isSigned (name: string): boolean {
  return name.startsWith('x-ms-') || FULL.includes(name)
}

/** All the strings that would be right: metadata names with `_` sort differently by code unit and by the service's collation. */
export function sharedKeyStrings (accountName: string, head: RequestHead, query: Query): string[] {
  const resource = `/${accountName}${head.path}${canonicalQuery(query)}`
  return headerOrders(head.headers).map(names => [head.method, ...values(head, FULL), `${canonicalHeaders(head.headers, names)}${resource}`].join('\n'))
}

export function sharedKeyLiteStrings (accountName: string, head: RequestHead, query: Query): string[] {
  const comp = query.get('comp')
  const resource = `/${accountName}${head.path}${comp === undefined ? '' : `?comp=${comp}`}`
  return headerOrders(head.headers).map(names => [head.method, ...values(head, LITE), `${canonicalHeaders(head.headers, names)}${resource}`].join('\n'))
}

function values ({ headers }: RequestHead, names: readonly string[]): string[] {
  return names.map(name => {
    if (name === 'date' && headers['x-ms-date'] !== undefined) return ''
    const value = headers[name] ?? ''
    return name === 'content-length' && value === '0' ? '' : value
  })
}

function headerOrders (headers: RequestHead['headers']): string[][] {
  const names = Object.keys(headers).filter(name => name.startsWith('x-ms-'))
  const byUnit = [...names].sort()
  const collated = [...names].sort(collator.compare)
  return byUnit.join() === collated.join() ? [byUnit] : [byUnit, collated]
}

function canonicalHeaders (headers: RequestHead['headers'], names: readonly string[]): string {
  return names.map(name => `${name}:${foldSpace(headers[name] ?? '')}\n`).join('')
}

/** White space in a row is one space, but not between quotes. */
function foldSpace (value: string): string {
  return value.trim().split(/("[^"]*")/).map((piece, index) => index % 2 === 1 ? piece : piece.replace(/\s+/g, ' ')).join('')
}

function canonicalQuery (query: Query): string {
  const names = [...new Set(query.pairs.map(pair => pair[0]))].sort()
  return names.map(name => `\n${name}:${query.pairs.filter(pair => pair[0] === name).map(pair => pair[1]).sort().join(',')}`).join('')
}

export function hmac (keyBase64: string, text: string): string {
  return createHmac('sha256', Buffer.from(keyBase64, 'base64')).update(text, 'utf8').digest('base64')
}

/** Compares digests of both, so that neither length nor content can be learned from the time it takes. */
export function sameText (a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
