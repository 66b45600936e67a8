/** `AzureFiles.mock()`: the client itself, above the emulator in this process. */
import { createHash, randomUUID } from 'node:crypto'
import { NotFoundError } from '../../lib/errors.ts'
import type { ExpectOptions } from '../../lib/simulation/expectations.ts'
import type { FaultPlan } from '../../lib/simulation/faults.ts'
import { IN_PROCESS_ORIGIN } from '../../lib/simulation/in-process-origin.ts'
import type { Deed, RequestEntry, RequestLog } from '../../lib/simulation/request-log.ts'
import { MockBackend, presetBytes } from '../mock-backend.ts'
import type { MockEmulator, MockEmulatorOptions, MockSettings } from '../mock-backend.ts'
import type { AzureFiles } from './client.ts'
import type { AzureFilesOptions } from './config.ts'
import type { FileHeaders } from './headers.ts'
import { isLeaseId } from './lease-requests.ts'
import { checkShareName, directoryPath, filePath } from './names.ts'

type Fixed = 'endpoint' | 'dispatcher' | 'accountName' | 'accountKey' | 'sasToken' | 'connectionString' | 'credential'

/** Those of the client, but for addresses and credentials, which a mock has by itself. */
export interface AzureFilesMockOptions extends Omit<AzureFilesOptions, Fixed>, MockSettings {
  /** Default `mock`. It is there from the beginning, and so is each that a preset names. */
  share?: string
  /** Habits of the service, as the emulator takes them. */
  emulator?: Pick<NonNullable<MockEmulatorOptions['azureFiles']>, 'strict'>
}

/**
 * A client of Azure Files for unit tests: no network, no account, no credentials. All of the client is real; below its
 * dispatcher the emulator answers in this process. What is preset or expected passes for nothing until the first request.
 * Paths are told apart as the service does it, without regard to case.
 *
 * Waits are skipped unless a `clock` is given: retries and the wait for a lock take no time, and a stall ends at once in the
 * timeout it would have run into; signs of life of a lock run in real time. Peak memory: what is stored, up to 256 MiB; what
 * is more goes to a temporary folder.
 *
 * @example
 * await using azure = AzureFiles.mock().withFile('share', 'a/b.json', '{}').expectLeaseAcquire('share', 'a/b.json')
 * await azure.leases.withLock({ share: 'share', path: 'a/b.json' }, ({ id }) => azure.files.write({ share: 'share', path: 'a/b.json', data: '[]', leaseId: id }))
 * azure.verify()
 */
export interface MockAzureFiles extends AzureFiles {
  /** Trouble on demand, as in the emulator: `mock.faults.add({ operation: 'PutRange', status: 503 })`. */
  readonly faults: FaultPlan
  /** What was asked; presets are not in it. */
  readonly requests: RequestLog
  withShare (share: string): this
  /** Directories on the way appear. */
  withDirectory (share: string, path: string): this
  /** Directories on the way appear. */
  withFile (share: string, path: string, body: Uint8Array | string, headers?: FileHeaders): this
  /**
   * Somebody else's lease, without end. The file is made, empty, where there is none.
   * @param leaseId Default: a new one. The service takes GUIDs only: another text stands for one that is made from it.
   */
  withActiveLease (share: string, path: string, leaseId?: string): this
  /** Each range counts, and so does what leaves the file empty or puts another in its place. */
  expectWrite (share: string, path: string, options?: ExpectOptions): this
  /** Each range is a request of its own, and counts. */
  expectRead (share: string, path: string, options?: ExpectOptions): this
  expectCreate (share: string, path: string, options?: ExpectOptions): this
  expectDelete (share: string, path: string, options?: ExpectOptions): this
  /** By its destination. */
  expectCopy (share: string, path: string, options?: ExpectOptions): this
  /** By its new path. */
  expectRename (share: string, path: string, options?: ExpectOptions): this
  /** Of a file, granted by the service: one that was refused does not count. */
  expectLeaseAcquire (share: string, path: string, options?: ExpectOptions): this
  expectLeaseRelease (share: string, path: string, options?: ExpectOptions): this
  /** Each page counts. @param path Default: the root. */
  expectList (share: string, path?: string, options?: ExpectOptions): this
  /** Throws an error that lists each expectation which was not met, and what was seen instead. */
  verify (): void
}

export type MockAzureFilesClass = new (options?: AzureFilesMockOptions) => MockAzureFiles

/** Of the right shape, and a key that opens nothing. */
const ACCOUNT = { accountName: 'mock', accountKey: Buffer.alloc(64).toString('base64') }
const LEASE_ACTION = 'x-ms-lease-action'

