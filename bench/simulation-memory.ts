/**
 * Is memory constant while bodies of any size are recorded and replayed? Peak RSS of a process that uploads and downloads
 * through a recorder, and from what it recorded. Fails when a peak passes idle + bytes held + 48 MiB, or rises by more than
 * 32 MiB from 256 MiB on. Needs as much disk as the sizes of a run together.
 *
 *   node dist/bench/simulation-memory.js [--quick]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { GiB, MiB } from '../lib/bytes/sizes.ts'
import type { SimulationOptions } from '../lib/simulation/simulation-options.ts'
import { isRun } from './harness/apart.ts'
import { benchArguments } from './harness/arguments.ts'
import { checkMemory } from './harness/memory.ts'
import type { Scenario } from './harness/memory.ts'
import { noise, sinkOf } from './harness/source.ts'
import { sinkClient } from './sink.ts'

const PART = 10 * MiB
const RANGE = 8 * MiB
const CONCURRENCY = 4
/** The parts in flight, the one being filled, and copies of those that are being hashed: for the signature and for the recording. */
const UPLOAD_HELD = (CONCURRENCY + 1) * PART + 2 * PART
/** Ranges, and what of each waits for the disk. */
const DOWNLOAD_HELD = CONCURRENCY * (RANGE + MiB)

function folderOf (name: string): string {
  return join(process.env['SLUICE_BENCH_FOLDER'] ?? '', name)
}

function scenario (name: string, held: number, simulation: SimulationOptions, move: (client: ReturnType<typeof sinkClient>, size: number) => Promise<unknown>): Scenario {
  return {
    name,
    held,
    open: async endpoint => {
      const client = sinkClient(endpoint, { simulation })
      await client.put('warm-up', 'x')
      return async size => {
        await move(client, size)
        await client.close()
        client.simulation.verify({ exhausted: true })
      }
    }
  }
}

const upload = (client: ReturnType<typeof sinkClient>, size: number): Promise<void> => pipeline(noise(size), client.createWriteStream('object', { partSize: PART, concurrency: CONCURRENCY }))
const download = (client: ReturnType<typeof sinkClient>, size: number): Promise<void> => pipeline(client.createReadStream(`zeros-${size}`, { rangeSize: RANGE, concurrency: CONCURRENCY }), sinkOf(size))

/** Sizes one after the other, so that each replay finds the recording of its own size. */
function scenariosFor (size: number): Scenario[] {
  const [sent, received] = [`upload-${size}`, `download-${size}`]
  const all = [
    scenario('recorded upload', UPLOAD_HELD, { record: folderOf(sent), overwrite: true }, upload),
    scenario('replayed upload', UPLOAD_HELD, { replay: folderOf(sent) }, upload),
    scenario('recorded download', DOWNLOAD_HELD, { record: folderOf(received), overwrite: true }, download),
    scenario('replayed download', DOWNLOAD_HELD, { replay: folderOf(received) }, download)
  ]
  return all.map(each => ({ ...each, name: `${each.name} of ${size / MiB} MiB`, size }))
}

if (!isRun()) process.env['SLUICE_BENCH_FOLDER'] = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
try {
  const sizes = isRun() ? [64 * MiB, 512 * MiB, 2 * GiB] : benchArguments().quick ? [64 * MiB] : [512 * MiB, 2 * GiB]
  await checkMemory(import.meta.url, { question: 'Recording and replaying in constant memory', scenarios: sizes.flatMap(scenariosFor), sizes })
} finally {
  if (!isRun()) await rm(folderOf(''), { recursive: true, force: true })
}
