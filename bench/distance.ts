/**
 * What are ordered ranges and parts side by side worth over a distance: 50 ms there and back, and 20 MB/s for each connection?
 * Between client and sink stands `relay.ts`.
 *
 *   node dist/bench/distance.js [--quick] [--size MiB] [--rounds n] [--only pattern]
 */
import { pipeline } from 'node:stream/promises'
import { GiB, KiB, MiB } from '../lib/bytes/sizes.ts'
import { benchArguments } from './harness/arguments.ts'
import { compare } from './harness/compare.ts'
import type { Comparison, Contender } from './harness/compare.ts'
import { sinkOf, sourceOf } from './harness/source.ts'
import { awsUpload } from './peers/aws.ts'
import { bareGet, barePuts } from './peers/bare.ts'
import { opendalDownload, opendalUpload } from './peers/opendal.ts'
import { startRelay } from './relay.ts'
import { sinkClient } from './sink.ts'

const PART = 10 * MiB
const RANGE = 8 * MiB
const ONE = 'one connection'

const LINK: Pick<Comparison, 'via' | 'rounds' | 'warmUp' | 'amount'> = {
  via: endpoint => startRelay({ port: Number(new URL(endpoint).port), roundTripMs: 50, bytesPerSecond: 20_000_000 }),
  rounds: 1, // The link sets the pace: a busy machine hardly shows.
  warmUp: 2 * MiB,
  amount: benchArguments().sizeOf(GiB)
}

function download (ranges: number, rangeSize: number): Contender {
  return {
    name: `ours, ${ranges} ranges of ${rangeSize / MiB} MiB`,
    ours: true,
    open: ({ endpoint }) => {
      const client = sinkClient(endpoint)
      return size => pipeline(client.createReadStream(`zeros-${size}`, { concurrency: ranges, rangeSize }), sinkOf(size))
    }
  }
}

function upload (parts: number): Contender {
  return {
    name: `ours, ${parts} parts at once`,
    ours: true,
    open: ({ endpoint }) => {
      const client = sinkClient(endpoint)
      return size => pipeline(sourceOf(size, 64 * KiB), client.createWriteStream('object', { partSize: PART, concurrency: parts }))
    }
  }
}

await compare(import.meta.url, [
  {
    ...LINK,
    question: 'Download at 50 ms and 20 MB/s for each connection',
    bytes: 'out',
    plot: 'distance',
    against: [ONE],
    contenders: [
      { name: ONE, note: 'one GET by undici', open: ({ endpoint }) => bareGet(endpoint, size => `/bench/zeros-${size}`) },
      download(4, RANGE),
      download(8, RANGE),
      download(8, 2 * RANGE),
      { name: 'opendal, 8 ranges of 16 MiB', open: ({ endpoint }) => opendalDownload(endpoint, { chunk: 2 * RANGE, concurrent: 8 }) }
    ],
    reach: [{ row: 'ours, 8 ranges of 16 MiB', against: ONE, ratio: 7 }]
  },
  {
    ...LINK,
    question: 'Upload at 50 ms and 20 MB/s for each connection, parts of 10 MiB',
    amount: benchArguments().sizeOf(256 * MiB),
    bytes: 'in',
    against: [ONE],
    contenders: [
      { name: ONE, note: 'parts one after the other by undici', open: ({ endpoint }) => barePuts(endpoint, PART, 1) },
      upload(4),
      upload(8),
      { name: 'lib-storage, 4 parts at once', open: ({ endpoint }) => awsUpload(endpoint, PART, 4, size => sourceOf(size, 64 * KiB)) },
      { name: 'opendal, 4 parts at once', open: ({ endpoint }) => opendalUpload(endpoint, PART, 4, size => sourceOf(size, 64 * KiB)) }
    ]
  }
])
