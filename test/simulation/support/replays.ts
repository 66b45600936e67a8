/** Clients that get their answers from a committed recording, with trouble; what the trouble was to do is confirmed at the end. */
import { join } from 'node:path'
import type { ClientOptions } from '../../../lib/http/client-options.ts'
import { SimulationReplayer } from '../../../lib/simulation/replayer.ts'
import type { RecordingMetadata } from '../../../lib/simulation/recording-format.ts'
import type { Mutation } from '../../../lib/simulation/mutations.ts'
import { AzureFiles } from '../../../streams/azure-files/client.ts'
import { OneDrive } from '../../../streams/onedrive/client.ts'
import { R2 } from '../../../streams/r2/client.ts'
import { WaitingClock } from '../../lib/http/support/clocks.ts'

export const FIXTURES = join(import.meta.dirname, '../../../../fixtures')

interface Test { teardown (work: () => Promise<void>): void }
interface Client { readonly simulation: { verify (): void }, close (): Promise<void> }

function replay<C extends Client> (t: Test, recording: string, { mutations, seed }: { mutations: Mutation[], seed: number }, open: (options: ClientOptions, metadata: RecordingMetadata) => C): { client: C, clock: WaitingClock } {
  const clock = new WaitingClock()
  const replayer = SimulationReplayer.fromFile(join(FIXTURES, 'recordings', recording))
  const client = open({ clock, simulation: { replay: replayer, mutations, seed } }, replayer.metadata)
  t.teardown(async () => {
    await client.close()
    client.simulation.verify()
  })
  return { client, clock }
}

export function replayR2 (t: Test, flow: string, mutations: Mutation[], seed = 0): { r2: R2, clock: WaitingClock } {
  const { client, clock } = replay(t, `r2/${flow}`, { mutations, seed }, options => new R2({ ...options, bucket: 'sluice' }))
  return { r2: client, clock }
}

export function replayOneDrive (t: Test, flow: string, mutations: Mutation[], seed = 0): { onedrive: OneDrive, clock: WaitingClock } {
  const { client, clock } = replay(t, `onedrive/${flow}`, { mutations, seed }, (options, { drive_id: driveId = '' }) => new OneDrive({ ...options, drive: { driveId } }))
  return { onedrive: client, clock }
}

export function replayAzureFiles (t: Test, flow: string, mutations: Mutation[], seed = 0): { azure: AzureFiles, clock: WaitingClock } {
  const { client, clock } = replay(t, `azure-files/${flow}`, { mutations, seed }, options => new AzureFiles({ ...options, share: 'sluice' }))
  return { azure: client, clock }
}
