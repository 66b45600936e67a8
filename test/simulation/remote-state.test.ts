/** What an upload that failed says of the service is true, whatever went wrong and however often. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startInProcess } from '../../emulator/in-process.ts'
import type { InProcessEmulator } from '../../emulator/in-process.ts'
import { generatedChunks } from '../../fixtures/flows/bytes.ts'
import { MiB } from '../../lib/bytes/sizes.ts'
import { StorageError } from '../../lib/errors.ts'
import { SkippingClock } from '../../lib/simulation/skipping-clock.ts'
import type { TroubleOptions } from '../../lib/simulation/simulation-options.ts'
import { AzureFiles } from '../../streams/azure-files/client.ts'
import { OneDrive } from '../../streams/onedrive/client.ts'
import { R2 } from '../../streams/r2/client.ts'
import { FIRST_SEED, RUNS, troubleByLot } from './support/trouble.ts'

interface Cloud {
  name: string
  size: number
  upload (emulator: InProcessEmulator, simulation: TroubleOptions, source: Readable): Promise<void>
  /** Bytes of what is stored, and how much else there is that was begun. */
  look (emulator: InProcessEmulator): { stored: number | undefined, begun: number }
  /** The request that begins an upload: where its answer is lost, nobody knows how to end what it began. */
  begins: string
}

const CLOUDS: Cloud[] = [
  {
    name: 'R2',
    size: 11 * MiB,
    begins: 'CreateMultipartUpload',
    async upload ({ r2 }, simulation, source) {
      const client = new R2({ ...r2.options(), clock: new SkippingClock(), simulation })
      await pipeline(source, client.createWriteStream('a', { partSize: 5 * MiB }))
    },
    look: ({ r2: { state } }) => ({ stored: state.objects()[0]?.size, begun: state.uploads().length })
  },
  {
    name: 'OneDrive',
    size: 700_000,
    begins: 'CreateUploadSession',
    async upload ({ oneDrive }, simulation, source) {
      const client = new OneDrive({ ...oneDrive.options(), clock: new SkippingClock(), simulation })
      await pipeline(source, client.createWriteStream('/a', { fragmentSize: 327_680, size: 700_000 }))
    },
    look: ({ oneDrive: { state } }) => ({ stored: state.item('/a')?.size, begun: state.sessions().length })
  },
  {
    name: 'Azure Files',
    size: 100_000,
    begins: 'CreateFile',
    async upload ({ azureFiles }, simulation, source) {
      const client = new AzureFiles({ ...azureFiles.options(), clock: new SkippingClock(), simulation })
      await pipeline(source, client.createWriteStream('a', { rangeSize: 16_000, publish: 'rename' }))
    },
    look: ({ azureFiles: { state } }) => ({ stored: state.file('a')?.size, begun: state.entries().filter(({ path }) => path !== 'a').length })
  }
]

async function failureOf (action: Promise<void>): Promise<StorageError | undefined> {
  try {
    await action
    return undefined
  } catch (error) {
    if (error instanceof StorageError) return error
    throw error
  }
}

for (const { name, size, upload, look, begins } of CLOUDS) {
  t.test(name, async t => {
    const ends: Record<string, number> = {}
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
      await using emulator = await startInProcess()
      const mutations = troubleByLot(seed, 12)
      const failure = await failureOf(upload(emulator, { mutations, seed }, Readable.from(generatedChunks(size))))
      const { stored, begun } = look(emulator)
      const end = failure === undefined ? 'done' : failure.remote ?? 'untold'
      ends[end] = (ends[end] ?? 0) + 1
      const run = `${end}, seed ${seed}: ${JSON.stringify(mutations)}`
      const isTrue = {
        done: stored === size && (begun === 0 || emulator.requests.count(begins) > 1),
        clean: stored === undefined && begun === 0,
        stored: stored === size,
        orphan: true,
        checkpointed: begun > 0,
        unknown: true,
        untold: false
      }[end]
      if (!isTrue) t.fail(`${run}: ${failure?.message ?? ''}, but there are ${stored} bytes, and ${begun} begun`)
    }
    t.equal(Object.values(ends).reduce((sum, count) => sum + count), RUNS, JSON.stringify(ends))
  })
}
