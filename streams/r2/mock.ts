/** `R2.mock()`: the client itself, above the emulator in this process. */
import type { ExpectOptions } from '../../lib/simulation/expectations.ts'
import type { FaultPlan } from '../../lib/simulation/faults.ts'
import { IN_PROCESS_ORIGIN } from '../../lib/simulation/in-process-origin.ts'
import type { Deed, RequestEntry, RequestLog } from '../../lib/simulation/request-log.ts'
import { MockBackend, presetBytes } from '../mock-backend.ts'
import type { MockEmulator, MockEmulatorOptions, MockSettings } from '../mock-backend.ts'
import type { R2 } from './client.ts'
import type { R2Options } from './config.ts'
import { checkBucket, checkKey } from './names.ts'
import type { WriteStreamOptions } from './writable.ts'

type Fixed = 'endpoint' | 'dispatcher' | 'accountId' | 'jurisdiction' | 'accessKeyId' | 'secretAccessKey' | 'sessionToken' | 'credentials'

/** Those of the client, but for addresses and credentials, which a mock has by itself. */
export interface R2MockOptions extends Omit<R2Options, Fixed>, MockSettings {
  /** Default `mock`. It is there from the beginning. */
  bucket?: string
  /** Habits of the service, as the emulator takes them. */
  emulator?: Pick<NonNullable<MockEmulatorOptions['r2']>, 'strict'>
}

export interface R2ExpectOptions extends ExpectOptions {
  /** Default: the client's. */
  bucket?: string
}

export interface PresetObjectOptions extends Pick<WriteStreamOptions, 'contentType' | 'metadata'> {
  /** Made where it is missing. Default: the client's. */
  bucket?: string
}

/**
 * A client of R2 for unit tests: no network, no account, no credentials. All of the client is real; below its dispatcher the
 * emulator answers in this process. What is preset or expected passes for nothing until the first request.
 *
 * Waits are skipped unless a `clock` is given: retries take no time, and a stall ends at once in the timeout it would have
 * run into. Peak memory: what is stored, up to 256 MiB; what is more, or came as more than 16 MiB in one request, goes to
 * a temporary folder.
 *
 * @example
 * await using r2 = R2.mock().withObject('a.txt', 'hello').expectPut('b.txt')
 * await r2.put('b.txt', (await r2.get('a.txt')).bytes)
 * r2.verify()
 */
export interface MockR2 extends R2 {
  /** Trouble on demand, as in the emulator: `mock.faults.add({ operation: 'GetObject', status: 503 })`. */
  readonly faults: FaultPlan
  /** What was asked; presets are not in it. */
  readonly requests: RequestLog
  withBucket (bucket: string): this
  withObject (key: string, body: Uint8Array | string, options?: PresetObjectOptions): this
  /** Stored by one PUT or in parts: each object counts once. */
  expectPut (key: string, options?: R2ExpectOptions): this
  /** Each range is a request of its own, and counts. */
  expectGet (key: string, options?: R2ExpectOptions): this
  expectHead (key: string, options?: R2ExpectOptions): this
  /** One by one, or with others in one request. */
  expectDelete (key: string, options?: R2ExpectOptions): this
  /** By its destination. */
  expectCopy (key: string, options?: R2ExpectOptions): this
  /** Each page counts. @param prefix as it is asked for. Default: none. */
  expectList (prefix?: string, options?: R2ExpectOptions): this
  /** Throws an error that lists each expectation which was not met, and what was seen instead. */
  verify (): void
}

export type MockR2Class = new (options?: R2MockOptions) => MockR2

/** Keys of the right shape, which open nothing. */
const CREDENTIALS = { accountId: '0'.repeat(32), accessKeyId: '1'.repeat(32), secretAccessKey: '2'.repeat(64) }

