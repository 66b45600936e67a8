/**
 * What the account holds. All changes go through here, so that memory, references to bodies and records on disk stay of
 * one mind: memory changes at once (which makes conditional writes atomic), the promise waits for the disk.
 */
import { randomBytes } from 'node:crypto'
import type { Content, ContentRecord, ContentStore } from '../content-store.ts'
import type { RecordStore } from '../record-store.ts'
import { SortedMap } from '../sorted-map.ts'
import type { Checksum, ChecksumAlgorithm } from './checksums.ts'
import type { Metadata } from './metadata.ts'

export type StorageClass = 'STANDARD' | 'STANDARD_IA'

export interface StoredObject {
  /** As last spelled; its identity is the NFC form. */
  key: string
  version: string
  /** Without quotes. */
  etag: string
  /** Milliseconds since the epoch. */
  uploaded: number
  content: Content
  metadata: Metadata
  storageClass: StorageClass
  checksum?: Checksum | undefined
  /** Of a multipart object, in order. */
  parts?: ReadonlyArray<{ number: number, size: number, checksum?: string | undefined }> | undefined
  /** Base64 MD5 of the customer's key, when one encrypts the object. */
  customerKeyMd5?: string | undefined
}

export interface Part {
  number: number
  etag: string
  uploaded: number
  content: Content
  /** Base64, of the upload's algorithm or of the one that came with the part. */
  checksum?: Checksum | undefined
}

export interface Upload {
  id: string
  key: string
  initiated: number
  metadata: Metadata
  storageClass: StorageClass
  checksumAlgorithm?: ChecksumAlgorithm | undefined
  customerKeyMd5?: string | undefined
  parts: Map<number, Part>
  /** UploadPart requests that are being served. */
  inFlight: number
}

export type BucketSetting = 'cors' | 'lifecycle' | 'encryption'

export interface Bucket {
  name: string
  created: number
  /** The location hint it was created with, such as `ENAM`. */
  location: string
  objects: SortedMap<StoredObject>
  uploads: Map<string, Upload>
  /** Uploads that have ended: a second Abort is fine, anything else is NoSuchUpload. */
  ended: Set<string>
  /** Documents as they were put, without declaration. */
  settings: Partial<Record<BucketSetting, string>>
}

type BucketRecord = Pick<Bucket, 'name' | 'created' | 'location' | 'settings'>
type ObjectRecord = Omit<StoredObject, 'content'> & { bucket: string, content: ContentRecord }
type UploadRecord = Omit<Upload, 'parts' | 'inFlight'> & { bucket: string }
type PartRecord = Omit<Part, 'content'> & { bucket: string, upload: string, content: ContentRecord }

const ENDED_UPLOADS_KEPT = 10_000
const DEFAULT_LOCATION = 'ENAM'

/** Two spellings of one text are one key. */
export function identity (key: string): string {
  return key.normalize('NFC')
}

export function newVersion (): string {
  return randomBytes(16).toString('hex')
}

export class R2State {
  readonly buckets = new Map<string, Bucket>()
  readonly #contents: ContentStore
  readonly #records: RecordStore

  constructor (contents: ContentStore, records: RecordStore) {
    this.#contents = contents
    this.#records = records
  }

  async load (): Promise<void> {
    for (const record of await this.#records.load<BucketRecord>('r2/buckets')) this.buckets.set(record.name, emptyBucket(record))
    for (const { bucket, content, ...object } of await this.#records.load<ObjectRecord>('r2/objects')) {
      this.buckets.get(bucket)?.objects.set(identity(object.key), { ...object, content: this.#contents.fromRecord(content) })
    }
    for (const { bucket, ...upload } of await this.#records.load<UploadRecord>('r2/uploads')) {
      this.buckets.get(bucket)?.uploads.set(upload.id, { ...upload, parts: new Map(), inFlight: 0 })
    }
    for (const { bucket, upload, content, ...part } of await this.#records.load<PartRecord>('r2/parts')) {
      this.buckets.get(bucket)?.uploads.get(upload)?.parts.set(part.number, { ...part, content: this.#contents.fromRecord(content) })
    }
  }

  async createBucket (name: string, now: number, location = DEFAULT_LOCATION): Promise<Bucket> {
    const bucket = emptyBucket({ name, created: now, location, settings: {} })
    this.buckets.set(name, bucket)
    await this.#saveBucket(bucket)
    return bucket
  }

  async deleteBucket (bucket: Bucket): Promise<void> {
    this.buckets.delete(bucket.name)
    await this.#records.delete('r2/buckets', bucket.name)
  }

  async changeSetting (bucket: Bucket, setting: BucketSetting, document: string | undefined): Promise<void> {
    if (document === undefined) Reflect.deleteProperty(bucket.settings, setting)
    else bucket.settings[setting] = document
    await this.#saveBucket(bucket)
  }

  /** Takes over the reference to the object's content. */
  async putObject (bucket: Bucket, object: StoredObject): Promise<void> {
    const id = identity(object.key)
    const before = bucket.objects.get(id)
    bucket.objects.set(id, object)
    if (before !== undefined) this.#contents.release(before.content)
    const record: ObjectRecord = { ...object, bucket: bucket.name, content: this.#contents.toRecord(object.content) }
    await this.#records.put('r2/objects', recordId(bucket.name, id), record)
  }

  async deleteObject (bucket: Bucket, key: string): Promise<void> {
    const id = identity(key)
    const object = bucket.objects.get(id)
    if (object === undefined) return
    bucket.objects.delete(id)
    this.#contents.release(object.content)
    await this.#records.delete('r2/objects', recordId(bucket.name, id))
  }

  async addUpload (bucket: Bucket, upload: Upload): Promise<void> {
    bucket.uploads.set(upload.id, upload)
    const { parts, inFlight, ...rest } = upload
    const record: UploadRecord = { ...rest, bucket: bucket.name }
    await this.#records.put('r2/uploads', upload.id, record)
  }

  /** Takes over the reference to the part's content. */
  async putPart (bucket: Bucket, upload: Upload, part: Part): Promise<void> {
    const before = upload.parts.get(part.number)
    upload.parts.set(part.number, part)
    if (before !== undefined) this.#contents.release(before.content)
    const record: PartRecord = { ...part, bucket: bucket.name, upload: upload.id, content: this.#contents.toRecord(part.content) }
    await this.#records.put('r2/parts', recordId(upload.id, String(part.number)), record)
  }

  /** Completed, aborted or expired: its parts go, apart from what an object has taken over. */
  async endUpload (bucket: Bucket, upload: Upload): Promise<void> {
    bucket.uploads.delete(upload.id)
    bucket.ended.add(upload.id)
    const oldest = bucket.ended.values().next()
    if (bucket.ended.size > ENDED_UPLOADS_KEPT && oldest.done !== true) bucket.ended.delete(oldest.value)
    for (const part of upload.parts.values()) this.#contents.release(part.content)
    await this.#records.delete('r2/uploads', upload.id)
    await Promise.all([...upload.parts.keys()].map(number => this.#records.delete('r2/parts', recordId(upload.id, String(number)))))
  }

  async #saveBucket ({ name, created, location, settings }: Bucket): Promise<void> {
    await this.#records.put('r2/buckets', name, { name, created, location, settings } satisfies BucketRecord)
  }
}

function emptyBucket (record: BucketRecord): Bucket {
  return { ...record, objects: new SortedMap(), uploads: new Map(), ended: new Set() }
}

function recordId (owner: string, id: string): string {
  return `${owner}\n${id}`
}
