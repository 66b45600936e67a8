/**
 * All that is stored: shares, their trees of directories and files, snapshots. Changes are made to the entries themselves and
 * then saved; between looking something up and saving it nothing waits, so that two requests cannot both find it free.
 */
import type { ContentStore } from '../content-store.ts'
import type { RecordStore } from '../record-store.ts'
import { SortedMap } from '../sorted-map.ts'
import { LeaseHistory } from './lease-history.ts'
import { type Lease, NO_LEASE } from './lease.ts'
import { foldName } from './names.ts'
import type { AccessPolicy } from './sas.ts'
import { type Attribute, DEFAULT_SDDL, permissionKeyOf } from './smb.ts'
import { SparseContent, type SparseRecord } from './sparse.ts'
import { type FileTime, Ticker } from './times.ts'

/** What SMB knows of a file or directory. */
export interface SmbProperties {
  attributes: Attribute[]
  created: FileTime
  written: FileTime
  accessed: FileTime
  changed: FileTime
  permissionKey: string
}

interface EntryFields {
  id: string
  /** Id of the directory it is in. */
  parent: string
  name: string
  /** By lower-case name. */
  metadata: Record<string, string>
  smb: SmbProperties
  /** What `ETag` and `Last-Modified` say. */
  modified: FileTime
}

export interface Directory extends EntryFields {
  kind: 'directory'
  /** By folded name. */
  children: SortedMap<Entry>
}

export interface CopyState {
  id: string
  source: string
  status: 'pending' | 'success' | 'aborted' | 'failed'
  total: number
  done: number
  completed?: FileTime
  description?: string
  /** Of a copy that is still pending: where the bytes are to come from, and how many looks it takes. */
  pollsLeft?: number
}

export interface File extends EntryFields {
  kind: 'file'
  size: number
  bytes: SparseContent
  /** By lower-case header name: content-type, content-encoding, content-language, content-md5, cache-control, content-disposition. */
  http: Record<string, string>
  lease: Lease
  copy?: CopyState | undefined
  /** The bytes that a pending copy will put in place. */
  incoming?: SparseContent | undefined
}

export type Entry = Directory | File

interface ShareFields {
  name: string
  modified: FileTime
  /** GiB. */
  quota: number
  accessTier: string
  tierChanged: FileTime
  protocols: string
  metadata: Record<string, string>
  lease: Lease
  policies: AccessPolicy[]
  /** SDDL by key. */
  permissions: Record<string, string>
}

/** As it was, read-only. */
export interface Snapshot extends Pick<ShareFields, 'modified' | 'quota' | 'accessTier' | 'tierChanged' | 'protocols' | 'metadata' | 'lease'> {
  time: FileTime
  root: Directory
}

export interface Share extends ShareFields {
  root: Directory
  /** By time, oldest first. */
  snapshots: Map<FileTime, Snapshot>
  /** Sum of the sizes of all files. */
  used: number
}

type EntryRecord =
  & { share: string, snapshot?: FileTime }
  & (Omit<Directory, 'children'> | (Omit<File, 'bytes' | 'incoming'> & { bytes: SparseRecord, incoming?: SparseRecord | undefined }))

type ShareRecord = ShareFields & { snapshots: Array<Omit<Snapshot, 'root'>> }

export const ROOT_ID = '0'
const FIRST_ID = 13_835_058_055_282_163_712n

export class AzureFilesState {
  readonly shares = new SortedMap<Share>()
  /** When a deleted share's name is free again. */
  readonly deleted = new Map<string, number>()
  readonly leases = new LeaseHistory()
  /** As it was put; undefined for the service's own. */
  serviceProperties: string | undefined
  readonly contents: ContentStore
  readonly #records: RecordStore
  readonly #ticker = new Ticker()
  #lastId = FIRST_ID

  constructor (contents: ContentStore, records: RecordStore) {
    this.contents = contents
    this.#records = records
  }

  /** A moment that no other has. */
  tick (now: number): FileTime {
    return this.#ticker.next(now)
  }

