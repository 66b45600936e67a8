/**
 * Paths of Graph to operations. A path is cut at its slashes before anything is decoded; a segment that ends in a colon opens
 * a path below an item, the next one closes it: `/me/drive/root:/a%23b/c.txt:/content`.
 */
import type { RequestHead } from '../service.ts'
import type { DriveSelector } from './drives.ts'
import { badRequest, GraphError, invalidRequest, notSupported } from './errors.ts'

export type Operation =
  | 'GetUser' | 'GetSite' | 'GetDrive' | 'ListDrives' | 'GetItem' | 'UpdateItem' | 'DeleteItem' | 'FinishUpload' | 'GetContent' | 'PutContent'
  | 'ListChildren' | 'CreateFolder' | 'CreateUploadSession' | 'CopyItem' | 'PermanentDelete' | 'Delta' | 'Search' | 'ListVersions' | 'GetVersion'
  | 'DeleteVersion' | 'GetVersionContent' | 'RestoreVersion' | 'Batch'

/** An item by the root, an id or a special folder, and names below it. */
export interface ItemAddress {
  base: 'root' | { id: string } | { special: string }
  /** Undefined when the item was not addressed by a path. */
  names: string[] | undefined
}

export interface GraphRoute {
  operation: Operation
  drive?: DriveSelector
  /** What `GetUser` and `GetSite` ask for. */
  owner?: string
  item?: ItemAddress
  version?: string
  /** The argument of a function: `q` of a search, `token` of a delta. */
  argument?: string
}

type Table = Readonly<Record<string, Readonly<Record<string, Operation>>>>

/** What may follow an item, by method. */
const ITEM_TABLE: Table = {
  '': { GET: 'GetItem', PATCH: 'UpdateItem', DELETE: 'DeleteItem', PUT: 'FinishUpload' },
  content: { GET: 'GetContent', HEAD: 'GetContent', PUT: 'PutContent' },
  children: { GET: 'ListChildren', POST: 'CreateFolder' },
  createUploadSession: { POST: 'CreateUploadSession' },
  copy: { POST: 'CopyItem' },
  permanentDelete: { POST: 'PermanentDelete' },
  delta: { GET: 'Delta' },
  search: { GET: 'Search' },
  versions: { GET: 'ListVersions' },
  'versions/*': { GET: 'GetVersion', DELETE: 'DeleteVersion' },
  'versions/*/content': { GET: 'GetVersionContent' },
  'versions/*/restoreVersion': { POST: 'RestoreVersion' }
}

const KNOWN_ELSEWHERE: ReadonlySet<string> = new Set([
  'permissions', 'thumbnails', 'createLink', 'invite', 'checkin', 'checkout', 'follow', 'unfollow', 'preview', 'restore', 'listItem', 'analytics',
  'subscriptions', 'retentionLabel', 'getActivitiesByInterval', 'recent', 'sharedWithMe', 'following', 'bundles', 'list', 'special', 'discardCheckout'
])

/** `drives('id')` is `drives/id`. */
const KEYED = /^(drives|items|users|groups|sites|versions|special)\((?:'|%27)(.*)(?:'|%27)\)(:?)$/i

/** @param path below `/v1.0`, as sent. @throws {GraphError} when no operation is there */
export function routeGraph ({ method }: Pick<RequestHead, 'method'>, path: string): GraphRoute {
  const segments = new Segments(path)
  if (segments.take('$batch')) return { operation: expectMethod(method, 'POST', 'Batch') }
  const { drive, owner, operation } = takeOwner(segments, method)
  if (operation !== undefined) return { operation, ...(owner === undefined ? {} : { owner }), ...(drive === undefined ? {} : { drive }) }
  if (drive === undefined) throw notThere(segments.peek())
  if (segments.done) return { operation: expectMethod(method, 'GET', 'GetDrive'), drive }
  return routeItem(method, drive, takeItem(segments), segments)
}

function takeOwner (segments: Segments, method: string): { drive?: DriveSelector, owner?: string, operation?: Operation } {
  if (segments.take('drives')) return { drive: { kind: 'drive', id: segments.next('drive') } }
  if (segments.take('drive')) return { drive: { kind: 'me' } }
  if (segments.take('me')) return takeDrive(segments, method, { kind: 'me' }, 'GetUser')
  if (segments.take('users')) return takeDrive(segments, method, { kind: 'user', id: segments.next('user') }, 'GetUser')
  if (segments.take('groups')) return takeDrive(segments, method, { kind: 'group', id: segments.next('group') }, undefined)
  if (segments.take('sites')) return takeDrive(segments, method, { kind: 'site', id: segments.nextSite() }, 'GetSite')
  throw notThere(segments.peek())
}

function takeDrive (segments: Segments, method: string, selector: DriveSelector, alone: Operation | undefined): ReturnType<typeof takeOwner> {
  const owner = 'id' in selector ? selector.id : 'me'
  if (segments.done && alone !== undefined) return { owner, drive: selector, operation: expectMethod(method, 'GET', alone) }
  if (segments.take('drive')) return { drive: selector }
  if (!segments.take('drives')) throw notThere(segments.peek())
  if (segments.done) return { drive: selector, operation: expectMethod(method, 'GET', 'ListDrives') }
  return { drive: { kind: 'drive', id: segments.next('drive') } }
}

