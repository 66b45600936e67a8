/** Trouble while a recording is made: what the service answered is kept as far as it was heard, and replays. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { startEmulator } from '../../emulator/index.ts'
import { generatedBytes } from '../../fixtures/flows/bytes.ts'
import { digestOf } from '../../fixtures/flows/flow.ts'
import type { Mutation } from '../../lib/simulation/mutations.ts'
import { SkippingClock } from '../../lib/simulation/skipping-clock.ts'
import type { SimulationOptions } from '../../lib/simulation/simulation-options.ts'
import { R2 } from '../../streams/r2/client.ts'

const BYTES = generatedBytes(400_000, 41)
const DIGEST = await digestOf(Readable.from([BYTES]))

async function copy (r2: R2): Promise<unknown> {
  await r2.put('a', BYTES)
  const read = await digestOf(r2.createReadStream('a', { rangeSize: 150_000, concurrency: 1 }))
  await r2.delete('a')
  return read
}

const trouble: Array<[string, Mutation[]]> = [
  ['cut downloads', [{ on: { operation: 'get_object', times: 2 }, do: { reset: { responseByte: 123_456 } } }]],
  ['a stalled download', [{ on: { operation: 'get_object' }, do: { stall: { responseByte: 77_777 } } }]],
  ['lost answers', [{ on: { operation: ['put_object', 'delete_object'], times: 2 }, do: { loseAnswer: true } }]],
  ['requests that never went out', [{ on: { times: 2 }, do: { connect: 'refused' } }, { do: { status: 503 } }]],
  ['a slow download', [{ on: { operation: 'get_object' }, do: { bytesPerSecond: 50_000 } }]]
]

const isCut = (mutations: Mutation[]): boolean => mutations.some(({ do: { reset, stall } }) => [reset, stall].some(place => typeof place === 'object'))

for (const [name, mutations] of trouble) {
  t.test(`recorded with ${name}, replayed with the same and without`, async t => {
    await using emulator = await startEmulator()
    const folder = await mkdtemp(join(tmpdir(), 'sluice-trouble-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const run = async (simulation: SimulationOptions): Promise<unknown> => {
      const r2 = R2.fromEnv({ clock: new SkippingClock(), simulation, circuitBreaker: false }, emulator.env())
      try {
        const outcome = await copy(r2)
        r2.simulation.verify()
        return outcome
      } finally {
        await r2.close()
      }
    }
    t.same(await run({ record: folder, mutations }), DIGEST)
    await emulator.close()
    t.same(await run({ replay: folder, mutations }), DIGEST)
    // What was cut was not read on, and so is not in the recording.
    if (isCut(mutations)) await t.rejects(run({ replay: folder }), { name: 'ReplayError', message: /holds the first \d+ bytes only, as nobody read on/ })
    else t.same(await run({ replay: folder }), DIGEST)
  })
}
