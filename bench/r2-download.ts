/**
 * How fast does one object come from R2 into a `Writable`: as one stream, and as ranges side by side?
 *
 *   node dist/bench/r2-download.js [--quick] [--size MiB] [--rounds n] [--only pattern]
 */
import { pipeline } from 'node:stream/promises'
import { GiB, MiB } from '../lib/bytes/sizes.ts'
import type { ReadStreamOptions } from '../streams/r2/index.ts'
import { benchArguments } from './harness/arguments.ts'
import { compare } from './harness/compare.ts'
import type { Contender } from './harness/compare.ts'
import { sinkOf } from './harness/source.ts'
import { awsDownload } from './peers/aws.ts'
import { bareGet } from './peers/bare.ts'
import { filesSdkDownload } from './peers/files-sdk.ts'
import { minioDownload } from './peers/minio.ts'
import { opendalDownload } from './peers/opendal.ts'
import { sinkClient } from './sink.ts'

const RANGE = 8 * MiB

function ours (name: string, options: ReadStreamOptions): Contender {
  return {
    name,
    ours: true,
    open: ({ endpoint }) => {
      const client = sinkClient(endpoint)
      return size => pipeline(client.createReadStream(`zeros-${size}`, options), sinkOf(size))
    }
  }
}

await compare(import.meta.url, [{
  question: 'Download from R2',
  amount: benchArguments().sizeOf(GiB),
  bytes: 'out',
  plot: 'r2-download',
  against: ['bare undici', 'client-s3', 'opendal'],
  contenders: [
    { name: 'bare undici', open: ({ endpoint }) => bareGet(endpoint, size => `/bench/zeros-${size}`) },
    ours('ours, default', {}),
    ours('ours, one request at a time', { concurrency: 1 }),
    ours('ours, 8 ranges of 8 MiB', { concurrency: 8, rangeSize: RANGE }),
    { name: 'client-s3', open: ({ endpoint }) => awsDownload(endpoint) },
    { name: 'opendal', open: ({ endpoint }) => opendalDownload(endpoint, {}) },
    { name: 'opendal, 8 ranges of 8 MiB', open: ({ endpoint }) => opendalDownload(endpoint, { chunk: RANGE, concurrent: 8 }) },
    { name: 'minio', open: ({ endpoint }) => minioDownload(endpoint) },
    { name: 'files-sdk', open: ({ endpoint }) => filesSdkDownload(endpoint) }
  ],
  reach: [
    { row: 'ours, default', against: 'bare undici', ratio: 1 },
    { row: 'ours, default', against: 'client-s3', ratio: 1.2 },
    { row: 'ours, default', against: 'opendal', ratio: 1.2 }
  ]
}])
