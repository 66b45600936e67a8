import { randomBytes } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import type { ContentStore } from '../content-store.ts'
import type { RecordStore } from '../record-store.ts'
import { Authenticator } from './auth.ts'
import { locate } from './call.ts'
import type { LeaseRecord } from './lease-history.ts'
import { checkShareName } from './names.ts'
import { type AzureFilesQuirks, DEFAULT_QUIRKS } from './quirks.ts'
import { AzureFilesService } from './service.ts'
import { attributesText } from './smb.ts'
import { AzureFilesState, type Entry, type File, newShare, type Share, walkPaths } from './state.ts'
import { etagOf, msOf } from './times.ts'

const DEFAULT_ACCOUNT = 'sluicefiles'
const DEFAULT_SHARE = 'sluice'

export interface AzureFilesEmulatorOptions {
  /** 3 to 24 lower-case letters and digits; `sluicefiles` unless given. It is the first part of all paths. */
  accountName?: string
  /** Base64 of 64 bytes; random unless given. */
  accountKey?: string
  /** Shares to create unless they are there; `['sluice']` unless given. */
  shares?: readonly string[]
  /** Tokens that are let in with `Authorization: Bearer`, or who decides; none unless given. */
  bearerTokens?: readonly string[] | ((token: string) => boolean)
  strict?: Partial<AzureFilesQuirks>
}

export interface AzureEntryInfo {
  /** With the case of its names as they were created. */
  path: string
  kind: 'file' | 'directory'
  id: string
  /** With its quotes. */
  etag: string
  lastModified: Date
  metadata: Record<string, string>
  /** Such as `Archive | ReadOnly`. */
  attributes: string
  created: Date
  lastWritten: Date
}

export interface AzureFileInfo extends AzureEntryInfo {
  kind: 'file'
  size: number
  /** By lower-case header name, without `x-ms-`. */
  contentHeaders: Record<string, string>
  /** What was written, first and last byte inside. */
  ranges: Array<{ start: number, end: number }>
  leaseState: string
  leaseId: string | undefined
  copyStatus: string | undefined
}

export interface AzureDirectoryInfo extends AzureEntryInfo {
  kind: 'directory'
}

/** Looks at what is stored without a request. Shares default to the first. */
export interface AzureFilesInspector {
  shares (): string[]
  /** All of the share, at any depth, each directory before what is in it. */
  entries (share?: string): Array<AzureFileInfo | AzureDirectoryInfo>
  /** Undefined when there is no such file. */
  file (path: string, share?: string): AzureFileInfo | undefined
  /** The bytes of a file, holes as zeros; undefined when there is none. */
  read (path: string, share?: string): AsyncIterable<Buffer> | undefined
  /** Who held which lease from when to when, of files and shares, in the order of their beginnings. */
  readonly leases: LeaseRecord[]
  /** How many bodies and pieces of bodies are held. */
  readonly blobs: number
}

export interface AzureFilesEmulator {
  /** `http://127.0.0.1:port/account` */
  readonly endpoint: string
  readonly accountName: string
  readonly accountKey: string
  readonly connectionString: string
  /** The first of the shares. */
  readonly share: string
  readonly state: AzureFilesInspector
  /** Makes a share unless it is there, without a request. @throws {RangeError} no share can have the name */
  addShare (name: string): Promise<void>
  /** To spread into `new AzureFiles(…)`. */
  options (): { endpoint: string, accountName: string, accountKey: string, share: string }
  env (): Record<string, string>
}

/** The service before it has an address. */
export interface StartedAzureFiles {
  /** The first segment of all paths. */
  readonly prefix: string
  readonly service: AzureFilesService
  at (origin: string): AzureFilesEmulator
}

/** @throws {RangeError} the account or a share has a name that none can have */
export async function startAzureFiles (
  options: AzureFilesEmulatorOptions, contents: ContentStore, records: RecordStore, clock: Clock
): Promise<StartedAzureFiles> {
  const { accountName = DEFAULT_ACCOUNT, accountKey = randomBytes(64).toString('base64'), shares = [DEFAULT_SHARE] } = options
  checkAccountName(accountName)
  const quirks = { ...DEFAULT_QUIRKS, ...options.strict }
  const state = new AzureFilesState(contents, records)
  await state.load(clock.now())
  const addShare = async (name: string): Promise<void> => {
    checkShare(name)
    if (state.shares.get(name) === undefined) await state.addShare(newShare(name, state.tick(clock.now())))
  }
  for (const name of shares) await addShare(name)
  const authenticator = new Authenticator({
    accountName,
    accountKey,
    clientAddress: quirks.clientAddress,
    enforceProtocol: quirks.signedProtocol === 'enforce',
    policiesOf: share => state.shares.get(share)?.policies ?? [],
    acceptsBearer: bearerCheck(options.bearerTokens ?? [])
  })
  const service = new AzureFilesService({ accountName, accountKey, state, contents, quirks, authenticator }, () => clock.now())
  const share = shares[0] ?? DEFAULT_SHARE
  const inspector = new StateInspector(state, share, clock)
  return { prefix: accountName, service, at: origin => described({ endpoint: `${origin}/${accountName}`, accountName, accountKey, share, state: inspector, addShare }) }
}

