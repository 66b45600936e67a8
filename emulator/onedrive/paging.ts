/** Next links. Callers must use them as they are: one that was decoded or tidied up does not find its page. */
import { createHash } from 'node:crypto'
import type { Call } from './call.ts'
import { invalidRequest } from './errors.ts'
import type { Flavour } from './quirks.ts'

/** The request's own URL with another token in it. */
export function nextLink ({ context, incoming }: Call, flavour: Flavour, cursor: string): string {
  const kept = incoming.head.query.split('&').filter(part => part !== '' && !/^(?:\$|%24)?skiptoken=/i.test(part))
  return `${context.graphOrigin}${incoming.head.path}?${[...kept, `$skiptoken=${writeToken(flavour, cursor)}`].join('&')}`
}

/** The cursor of the request's token; undefined on a first page. @throws {GraphError} 400 when it was altered */
export function readCursor ({ query }: Call, flavour: Flavour): string | undefined {
  const token = query.option('skiptoken')
  if (token === undefined) return undefined
  const cursor = flavour === 'personal' ? Buffer.from(token, 'base64').toString() : readSealed(token)
  if (cursor === undefined) throw invalidRequest('The $skiptoken query option is not valid.')
  return cursor
}

/** A position of the personal flavour, counted from 1. @throws {GraphError} 400 */
export function readIndex (cursor: string | undefined): number {
  if (cursor === undefined) return 0
  if (!/^[1-9]\d*$/.test(cursor)) throw invalidRequest('The $skiptoken query option is not valid.')
  return Number(cursor) - 1
}

/** Quotes and an escape that is to be decoded twice are in the links of SharePoint too. */
function writeToken (flavour: Flavour, cursor: string): string {
  if (flavour === 'personal') return encodeURIComponent(Buffer.from(cursor).toString('base64'))
  const payload = Buffer.from(cursor).toString('base64url')
  return `'${payload}%252F${seal(payload)}'`
}

function readSealed (token: string): string | undefined {
  const [, payload, given] = /^'([\w-]+)%2F([\w-]+)'$/.exec(token) ?? []
  return payload !== undefined && given === seal(payload) ? Buffer.from(payload, 'base64url').toString() : undefined
}

function seal (payload: string): string {
  return createHash('sha256').update(`next page after ${payload}`).digest('base64url').slice(0, 8)
}
