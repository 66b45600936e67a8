import { randomBytes } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import type { ContentStore } from '../content-store.ts'
import type { RecordStore } from '../record-store.ts'
import { DEFAULT_QUIRKS, type R2Quirks } from './quirks.ts'
import { R2Service } from './service.ts'
import { type Bucket, identity, R2State } from './state.ts'

const PREFIX = 'r2'
const DEFAULT_BUCKET = 'sluice'

export interface R2Options {
  /** 32 hex digits; random unless given. */
  accountId?: string
  /** 32 hex digits; random unless given. */
  accessKeyId?: string
  /** 64 hex digits; random unless given. */
  secretAccessKey?: string
  /** When set, requests must carry and sign it, as those of temporary credentials do. */
  sessionToken?: string
  /** Buckets to create unless they are there; `['sluice']` unless given. */
  buckets?: readonly string[]
  strict?: Partial<R2Quirks>
}

export interface R2ObjectInfo {
  key: string
  size: number
  /** Without quotes. */
  etag: string
  version: string
  uploaded: Date
  storageClass: string
  /** Sizes of the parts of a multipart object. */
  partSizes: number[] | undefined
  /** By lower-case header name. */
  httpMetadata: Record<string, string>
  customMetadata: Record<string, string>
}

export interface R2PartInfo {
  number: number
  size: number
  etag: string
}

export interface R2UploadInfo {
  id: string
  key: string
  initiated: Date
  /** By number. */
  parts: R2PartInfo[]
}

/** Looks at what is stored without a request. Buckets default to the first. */
export interface R2Inspector {
  buckets (): string[]
  /** In UTF-8 order of their keys. */
  objects (bucket?: string): R2ObjectInfo[]
  /** Open multipart uploads, in order of creation. */
  uploads (bucket?: string): R2UploadInfo[]
  /** The body of an object; undefined when there is none. */
  read (key: string, bucket?: string): AsyncIterable<Buffer> | undefined
  /** How many bodies and pieces of bodies are held, referenced by objects, parts or requests. */
  readonly blobs: number
}

export interface R2Emulator {
  /** `http://127.0.0.1:port/r2`, path style. */
  readonly endpoint: string
  readonly accountId: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Only when it was given. */
  readonly sessionToken?: string
  /** The first of the buckets. */
  readonly bucket: string
  readonly state: R2Inspector
  /** To spread into `new R2(…)`. */
  options (): { endpoint: string, accessKeyId: string, secretAccessKey: string, bucket: string, sessionToken?: string }
  env (): Record<string, string>
}

/** The service before it has an address. */
export interface StartedR2 {
  readonly prefix: string
  readonly service: R2Service
  at (origin: string): R2Emulator
}

export async function startR2 (options: R2Options, contents: ContentStore, records: RecordStore, clock: Clock): Promise<StartedR2> {
  const accountId = options.accountId ?? randomBytes(16).toString('hex')
  const accessKeyId = options.accessKeyId ?? randomBytes(16).toString('hex')
  const secretAccessKey = options.secretAccessKey ?? randomBytes(32).toString('hex')
  const { sessionToken } = options
  const names = options.buckets ?? [DEFAULT_BUCKET]
  const state = new R2State(contents, records)
  await state.load()
  for (const name of names) if (!state.buckets.has(name)) await state.createBucket(name, clock.now())
  const service = new R2Service({
    prefix: PREFIX,
    accountId,
    auth: { accessKeyId, secretAccessKey, sessionToken },
    quirks: { ...DEFAULT_QUIRKS, ...options.strict },
    contents,
    state
  })
  const bucket = names[0] ?? DEFAULT_BUCKET
  const inspector = new StateInspector(state, contents, bucket)
  return {
    prefix: PREFIX,
    service,
    at: origin => describeR2({
      endpoint: `${origin}/${PREFIX}`,
      accountId,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      bucket,
      state: inspector
    })
  }
}

function describeR2 (facts: Omit<R2Emulator, 'options' | 'env'>): R2Emulator {
  const { endpoint, accountId, accessKeyId, secretAccessKey, sessionToken, bucket } = facts
  const token = sessionToken === undefined ? {} : { sessionToken }
  return {
    ...facts,
    options: () => ({ endpoint, accessKeyId, secretAccessKey, bucket, ...token }),
    env: () => ({
      R2_ENDPOINT: endpoint,
      R2_ACCOUNT_ID: accountId,
      R2_ACCESS_KEY_ID: accessKeyId,
      R2_SECRET_ACCESS_KEY: secretAccessKey,
      R2_BUCKET: bucket,
      ...(sessionToken === undefined ? {} : { R2_SESSION_TOKEN: sessionToken })
    })
  }
}

class StateInspector implements R2Inspector {
  readonly #state: R2State
  readonly #contents: ContentStore
  readonly #defaultBucket: string

  constructor (state: R2State, contents: ContentStore, defaultBucket: string) {
    this.#state = state
    this.#contents = contents
    this.#defaultBucket = defaultBucket
  }

  get blobs (): number {
    return this.#contents.blobCount
  }

  buckets (): string[] {
    return [...this.#state.buckets.keys()].sort()
  }

  objects (bucket?: string): R2ObjectInfo[] {
    return this.#bucket(bucket).objects.values().map(object => ({
      key: object.key,
      size: object.content.size,
      etag: object.etag,
      version: object.version,
      uploaded: new Date(object.uploaded),
      storageClass: object.storageClass,
      partSizes: object.parts?.map(part => part.size),
      httpMetadata: { ...object.metadata.http },
      customMetadata: { ...object.metadata.custom }
    }))
  }

  uploads (bucket?: string): R2UploadInfo[] {
    return [...this.#bucket(bucket).uploads.values()].map(({ id, key, initiated, parts }) => ({
      id,
      key,
      initiated: new Date(initiated),
      parts: [...parts.values()].sort((a, b) => a.number - b.number)
        .map(({ number, etag, content }) => ({ number, size: content.size, etag }))
    }))
  }

  read (key: string, bucket?: string): AsyncIterable<Buffer> | undefined {
    const object = this.#bucket(bucket).objects.get(identity(key))
    return object === undefined ? undefined : this.#contents.read(object.content)
  }

  #bucket (name = this.#defaultBucket): Bucket {
    const bucket = this.#state.buckets.get(name)
    if (bucket === undefined) throw new RangeError(`Cannot inspect bucket "${name}" as the emulator has none of that name`)
    return bucket
  }
}
