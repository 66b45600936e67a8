/** One suite for every cloud in every mode: what a flow comes to must not depend on who answers it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Flow } from '../../fixtures/flows/flow.ts'
import type { Fault } from '../../lib/simulation/faults.ts'

export interface Closable { close (): Promise<void> }

/** How one cloud is reached in each mode; every call gives a client with a service of its own that holds nothing yet. */
export interface Modes<Client extends Closable> {
  emulator (end: Ending, faults: readonly Fault[]): Promise<Client>
  /** As `emulator`, recorded into the folder. */
  recording (end: Ending, faults: readonly Fault[], folder: string): Promise<Client>
  /** With no service at all. */
  replay (folder: string): Client
  mock (faults: readonly Fault[]): Client
}

/** Takes what must end with the flow. */
export type Ending = (work: () => Promise<unknown>) => void

export function contract<Client extends Closable> (t: Test, flows: ReadonlyArray<Flow<Client>>, modes: Modes<Client>): void {
  for (const flow of flows) {
    t.test(`${flow.name}: the same from the emulator, while it is recorded, from the recording, and on a mock`, async t => {
      const folder = await mkdtemp(join(tmpdir(), 'sluice-contract-'))
      t.teardown(() => rm(folder, { recursive: true, force: true }))
      const { faults = [] } = flow
      const outcome = await outcomeOf(flow, end => modes.emulator(end, faults))
      t.ok(Object.keys(outcome as object).length > 1)
      t.strictSame(await outcomeOf(flow, end => modes.recording(end, faults, folder)), outcome, 'while recorded')
      t.strictSame(await outcomeOf(flow, () => modes.replay(folder)), outcome, 'from the recording')
      t.strictSame(await outcomeOf(flow, () => modes.replay(folder)), outcome, 'from the recording, once more')
      t.strictSame(await outcomeOf(flow, () => modes.mock(faults)), outcome, 'on a mock')
    })
  }
}

async function outcomeOf<Client extends Closable> (flow: Flow<Client>, open: (end: Ending) => Promise<Client> | Client): Promise<unknown> {
  const ends: Array<() => Promise<unknown>> = []
  const client = await open(work => ends.push(work))
  try {
    return await flow.run(client)
  } finally {
    await client.close()
    for (const end of ends) await end()
  }
}
