/**
 * One drive. All changes go through here, so that the tree, sizes, the change log, references to bodies and records on disk
 * stay of one mind: memory changes at once (which makes conditional writes atomic), the promise waits for the disk.
 */
import type { ContentStore } from '../content-store.ts'
import type { RecordStore } from '../record-store.ts'
import { SortedMap } from '../sorted-map.ts'
import { ChangeLog } from './change-log.ts'
import { newGuid, newItemId } from './ids.ts'
import { identity } from './names.ts'
import type { Flavour } from './quirks.ts'
import { type GoneRecord, itemFromRecord, type ItemRecord, itemToRecord } from './records.ts'
import {
  ancestorsOf, type Body, currentVersion, type FileItem, type FileTimes, type Folder, type Gone, type Item, type ItemFacts, sizeOf, subtree, type Version
} from './tree.ts'

export type DriveType = 'personal' | 'business' | 'documentLibrary'

export interface DriveIdentity {
  id: string
  type: DriveType
  flavour: Flavour
}

export interface ItemChange {
  name?: string | undefined
  parent?: Folder | undefined
  times?: Partial<FileTimes> | undefined
  description?: string | undefined
}

const ITEMS = 'onedrive/items'
const GONE = 'onedrive/gone'

export class Drive {
  readonly id: string
  readonly type: DriveType
  readonly flavour: Flavour
  readonly log = new ChangeLog()
  readonly gone = new Map<string, Gone>()
  readonly #items = new Map<string, Item>()
  readonly #contents: ContentStore
  readonly #records: RecordStore
  #root: Folder | undefined
  #counter = 0
  #used = 0
  #recycled = 0

  constructor ({ id, type, flavour }: DriveIdentity, contents: ContentStore, records: RecordStore) {
    this.id = id
    this.type = type
    this.flavour = flavour
    this.#contents = contents
    this.#records = records
  }