/** The class is handed in, since the client's file imports this one. */
export function mockOf (Client: typeof AzureFiles): MockAzureFilesClass {
  return class MockAzureFiles extends Client {
    readonly #backend: MockBackend

    constructor (options: AzureFilesMockOptions = {}, backend = backendOf(options)) {
      const { share = 'mock', seed: _, emulator: _e, ...rest } = options
      super({ simulation: 'disabled', ...rest, ...ACCOUNT, endpoint: `${IN_PROCESS_ORIGIN}/${ACCOUNT.accountName}`, share, dispatcher: backend.dispatcher, clock: backend.clock })
      this.#backend = backend
    }

    get faults (): FaultPlan {
      return this.#backend.faults
    }

    get requests (): RequestLog {
      return this.#backend.requests
    }

    withShare (share: string): this {
      checkShareName(share)
      this.#backend.preset(({ azureFiles }) => azureFiles.addShare(share))
      return this
    }

    withDirectory (share: string, path: string): this {
      this.withShare(share)
      const normal = directoryPath(path)
      this.#backend.preset(emulator => this.#behind(emulator).directories.create({ share, path: normal, recursive: true }))
      return this
    }

    withFile (share: string, path: string, body: Uint8Array | string, headers: FileHeaders = {}): this {
      this.withShare(share)
      const normal = filePath(path)
      const data = presetBytes(body)
      this.#backend.preset(emulator => this.#behind(emulator).files.write({ ...headers, share, path: normal, data }))
      return this
    }

    withActiveLease (share: string, path: string, leaseId: string = randomUUID()): this {
      this.withShare(share)
      const request = { share, path: filePath(path), proposedLeaseId: isLeaseId(leaseId) ? leaseId : guidFrom(leaseId) }
      this.#backend.preset(async emulator => {
        const { files, leases } = this.#behind(emulator)
        await leases.acquire(request).catch(async (error: unknown) => {
          if (!(error instanceof NotFoundError)) throw error
          await files.create({ share, path: request.path, size: 0 })
          await leases.acquire(request)
        })
      })
      return this
    }

    expectWrite (share: string, path: string, options: ExpectOptions = {}): this {
      return this.#expectFile('write', share, path, ['PutRange', 'RenameFile', 'CreateFile', 'SetFileProperties'], options, writes)
    }

    expectRead (share: string, path: string, options: ExpectOptions = {}): this {
      return this.#expectFile('read', share, path, ['GetFile'], options)
    }

    expectCreate (share: string, path: string, options: ExpectOptions = {}): this {
      return this.#expectFile('create', share, path, ['CreateFile'], options)
    }

    expectDelete (share: string, path: string, options: ExpectOptions = {}): this {
      return this.#expectFile('delete', share, path, ['DeleteFile'], options)
    }

    expectCopy (share: string, path: string, options: ExpectOptions = {}): this {
      return this.#expectFile('copy to', share, path, ['CopyFile'], options)
    }

    expectRename (share: string, path: string, options: ExpectOptions = {}): this {
      return this.#expectFile('rename to', share, path, ['RenameFile'], options)
    }

    expectLeaseAcquire (share: string, path: string, options: ExpectOptions = {}): this {
      return this.#expectFile('acquire the lease of', share, path, ['LeaseFile'], options, (_, { headers }) => headers[LEASE_ACTION] === 'acquire')
    }

    expectLeaseRelease (share: string, path: string, options: ExpectOptions = {}): this {
      return this.#expectFile('release the lease of', share, path, ['LeaseFile'], options, (_, { headers }) => headers[LEASE_ACTION] === 'release')
    }

    expectList (share: string, path = '', options: ExpectOptions = {}): this {
      return this.#expect('list', share, directoryPath(path), ['ListDirectoriesAndFiles'], options)
    }

    verify (): void {
      this.#backend.verify()
    }

    override async close (): Promise<void> {
      await super.close()
      await this.#backend.close()
    }

    #expectFile (action: string, share: string, path: string, operations: string[], options: ExpectOptions, isMeant?: (deed: Deed, entry: RequestEntry) => boolean): this {
      return this.#expect(action, share, filePath(path), operations, options, isMeant)
    }

    #expect (action: string, share: string, path: string, operations: string[], options: ExpectOptions, isMeant = (_deed: Deed, _entry: RequestEntry): boolean => true): this {
      checkShareName(share)
      const folded = path.toLowerCase()
      this.#backend.expect({
        ...options,
        what: `${action} ${JSON.stringify(path)} in share ${JSON.stringify(share)}`,
        operations,
        isMeant: (deed, entry) => shareOf(entry) === share && (deed.key ?? '').toLowerCase() === folded && isMeant(deed, entry)
      })
      return this
    }

    /** A client that leaves no trace. */
    #behind ({ azureFiles, backdoor }: MockEmulator): AzureFiles {
      return new Client({ ...azureFiles.options(), dispatcher: backdoor, clock: this.#backend.clock, simulation: 'disabled' })
    }
  }
}

function backendOf ({ share = 'mock', emulator, ...settings }: AzureFilesMockOptions): MockBackend {
  return new MockBackend(settings, { azureFiles: { ...emulator, ...ACCOUNT, shares: [share] } })
}

/** To make or to resize a file is no write, unless nothing is left in it. */
function writes ({ operation }: Deed, { headers }: RequestEntry): boolean {
  return operation === 'PutRange' || operation === 'RenameFile' || headers['x-ms-content-length'] === '0'
}

/** `/account/share/path` */
function shareOf ({ path }: RequestEntry): string | undefined {
  return path.split('/')[2]
}

function guidFrom (text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