function takeItem (segments: Segments): ItemAddress {
  if (segments.peek().startsWith('search(')) return { base: 'root', names: undefined }
  const { base, open } = takeBase(segments)
  return { base, names: open ? segments.nextPath() : undefined }
}

function takeBase (segments: Segments): { base: ItemAddress['base'], open: boolean } {
  const first = segments.shift()
  if (first === 'root' || first === 'root:') return { base: 'root', open: first === 'root:' }
  if (segments.done) throw KNOWN_ELSEWHERE.has(first) ? notSupported(`The emulator does not serve ${first}.`) : notThere(first)
  if (first !== 'items' && first !== 'special') throw notThere(first)
  const raw = segments.shift()
  const open = raw.endsWith(':')
  const name = decodeSegment(open ? raw.slice(0, -1) : raw)
  if (first === 'special') return { base: { special: name }, open }
  return { base: name === 'root' ? 'root' : { id: name }, open }
}

function routeItem (method: string, drive: DriveSelector, item: ItemAddress, segments: Segments): GraphRoute {
  const rest = segments.rest()
  const call = functionOf(rest[0] ?? '')
  if (rest.length <= 1 && call !== undefined) return { operation: expectMethod(method, 'GET', call.operation), drive, item, argument: call.argument }
  // Old clients name a child so: items/{id}/children/{name}/content
  if (rest[0] === 'children' && rest.length > 1) {
    const names = [...item.names ?? [], decodeSegment(rest[1] as string)]
    return { operation: inTable(method, rest.slice(2).join('/')), drive, item: { base: item.base, names } }
  }
  const version = rest[0] === 'versions' ? rest[1] : undefined
  const shape = rest.map((segment, index) => index === 1 && version !== undefined ? '*' : segment.replace(/^microsoft\.graph\./, ''))
  const operation = inTable(method, shape.join('/'))
  return { operation, drive, item, ...(version === undefined ? {} : { version: decodeSegment(version) }) }
}

function inTable (method: string, shape: string): Operation {
  const row = Object.hasOwn(ITEM_TABLE, shape) ? ITEM_TABLE[shape] : undefined
  if (row === undefined) {
    const [first = ''] = shape.split('/')
    throw KNOWN_ELSEWHERE.has(first) ? notSupported(`The emulator does not serve ${first}.`) : notThere(first)
  }
  const operation = row[method]
  if (operation === undefined) throw methodNotAllowed()
  return operation
}

/** `search(q='it''s')`, `delta(token='…')`; quotes inside are doubled. */
function functionOf (segment: string): { operation: Operation, argument: string } | undefined {
  const match = /^(search|delta)\((q|token)='((?:[^']|'')*)'\)$/.exec(decodeSegment(segment))
  if (match === null) return undefined
  const [, name, parameter, value = ''] = match
  if ((name === 'search') !== (parameter === 'q')) throw badRequest(`Resource not found for the segment '${name}'.`)
  return { operation: name === 'search' ? 'Search' : 'Delta', argument: value.replaceAll("''", "'") }
}

class Segments {
  readonly #segments: string[]

  constructor (path: string) {
    this.#segments = path.split('/').slice(1).flatMap(splitKey)
    while (this.#segments.at(-1) === '') this.#segments.pop()
  }

  get done (): boolean {
    return this.#segments.length === 0
  }

  peek (): string {
    return this.#segments[0] ?? ''
  }

  take (name: string): boolean {
    if (this.peek().toLowerCase() !== name) return false
    this.#segments.shift()
    return true
  }

  shift (): string {
    return this.#segments.shift() ?? ''
  }

  /** An id. */
  next (what: string): string {
    const segment = this.#segments.shift()
    if (segment === undefined || segment === '') throw badRequest(`The request names no ${what}.`)
    return decodeSegment(segment)
  }

  /** `host:/sites/team:` is an id of a site too. */
  nextSite (): string {
    const first = this.next('site')
    return first.endsWith(':') ? `${first}/${this.nextPath().join('/')}` : first
  }

  /** Names up to the segment that ends in a colon. */
  nextPath (): string[] {
    const close = this.#segments.findIndex(segment => segment.endsWith(':'))
    const raw = this.#segments.splice(0, close === -1 ? this.#segments.length : close + 1)
    const text = raw.join('/').replace(/:$/, '')
    if (text.includes(':')) throw invalidRequest('The resource path contains a colon where none may be.', 'invalidPath')
    return decodeSegment(text).split('/').filter(name => name !== '')
  }

  rest (): string[] {
    return this.#segments.splice(0)
  }
}

function splitKey (segment: string): string[] {
  const match = KEYED.exec(segment)
  return match === null ? [segment] : [match[1] as string, `${match[2]}${match[3]}`]
}

/** @throws {GraphError} 400 when it cannot be decoded */
function decodeSegment (segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw invalidRequest('The request URL is malformed.')
  }
}

function expectMethod (method: string, wanted: string, operation: Operation): Operation {
  if (method !== wanted) throw methodNotAllowed()
  return operation
}

function methodNotAllowed (): GraphError {
  return new GraphError(405, 'invalidRequest', 'The HTTP method is not allowed for this resource.')
}

function notThere (segment: string): GraphError {
  return badRequest(`Resource not found for the segment '${segment}'.`)
}
