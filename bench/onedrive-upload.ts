/**
 * How fast is the upload of a stream of known length to OneDrive, in fragments of 10 MiB? The service takes them one after the other,
 * so the bare wire sends one after the other too.
 *
 *   node dist/bench/onedrive-upload.js [--quick] [--size MiB] [--rounds n] [--only pattern]
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GiB, KiB, MiB } from '../lib/bytes/sizes.ts'
import { QuickXorDigest } from '../lib/digest/quick-xor.ts'
import { isRun } from './harness/apart.ts'
import { benchArguments } from './harness/arguments.ts'
import { compare } from './harness/compare.ts'
import type { Comparison, Contender, Place } from './harness/compare.ts'
import { sourceOf } from './harness/source.ts'
import { barePuts } from './peers/bare.ts'
import { graphUpload } from './peers/graph.ts'
import { oneDriveSinkClient } from './sink.ts'

const FRAGMENT = 10 * MiB
const CHUNK = 64 * KiB
const WARM_UP = 160 * MiB

type Source = (size: number) => Readable

const memory: Source = size => sourceOf(size, CHUNK)

function file (place: Place): Source {
  return size => createReadStream(place[size] ?? '')
}

function ours (name: string, source: (place: Place) => Source): Contender {
  return {
    name,
    ours: true,
    open: place => {
      const client = oneDriveSinkClient(place.endpoint, { fragmentSize: FRAGMENT })
      return size => pipeline(source(place)(size), client.createWriteStream('/object', { size }))
    }
  }
}

const UPLOAD: Comparison = {
  question: 'Upload to OneDrive, fragments of 10 MiB, chunks of 64 KiB',
  amount: benchArguments().sizeOf(GiB),
  warmUp: WARM_UP,
  bytes: 'in',
  plot: 'onedrive-upload',
  against: ['bare undici', 'Graph client'],
  contenders: [
    {
      name: 'bare undici',
      note: 'one fragment at a time',
      open: ({ endpoint }) => barePuts(endpoint, FRAGMENT, 1, (start, length, size) => ({ path: '/onedrive/session', headers: { 'content-range': `bytes ${start}-${start + length - 1}/${size}` } }))
    },
    ours('ours', () => memory),
    ours('ours, of a file', file),
    { name: 'quickXorHash alone', offWire: true, note: 'no network: what the stored hash is compared with', open: () => quickXor },
    { name: 'Graph client', note: 'no hash', open: ({ endpoint }) => graphUpload(endpoint, FRAGMENT, memory) },
    { name: 'Graph client, of a file', note: 'no hash', open: place => graphUpload(place.endpoint, FRAGMENT, file(place)) },
    ...['opendal', 'minio', 'files-sdk'].map((name): Contender => ({ name, open: () => { throw new Error(CANNOT[name]) } }))
  ],
  reach: [
    { row: 'ours', against: 'bare undici', ratio: 0.8 },
    { row: 'ours', against: 'Graph client', ratio: 2 }
  ]
}

const CANNOT: Record<string, string> = {
  opendal: 'its writer for OneDrive is one request, of personal drives only',
  minio: 'speaks S3 only',
  'files-sdk': 'its adapter for OneDrive holds the whole stream in memory'
}

async function quickXor (size: number): Promise<void> {
  const digest = new QuickXorDigest()
  const bytes = Buffer.alloc(CHUNK, 'x')
  for (let done = 0; done < size; done += CHUNK) digest.update(bytes)
  digest.digest()
}

async function main (): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  try {
    const place: Record<string, string> = {}
    for (const size of [UPLOAD.amount, WARM_UP]) {
      place[size] = join(folder, String(size))
      await pipeline(memory(size), createWriteStream(place[size]))
    }
    await compare(import.meta.url, [{ ...UPLOAD, place }])
  } finally {
    await rm(folder, { recursive: true })
  }
}

if (isRun()) await compare(import.meta.url, [UPLOAD])
else await main()