function checkAccountName (accountName: string): void {
  if (!/^[a-z0-9]{3,24}$/.test(accountName)) {
    throw new RangeError(`Cannot start the emulator as accountName must be 3 to 24 lower-case letters and digits: received "${accountName}"`)
  }
}

function checkShare (name: string): void {
  try {
    checkShareName(name)
  } catch {
    throw new RangeError(`Cannot make a share in the emulator as none can have the name "${name}"`)
  }
}

function bearerCheck (tokens: NonNullable<AzureFilesEmulatorOptions['bearerTokens']>): (token: string) => boolean {
  return typeof tokens === 'function' ? tokens : token => tokens.includes(token)
}

function described (facts: Omit<AzureFilesEmulator, 'connectionString' | 'options' | 'env'>): AzureFilesEmulator {
  const { endpoint, accountName, accountKey, share } = facts
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=${accountName};AccountKey=${accountKey};FileEndpoint=${endpoint};`
  return {
    ...facts,
    connectionString,
    options: () => ({ endpoint, accountName, accountKey, share }),
    env: () => ({
      AZURE_STORAGE_ACCOUNT: accountName,
      AZURE_STORAGE_KEY: accountKey,
      AZURE_STORAGE_CONNECTION_STRING: connectionString,
      AZURE_FILES_ENDPOINT: endpoint,
      AZURE_FILES_SHARE: share
    })
  }
}

class StateInspector implements AzureFilesInspector {
  readonly #state: AzureFilesState
  readonly #defaultShare: string
  readonly #clock: Clock

  constructor (state: AzureFilesState, defaultShare: string, clock: Clock) {
    this.#state = state
    this.#defaultShare = defaultShare
    this.#clock = clock
  }

  get blobs (): number {
    return this.#state.contents.blobCount
  }

  get leases (): LeaseRecord[] {
    return this.#state.leases.records(this.#clock.now())
  }

  shares (): string[] {
    return this.#state.shares.values().map(share => share.name)
  }

  entries (share?: string): Array<AzureFileInfo | AzureDirectoryInfo> {
    return [...walkPaths(this.#share(share).root)].map(({ path, entry }) => entry.kind === 'file' ? fileInfo(path, entry) : { ...entryInfo(path, entry), kind: 'directory' })
  }

  file (path: string, share?: string): AzureFileInfo | undefined {
    const file = this.#file(path, share)
    return file === undefined ? undefined : fileInfo(path, file)
  }

  read (path: string, share?: string): AsyncIterable<Buffer> | undefined {
    const file = this.#file(path, share)
    return file === undefined ? undefined : this.#read(file)
  }

  async * #read (file: File): AsyncGenerator<Buffer> {
    const content = file.bytes.read({ start: 0, end: file.size })
    try {
      yield * this.#state.contents.read(content)
    } finally {
      this.#state.contents.release(content)
    }
  }

  #file (path: string, share?: string): File | undefined {
    const { root } = this.#share(share)
    try {
      const { entry } = locate(root, path.split('/'))
      return entry?.kind === 'file' ? entry : undefined
    } catch {
      return undefined
    }
  }

  #share (name = this.#defaultShare): Share {
    const share = this.#state.shares.get(name)
    if (share === undefined) throw new RangeError(`Cannot inspect share "${name}" as the emulator has none of that name`)
    return share
  }
}

function entryInfo (path: string, entry: Entry): AzureEntryInfo {
  return {
    path,
    kind: entry.kind,
    id: entry.id,
    etag: etagOf(entry.modified),
    lastModified: new Date(msOf(entry.modified)),
    metadata: { ...entry.metadata },
    attributes: attributesText(entry.smb),
    created: new Date(msOf(entry.smb.created)),
    lastWritten: new Date(msOf(entry.smb.written))
  }
}

function fileInfo (path: string, file: File): AzureFileInfo {
  return {
    ...entryInfo(path, file),
    kind: 'file',
    size: file.size,
    contentHeaders: { ...file.http },
    ranges: file.bytes.written({ start: 0, end: file.size }).map(({ start, end }) => ({ start, end: end - 1 })),
    leaseState: file.lease.state,
    leaseId: 'id' in file.lease ? file.lease.id : undefined,
    copyStatus: file.copy?.status
  }
}
