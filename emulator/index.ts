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
import type { AzureFilesEmulator } from './azure-files/index.ts'
import type { OneDriveEmulator } from './onedrive/index.ts'
import type { InProcessEmulator, InProcessOptions } from './in-process.ts'
import { openServices, type ServicesOptions } from './opened-services.ts'
import type { R2Emulator } from './r2/index.ts'
import { EmulatorServer } from './server.ts'
import { Services } from './services.ts'
import type { FaultPlan } from '../lib/simulation/faults.ts'
import type { RequestLog } from '../lib/simulation/request-log.ts'

export type {
  AzureDirectoryInfo, AzureFileInfo, AzureFilesEmulator, AzureFilesEmulatorOptions, AzureFilesInspector
} from './azure-files/index.ts'
export type { LeaseRecord } from './azure-files/lease-history.ts'
export type { AzureFilesQuirks } from './azure-files/quirks.ts'
export type { Fault, FaultEffects, FaultHandle, FaultPlan, FaultTarget } from '../lib/simulation/faults.ts'
export type { InProcessEmulator, InProcessOptions } from './in-process.ts'
export type { OneDriveEmulator, OneDriveOptions } from './onedrive/index.ts'
export type { OneDriveInspector, OneDriveItemInfo, OneDriveSessionInfo } from './onedrive/inspector.ts'
export type { OneDriveQuirks } from './onedrive/quirks.ts'
export type { R2Emulator, R2Inspector, R2ObjectInfo, R2Options, R2PartInfo, R2UploadInfo } from './r2/index.ts'
export type { R2Quirks } from './r2/quirks.ts'
export type { OperationCounter, RequestEntry, RequestLog } from '../lib/simulation/request-log.ts'

export interface EmulatorOptions extends ServicesOptions {
  /** 0, the default, takes any free port. */
  port?: number
  /** A loopback address; `127.0.0.1` unless given. */
  host?: string
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
  const opened = await openServices(options)
  const { faults, requests, contents, clock } = opened
  const server = new EmulatorServer(new Services(opened.services, faults, requests, clock))
  const emulated = opened.at(await server.listen(options.port ?? 0, options.host ?? '127.0.0.1'))
  const close = async (): Promise<void> => {
    await server.close()
    contents.close()
  }
  const env = (): Record<string, string> => ({ ...emulated.r2.env(), ...emulated.azureFiles.env(), ...emulated.oneDrive.env() })
  return { ...emulated, faults, requests, env, close, [Symbol.asyncDispose]: close }
}

/**
 * The same without a server: no socket and no port, behind a dispatcher of undici's kind that `options()` brings along.
 * @throws {RangeError} a name in the options is none that the service takes
 */
export async function startInProcess (options: InProcessOptions = {}): Promise<InProcessEmulator> {
  // Only now: whoever loads undici has the `fetch` of the whole process use it, which users of the server have not asked for.
  const inProcess = await import('./in-process.ts')
  return await inProcess.startInProcess(options)
}
