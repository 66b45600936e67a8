/** What a drive holds: folders, files, their versions, and what is left of what was deleted. */
import type { Content } from '../content-store.ts'
import type { SortedMap } from '../sorted-map.ts'
import type { Hashes } from './hashes.ts'

export interface Identity {
  user?: { id: string, displayName: string, email: string }
  application?: { id: string, displayName: string }
}

/** Milliseconds since the epoch: what the client says of its own file. */
export interface FileTimes {
  created: number
  modified: number
}

/** What an item may be given with its name. */
export interface ItemFacts {
  now: number
  by: Identity
  times?: Partial<FileTimes> | undefined
  description?: string | undefined
}

interface ItemBase {
  id: string
  /** Of business drives: what eTags and download URLs name. */
  guid: string
  name: string
  parent: Folder | undefined
  created: number
  createdBy: Identity
  modified: number
  modifiedBy: Identity
  times: FileTimes
  description: string | undefined
  /** Counts all changes: the number in the eTag. */
  tag: number
  /** Counts changes of content: the number in the cTag. */
  contentTag: number
  /** Where it stands in the drive's change log. */
  change: number
}

export interface Body {
  /** With one reference. */
  content: Content
  hashes: Hashes
}

export interface Version extends Body {
  number: number
  modified: number
  modifiedBy: Identity
}

export interface FileItem extends ItemBase {
  kind: 'file'
  /** Oldest first; the last is the file. Never empty. */
  versions: Version[]
}

export interface Folder extends ItemBase {
  kind: 'folder'
  /** By the identity of their names. */
  children: SortedMap<Item>
  /** Of all files below, in bytes. */
  size: number
}

export type Item = FileItem | Folder

export interface Gone {
  id: string
  kind: Item['kind']
  name: string
  change: number
  /** From its parent up to the root. */
  ancestors: string[]
}

export function currentVersion (file: FileItem): Version {
  return file.versions.at(-1) as Version
}

export function sizeOf (item: Item): number {
  return item.kind === 'folder' ? item.size : currentVersion(item).content.size
}

/** From its parent up to the root. */
export function ancestorsOf (item: Item): Folder[] {
  const ancestors: Folder[] = []
  for (let folder = item.parent; folder !== undefined; folder = folder.parent) ancestors.push(folder)
  return ancestors
}

/** Names from the root down, the item's own last; empty for the root. */
export function namesOf (item: Item): string[] {
  return item.parent === undefined ? [] : [...namesOf(item.parent), item.name]
}

/** From the root, such as `/docs/a.txt`; the root itself is `/`. */
export function pathOf (item: Item): string {
  return `/${namesOf(item).join('/')}`
}

/** The item and all below it, parents first. */
export function * subtree (item: Item): Generator<Item> {
  yield item
  if (item.kind === 'folder') for (const child of item.children.values()) yield * subtree(child)
}

export function isWithin (item: Item, folder: Item): boolean {
  return item === folder || ancestorsOf(item).some(ancestor => ancestor === folder)
}