  get root (): Folder {
    if (this.#root === undefined) throw new Error(`Cannot use drive "${this.id}" before its root exists`)
    return this.#root
  }

  /** Bytes of all versions of all files. */
  get used (): number {
    return this.#used
  }

  /** Bytes in the recycle bin. */
  get recycled (): number {
    return this.#recycled
  }

  get (id: string): Item | undefined {
    return this.#items.get(id)
  }

  /** Creates the root of a drive that is new. */
  async open (facts: ItemFacts): Promise<void> {
    if (this.#root === undefined) this.#root = await this.#addFolder(undefined, 'root', facts)
  }

  load (items: readonly ItemRecord[], gone: readonly GoneRecord[]): void {
    for (const record of items) this.#items.set(record.id, itemFromRecord(this.#contents, record))
    for (const record of items) this.#link(this.#items.get(record.id) as Item, record.parent)
    for (const item of this.#items.values()) if (item.kind === 'file') this.#account(item, currentVersion(item).content.size)
    for (const record of gone) this.gone.set(record.id, record)
    const changes = [...items, ...gone].map(({ change, changedAt, id }) => ({ sequence: change, time: changedAt, id }))
    for (const change of changes.sort((a, b) => a.sequence - b.sequence)) this.log.put(change)
    for (const id of [...this.#items.keys(), ...this.gone.keys()]) this.#counter = Math.max(this.#counter, numberIn(id))
  }

  createFolder (parent: Folder, name: string, facts: ItemFacts): Promise<Folder> {
    return this.#addFolder(parent, name, facts)
  }

  /** Takes over the reference to the content. */
  async createFile (parent: Folder, name: string, body: Body, facts: ItemFacts): Promise<FileItem> {
    const version: Version = { ...body, number: 1, modified: facts.now, modifiedBy: facts.by }
    const file: FileItem = { kind: 'file', ...this.#newItem(parent, name, facts), versions: [version] }
    this.#items.set(file.id, file)
    parent.children.set(identity(name), file)
    this.#account(file, body.content.size)
    await this.#changed(file, facts.now)
    return file
  }

  /** Puts a new version on top. Takes over the reference to the content. */
  async addVersion (file: FileItem, body: Body, { now, by, times, description }: ItemFacts): Promise<void> {
    const before = currentVersion(file)
    file.versions.push({ ...body, number: before.number + 1, modified: now, modifiedBy: by })
    this.#used += body.content.size
    this.#resize(file, body.content.size - before.content.size)
    Object.assign(file, { modified: now, modifiedBy: by, times: { created: file.times.created, modified: now, ...definedTimes(times) } })
    if (description !== undefined) file.description = description
    file.tag++
    this.#bumpContent(file)
    await this.#changed(file, now)
  }

  /** Puts other bytes into the current version, as SharePoint does to Office files. Takes over the reference. */
  async rewrite (file: FileItem, body: Body, now: number): Promise<void> {
    const current = currentVersion(file)
    const growth = body.content.size - current.content.size
    this.#contents.release(current.content)
    Object.assign(current, body)
    this.#used += growth
    this.#resize(file, growth)
    file.tag++
    this.#bumpContent(file)
    await this.#changed(file, now)
  }

  async deleteVersion (file: FileItem, version: Version, now: number): Promise<void> {
    file.versions.splice(file.versions.indexOf(version), 1)
    this.#used -= version.content.size
    this.#contents.release(version.content)
    await this.#changed(file, now)
  }

  /** Deletes all versions but the current one. */
  async forgetHistory (file: FileItem, now: number): Promise<void> {
    for (const version of file.versions.slice(0, -1)) await this.deleteVersion(file, version, now)
  }

  async update (item: Item, { name, parent, times, description }: ItemChange, { now, by }: ItemFacts): Promise<void> {
    if (item.parent !== undefined && (name !== undefined || parent !== undefined)) this.#place(item, item.parent, parent ?? item.parent, name ?? item.name)
    Object.assign(item, { modified: now, modifiedBy: by, times: { ...item.times, ...definedTimes(times) } })
    if (description !== undefined) item.description = description
    item.tag++
    await this.#changed(item, now)
  }

  /** Counts a change that nothing shows but the eTag. */
  async touch (item: Item, now: number): Promise<void> {
    item.tag++
    await this.#changed(item, now)
  }

  /** Deletes it with all below. */
  async remove (item: Item, now: number, { recycle }: { recycle: boolean }): Promise<void> {
    if (recycle) this.#recycled += sizeOf(item)
    const all = [...subtree(item)]
    const ancestors = new Map(all.map(each => [each, ancestorsOf(each).map(({ id }) => id)]))
    this.#resize(item, -sizeOf(item))
    item.parent?.children.delete(identity(item.name))
    await Promise.all(all.map(each => this.#forget(each, ancestors.get(each) ?? [], now)))
  }

  #newItem (parent: Folder | undefined, name: string, { now, by, times, description }: ItemFacts): Omit<FileItem, 'kind' | 'versions'> {
    return {
      id: newItemId(this.flavour, this.id, ++this.#counter),
      guid: newGuid(),
      name,
      parent,
      created: now,
      createdBy: by,
      modified: now,
      modifiedBy: by,
      times: { created: now, modified: now, ...definedTimes(times) },
      description,
      tag: 1,
      contentTag: 1,
      change: 0
    }
  }

  async #addFolder (parent: Folder | undefined, name: string, facts: ItemFacts): Promise<Folder> {
    const folder: Folder = { kind: 'folder', ...this.#newItem(parent, name, facts), children: new SortedMap(), size: 0 }
    this.#items.set(folder.id, folder)
    parent?.children.set(identity(name), folder)
    await this.#changed(folder, facts.now)
    return folder
  }

  #link (item: Item, parentId: string | undefined): void {
    if (parentId === undefined) {
      this.#root = item as Folder
      return
    }
    const parent = this.#items.get(parentId)
    if (parent?.kind === 'folder') {
      item.parent = parent
      parent.children.set(identity(item.name), item)
    } else this.#items.delete(item.id)
  }

  #place (item: Item, from: Folder, to: Folder, name: string): void {
    const size = sizeOf(item)
    from.children.delete(identity(item.name))
    this.#resize(item, -size)
    item.name = name
    item.parent = to
    to.children.set(identity(name), item)
    this.#resize(item, size)
  }

  async #forget (item: Item, ancestors: string[], now: number): Promise<void> {
    this.#items.delete(item.id)
    if (item.kind === 'file') {
      for (const { content } of item.versions) {
        this.#used -= content.size
        this.#contents.release(content)
      }
    }
    const gone: Gone = { id: item.id, kind: item.kind, name: item.name, change: this.log.add(item.id, now), ancestors }
    this.gone.set(item.id, gone)
    await this.#records.delete(ITEMS, this.#recordId(item.id))
    await this.#records.put(GONE, this.#recordId(item.id), { ...gone, drive: this.id, changedAt: now } satisfies GoneRecord)
  }

  #account (file: FileItem, size: number): void {
    this.#used += file.versions.reduce((sum, version) => sum + version.content.size, 0)
    this.#resize(file, size)
  }

  /** Carries a change of size up to the root. */
  #resize (item: Item, growth: number): void {
    for (const folder of ancestorsOf(item)) folder.size += growth
  }

  /** Personal folders have a cTag too, which changes with what is in them. */
  #bumpContent (file: FileItem): void {
    file.contentTag++
    for (const folder of ancestorsOf(file)) folder.contentTag++
  }

  async #changed (item: Item, now: number): Promise<void> {
    item.change = this.log.add(item.id, now)
    await this.#records.put(ITEMS, this.#recordId(item.id), itemToRecord(this.#contents, this.id, item, now))
  }

  #recordId (id: string): string {
    return `${this.id}\n${id}`
  }
}

/** Of `{CID}!104`: 4. Ids of business items have no number. */
function numberIn (id: string): number {
  return Number(id.split('!')[1] ?? 100) - 100
}

function definedTimes (times: Partial<FileTimes> = {}): Partial<FileTimes> {
  return Object.fromEntries(Object.entries(times).filter(pair => pair[1] !== undefined))
}
