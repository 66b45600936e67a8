/** The three services with what they stand on, before anything carries requests to them. */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { type Clock, systemClock } from '../lib/clock.ts'
import { seededRandom } from '../lib/seeded-random.ts'
import { FaultPlan } from '../lib/simulation/faults.ts'
import { RequestLog } from '../lib/simulation/request-log.ts'
import { type AzureFilesEmulator, type AzureFilesEmulatorOptions, startAzureFiles } from './azure-files/index.ts'
import { ContentStore } from './content-store.ts'
import { startOneDrive, type OneDriveEmulator, type OneDriveOptions } from './onedrive/index.ts'
import { startR2, type R2Emulator, type R2Options } from './r2/index.ts'
import { FolderRecords, NoRecords, type RecordStore } from './record-store.ts'
import type { Service } from './service.ts'

export interface ServicesOptions {
  /** Keeps everything here, over restarts. Without it small bodies are in memory and large ones in a temporary folder. */
  folder?: string
  /** For faults with a `probability`: the same seed and the same requests give the same faults. */
  seed?: number
  clock?: Clock
  /** `'discard'` counts and hashes bodies but keeps none: they read back as zeros. For benchmarks. */
  bodies?: 'keep' | 'discard'
  r2?: R2Options
  azureFiles?: AzureFilesEmulatorOptions
  oneDrive?: OneDriveOptions
}

/** What may have begun before the services: faults are armed, and a log is there to be asked. */
interface Begun {
  faults?: FaultPlan
  requests?: RequestLog
  /** Bodies up to this many bytes stay in memory; 64 KiB unless given. */
  largestInMemory?: number
}

export interface OpenedServices {
  /** By the first segment of the paths that they own. */
  readonly services: ReadonlyMap<string, Service>
  readonly faults: FaultPlan
  readonly requests: RequestLog
  readonly contents: ContentStore
  readonly clock: Clock
  /** How they are addressed, once it is known where. */
  at (origin: string): { r2: R2Emulator, azureFiles: AzureFilesEmulator, oneDrive: OneDriveEmulator }
}

export async function openServices (options: ServicesOptions, begun: Begun = {}): Promise<OpenedServices> {
  const clock = options.clock ?? systemClock
  const seed = options.seed ?? randomBytes(4).readUInt32LE()
  const { faults = new FaultPlan(seededRandom(seed)), requests = new RequestLog() } = begun
  const { contents, records } = openStores(options, begun)
  const r2 = await startR2(options.r2 ?? {}, contents, records, clock)
  const azureFiles = await startAzureFiles(options.azureFiles ?? {}, contents, records, clock)
  const oneDrive = await startOneDrive(options.oneDrive ?? {}, { contents, records, faults, clock, random: seededRandom(seed + 1) })
  await contents.sweep()
  return {
    services: new Map<string, Service>([[r2.prefix, r2.service], [azureFiles.prefix, azureFiles.service], [oneDrive.prefix, oneDrive.service]]),
    faults,
    requests,
    contents,
    clock,
    at: origin => ({ r2: r2.at(origin), azureFiles: azureFiles.at(origin), oneDrive: oneDrive.at(origin) })
  }
}

function openStores ({ folder, bodies }: ServicesOptions, { largestInMemory }: Begun): { contents: ContentStore, records: RecordStore } {
  const common = { discard: bodies === 'discard', ...(largestInMemory === undefined ? {} : { largestInMemory }) }
  if (folder === undefined) return { contents: new ContentStore(common), records: new NoRecords() }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return { contents: new ContentStore({ ...common, folder }), records: new FolderRecords(folder) }
}
