import type { PathLike } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { defaultBudget } from '../../lib/bytes/byte-budget.ts'
import type { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import { ConfigurationError } from '../../lib/errors.ts'
import type { FileSpan } from '../../lib/flow/part-writable.ts'
import type { Simulation } from '../../lib/simulation/simulation.ts'
import { R2Buckets } from './buckets.ts'
import { optionsFromEnv, resolveConfig } from './config.ts'
import type { R2Config, R2Options } from './config.ts'
import { R2Connection } from './connection.ts'
import { copyOnServer } from './copy.ts'
import type { ServerCopyOptions } from './copy.ts'
import { R2CopyTransform } from './copy-transform.ts'
import type { CopyStreamOptions } from './copy-transform.ts'
import { R2DeleteWritable, deleteKeys, keyOf } from './delete-writable.ts'
import type { DeleteStreamOptions, KeyItem } from './delete-writable.ts'
import { headAsStored } from './head.ts'
import { R2HeadTransform } from './head-transform.ts'
import type { HeadStreamOptions } from './head-transform.ts'
import type { Conditions } from './headers.ts'
import { R2ListReadable, checkPageSize } from './list-readable.ts'
import type { ListStreamOptions } from './list-readable.ts'
import { mockOf } from './mock.ts'
import type { MockR2 as Mocked, MockR2Class, R2MockOptions } from './mock.ts'
import { R2Multipart } from './multipart.ts'
import type { CallOptions } from './multipart.ts'
import { checkBucket, checkKey } from './names.ts'
import { R2Presign } from './presign.ts'
import { R2ObjectReadable } from './readable.ts'
import type { ReadStreamOptions } from './readable.ts'
import { R2Upload, withoutTransform } from './upload.ts'
import type { R2StoredObject } from './upload.ts'
import { R2UploadListReadable, sweepUploads } from './upload-list-readable.ts'
import type { SweepOptions, SweepResult, UploadListStreamOptions } from './upload-list-readable.ts'
import type { Page } from './wire.ts'
import { listObjects } from './wire-list.ts'
import type { ListOptions, R2ListEntry } from './wire-list.ts'
import { deleteObject } from './wire-objects.ts'
import type { CopyResult, DeleteResult, R2ObjectInfo, Target } from './wire-objects.ts'
import { R2MultipartWritable } from './writable.ts'
import type { WriteStreamOptions } from './writable.ts'

/** What a whole object comes as. */
export interface R2Object {
  info: R2ObjectInfo
  bytes: Buffer
}

interface InBucket extends CallOptions {
  /** Another bucket than the client's. */
  bucket?: string
}

/**
 * Cloudflare R2, or any server that speaks its S3 API. Streams for everything that moves or lists bytes; promises for
 * what is one answer. Requests share one pool of connections, one breaker and one throttle.
 *
 * @example
 * const r2 = new R2({ accountId, accessKeyId, secretAccessKey, bucket: 'backups' })
 * await pipeline(fs.createReadStream('db.dump'), createGzip(), r2.createWriteStream('db.dump.gz'))
 * await pipeline(r2.createReadStream('db.dump.gz'), createGunzip(), fs.createWriteStream('copy.dump'))
 */
export class R2 {
  readonly multipart: R2Multipart
  readonly presign: R2Presign
  readonly buckets: R2Buckets
  readonly #connection: R2Connection
  readonly #budget: ByteBudget

  /** @throws {ConfigurationError} naming the option that is missing or wrong. */
  constructor (options: R2Options) {
    this.#connection = new R2Connection(resolveConfig(options), options)
    this.#budget = options.budget ?? defaultBudget
    const bucketOf = (bucket: string | undefined): string => this.#bucketOf(bucket)
    this.multipart = new R2Multipart(this.#connection, bucketOf)
    this.presign = new R2Presign(this.#connection, bucketOf)
    this.buckets = new R2Buckets(this.#connection)
  }

  /**
   * From `R2_ACCOUNT_ID`, `R2_ACCESS_KEY_ID`, `R2_SECRET_ACCESS_KEY`, `R2_SESSION_TOKEN`, `R2_BUCKET`, `R2_ENDPOINT`,
   * `R2_JURISDICTION`; options given here win.
   */
  static fromEnv (options: R2Options = {}, env: Record<string, string | undefined> = process.env): R2 {
    return new R2(optionsFromEnv(env, options))
  }

  /** For unit tests: this client above an R2 in memory, without network, account and credentials. See `MockR2`. */
  static mock (options: R2MockOptions = {}): MockR2 {
    return new MockR2(options)
  }

  /** Checked, complete and frozen; holds no secret that prints. */
  get config (): R2Config {
    return this.#connection.config
  }

  /** What the option `simulation` made of this client; `simulation.verify()` tells what was to happen and did not. */
  get simulation (): Simulation {
    return this.#connection.simulation
  }

  /** Requests sent by this client so far, and how many of them were retries. */
  get sent (): { requests: number, retries: number } {
    return { ...this.#connection.sent }
  }

  createWriteStream (key: string, options: WriteStreamOptions = {}): R2MultipartWritable {
    return new R2MultipartWritable(this.#connection, this.#target(key, options.bucket), options, this.#budget)
  }

  /** Stores a file, or its bytes from `start` to `end` (inclusive), the fastest way: `createWriteStream(key, options).fromFile(path)`. */
  async uploadFile (key: string, path: PathLike, { start, end, ...options }: WriteStreamOptions & FileSpan = {}): Promise<R2StoredObject> {
    return await this.createWriteStream(key, options).fromFile(path, { start, end })
  }

  createReadStream (key: string, options: ReadStreamOptions = {}): R2ObjectReadable {
    return new R2ObjectReadable(this.#connection, this.#target(key, options.bucket), options, this.#budget)
  }

  createListStream (options: ListStreamOptions = {}): R2ListReadable {
    return new R2ListReadable(this.#connection, this.#bucketOf(options.bucket), options)
  }

  createUploadListStream (options: UploadListStreamOptions = {}): R2UploadListReadable {
    return new R2UploadListReadable(this.#connection, this.#bucketOf(options.bucket), options)
  }

  createDeleteStream (options: DeleteStreamOptions = {}): R2DeleteWritable {
    return new R2DeleteWritable(this.#connection, this.#bucketOf(options.bucket), options)
  }

  createHeadStream (options: HeadStreamOptions = {}): R2HeadTransform {
    return new R2HeadTransform(this.#connection, this.#bucketOf(options.bucket), options)
  }

  createCopyStream (options: CopyStreamOptions = {}): R2CopyTransform {
    const buckets = { from: this.#bucketOf(options.fromBucket ?? options.bucket), to: this.#bucketOf(options.toBucket ?? options.bucket) }
    return new R2CopyTransform(this.#connection, buckets, options)
  }

  /**
   * Stores bytes that are in memory: one PUT below `multipartThreshold` (100 MiB), parts of them from there on.
   * A string is stored as UTF-8; a stream is better piped into `createWriteStream`.
   */
  async put (key: string, body: Uint8Array | string, options: WriteStreamOptions = {}): Promise<R2StoredObject> {
    if (typeof body !== 'string' && !(body instanceof Uint8Array)) throw new TypeError(`Cannot put ${JSON.stringify(key)} as its body must be bytes or a string: pipe streams into createWriteStream()`)
    const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    const { config } = this.#connection
    if (bytes.length >= config.multipartThreshold) return await this.#putInParts(key, bytes, options)
    const upload = new R2Upload(this.#connection, this.#target(key, options.bucket), withoutTransform({ ...options, integrity: options.integrity ?? config.integrity }))
    return await upload.putWhole(bytes, options.signal)
  }

  /** Reads a whole object into memory, at most `limit` bytes (100 MiB unless said otherwise): larger ones are for streams. */
  async get (key: string, options: ReadStreamOptions & { limit?: number } = {}): Promise<R2Object> {
    const { limit = this.#connection.config.multipartThreshold } = options
    const stream = this.createReadStream(key, options)
    stream.once('info', () => {
      if ((stream.size ?? 0) > limit) stream.destroy(new RangeError(`Cannot get ${JSON.stringify(key)} into memory as it has ${stream.size} bytes, more than limit ${limit}`))
    })
    const chunks: Buffer[] = []
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
    return { info: stream.info as R2ObjectInfo, bytes: Buffer.concat(chunks) }
  }

  async head (key: string, options: Conditions & InBucket = {}): Promise<R2ObjectInfo> {
    return await headAsStored(this.#connection, this.#target(key, options.bucket), options, options)
  }

  /** Ends well also when there was no such object. */
  async delete (key: string, options: InBucket = {}): Promise<void> {
    await this.#connection.execute(deleteObject(this.#target(key, options.bucket)), options)
  }

  /** One result for each key, in their order; `createDeleteStream()` takes any number. */
  async deleteMany (keys: Iterable<KeyItem>, options: InBucket = {}): Promise<DeleteResult[]> {
    const bucket = this.#bucketOf(options.bucket)
    const all = [...keys].map(keyOf)
    const results: DeleteResult[] = []
    for (let start = 0; start < all.length; start += 700) {
      results.push(...await deleteKeys(this.#connection, bucket, all.slice(start, start + 700), options.signal))
    }
    return results
  }

  /** On the server; above 5 GiB in parts. */
  async copy (from: string | { bucket?: string, key: string }, to: string | { bucket?: string, key: string }, options: ServerCopyOptions = {}): Promise<CopyResult> {
    return await copyOnServer(this.#connection, this.#end(from), this.#end(to), options)
  }

  /** One page; `createListStream()` gives all of them, lazily. */
  async list (options: ListOptions & InBucket & { token?: string } = {}): Promise<Page<R2ListEntry, string>> {
    checkPageSize(options.pageSize)
    return await this.#connection.execute(listObjects(this.#bucketOf(options.bucket), options, options.token), options)
  }

  /** Aborts multipart uploads that were begun long ago and never ended, as a killed process leaves them. */
  async sweepUploads (options: SweepOptions): Promise<SweepResult> {
    return await sweepUploads(this.#connection, this.#bucketOf(options.bucket), options)
  }

  /** Lets requests in flight end and closes the connections, unless the dispatcher is the caller's. */
  async close (): Promise<void> {
    await this.#connection.close()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.close()
  }

  async #putInParts (key: string, bytes: Buffer, options: WriteStreamOptions): Promise<R2StoredObject> {
    const stream = this.createWriteStream(key, { ...options, size: bytes.length })
    await pipeline(Readable.from([bytes]), stream)
    return stream.result as R2StoredObject
  }

  #end (end: string | { bucket?: string, key: string }): Target {
    return typeof end === 'string' ? this.#target(end) : this.#target(end.key, end.bucket)
  }

  #target (key: string, bucket?: string): Target {
    checkKey(key)
    return { bucket: this.#bucketOf(bucket), key }
  }

  #bucketOf (bucket?: string): string {
    const { config } = this.#connection
    const name = bucket ?? config.bucket
    if (name === undefined) throw new ConfigurationError('Cannot address an object without a bucket: pass one to the client or to the call')
    if (bucket !== undefined) checkBucket(bucket, config.strict)
    return name
  }
}

export type MockR2 = Mocked
export const MockR2: MockR2Class = mockOf(R2)
