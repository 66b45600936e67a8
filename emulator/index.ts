/**
 * The services on loopback, as the real ones would answer, with their habits and their troubles as switches.
 *
 * ```ts
 * const emulator = await startEmulator()
 * const r2 = new R2(emulator.r2.options())
 * emulator.faults.add({ operation: 'UploadPart', status: 503, retryAfter: 1 })
 * // … use r2 …
 * await emulator.close()
 * ```
 */
import { mkdirSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../lib/clock.ts'
import { seededRandom } from '../lib/seeded-random.ts'
import { type AzureFilesEmulator, type AzureFilesEmulatorOptions, startAzureFiles } from './azure-files/index.ts'
import { ContentStore } from './content-store.ts'
import { FaultPlan } from './faults.ts'
import { startOneDrive, type OneDriveEmulator, type OneDriveOptions } from './onedrive/index.ts'
import { startR2, type R2Emulator, type R2Options } from './r2/index.ts'
import { FolderRecords, NoRecords } from './record-store.ts'
import { RequestLog } from './request-log.ts'
import { EmulatorServer } from './server.ts'
import type { Service } from './service.ts'

export type {
  AzureDirectoryInfo, AzureFileInfo, AzureFilesEmulator, AzureFilesEmulatorOptions, AzureFilesInspector
} from './azure-files/index.ts'
export type { LeaseRecord } from './azure-files/lease-history.ts'
export type { AzureFilesQuirks } from './azure-files/quirks.ts'
export type { Fault, FaultEffects, FaultHandle, FaultPlan, FaultTarget } from './faults.ts'
export type { OneDriveEmulator, OneDriveOptions } from './onedrive/index.ts'
export type { OneDriveInspector, OneDriveItemInfo, OneDriveSessionInfo } from './onedrive/inspector.ts'
export type { OneDriveQuirks } from './onedrive/quirks.ts'
export type { R2Emulator, R2Inspector, R2ObjectInfo, R2Options, R2PartInfo, R2UploadInfo } from './r2/index.ts'
export type { R2Quirks } from './r2/quirks.ts'
export type { OperationCounter, RequestEntry, RequestLog } from './request-log.ts'

export interface EmulatorOptions {
  /** 0, the default, takes any free port. */
  port?: number
  /** A loopback address, `127.0.0.1` unless given. */
  host?: string
  /** Keeps all of it here, over restarts. Without it small bodies are in memory and large ones in a temporary folder. */
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

export interface Emulator {
  readonly r2: R2Emulator
  readonly azureFiles: AzureFilesEmulator
  readonly oneDrive: OneDriveEmulator
  readonly faults: FaultPlan
  readonly requests: RequestLog
  /** What `R2.fromEnv()`, `AzureFiles.fromEnv()`, `OneDrive.fromEnv()` and other tools read. */
  env (): Record<string, string>
  /** Cuts all connections and removes the temporary folder; a folder of the user's stays. */
  close (): Promise<void>
  [Symbol.asyncDispose] (): Promise<void>
}

/** @throws {RangeError} `host` is not a loopback address */
export async function startEmulator (options: EmulatorOptions = {}): Promise<Emulator> {
  const clock = options.clock ?? systemClock
  const seed = options.seed ?? randomBytes(4).readUInt32LE()
  const faults = new FaultPlan(seededRandom(seed))
  const requests = new RequestLog()
  const { contents, records } = openStores(options)
  const r2 = await startR2(options.r2 ?? {}, contents, records, clock)
  const azureFiles = await startAzureFiles(options.azureFiles ?? {}, contents, records, clock)
  const oneDrive = await startOneDrive(options.oneDrive ?? {}, { contents, records, faults, clock, random: seededRandom(seed + 1) })
  await contents.sweep()
  const services = new Map<string, Service>(
    [[r2.prefix, r2.service], [azureFiles.prefix, azureFiles.service], [oneDrive.prefix, oneDrive.service]]
  )
  const server = new EmulatorServer(services, faults, requests, clock)
  const origin = await server.listen(options.port ?? 0, options.host ?? '127.0.0.1')
  const emulated = { r2: r2.at(origin), azureFiles: azureFiles.at(origin), oneDrive: oneDrive.at(origin) }
  const close = async (): Promise<void> => {
    await server.close()
    contents.close()
  }
  const env = (): Record<string, string> => ({ ...emulated.r2.env(), ...emulated.azureFiles.env(), ...emulated.oneDrive.env() })
  return { ...emulated, faults, requests, env, close, [Symbol.asyncDispose]: close }
}

function openStores ({ folder, bodies }: EmulatorOptions): { contents: ContentStore, records: FolderRecords | NoRecords } {
  const discard = bodies === 'discard'
  if (folder === undefined) return { contents: new ContentStore({ discard }), records: new NoRecords() }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return { contents: new ContentStore({ folder, discard }), records: new FolderRecords(folder) }
}
