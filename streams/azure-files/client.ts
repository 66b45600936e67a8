import type { PathLike } from 'node:fs'
import { defaultBudget } from '../../lib/bytes/byte-budget.ts'
import type { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import { ConfigurationError } from '../../lib/errors.ts'
import type { FileSpan } from '../../lib/flow/part-writable.ts'
import type { RecursiveListReadable } from '../../lib/flow/recursive-list-readable.ts'
import type { Simulation } from '../../lib/simulation/simulation.ts'
import { AzureAppendWritable } from './append-writable.ts'
import type { AppendStreamOptions } from './append-writable.ts'
import { optionsFromEnv, resolveConfig } from './config.ts'
import type { AzureFilesConfig, AzureFilesOptions } from './config.ts'
import { AzureFilesConnection } from './connection.ts'
import { AzureCopyTransform } from './copy-transform.ts'
import type { CopyStreamOptions } from './copy-transform.ts'
import { AzureDeleteWritable } from './delete-writable.ts'
import type { DeleteStreamOptions } from './delete-writable.ts'
import { AzureDirectoryService } from './directories.ts'
import { AzureFileService } from './files.ts'
import { HeldLeases } from './held-leases.ts'
import { AzureLeases } from './leases.ts'
import { AzureListReadable, recursiveList } from './list-readable.ts'
import type { ListStreamOptions } from './list-readable.ts'
import { mockOf } from './mock.ts'
import type { MockAzureFiles as Mocked, MockAzureFilesClass, AzureFilesMockOptions } from './mock.ts'
import { checkShareName, directoryPath, filePath } from './names.ts'
import type { Target } from './names.ts'
import { AzureRangeReadable } from './readable.ts'
import type { ReadStreamOptions } from './readable.ts'
import { AzureSas } from './sas-service.ts'
import { AzureShareListReadable } from './share-list-readable.ts'
import type { ShareListStreamOptions } from './share-list-readable.ts'
import { AzureShareService } from './shares.ts'
import { AzureStreaming } from './streaming.ts'
import type { DirectoryEntry } from './wire-directories.ts'
import type { AzureStoredFile } from './upload.ts'
import { AzureRangeWritable } from './writable.ts'
import type { WriteStreamOptions } from './writable.ts'

/** What several views of one client have in common. */
interface Shared {
  connection: AzureFilesConnection
  budget: ByteBudget
  held: HeldLeases
  share: string | undefined
}

/**
 * Azure Files over REST. Streams for everything that moves or lists bytes; promises for what is one answer. Requests share
 * one pool of connections, one breaker and one throttle.
 *
 * @example
 * const azure = new AzureFiles({ accountName, accountKey, share: 'photos' })
 * await pipeline(source, createGzip(), azure.createWriteStream('2026/raw.tar.gz', { publish: 'rename' }))
 * await pipeline(azure.createReadStream('2026/raw.tar.gz'), createGunzip(), target)
 */
export class AzureFiles {
  readonly files: AzureFileService
  readonly directories: AzureDirectoryService
  readonly leases: AzureLeases
  readonly shares: AzureShareService
  readonly streaming: AzureStreaming
  readonly sas: AzureSas
  readonly #shared: Shared

  /** @throws {ConfigurationError} naming the option that is missing or wrong. */
  constructor (options: AzureFilesOptions, /** @internal */ shared: Shared = open(options)) {
    this.#shared = shared
    const { connection, held } = shared
    const shareOf = (share: string | undefined): string => this.#shareOf(share)
    this.leases = new AzureLeases(connection, shareOf, held)
    this.files = new AzureFileService(connection, this.leases, shareOf)
    this.directories = new AzureDirectoryService(connection, shareOf)
    this.shares = new AzureShareService(connection, shareOf)
    this.sas = new AzureSas(connection, shareOf)
    this.streaming = new AzureStreaming(this, this.files)
  }

  /**
   * From `AZURE_STORAGE_ACCOUNT` with `AZURE_STORAGE_KEY` or `AZURE_STORAGE_SAS_TOKEN`, or from
   * `AZURE_STORAGE_CONNECTION_STRING`; also `AZURE_FILES_SHARE` and `AZURE_FILES_ENDPOINT`. Options given here win.
   */
  static fromEnv (options: AzureFilesOptions = {}, env: Record<string, string | undefined> = process.env): AzureFiles {
    return new AzureFiles(optionsFromEnv(env, options))
  }

  /** For unit tests: this client above an Azure Files in memory, without network, account and credentials. See `MockAzureFiles`. */
  static mock (options: AzureFilesMockOptions = {}): MockAzureFiles {
    return new MockAzureFiles(options)
  }

  /** Checked, complete and frozen; holds no secret that prints. */
  get config (): AzureFilesConfig {
    return this.#shared.connection.config
  }

  /** What the option `simulation` made of this client; `simulation.verify()` tells what was to happen and did not. */
  get simulation (): Simulation {
    return this.#shared.connection.simulation
  }

  /** Requests sent by this client so far, and how many of them were retries. */
  get sent (): { requests: number, retries: number } {
    return { ...this.#shared.connection.sent }
  }

  /** The same client, with another share for every call that names none. */
  inShare (share: string): AzureFiles {
    checkShareName(share)
    return new AzureFiles({}, { ...this.#shared, share })
  }

  createWriteStream (path: string, options: WriteStreamOptions = {}): AzureRangeWritable {
    const { connection, budget } = this.#shared
    return new AzureRangeWritable(connection, this.leases, this.#file(path, options.share), options, budget)
  }

  /** Stores a file, or its bytes from `start` to `end` (inclusive), the fastest way: `createWriteStream(path, options).fromFile(from)`. */
  async uploadFile (path: string, from: PathLike, { start, end, ...options }: WriteStreamOptions & FileSpan = {}): Promise<AzureStoredFile> {
    return await this.createWriteStream(path, options).fromFile(from, { start, end })
  }

  createReadStream (path: string, options: ReadStreamOptions = {}): AzureRangeReadable {
    const { connection, budget } = this.#shared
    return new AzureRangeReadable(connection, this.#file(path, options.share), options, budget)
  }

  createAppendStream (path: string, options: AppendStreamOptions = {}): AzureAppendWritable {
    const { connection, budget } = this.#shared
    return new AzureAppendWritable(connection, this.leases, this.#file(path, options.share), options, budget)
  }

  /** '' or '/' is the root of the share. */
  createListStream (directory: string, options: ListStreamOptions & { recursive: true }): RecursiveListReadable<DirectoryEntry>
  createListStream (directory?: string, options?: ListStreamOptions & { recursive?: false }): AzureListReadable
  createListStream (directory?: string, options?: ListStreamOptions): AzureListReadable | RecursiveListReadable<DirectoryEntry>
  createListStream (directory = '', options: ListStreamOptions = {}): AzureListReadable | RecursiveListReadable<DirectoryEntry> {
    const target = { share: this.#shareOf(options.share), path: directoryPath(directory) }
    const { connection } = this.#shared
    return options.recursive === true ? recursiveList(connection, target, options) : new AzureListReadable(connection, target, options)
  }

  createShareListStream (options: ShareListStreamOptions = {}): AzureShareListReadable {
    return new AzureShareListReadable(this.#shared.connection, options)
  }

  createDeleteStream (options: DeleteStreamOptions = {}): AzureDeleteWritable {
    return new AzureDeleteWritable(this.#shared.connection, this.#shareOf(options.share), options)
  }

  createCopyStream (options: CopyStreamOptions = {}): AzureCopyTransform {
    const shares = { from: this.#shareOf(options.fromShare ?? options.share), to: this.#shareOf(options.toShare ?? options.share) }
    return new AzureCopyTransform(this.#shared.connection, shares, options)
  }

  /** Lets requests in flight end and closes the connections, unless the dispatcher is the caller's. */
  async close (): Promise<void> {
    await this.#shared.connection.close()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.close()
  }

  #file (path: string, share: string | undefined): Target {
    return { path: filePath(path), share: this.#shareOf(share) }
  }

  #shareOf (share: string | undefined): string {
    const name = share ?? this.#shared.share
    if (name === undefined) throw new ConfigurationError('Cannot address a file without a share: pass one to the client or to the call', { code: 'InvalidShareName' })
    if (share !== undefined) checkShareName(share)
    return name
  }
}

function open (options: AzureFilesOptions): Shared {
  const config = resolveConfig(options)
  const connection = new AzureFilesConnection(config, options)
  return { connection, budget: options.budget ?? defaultBudget, held: new HeldLeases(connection.leaseGauge), share: config.share }
}

export type MockAzureFiles = Mocked
export const MockAzureFiles: MockAzureFilesClass = mockOf(AzureFiles)
