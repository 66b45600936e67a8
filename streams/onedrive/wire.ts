/** What all operations share: where a request goes, and how answers are read. Pure: no network. */
import { MiB } from '../../lib/bytes/sizes.ts'
import { StorageError } from '../../lib/errors.ts'
import type { HttpResponse, Operation, OperationDescription } from '../../lib/http/call.ts'
import type { Secret } from '../../lib/secret.ts'
import type { Answerer } from './errors.ts'
import { readItem } from './item.ts'
import type { OneDriveItem } from './item.ts'
import { listOf, objectOf, parseObject, textOf } from './json.ts'
import type { JsonObject } from './json.ts'
import type { Page } from '../../lib/flow/page-walk.ts'

export type { Page } from '../../lib/flow/page-walk.ts'

/**
 * Where a request goes: a path of Graph below the endpoint, escaped, with its query; or a link that the service gave, used
 * byte for byte, as decoding or re-ordering it breaks the signature in it. Links of pages are sent with the access token
 * (to our own endpoint only), those that carry their own token without.
 */
export type Where =
  | { kind: 'graph', path: string }
  | { kind: 'page', link: string }
  | { kind: 'authorized', link: Secret, by: 'session' | 'download' | 'monitor' }

export interface GraphOperation<T> extends Operation<T> {
  where: Where
  /** Present where the answer may be a redirection: it is followed without the access token, after this has heard of it. */
  redirected?(location: Secret): void
}

/** The largest answer that is read whole: a page of 1,000 items has about 2 MB. */
const MAX_JSON_BYTES = 64 * MiB

export function answererOf (where: Where, followed: boolean): Answerer {
  if (where.kind === 'authorized') return where.by
  return followed ? 'download' : 'graph'
}

/** For operations whose answer has nothing to read. */
export async function readNothing (response: HttpResponse): Promise<void> {
  await response.body.collect(MAX_JSON_BYTES)
}

export async function readJson (response: HttpResponse, action: string): Promise<JsonObject> {
  const json = await readJsonIfAny(response)
  if (json === undefined) throw malformed(action, 'the answer is not a JSON object')
  return json
}

/** Undefined where the body is empty or something else. */
export async function readJsonIfAny (response: HttpResponse): Promise<JsonObject | undefined> {
  return parseObject((await response.body.collect(MAX_JSON_BYTES)).toString())
}

/** An item; without an id it is none. */
export async function readItemAnswer (response: HttpResponse, action: string, path?: string): Promise<OneDriveItem> {
  const item = itemOf(await readJson(response, action), path)
  if (item === undefined) throw malformed(action, 'the answer holds no item')
  return item
}

export function itemOf (json: JsonObject | undefined, path?: string): OneDriveItem | undefined {
  return textOf(json?.['id']) === undefined ? undefined : readItem(json as JsonObject, path)
}

export function malformed (action: string, reason: string): StorageError {
  return new StorageError(`Cannot ${action}: ${reason}`, { code: 'MalformedAnswer' })
}

/** A page ends the listing only by having no next link: it may be short or empty before the end. */
export function readPage<Entry> (json: JsonObject, read: (entry: JsonObject) => Entry): Page<Entry, string> {
  const entries = listOf(json['value']).flatMap(entry => {
    const object = objectOf(entry)
    return object === undefined ? [] : [read(object)]
  })
  return { entries, next: textOf(json['@odata.nextLink']) }
}

export function jsonBody (value: object): { body: Buffer, headers: Record<string, string> } {
  return { body: Buffer.from(JSON.stringify(value)), headers: { 'content-type': 'application/json' } }
}

export function graph (path: string): Where {
  return { kind: 'graph', path }
}

/** Query of a request: values are encoded, names such as `$top` and `@microsoft.graph.conflictBehavior` stand as they are. */
export function withQuery (path: string, query: Record<string, string | number | undefined>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`])
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`
}

/** What every operation on one item says of itself. */
export function about (description: OperationDescription, verb: string, name: string): { description: OperationDescription, action: string, subject: Record<string, string> } {
  return { description, action: `${verb} ${name}`, subject: { item: name } }
}
