/**
 * The emulator without a server: the same services, faults and log behind a dispatcher of undici's kind.
 *
 * ```ts
 * await using emulator = await startInProcess()
 * const r2 = new R2(emulator.r2.options())
 * ```
 */
import type { Dispatcher } from 'undici'
import { FaultPlan } from '../lib/simulation/faults.ts'
import { IN_PROCESS_ORIGIN } from '../lib/simulation/in-process-origin.ts'
import { RequestLog } from '../lib/simulation/request-log.ts'
import type { AzureFilesEmulator } from './azure-files/index.ts'
import { InProcessDispatcher } from './in-process/dispatcher.ts'
import type { OneDriveEmulator } from './onedrive/index.ts'
import { openServices, type ServicesOptions } from './opened-services.ts'
import type { R2Emulator } from './r2/index.ts'
import { Services } from './services.ts'

export interface InProcessOptions extends ServicesOptions {
  /** Faults that are armed already, and a log that is asked already; new ones unless given. */
  faults?: FaultPlan
  requests?: RequestLog
  /** Bodies up to this many bytes stay in memory, as long as all of them together are below 256 MiB; 64 KiB unless given. */
  largestInMemory?: number
}

/** A service whose `options()` are those of a client that asks it through the dispatcher. */
type Dispatched<T extends { options (): object }> = Omit<T, 'options'> & { options (): ReturnType<T['options']> & { dispatcher: Dispatcher } }

export interface InProcessEmulator {
  readonly dispatcher: Dispatcher
  /** Reaches the same services past the faults and the log. */
  readonly backdoor: Dispatcher
  readonly r2: Dispatched<R2Emulator>
  readonly azureFiles: Dispatched<AzureFilesEmulator>
  readonly oneDrive: Dispatched<OneDriveEmulator>
  readonly faults: FaultPlan
  readonly requests: RequestLog
  /** Ends requests in flight and forgets what is stored; a folder of the user's stays. */
  close (): Promise<void>
  [Symbol.asyncDispose] (): Promise<void>
}

export async function startInProcess (options: InProcessOptions = {}): Promise<InProcessEmulator> {
  const opened = await openServices(options, options)
  const { services, faults, requests, contents, clock } = opened
  const dispatcher = new InProcessDispatcher(new Services(services, faults, requests, clock), IN_PROCESS_ORIGIN, clock)
  const backdoor = new InProcessDispatcher(new Services(services, new FaultPlan(() => 0), new RequestLog(), clock), IN_PROCESS_ORIGIN, clock)
  const { r2, azureFiles, oneDrive } = opened.at(IN_PROCESS_ORIGIN)
  const close = async (): Promise<void> => {
    await Promise.all([dispatcher.destroy(), backdoor.destroy()])
    contents.close()
  }
  return {
    dispatcher,
    backdoor,
    r2: dispatched(r2, dispatcher),
    azureFiles: dispatched(azureFiles, dispatcher),
    oneDrive: dispatched(oneDrive, dispatcher),
    faults,
    requests,
    close,
    [Symbol.asyncDispose]: close
  }
}

function dispatched<T extends { options (): object }> (emulated: T, dispatcher: Dispatcher): Dispatched<T> {
  return { ...emulated, options: () => ({ ...emulated.options(), dispatcher }) as ReturnType<T['options']> & { dispatcher: Dispatcher } }
}
