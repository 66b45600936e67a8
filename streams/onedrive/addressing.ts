/**
 * Drives and items to paths of Microsoft Graph, escaped once and exactly: each segment by itself, in UTF-8.
 * Wire: https://learn.microsoft.com/onedrive/developer/rest-api/concepts/addressing-driveitems
 */
import { isWellFormed, splitPath } from './names.ts'

/** `'me'` is the drive of the signed-in user, which app-only tokens do not have. */
export type DriveRef = 'me' | { driveId: string } | { userId: string } | { groupId: string } | { siteId: string }

/**
 * An item: by its path below the root (`'/photos/a.raw'`, `'/'` is the root), by its id, by a path below an item's id or
 * below a special folder, or an item that the service has told of. `driveId` where it lies in another drive.
 */
export type ItemRef =
  | string
  | { path: string, driveId?: string | undefined }
  | { id: string, driveId?: string | undefined, relativePath?: string | undefined }
  | { special: string, path?: string | undefined }

/** An item with its drive, resolved: what operations address. */
export interface Address {
  /** `/me/drive` */
  readonly drive: string
  /** `/root`, `/items/{id}` or `/special/{name}`. */
  readonly anchor: string
  /** Below the anchor; not escaped. */
  readonly segments: readonly string[]
  /** For messages: `"/photos/a.raw"` or `item "01ABC"`, quoted. */
  readonly name: string
}

/** @throws {TypeError | RangeError} */
export function drivePath (drive: DriveRef): string {
  if (drive === 'me') return '/me/drive'
  if (typeof drive === 'object' && drive !== null) {
    if ('driveId' in drive) return `/drives/${id('driveId', drive.driveId)}`
    if ('userId' in drive) return `/users/${id('userId', drive.userId)}/drive`
    if ('groupId' in drive) return `/groups/${id('groupId', drive.groupId)}/drive`
    if ('siteId' in drive) return `/sites/${id('siteId', drive.siteId)}/drive`
  }
  throw new TypeError(`Cannot address a drive as it must be 'me' or one of { driveId }, { userId }, { groupId }, { siteId }: received ${JSON.stringify(drive)}`)
}

/** @throws {TypeError | RangeError} */
export function resolveItem (item: ItemRef, drive: DriveRef): Address {
  if (typeof item === 'string') return byPath(item, drivePath(drive))
  if (typeof item !== 'object' || item === null) throw new TypeError(`Cannot address an item as it must be a path or an object with an id: received ${String(item)}`)
  if ('id' in item) return byId(item, driveOf(item.driveId, drive))
  if ('special' in item) return inSpecialFolder(item, drivePath(drive))
  if ('path' in item) return byPath(item.path, driveOf(item.driveId, drive))
  throw new TypeError('Cannot address an item without its path or id')
}

function driveOf (driveId: string | undefined, drive: DriveRef): string {
  return drivePath(driveId === undefined ? drive : { driveId })
}

function byPath (path: string, drive: string): Address {
  const segments = splitPath(path)
  return { drive, anchor: '/root', segments, name: JSON.stringify(`/${segments.join('/')}`) }
}

function byId (item: { id: string, relativePath?: string | undefined }, drive: string): Address {
  const segments = item.relativePath === undefined ? [] : splitPath(item.relativePath)
  const anchor = `/items/${id('id', item.id)}`
  return { drive, anchor, segments, name: `${segments.length === 0 ? '' : `${JSON.stringify(segments.join('/'))} below `}item ${JSON.stringify(item.id)}` }
}

function inSpecialFolder (item: { special: string, path?: string | undefined }, drive: string): Address {
  const segments = splitPath(item.path ?? '')
  return { drive, anchor: `/special/${id('special', item.special)}`, segments, name: JSON.stringify([item.special, ...segments].join('/')) }
}

/**
 * The path of a request: `/me/drive/root:/a%20b.txt:/content`. The second colon stands only where `suffix` follows.
 * @param suffix with its leading slash, such as `/content`; empty for the item itself.
 */
export function itemPath ({ drive, anchor, segments }: Address, suffix = ''): string {
  if (segments.length === 0) return `${drive}${anchor}${suffix}`
  const path = segments.map(encodeSegment).join('/')
  return `${drive}${anchor}:/${path}${suffix === '' ? '' : `:${suffix}`}`
}

/** The folder that holds the item, and the item's name in it; undefined where there is no name to tell, as with an id. */
export function parentOf (address: Address): { folder: Address, name: string } | undefined {
  const name = address.segments.at(-1)
  if (name === undefined) return undefined
  const segments = address.segments.slice(0, -1)
  return { folder: { ...address, segments, name: JSON.stringify(`/${segments.join('/')}`) }, name }
}

export function childOf (folder: Address, name: string): Address {
  const segments = [...folder.segments, name]
  return { ...folder, segments, name: JSON.stringify(segments.length === 1 && folder.anchor !== '/root' ? name : `/${segments.join('/')}`) }
}

/** `encodeURI` would leave `#`, which ends the URL; a `%` of the name becomes `%25`, so that `%2F` stays part of the name. */
export function encodeSegment (segment: string): string {
  return encodeURIComponent(segment)
}

/** A text inside the quotes of an OData function: `search(q='…')`. */
export function odataText (text: string): string {
  return encodeURIComponent(text.replaceAll("'", "''"))
}

/** A site's id is `host,guid,guid`, and the commas stay. */
function id (name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new TypeError(`Cannot address an item as ${name} must be a text that is not empty: received ${JSON.stringify(value)}`)
  if (value === '.' || value === '..' || !isWellFormed(value)) throw new RangeError(`Cannot address an item as ${name} cannot be ${JSON.stringify(value)}`)
  return encodeURIComponent(value).replaceAll('%2C', ',')
}