  newId (): string {
    return String(++this.#lastId)
  }

  /** What a folder holds of an earlier run. */
  async load (now: number): Promise<void> {
    for (const { snapshots, ...fields } of await this.#records.load<ShareRecord>('azure-files/shares')) {
      const share: Share = { ...fields, root: emptyRoot(fields.modified), snapshots: new Map(), used: 0 }
      for (const snapshot of snapshots) share.snapshots.set(snapshot.time, { ...snapshot, root: emptyRoot(snapshot.modified) })
      this.shares.set(share.name, share)
      this.#ticker.pass(share.modified)
      this.leases.note(share, { share: share.name, path: '' }, share.lease, now)
    }
    this.#plant(await this.#records.load<EntryRecord>('azure-files/entries'), now)
    this.serviceProperties = (await this.#records.load<{ xml: string }>('azure-files/service'))[0]?.xml
  }

  async saveServiceProperties (xml: string): Promise<void> {
    this.serviceProperties = xml
    await this.#records.put('azure-files/service', 'properties', { xml })
  }

  async addShare (share: Share): Promise<void> {
    this.shares.set(share.name, share)
    await this.saveShare(share)
    await this.saveEntry(share, share.root)
  }

  async saveShare (share: Share): Promise<void> {
    const { root, snapshots, used, ...fields } = share
    const record: ShareRecord = { ...fields, snapshots: [...snapshots.values()].map(({ root: _root, ...snapshot }) => snapshot) }
    await this.#records.put('azure-files/shares', share.name, record)
  }

  async deleteShare (share: Share, now: number, freeAgain: number): Promise<void> {
    this.shares.delete(share.name)
    if (freeAgain > now) this.deleted.set(share.name, freeAgain)
    this.leases.gone(share, now)
    const trees: Array<[Directory, FileTime | undefined]> = [[share.root, undefined], ...[...share.snapshots.values()].map(({ root, time }): [Directory, FileTime] => [root, time])]
    await this.#records.delete('azure-files/shares', share.name)
    for (const [root, time] of trees) await this.#forgetTree(share, root, time, now)
  }

  async addSnapshot (share: Share, snapshot: Snapshot): Promise<void> {
    share.snapshots.set(snapshot.time, snapshot)
    await this.saveShare(share)
    for (const entry of walk(snapshot.root)) await this.saveEntry(share, entry, snapshot.time)
  }

  async deleteSnapshot (share: Share, snapshot: Snapshot, now: number): Promise<void> {
    share.snapshots.delete(snapshot.time)
    await this.saveShare(share)
    await this.#forgetTree(share, snapshot.root, snapshot.time, now)
  }

  /** Puts it where its name belongs; what had that name before is gone. */
  async put (share: Share, directory: Directory, entry: Entry): Promise<void> {
    entry.parent = directory.id
    directory.children.set(foldName(entry.name), entry)
    await this.saveEntry(share, entry)
  }

  /** Takes it out of its directory, to be put elsewhere. */
  take (directory: Directory, entry: Entry): void {
    directory.children.delete(foldName(entry.name))
  }

  async remove (share: Share, directory: Directory, entry: Entry, now: number): Promise<void> {
    this.take(directory, entry)
    await this.#forget(share, entry, undefined, now)
  }

  /** Written down only when there is a folder to write to. */
  async saveEntry (share: Share, entry: Entry, snapshot?: FileTime): Promise<void> {
    await this.#records.put('azure-files/entries', recordId(share, entry, snapshot), { toJSON: () => entryRecord(share, entry, snapshot) })
  }

  /** Changes the size and what the share is charged for it. The bytes above are gone. */
  resize (share: Share, file: File, size: number): void {
    share.used += size - file.size
    if (size < file.size) file.bytes.truncate(size)
    file.size = size
  }

  async #forgetTree (share: Share, root: Directory, snapshot: FileTime | undefined, now: number): Promise<void> {
    for (const entry of [...walk(root)]) await this.#forget(share, entry, snapshot, now)
  }

  async #forget (share: Share, entry: Entry, snapshot: FileTime | undefined, now: number): Promise<void> {
    if (entry.kind === 'file') {
      if (snapshot === undefined) share.used -= entry.size
      this.leases.gone(entry, now)
      entry.bytes.release()
      entry.incoming?.release()
    }
    await this.#records.delete('azure-files/entries', recordId(share, entry, snapshot))
  }

