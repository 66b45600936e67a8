/**
 * What are 20 uploads to R2 at once worth, and what do they hold? The same bytes as one upload, as 20 at once, each of a stream
 * whose length nobody knows. Memory must stay within the byte budget of the process.
 *
 *   node dist/bench/many-uploads.js [--quick] [--size MiB] [--rounds n] [--only pattern]
 */
import { pipeline } from 'node:stream/promises'
import { GiB, KiB, MiB } from '../lib/bytes/sizes.ts'
import { benchArguments } from './harness/arguments.ts'
import { measureAll, report, workHere } from './harness/compare.ts'
import type { Comparison, Contender, Outcome, Work } from './harness/compare.ts'
import { sourceOf } from './harness/source.ts'
import { median } from './harness/statistics.ts'
import { printTargets } from './harness/targets.ts'
import { awsUpload } from './peers/aws.ts'
import { barePuts } from './peers/bare.ts'
import { installPeers } from './peers/install.ts'
import { opendalUpload } from './peers/opendal.ts'
import { sinkClient } from './sink.ts'

const PART = 10 * MiB
const AT_ONCE = 4
const UPLOADS = 20
/** Of the process, unless it is set. */
const BUDGET = 256 * MiB
const BESIDE = 64 * MiB
const TWENTY = 'ours, 20 at once'
const source = (size: number): ReturnType<typeof sourceOf> => sourceOf(size, 64 * KiB)

function times (uploads: number, work: Work): Work {
  return size => Promise.all(Array.from({ length: uploads }, () => work(Math.ceil(size / uploads))))
}

function ours (name: string, uploads: number): Contender {
  return {
    name,
    ours: true,
    open: ({ endpoint }) => {
      const client = sinkClient(endpoint)
      let key = 0
      return times(uploads, size => pipeline(source(size), client.createWriteStream(`object-${key++}`, { partSize: PART, concurrency: AT_ONCE, integrity: 'crc32' })))
    }
  }
}

const MANY: Comparison = {
  question: 'Uploads to R2 at once, CRC-32',
  amount: benchArguments().sizeOf(2 * GiB),
  warmUp: 320 * MiB,
  rounds: Math.min(3, benchArguments().rounds),
  bytes: 'in',
  against: ['bare undici', 'ours, one', 'lib-storage, 20 at once'],
  contenders: [
    { name: 'bare undici', note: 'one, 4 parts at once', open: ({ endpoint }) => barePuts(endpoint, PART, AT_ONCE) },
    ours('ours, one', 1),
    ours(TWENTY, UPLOADS),
    { name: 'lib-storage, 20 at once', open: ({ endpoint }) => times(UPLOADS, awsUpload(endpoint, PART, AT_ONCE, source)) },
    { name: 'opendal, 20 at once', open: async ({ endpoint }) => times(UPLOADS, await opendalUpload(endpoint, PART, AT_ONCE, source)) }
  ],
  reach: [{ row: TWENTY, against: 'ours, one', ratio: 0.9 }]
}

function reachMemory (outcome: Outcome | undefined): void {
  const found = outcome === undefined || 'reason' in outcome ? undefined : median(outcome.runs.map(run => run.peak - run.base)) / MiB
  printTargets([{ what: `${TWENTY}: peak RSS above idle, byte budget of ${BUDGET / MiB} MiB`, reach: (BUDGET + BESIDE) / MiB, found, atMost: true, unit: 'MiB', digits: 0 }])
}

if (!await workHere([MANY])) {
  await installPeers()
  const outcomes = await measureAll(import.meta.url, MANY)
  report(MANY, outcomes)
  reachMemory(outcomes.get(TWENTY))
}
