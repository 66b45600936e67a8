/** Trouble by lot above a mock: every flow comes to its own outcome or to a typed error, never to another outcome, never to no end. */
import t from 'tap'
import { AZURE_FILES_FLOWS } from '../../fixtures/flows/azure-files.ts'
import type { Flow } from '../../fixtures/flows/flow.ts'
import { ONEDRIVE_FLOWS } from '../../fixtures/flows/onedrive.ts'
import { R2_FLOWS } from '../../fixtures/flows/r2.ts'
import { StorageError } from '../../lib/errors.ts'
import type { TroubleOptions } from '../../lib/simulation/simulation-options.ts'
import { AzureFiles } from '../../streams/azure-files/client.ts'
import { OneDrive } from '../../streams/onedrive/client.ts'
import { R2 } from '../../streams/r2/client.ts'
import type { Closable } from './contract.ts'
import { FIRST_SEED, RUNS, troubleByLot } from './support/trouble.ts'

function chaos<Client extends Closable> (t: Tap, flows: ReadonlyArray<Flow<Client>>, open: (trouble: TroubleOptions) => Client): void {
  for (const flow of flows.filter(({ faults }) => faults === undefined)) {
    t.test(flow.name, async t => {
      const outcome = await outcomeOf(flow, open({}))
      let troubled = 0
      for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
        const found = await outcomeOf(flow, open({ mutations: troubleByLot(seed), seed }))
        if (found instanceof StorageError) troubled++
        else t.strictSame(found, outcome, `${flow.name}, seed ${seed}: ${JSON.stringify(troubleByLot(seed))}`)
      }
      t.comment(`${troubled} of ${RUNS} ended in a typed error`)
    })
  }
}

interface Tap { test (name: string, body: (t: Tap) => Promise<void>): unknown, strictSame (found: unknown, wanted: unknown, name: string): void, comment (text: string): void }

async function outcomeOf<Client extends Closable> (flow: Flow<Client>, client: Client): Promise<unknown> {
  try {
    return withoutAttempts(await flow.run(client))
  } catch (error) {
    if (error instanceof StorageError) return error
    throw error
  } finally {
    await client.close()
  }
}

/** Retries show (each write of a file makes a version of it), and what was to fail may fail for another reason. */
function withoutAttempts (outcome: unknown): unknown {
  return JSON.parse(JSON.stringify(outcome, (name, value: unknown) => {
    if (['attempts', 'reconciled', 'versions'].includes(name)) return undefined
    return typeof value === 'object' && value !== null && 'temporary' in value ? 'failed' : value
  }))
}

t.test('R2', async t => chaos(t, R2_FLOWS, simulation => R2.mock({ simulation })))
t.test('OneDrive', async t => chaos(t, ONEDRIVE_FLOWS, simulation => OneDrive.mock({ simulation })))
t.test('Azure Files', async t => chaos(t, AZURE_FILES_FLOWS, simulation => AzureFiles.mock({ simulation })))
