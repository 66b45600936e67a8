/** ListObjects and ListObjectsV2: one walk over the keys in UTF-8 order, two ways to say where it stopped. */
import { encodeStrict } from '../../streams/r2/auth.ts'
import type { Answer } from '../service.ts'
import type { SortedMap } from '../sorted-map.ts'
import { bucketOf, type Call, quoted, xmlAnswer } from './call.ts'
import { invalidArgument, notImplemented, R2Error } from './errors.ts'
import { MAX_PAGE } from './limits.ts'
import type { Query } from './query.ts'
import { identity, type StoredObject } from './state.ts'
import { branch, document, leaf, type Xml } from './xml.ts'

/** Where a page stopped: after a key, or after all keys under a common prefix. */
type Position = { key: string } | { prefix: string }

interface Walk {
  prefix: string
  delimiter: string | undefined
  from: Position | undefined
  limit: number
}

interface Page {
  objects: StoredObject[]
  prefixes: string[]
  /** Where the next page goes on, when there is more. */
  next: Position | undefined
}

export async function listObjects (call: Call): Promise<Answer> {
  const { query, bucketName } = call
  const bucket = bucketOf(call)
  const encode = readEncoding(query)
  const { maxKeys, limit } = readMaxKeys(query.get('max-keys'))
  const marker = query.get('marker')
  const page = walk(bucket.objects, { ...readWalk(query), from: marker === undefined ? undefined : { key: identity(marker) }, limit })
  return xmlAnswer(document('ListBucketResult',
    leaf('Name', bucketName),
    page.objects.map(object => contents(object, encode, call.context.accountId)),
    commonElements(query, page, encode),
    leaf('Marker', encode(marker ?? '')),
    page.next === undefined || limit === 0 ? undefined : leaf('NextMarker', encode('key' in page.next ? page.next.key : page.next.prefix)),
    leaf('MaxKeys', maxKeys),
    leaf('EncodingType', query.get('encoding-type'))))
}

export async function listObjectsV2 (call: Call): Promise<Answer> {
  const { query, bucketName } = call
  const bucket = bucketOf(call)
  const encode = readEncoding(query)
  const { maxKeys, limit } = readMaxKeys(query.get('max-keys'))
  const startAfter = query.get('start-after')
  const token = query.get('continuation-token')
  const from = token === undefined ? startAfter === undefined ? undefined : { key: identity(startAfter) } : readToken(token)
  const page = walk(bucket.objects, { ...readWalk(query), from, limit })
  const owner = query.get('fetch-owner') === 'true' ? call.context.accountId : undefined
  return xmlAnswer(document('ListBucketResult',
    leaf('Name', bucketName),
    page.objects.map(object => contents(object, encode, owner)),
    commonElements(query, page, encode),
    leaf('StartAfter', startAfter === undefined ? undefined : encode(startAfter)),
    leaf('ContinuationToken', token),
    page.next === undefined || limit === 0 ? undefined : leaf('NextContinuationToken', writeToken(page.next)),
    leaf('MaxKeys', maxKeys),
    leaf('KeyCount', page.objects.length + page.prefixes.length),
    leaf('EncodingType', query.get('encoding-type'))))
}

/** Collects up to `limit` keys and common prefixes; with a limit of 0 it only finds out whether there are any. */
function walk (objects: SortedMap<StoredObject>, { prefix, delimiter, from, limit }: Walk): Page {
  const page: Page = { objects: [], prefixes: [], next: undefined }
  let index = firstIndex(objects, prefix, from)
  let last: Position | undefined
  for (let entry = objects.at(index); entry !== undefined && entry[0].startsWith(prefix); entry = objects.at(index)) {
    const group = groupOf(entry[0], prefix, delimiter)
    // V1 may be given a common prefix as its marker: what it groups was on the page before.
    const seen = group !== undefined && from !== undefined && 'key' in from && from.key === group
    if (!seen && page.objects.length + page.prefixes.length >= limit) return { ...page, next: last ?? { prefix: '' } }
    if (group === undefined) {
      page.objects.push(entry[1])
      last = { key: entry[0] }
      index++
      continue
    }
    if (!seen) page.prefixes.push(group)
    last = { prefix: group }
    index = objects.endOfPrefix(group, index)
  }
  return page
}

function firstIndex (objects: SortedMap<StoredObject>, prefix: string, from: Position | undefined): number {
  const start = objects.lowerBound(prefix)
  if (from === undefined) return start
  if ('key' in from) return Math.max(start, objects.upperBound(from.key))
  return Math.max(start, objects.endOfPrefix(from.prefix, objects.lowerBound(from.prefix)))
}

function groupOf (key: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (delimiter === undefined || delimiter === '') return undefined
  const end = key.indexOf(delimiter, prefix.length)
  return end === -1 ? undefined : key.slice(0, end + delimiter.length)
}

function readWalk (query: Query): Pick<Walk, 'prefix' | 'delimiter'> {
  return { prefix: identity(query.get('prefix') ?? ''), delimiter: query.get('delimiter') }
}

/** @throws {R2Error} 501 for any encoding but `url` */
export function readEncoding (query: Query): (text: string) => string {
  const type = query.get('encoding-type')
  if (type === undefined) return text => text
  if (type !== 'url') throw notImplemented(`Unrecognized encoding-type "${type}"`)
  return encodeStrict
}

/** `maxKeys` is echoed as asked for, fractions floored; `limit` is what is obeyed. */
export function readMaxKeys (text: string | undefined): { maxKeys: number, limit: number } {
  if (text === undefined) return { maxKeys: MAX_PAGE, limit: MAX_PAGE }
  const value = text.trim() === '' ? NaN : Number(text)
  if (!Number.isFinite(value) || value < 0) throw new R2Error(400, 'InvalidMaxKeys', 'MaxKeys params must be positive integer <= 1000.')
  return { maxKeys: Math.floor(value), limit: Math.min(Math.floor(value), MAX_PAGE) }
}

function commonElements (query: Query, page: Page, encode: (text: string) => string): Xml {
  const delimiter = query.get('delimiter')
  return [
    leaf('IsTruncated', page.next !== undefined),
    page.prefixes.map(prefix => branch('CommonPrefixes', leaf('Prefix', encode(prefix)))),
    leaf('Prefix', encode(query.get('prefix') ?? '')),
    leaf('Delimiter', delimiter === undefined ? undefined : encode(delimiter))
  ]
}

function contents (object: StoredObject, encode: (text: string) => string, ownerId: string | undefined): string {
  return branch('Contents',
    leaf('Key', encode(object.key)),
    leaf('Size', object.content.size),
    leaf('LastModified', new Date(object.uploaded).toISOString()),
    leaf('ETag', quoted(object.etag)),
    object.checksum === undefined
      ? undefined
      : [leaf('ChecksumAlgorithm', object.checksum.algorithm), leaf('ChecksumType', object.checksum.type)],
    leaf('StorageClass', object.storageClass),
    ownerId === undefined ? undefined : owner('Owner', ownerId))
}

export function owner (name: 'Owner' | 'Initiator', id: string): string {
  return branch(name, leaf('ID', id), leaf('DisplayName', id))
}

function writeToken (position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64')
}

function readToken (token: string): Position {
  try {
    const position = JSON.parse(Buffer.from(token, 'base64').toString()) as Partial<Record<'key' | 'prefix', unknown>>
    if (typeof position.key === 'string') return { key: position.key }
    if (typeof position.prefix === 'string') return { prefix: position.prefix }
  } catch {
    // not one of ours: refused below
  }
  throw invalidArgument('The continuation token provided is incorrect')
}
