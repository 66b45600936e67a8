/** Looks at what is stored, and turns what no request can turn. */
import { Readable } from 'node:stream'
import type { Clock } from '../../lib/clock.ts'
import { userIdentity } from './auth.ts'
import type { Context } from './call.ts'
import { endDeltaTokens } from './delta.ts'
import type { Drive } from './drive.ts'
import { cTagOf, eTagOf } from './etags.ts'
import { BodyHasher, type Hashes } from './hashes.ts'
import { identity } from './names.ts'
import { createFolders } from './resolve.ts'
import { storeFile } from './store-file.ts'
import { currentVersion, type Item, pathOf, sizeOf, subtree } from './tree.ts'

export interface OneDriveItemInfo {
  id: string
  /** From the root, such as `/docs/a.txt`; the root itself is `/`. */
  path: string
  kind: 'file' | 'folder'
  size: number
  eTag: string
  cTag: string | undefined
  hashes: Hashes | undefined
  /** Of a file, oldest first. */
  versions: Array<{ id: string, size: number }> | undefined
  created: Date
  modified: Date
}

export interface OneDriveSessionInfo {
  id: string
  path: string
  uploadUrl: string
  received: number
  total: number | undefined
  expires: Date
}

/** Drives default to the user's own. */
export interface OneDriveInspector {
  /** All items but the root, parents before children. */
  items (driveId?: string): OneDriveItemInfo[]
  item (path: string, driveId?: string): OneDriveItemInfo | undefined
  /** The bytes of a file; undefined when there is none. */
  read (path: string, driveId?: string): AsyncIterable<Buffer> | undefined
  /** Stores a file as the user would, without a request; folders on the way appear, and a file that is there gets a version. */
  put (path: string, body: string | Buffer, driveId?: string): Promise<void>
  sessions (): OneDriveSessionInfo[]
  /** Bytes of all versions. */
  used (driveId?: string): number
  /** How many bodies and pieces of bodies are held, by files, sessions or requests. */
  readonly blobs: number
  /** How many fragments `partialCommit` has hit. */
  readonly partialCommits: number
  /** Ends all upload sessions: 404. */
  expireSessions (): Promise<void>
  /** The tokens in all upload URLs are over, though their sessions are not: 401 or 403. */
  expireUploadUrls (): void
  expireDownloadUrls (): void
  /** Answers 410 to all delta tokens given out so far. `'apply'` unless it says that the client shall upload what it has. */
  expireDeltaTokens (resync?: 'apply' | 'upload'): void
}

export class StateInspector implements OneDriveInspector {
  readonly #context: Context
  readonly #clock: Clock

  constructor (context: Context, clock: Clock) {
    this.#context = context
    this.#clock = clock
  }

  get blobs (): number {
    return this.#context.contents.blobCount
  }

  get partialCommits (): number {
    return this.#context.sessions.partialCommits
  }

  items (driveId?: string): OneDriveItemInfo[] {
    const drive = this.#drive(driveId)
    return [...subtree(drive.root)].slice(1).map(item => describe(drive, item))
  }

  item (path: string, driveId?: string): OneDriveItemInfo | undefined {
    const drive = this.#drive(driveId)
    const item = find(drive, path)
    return item === undefined ? undefined : describe(drive, item)
  }

  read (path: string, driveId?: string): AsyncIterable<Buffer> | undefined {
    const item = find(this.#drive(driveId), path)
    return item?.kind === 'file' ? this.#context.contents.read(currentVersion(item).content) : undefined
  }

  async put (path: string, body: string | Buffer, driveId?: string): Promise<void> {
    const drive = this.#drive(driveId)
    const { contents, quirks, drives } = this.#context
    const names = path.split('/').filter(part => part !== '')
    const name = names.pop()
    if (name === undefined) throw new RangeError('Cannot put a file without a name')
    const facts = { now: this.#clock.now(), by: userIdentity(drives.owner) }
    const folder = await createFolders(drive, drive.root, names, facts)
    const hasher = BodyHasher.start(quirks.hashes)
    const content = await contents.write(Readable.from([Buffer.from(body)]), [hasher])
    await storeFile(this.#context, { drive, folder, name, conflict: 'replace' }, { content, hashes: hasher.hashes() }, facts)
  }

  sessions (): OneDriveSessionInfo[] {
    return this.#context.sessions.all().map(({ id, driveId, parentId, name, path, received, total, expires }) => {
      const folder = this.#drive(driveId).get(parentId)
      return {
        id,
        path: `${folder === undefined ? '' : pathOf(folder).replace(/\/$/, '')}/${name}`,
        uploadUrl: `${this.#context.filesOrigin}${path}`,
        received,
        total,
        expires: new Date(expires)
      }
    })
  }

  used (driveId?: string): number {
    return this.#drive(driveId).used
  }

  async expireSessions (): Promise<void> {
    await this.#context.sessions.expire(Infinity)
  }

  expireUploadUrls (): void {
    for (const session of this.#context.sessions.all()) session.urlExpires = Math.min(session.urlExpires, this.#clock.now())
  }

  expireDownloadUrls (): void {
    this.#context.tickets.expireAll()
  }

  expireDeltaTokens (resync: 'apply' | 'upload' = 'apply'): void {
    endDeltaTokens(this.#context, resync === 'apply' ? 'resyncApplyDifferences' : 'resyncUploadDifferences')
  }

  #drive (id = this.#context.drives.main.id): Drive {
    const drive = this.#context.drives.byId(id)
    if (drive === undefined) throw new RangeError(`Cannot inspect drive "${id}" as the emulator has none of that id`)
    return drive
  }
}

function find (drive: Drive, path: string): Item | undefined {
  let item: Item | undefined = drive.root
  for (const name of path.split('/').filter(part => part !== '')) item = item?.kind === 'folder' ? item.children.get(identity(name)) : undefined
  return item
}

function describe (drive: Drive, item: Item): OneDriveItemInfo {
  return {
    id: item.id,
    path: pathOf(item),
    kind: item.kind,
    size: sizeOf(item),
    eTag: eTagOf(item, drive.flavour),
    cTag: cTagOf(item, drive.flavour),
    hashes: item.kind === 'file' ? { ...currentVersion(item).hashes } : undefined,
    versions: item.kind === 'file' ? item.versions.map(({ number, content }) => ({ id: `${number}.0`, size: content.size })) : undefined,
    created: new Date(item.created),
    modified: new Date(item.modified)
  }
}
