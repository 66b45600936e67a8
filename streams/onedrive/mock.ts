/** `OneDrive.mock()`: the client itself, above the emulator in this process. */
import type { ExpectOptions } from '../../lib/simulation/expectations.ts'
import type { FaultPlan } from '../../lib/simulation/faults.ts'
import { IN_PROCESS_ORIGIN } from '../../lib/simulation/in-process-origin.ts'
import type { RequestLog } from '../../lib/simulation/request-log.ts'
import { MockBackend, presetBytes } from '../mock-backend.ts'
import type { MockEmulator, MockEmulatorOptions, MockSettings } from '../mock-backend.ts'
import type { AccessToken } from './auth.ts'
import type { OneDrive } from './client.ts'
import type { OneDriveAuthOptions, OneDriveOptions } from './config.ts'
import { splitPath } from './names.ts'

type Fixed = keyof OneDriveAuthOptions | 'endpoint' | 'dispatcher' | 'authorityHost' | 'scopes' | 'drive'

/** Those of the client, but for addresses and credentials, which a mock has by itself. */
export interface OneDriveMockOptions extends Omit<OneDriveOptions, Fixed>, MockSettings {
  /** Default `'me'`. */
  drive?: 'me' | { driveId: string }
  /** `flavour`, and habits of the service, as the emulator takes them. */
  emulator?: Pick<NonNullable<MockEmulatorOptions['oneDrive']>, 'flavour' | 'strict'>
}

/**
 * A client of OneDrive for unit tests: no network, no account, no credentials. All of the client is real; below its
 * dispatcher the emulator answers in this process. What is preset or expected passes for nothing until the first request.
 * Paths are told apart as the service does it, without regard to case.
 *
 * Waits are skipped unless a `clock` is given: retries take no time, and a stall ends at once in the timeout it would have
 * run into. Peak memory: what is stored, up to 256 MiB; what is more, or came as more than 16 MiB in one request, goes to
 * a temporary folder.
 *
 * @example
 * await using drive = OneDrive.mock().withFile('/docs/a.txt', 'hello').expectUpload('/docs/b.txt')
 * await drive.upload('/docs/b.txt', (await drive.download('/docs/a.txt')).bytes)
 * drive.verify()
 */
export interface MockOneDrive extends OneDrive {
  /** Trouble on demand, as in the emulator: `mock.faults.add({ operation: 'DownloadContent', status: 503 })`. */
  readonly faults: FaultPlan
  /** What was asked; presets are not in it. */
  readonly requests: RequestLog
  /** Folders on the way appear. */
  withFile (path: string, body: Uint8Array | string): this
  withFolder (path: string): this
  /** Stored by one PUT or through an upload session: each file counts once. */
  expectUpload (path: string, options?: ExpectOptions): this
  /** Each range is a request of its own, and counts. */
  expectDownload (path: string, options?: ExpectOptions): this
  /** One by one, or with others in one request. */
  expectDelete (path: string, options?: ExpectOptions): this
  expectCreateFolder (path: string, options?: ExpectOptions): this
  /** Each page counts. @param path Default: the root. */
  expectList (path?: string, options?: ExpectOptions): this
  /** By its path before. */
  expectMove (path: string, options?: ExpectOptions): this
  /** By its source; counts as soon as the service has taken it on. */
  expectCopy (path: string, options?: ExpectOptions): this
  /** Throws an error that lists each expectation which was not met, and what was seen instead. */
  verify (): void
}

export type MockOneDriveClass = new (options?: OneDriveMockOptions) => MockOneDrive

/** Asked for anew some time before the emulator would end it. */
const TOKEN_MS = 1_800_000

/** The class is handed in, since the client's file imports this one. */
export function mockOf (Client: typeof OneDrive): MockOneDriveClass {
  return class MockOneDrive extends Client {
    readonly #backend: MockBackend

    constructor (options: OneDriveMockOptions = {}, backend = backendOf(options)) {
      const { seed: _, emulator: _e, ...rest } = options
      super({ simulation: 'disabled', ...rest, endpoint: `${IN_PROCESS_ORIGIN}/onedrive/v1.0`, accessToken: () => tokenOf(backend), dispatcher: backend.dispatcher, clock: backend.clock })
      this.#backend = backend
    }

    get faults (): FaultPlan {
      return this.#backend.faults
    }

    get requests (): RequestLog {
      return this.#backend.requests
    }

    withFile (path: string, body: Uint8Array | string): this {
      const normal = normalPath(path)
      const bytes = presetBytes(body)
      this.#backend.preset(emulator => emulator.oneDrive.state.put(normal, bytes))
      return this
    }

    withFolder (path: string): this {
      const normal = normalPath(path)
      this.#backend.preset(emulator => this.#behind(emulator).createFolder(normal, { parents: true, conflictBehavior: 'replace' }))
      return this
    }

    expectUpload (path: string, options: ExpectOptions = {}): this {
      return this.#expect('upload', path, ['StoreFile'], options)
    }

    expectDownload (path: string, options: ExpectOptions = {}): this {
      return this.#expect('download', path, ['DownloadContent'], options)
    }

    expectDelete (path: string, options: ExpectOptions = {}): this {
      return this.#expect('delete', path, ['DeleteItem', 'PermanentDelete'], options)
    }

    expectCreateFolder (path: string, options: ExpectOptions = {}): this {
      return this.#expect('create folder', path, ['CreateFolder'], options)
    }

    expectList (path = '/', options: ExpectOptions = {}): this {
      return this.#expect('list', path, ['ListChildren'], options)
    }

    expectMove (path: string, options: ExpectOptions = {}): this {
      return this.#expect('move', path, ['UpdateItem'], options)
    }

    expectCopy (path: string, options: ExpectOptions = {}): this {
      return this.#expect('copy', path, ['CopyItem'], options)
    }

    verify (): void {
      this.#backend.verify()
    }

    override async close (): Promise<void> {
      await super.close()
      await this.#backend.close()
    }

    #expect (action: string, path: string, operations: string[], options: ExpectOptions): this {
      const normal = normalPath(path)
      const folded = normal.toLowerCase()
      this.#backend.expect({ ...options, what: `${action} ${JSON.stringify(normal)}`, operations, isMeant: ({ key }) => key?.toLowerCase() === folded })
      return this
    }

    /** A client that leaves no trace. */
    #behind ({ oneDrive, backdoor }: MockEmulator): OneDrive {
      return new Client({ endpoint: oneDrive.endpoint, accessToken: oneDrive.accessToken(), drive: { driveId: oneDrive.driveId }, dispatcher: backdoor, clock: this.#backend.clock, simulation: 'disabled' })
    }
  }
}

function backendOf ({ drive, emulator, ...settings }: OneDriveMockOptions): MockBackend {
  return new MockBackend(settings, { oneDrive: { ...emulator, ...(typeof drive === 'object' ? { driveId: drive.driveId } : {}) } })
}

async function tokenOf (backend: MockBackend): Promise<AccessToken> {
  const { oneDrive } = await backend.start()
  return { token: oneDrive.accessToken(), expiresOnTimestamp: backend.clock.now() + TOKEN_MS }
}

function normalPath (path: string): string {
  return `/${splitPath(path).join('/')}`
}
