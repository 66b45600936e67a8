/**
 * How fast is one upload to R2 of a stream whose length nobody knows? Parts of 10 MiB, 4 in flight, for each contender;
 * chunks of 64 KiB, as files and sockets give them, and of 1 MiB.
 *
 *   node dist/bench/r2-upload.js [--quick] [--size MiB] [--rounds n] [--only pattern]
 */
import { pipeline } from 'node:stream/promises'
import { GiB, KiB, MiB } from '../lib/bytes/sizes.ts'
import { sha256Hex } from '../lib/digest/sha256-off-thread.ts'
import type { Integrity } from '../streams/r2/index.ts'
import { benchArguments } from './harness/arguments.ts'
import { compare } from './harness/compare.ts'
import type { Comparison, Contender, Work } from './harness/compare.ts'
import { sourceOf } from './harness/source.ts'
import { awsUpload } from './peers/aws.ts'
import { barePuts } from './peers/bare.ts'
import { filesSdkUpload } from './peers/files-sdk.ts'
import { minioUpload } from './peers/minio.ts'
import { opendalUpload } from './peers/opendal.ts'
import { rcloneUpload } from './peers/rclone.ts'
import { sinkClient } from './sink.ts'

const PART = 10 * MiB
const AT_ONCE = 4
const HASHING = 'sha256 alone'

function ours (name: string, chunk: number, integrity: Integrity): Contender {
  return {
    name,
    ours: true,
    open: ({ endpoint }) => {
      const client = sinkClient(endpoint)
      return size => pipeline(sourceOf(size, chunk), client.createWriteStream('object', { partSize: PART, concurrency: AT_ONCE, integrity }))
    }
  }
}

/** The hash that `integrity: 'sha256'` asks for, of as many buffers at once as there are parts in flight, and no network. */
function hashing (): Work {
  const part = Buffer.alloc(PART, 'x')
  return async size => {
    let next = 0
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (; next < size;) {
        const length = Math.min(PART, size - next)
        next += PART
        await sha256Hex(part.subarray(0, length))
      }
    }))
  }
}

function contenders (chunk: number): Contender[] {
  const source = (size: number): ReturnType<typeof sourceOf> => sourceOf(size, chunk)
  return [
    { name: 'bare undici', open: ({ endpoint }) => barePuts(endpoint, PART, AT_ONCE) },
    ours('ours, crc32', chunk, 'crc32'),
    ours('ours, unsigned', chunk, 'unsigned'),
    ours('ours, sha256 (default)', chunk, 'sha256'),
    { name: 'lib-storage', note: 'CRC-32, its default', open: ({ endpoint }) => awsUpload(endpoint, PART, AT_ONCE, source) },
    { name: 'lib-storage, no CRC', open: ({ endpoint }) => awsUpload(endpoint, PART, AT_ONCE, source, { requestChecksumCalculation: 'WHEN_REQUIRED' }) },
    { name: 'opendal', note: 'no checksum', open: ({ endpoint }) => opendalUpload(endpoint, PART, AT_ONCE, source) },
    { name: 'minio', note: 'one part at a time; told the length', open: ({ endpoint }) => minioUpload(endpoint, PART, source) },
    { name: 'files-sdk', open: ({ endpoint }) => filesSdkUpload(endpoint, PART, AT_ONCE, source) },
    { name: 'rclone rcat', note: 'a program: its own CPU and memory are not counted', open: ({ endpoint }) => rcloneUpload(endpoint, PART, AT_ONCE, source) }
  ]
}

function comparison (name: string, chunk: number, more: Partial<Comparison>): Comparison {
  return {
    question: `Upload to R2, chunks of ${name}`,
    amount: benchArguments().sizeOf(GiB / 2),
    bytes: 'in',
    against: ['bare undici', 'lib-storage', 'opendal'],
    contenders: contenders(chunk),
    ...more
  }
}

await compare(import.meta.url, [
  comparison('64 KiB', 64 * KiB, {
    plot: 'r2-upload',
    reach: [
      { row: 'ours, crc32', against: 'bare undici', ratio: 0.45 },
      { row: 'ours, crc32', against: 'lib-storage', ratio: 5 },
      { row: 'ours, crc32', against: 'opendal', ratio: 2.5 },
      { row: 'ours, sha256 (default)', against: 'lib-storage', ratio: 1.6 }
    ]
  }),
  comparison('1 MiB', MiB, { rounds: Math.min(3, benchArguments().rounds) }),
  {
    question: 'Upload to R2 with SHA-256, beside hashing alone',
    amount: benchArguments().sizeOf(GiB / 2),
    against: [HASHING],
    contenders: [{ name: HASHING, open: hashing }, ours('ours, sha256 (default)', 64 * KiB, 'sha256')],
    reach: [{ row: 'ours, sha256 (default)', against: HASHING, ratio: 0.95 }]
  }
])