/** The class is handed in, since the client's file imports this one. */
export function mockOf (Client: typeof R2): MockR2Class {
  return class MockR2 extends Client {
    readonly #backend: MockBackend
    readonly #bucket: string
    readonly #buckets: Set<string>

    constructor (options: R2MockOptions = {}, backend = backendOf(options)) {
      const { bucket = 'mock', seed: _, emulator: _e, ...rest } = options
      super({ simulation: 'disabled', ...rest, ...CREDENTIALS, endpoint: `${IN_PROCESS_ORIGIN}/r2`, bucket, dispatcher: backend.dispatcher, clock: backend.clock })
      this.#backend = backend
      this.#bucket = bucket
      this.#buckets = new Set([bucket])
    }

    get faults (): FaultPlan {
      return this.#backend.faults
    }

    get requests (): RequestLog {
      return this.#backend.requests
    }

    withBucket (bucket: string): this {
      checkBucket(bucket, true)
      if (this.#buckets.has(bucket)) return this
      this.#buckets.add(bucket)
      this.#backend.preset(emulator => this.#behind(emulator).buckets.create(bucket))
      return this
    }

    withObject (key: string, body: Uint8Array | string, options: PresetObjectOptions = {}): this {
      checkKey(key)
      if (options.bucket !== undefined) this.withBucket(options.bucket)
      const bytes = presetBytes(body)
      this.#backend.preset(emulator => this.#behind(emulator).put(key, bytes, options))
      return this
    }

    expectPut (key: string, options: R2ExpectOptions = {}): this {
      return this.#expectOf(key, `put ${JSON.stringify(key)}`, ['PutObject', 'CompleteMultipartUpload'], options)
    }

    expectGet (key: string, options: R2ExpectOptions = {}): this {
      return this.#expectOf(key, `get ${JSON.stringify(key)}`, ['GetObject'], options)
    }

    expectHead (key: string, options: R2ExpectOptions = {}): this {
      return this.#expectOf(key, `head ${JSON.stringify(key)}`, ['HeadObject'], options)
    }

    expectDelete (key: string, options: R2ExpectOptions = {}): this {
      return this.#expectOf(key, `delete ${JSON.stringify(key)}`, ['DeleteObject'], options)
    }

    expectCopy (key: string, options: R2ExpectOptions = {}): this {
      return this.#expectOf(key, `copy to ${JSON.stringify(key)}`, ['CopyObject'], options)
    }

    expectList (prefix = '', options: R2ExpectOptions = {}): this {
      const isMeant = (_deed: Deed, { query }: RequestEntry): boolean => (new URLSearchParams(query).get('prefix') ?? '') === prefix
      return this.#expect(`list ${JSON.stringify(prefix)}`, ['ListObjectsV2'], options, isMeant)
    }

    verify (): void {
      this.#backend.verify()
    }

    override async close (): Promise<void> {
      await super.close()
      await this.#backend.close()
    }

    #expectOf (key: string, what: string, operations: string[], options: R2ExpectOptions): this {
      checkKey(key)
      return this.#expect(what, operations, options, deed => deed.key === key)
    }

    #expect (what: string, operations: string[], options: R2ExpectOptions, isMeant: (deed: Deed, entry: RequestEntry) => boolean): this {
      const { bucket = this.#bucket, ...rest } = options
      this.#backend.expect({
        ...rest, what: `${what} in bucket ${JSON.stringify(bucket)}`, operations, isMeant: (deed, entry) => bucketOf(entry) === bucket && isMeant(deed, entry)
      })
      return this
    }

    /** A client that leaves no trace. */
    #behind ({ r2, backdoor }: MockEmulator): R2 {
      return new Client({ ...r2.options(), bucket: this.#bucket, dispatcher: backdoor, clock: this.#backend.clock, simulation: 'disabled' })
    }
  }
}

function backendOf ({ bucket = 'mock', emulator, ...settings }: R2MockOptions): MockBackend {
  return new MockBackend(settings, { r2: { ...emulator, ...CREDENTIALS, buckets: [bucket] } })
}

/** `/r2/bucket/key` */
function bucketOf ({ path }: RequestEntry): string | undefined {
  return path.split('/')[2]
}