  #plant (records: EntryRecord[], now: number): void {
    const trees = new Map<string, EntryRecord[]>()
    for (const record of records) {
      const tree = `${record.share}\n${record.snapshot ?? ''}`
      trees.set(tree, [...trees.get(tree) ?? [], record])
    }
    for (const tree of trees.values()) this.#plantTree(tree, now)
  }

  #plantTree (records: EntryRecord[], now: number): void {
    const { share: name, snapshot } = records[0] as EntryRecord
    const share = this.shares.get(name)
    const owner = snapshot === undefined ? share : share?.snapshots.get(snapshot)
    if (share === undefined || owner === undefined) return
    const entries = new Map<string, Entry>()
    for (const record of records) {
      const entry = this.#revive(record)
      entries.set(entry.id, entry)
      this.#ticker.pass(entry.modified)
      if (entry.id !== ROOT_ID && BigInt(entry.id) > this.#lastId) this.#lastId = BigInt(entry.id)
    }
    const root = entries.get(ROOT_ID)
    if (root?.kind === 'directory') owner.root = root
    for (const entry of entries.values()) {
      const parent = entry.id === ROOT_ID ? undefined : entries.get(entry.parent)
      if (parent?.kind === 'directory') parent.children.set(foldName(entry.name), entry)
      if (entry.kind === 'file' && snapshot === undefined) share.used += entry.size
    }
    if (snapshot === undefined) this.#noteLeases(share, now)
  }

  #noteLeases (share: Share, now: number): void {
    for (const { path, entry } of walkPaths(share.root)) {
      if (entry.kind === 'file') this.leases.note(entry, { share: share.name, path }, entry.lease, now)
    }
  }

  #revive ({ share, snapshot, ...fields }: EntryRecord): Entry {
    if (fields.kind === 'directory') return { ...fields, children: new SortedMap() }
    const incoming = fields.incoming === undefined ? undefined : SparseContent.fromRecord(this.contents, fields.incoming)
    return { ...fields, bytes: SparseContent.fromRecord(this.contents, fields.bytes), incoming }
  }
}

function entryRecord (share: Share, entry: Entry, snapshot: FileTime | undefined): EntryRecord {
  const where = { share: share.name, ...(snapshot === undefined ? {} : { snapshot }) }
  if (entry.kind === 'directory') {
    const { children, ...fields } = entry
    return { ...where, ...fields }
  }
  return { ...where, ...entry, bytes: entry.bytes.toRecord(), incoming: entry.incoming?.toRecord() }
}

function recordId (share: Share, entry: Entry, snapshot: FileTime | undefined): string {
  return `${share.name}\n${snapshot ?? ''}\n${entry.id}`
}

export function emptyRoot (modified: FileTime): Directory {
  return {
    kind: 'directory',
    id: ROOT_ID,
    parent: ROOT_ID,
    name: '',
    metadata: {},
    smb: {
      attributes: ['Directory'], created: modified, written: modified, accessed: modified, changed: modified, permissionKey: permissionKeyOf(DEFAULT_SDDL)
    },
    modified,
    children: new SortedMap()
  }
}

export function newShare (name: string, modified: FileTime, fields: Partial<ShareFields> = {}): Share {
  return {
    name,
    modified,
    quota: 5120,
    accessTier: 'TransactionOptimized',
    tierChanged: modified,
    protocols: 'SMB',
    metadata: {},
    lease: NO_LEASE,
    policies: [],
    permissions: { [permissionKeyOf(DEFAULT_SDDL)]: DEFAULT_SDDL },
    ...fields,
    root: emptyRoot(modified),
    snapshots: new Map(),
    used: 0
  }
}

/** The directory itself and all below it, parents first. */
export function * walk (directory: Directory): Generator<Entry> {
  yield directory
  for (const child of directory.children.values()) {
    if (child.kind === 'directory') yield * walk(child)
    else yield child
  }
}

/** All below it, with their paths. */
export function * walkPaths (directory: Directory, prefix = ''): Generator<{ path: string, entry: Entry }> {
  for (const entry of directory.children.values()) {
    const path = prefix + entry.name
    yield { path, entry }
    if (entry.kind === 'directory') yield * walkPaths(entry, `${path}/`)
  }
}
