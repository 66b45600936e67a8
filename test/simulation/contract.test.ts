import { OneDrive } from '../../streams/onedrive/client.ts'
import { AzureFiles } from '../../streams/azure-files/client.ts'
import { R2 } from '../../streams/r2/client.ts'
import t from 'tap'
import { AZURE_FILES_FLOWS } from '../../fixtures/flows/azure-files.ts'
import { ONEDRIVE_FLOWS } from '../../fixtures/flows/onedrive.ts'
import { R2_FLOWS } from '../../fixtures/flows/r2.ts'
import { startEmulator } from '../../emulator/index.ts'
import type { Fault, FaultPlan } from '../../lib/simulation/faults.ts'
import type { ClientOptions } from '../../lib/http/client-options.ts'
import { SimulationReplayer } from '../../lib/simulation/replayer.ts'
import { SkippingClock } from '../../lib/simulation/skipping-clock.ts'
import { contract } from './contract.ts'
import type { Closable, Ending, Modes } from './contract.ts'

type FromEnv<Client> = (options: ClientOptions, env: Record<string, string>) => Client
interface Mock { readonly faults: FaultPlan }

/** The emulator's own variables for what asks it, none for what asks a recording. */
function modesOf<Client extends Closable> (fromEnv: FromEnv<Client>, mock: () => Client & Mock): Modes<Client> {
  const start = async (end: Ending, faults: readonly Fault[], options: ClientOptions): Promise<Client> => {
    const emulator = await startEmulator()
    end(() => emulator.close())
    for (const fault of faults) emulator.faults.add(fault)
    return fromEnv({ ...options, clock: new SkippingClock() }, emulator.env())
  }
  return {
    emulator: (end, faults) => start(end, faults, {}),
    recording: (end, faults, folder) => start(end, faults, { simulation: { record: folder } }),
    replay (folder) {
      const replayer = SimulationReplayer.fromFile(folder)
      const names = { R2_BUCKET: 'sluice', AZURE_FILES_SHARE: 'sluice', ...(replayer.metadata.drive_id && { ONEDRIVE_DEFAULT_DRIVE_ID: replayer.metadata.drive_id }) }
      return fromEnv({ clock: new SkippingClock(), simulation: { replay: replayer } }, names)
    },
    mock (faults) {
      const client = mock()
      for (const fault of faults) client.faults.add(fault)
      return client
    }
  }
}

t.test('R2', async t => contract(t, R2_FLOWS, modesOf<R2>((options, env) => R2.fromEnv(options, env), () => R2.mock())))
t.test('OneDrive', async t => contract(t, ONEDRIVE_FLOWS, modesOf<OneDrive>((options, env) => OneDrive.fromEnv(options, env), () => OneDrive.mock())))
t.test('Azure Files', async t => contract(t, AZURE_FILES_FLOWS, modesOf<AzureFiles>((options, env) => AzureFiles.fromEnv(options, env), () => AzureFiles.mock())))
