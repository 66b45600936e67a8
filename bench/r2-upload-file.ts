/**
 * How fast is the upload of a file to R2, through `fs.createReadStream`, by the direct path that reads into the parts,
 * and through gzip? Parts of 10 MiB, 4 in flight, for each contender; the file is in the page cache.
 *
 *   node dist/bench/r2-upload-file.js [--quick] [--size MiB] [--rounds n] [--only pattern]
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { GiB, MiB } from '../lib/bytes/sizes.ts'
import { benchArguments } from './harness/arguments.ts'
import { isRun } from './harness/apart.ts'
import { compare } from './harness/compare.ts'
import type { Comparison, Contender, Place, Work } from './harness/compare.ts'
import { noise } from './harness/source.ts'
import { awsUpload } from './peers/aws.ts'
import { barePuts } from './peers/bare.ts'
import { filesSdkUpload } from './peers/files-sdk.ts'
import { minioUploadFile } from './peers/minio.ts'
import { opendalUpload } from './peers/opendal.ts'
import { rcloneUploadFile } from './peers/rclone.ts'
import { sinkClient } from './sink.ts'

const PART = 10 * MiB
const AT_ONCE = 4
const WARM_UP = 32 * MiB

function fileOf (place: Place): (size: number) => string {
  return size => {
    const file = place[size]
    if (file === undefined) throw new Error(`no file of ${size} bytes was prepared`)
    return file
  }
}

function reader (place: Place): (size: number) => Readable {
  return size => createReadStream(fileOf(place)(size))
}

function zipped (place: Place): (size: number) => Readable {
  return size => {
    const out = new PassThrough()
    pipeline(reader(place)(size), createGzip({ level: 1 }), out).catch((error: Error) => out.destroy(error))
    return out
  }
}

function ours (name: string, integrity: 'crc32' | 'sha256', source: (place: Place) => (size: number) => Readable): Contender {
  return {
    name,
    ours: true,
    open: place => {
      const client = sinkClient(place.endpoint)
      return size => pipeline(source(place)(size), client.createWriteStream('object', { partSize: PART, concurrency: AT_ONCE, integrity }))
    }
  }
}

/** Without a stream of the file between. */
function direct (name: string, integrity: 'crc32' | 'sha256'): Contender {
  return {
    name,
    ours: true,
    open: place => {
      const client = sinkClient(place.endpoint)
      return size => client.createWriteStream('object', { partSize: PART, concurrency: AT_ONCE, integrity }).fromFile(fileOf(place)(size))
    }
  }
}

function readAlone (source: (place: Place) => (size: number) => Readable): (place: Place) => Work {
  return place => size => pipeline(source(place)(size), new Writable({ write: (_chunk, _encoding, done) => done() }))
}

const FILE: Comparison = {
  question: 'Upload of a file to R2',
  amount: benchArguments().sizeOf(GiB / 2),
  warmUp: WARM_UP,
  bytes: 'in',
  plot: 'r2-upload-file',
  against: ['bare undici', 'lib-storage', 'opendal'],
  contenders: [
    { name: 'bare undici', note: 'from memory', open: ({ endpoint }) => barePuts(endpoint, PART, AT_ONCE) },
    ours('ours, fs.ReadStream, crc32', 'crc32', reader),
    ours('ours, fs.ReadStream, sha256', 'sha256', reader),
    direct('ours, direct, crc32', 'crc32'),
    direct('ours, direct, sha256', 'sha256'),
    { name: 'lib-storage', open: place => awsUpload(place.endpoint, PART, AT_ONCE, reader(place)) },
    { name: 'opendal', open: place => opendalUpload(place.endpoint, PART, AT_ONCE, reader(place)) },
    { name: 'minio', note: 'one part at a time', open: place => minioUploadFile(place.endpoint, PART, fileOf(place)) },
    { name: 'files-sdk', open: place => filesSdkUpload(place.endpoint, PART, AT_ONCE, reader(place)) },
    { name: 'rclone copyto', note: 'a program: its own CPU and memory are not counted', open: place => rcloneUploadFile(place.endpoint, PART, AT_ONCE, fileOf(place)) }
  ],
  reach: [
    { row: 'ours, fs.ReadStream, crc32', against: 'lib-storage', ratio: 4 },
    { row: 'ours, fs.ReadStream, crc32', against: 'opendal', ratio: 1.2 },
    { row: 'ours, direct, crc32', against: 'bare undici', ratio: 0.5 },
    { row: 'ours, direct, crc32', against: 'lib-storage', ratio: 10 }
  ]
}

const GZIP: Comparison = {
  question: 'Upload of a file through gzip (level 1) to R2, of bytes that it makes hardly smaller',
  amount: benchArguments().sizeOf(64 * MiB),
  warmUp: 4 * MiB,
  rounds: Math.min(3, benchArguments().rounds),
  against: ['gzip alone', 'lib-storage', 'opendal'],
  contenders: [
    { name: 'gzip alone', open: readAlone(zipped) },
    ours('ours, crc32', 'crc32', zipped),
    ours('ours, sha256 (default)', 'sha256', zipped),
    { name: 'lib-storage', open: place => awsUpload(place.endpoint, PART, AT_ONCE, zipped(place)) },
    { name: 'opendal', open: place => opendalUpload(place.endpoint, PART, AT_ONCE, zipped(place)) },
    { name: 'minio', note: 'cannot without the length: would hold parts of 528 MiB', open: () => { throw new Error('needs the length, else it holds parts of 528 MiB') } },
    { name: 'files-sdk', open: place => filesSdkUpload(place.endpoint, PART, AT_ONCE, zipped(place)) }
  ]
}

async function main (): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  try {
    for (const comparison of [FILE, GZIP]) {
      const place: Record<string, string> = {}
      for (const size of [comparison.amount, comparison.warmUp ?? 0]) {
        place[size] = join(folder, String(size))
        await pipeline(noise(size), createWriteStream(place[size]))
      }
      await compare(import.meta.url, [{ ...comparison, place }])
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

if (isRun()) await compare(import.meta.url, [FILE, GZIP])
else await main()
