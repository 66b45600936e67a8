/** Items, sessions and drives as JSON, for a folder that keeps them over a restart. */
import type { ContentRecord, ContentStore } from '../content-store.ts'
import { SortedMap } from '../sorted-map.ts'
import type { FileItem, Folder, Gone, Item, Version } from './tree.ts'

type VersionRecord = Omit<Version, 'content'> & { content: ContentRecord }
type Common = Omit<FileItem, 'kind' | 'parent' | 'versions'> & { drive: string, parent?: string, changedAt: number }

export type ItemRecord = Common & ({ kind: 'file', versions: VersionRecord[] } | { kind: 'folder' })
export type GoneRecord = Gone & { drive: string, changedAt: number }

export function itemToRecord (contents: ContentStore, drive: string, item: Item, changedAt: number): ItemRecord {
  const { parent, ...rest } = item
  const place = { drive, changedAt, ...(parent === undefined ? {} : { parent: parent.id }) }
  if (rest.kind === 'file') {
    return { ...rest, ...place, versions: rest.versions.map(version => ({ ...version, content: contents.toRecord(version.content) })) }
  }
  const { children, size, ...folder } = rest
  return { ...folder, ...place }
}

/** The item by itself: its parent is linked when all are read. */
export function itemFromRecord (contents: ContentStore, record: ItemRecord): Item {
  const { drive, changedAt, parent, ...rest } = record
  const common = { ...rest, parent: undefined, description: rest.description }
  if (common.kind === 'folder') return { ...common, children: new SortedMap<Item>(), size: 0 } satisfies Folder
  const versions = common.versions.map(version => ({ ...version, content: contents.fromRecord(version.content) }))
  return { ...common, versions } satisfies FileItem
}
