/**
 * Is memory constant? Peak RSS of a process that moves 64 MiB to 4 GiB of unknown length, by the defaults of the package,
 * for a fast and a slow server, in large and in tiny writes, alone and 20 at once. Fails when a peak passes idle + bytes held
 * + 48 MiB (+ 96 MiB for downloads), or rises by more than 32 MiB once all buffers are in use. The short form is part of CI.
 *
 *   node dist/bench/memory.js [--quick] [--huge]     --huge: 16 GiB too, and half an hour
 */
import { availableParallelism } from 'node:os'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import { pack } from 'tar-stream'
import { GiB, KiB, MiB } from '../lib/bytes/sizes.ts'
import type { R2 } from '../streams/r2/index.ts'
import { azureSinkClient } from './azure-sink.ts'
import { checkMemory } from './harness/memory.ts'
import type { Scenario } from './harness/memory.ts'
import { noise, sinkOf, sourceOf } from './harness/source.ts'
import { awsUpload } from './peers/aws.ts'
import { installPeers } from './peers/install.ts'
import { minioUpload } from './peers/minio.ts'
import { opendalUpload } from './peers/opendal.ts'
import { sinkClient } from './sink.ts'
import type { SinkOptions } from './sink.ts'

const PART = 10 * MiB
const CONCURRENCY = 4
/** The parts in flight, the one being filled, and a copy of each one that is being hashed. */
const UPLOAD_HELD = (CONCURRENCY + 1) * PART + Math.max(1, Math.min(3, availableParallelism() - 1)) * PART
const DOWNLOAD_HELD = CONCURRENCY * 8 * MiB
/** Ranges of 4 MiB, and the memory that is shared with the thread that hashes them. */
const AZURE_HELD = (CONCURRENCY + 1) * 4 * MiB + 32 * MiB
/** Of the process, unless it is set. */
const BUDGET = 256 * MiB
/**
 * What a socket delivers goes to the consumer, so only the collector can free it. V8 lets two semi-spaces (32 MiB) of young buffers
 * gather before it collects them, and 64 MiB of old ones, which chunks become that wait for their turn.
 */
const UNCOLLECTED = (32 + 64) * MiB
/** So many bytes must pass before that much has gathered. */
const GATHERED = GiB
const AT_ONCE = 20
const SLOW: SinkOptions = { latencyMs: 50, bytesPerSecond: 64 * MiB }
const CHUNK = 64 * KiB

/** A client that has sent something. */
async function warmClient (endpoint: string): Promise<R2> {
  const client = sinkClient(endpoint)
  await client.put('warm-up', 'x')
  return client
}

function upload (name: string, write: number, more: Partial<Scenario> = {}): Scenario {
  return {
    name,
    held: UPLOAD_HELD,
    open: async endpoint => {
      const client = await warmClient(endpoint)
      return size => pipeline(sourceOf(size, write), client.createWriteStream('object'))
    },
    ...more
  }
}

function download (name: string, more: Partial<Scenario> = {}, wait?: (done: () => void) => void): Scenario {
  return {
    name,
    held: DOWNLOAD_HELD,
    beside: UNCOLLECTED,
    filled: GATHERED,
    open: async endpoint => {
      const client = await warmClient(endpoint)
      return size => pipeline(client.createReadStream(`zeros-${size}`), sinkOf(size, wait))
    },
    ...more
  }
}

const manyUploads: Scenario = {
  name: `${AT_ONCE} uploads at once`,
  held: BUDGET,
  beside: 64 * MiB,
  filled: AT_ONCE * UPLOAD_HELD,
  open: async endpoint => {
    const client = await warmClient(endpoint)
    return size => Promise.all(Array.from({ length: AT_ONCE }, (_, index) => pipeline(sourceOf(Math.ceil(size / AT_ONCE), CHUNK), client.createWriteStream(`object-${index}`))))
  }
}

const cloudToCloud: Scenario = {
  name: 'R2 to Azure Files',
  held: DOWNLOAD_HELD + AZURE_HELD,
  beside: UNCOLLECTED,
  filled: GATHERED,
  open: async endpoint => {
    const client = await warmClient(endpoint)
    const azure = azureSinkClient(endpoint)
    return size => pipeline(client.createReadStream(`zeros-${size}`), azure.createWriteStream('object'))
  }
}

/** Files of 32 MiB that nothing makes smaller; without a search for matches gzip is as fast as it can be. */
const archive: Scenario = {
  name: 'tar, gzip, upload',
  held: UPLOAD_HELD,
  open: async endpoint => {
    const client = await warmClient(endpoint)
    return async size => {
      const tar = pack()
      const fill = async (): Promise<void> => {
        for (let start = 0; start < size; start += 32 * MiB) await pipeline(noise(32 * MiB), tar.entry({ name: String(start), size: 32 * MiB }))
        tar.finalize()
      }
      fill().catch((error: Error) => tar.destroy(error))
      await pipeline(tar, createGzip({ strategy: constants.Z_HUFFMAN_ONLY }), client.createWriteStream('object'))
    }
  }
}

const SCENARIOS: Scenario[] = [
  upload('upload', CHUNK, { drawn: true }),
  upload('upload, slow server', CHUNK, { sink: SLOW }),
  upload('upload, 512-byte writes', 512),
  archive,
  manyUploads,
  download('download'),
  download('download, slow server', { sink: SLOW }),
  download('download, slow consumer', {}, done => { setImmediate(() => setImmediate(done)) }),
  cloudToCloud
]

const source = (size: number): ReturnType<typeof sourceOf> => sourceOf(size, CHUNK)
const PEER: Pick<Scenario, 'held' | 'size' | 'drawn'> = { held: undefined, size: GiB, drawn: true }
const PEERS: Scenario[] = [
  { ...PEER, name: 'lib-storage', open: endpoint => awsUpload(endpoint, PART, CONCURRENCY, source) },
  { ...PEER, name: 'opendal', open: endpoint => opendalUpload(endpoint, PART, CONCURRENCY, source) },
  { ...PEER, name: 'minio', open: endpoint => minioUpload(endpoint, PART, source) }
]

const quick = process.argv.includes('--quick')
await checkMemory(import.meta.url, {
  prepare: quick ? undefined : installPeers,
  question: 'Peak memory of transfers of unknown length, one process each',
  scenarios: quick ? SCENARIOS : [...SCENARIOS, ...PEERS],
  sizes: quick ? [64 * MiB, 256 * MiB, 512 * MiB] : [64 * MiB, 256 * MiB, GiB, 4 * GiB, ...(process.argv.includes('--huge') ? [16 * GiB] : [])]
})
