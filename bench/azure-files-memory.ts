/**
 * Is memory constant? Peak RSS of a process that moves 256 MiB to 4 GiB of unknown length to and from Azure Files, with its
 * defaults: ranges of 4 MiB, 4 in flight. Fails when a peak passes idle + ranges held + 48 MiB for uploads and 64 MiB for
 * downloads, or rises by more than 32 MiB.
 *
 *   node dist/bench/azure-files-memory.js [--quick]
 */
import { pipeline } from 'node:stream/promises'
import { GiB, KiB, MiB } from '../lib/bytes/sizes.ts'
import type { AzureFiles, AzureWriteStreamOptions } from '../streams/azure-files/index.ts'
import { azureSinkClient } from './azure-sink.ts'
import { checkMemory } from './harness/memory.ts'
import type { Scenario } from './harness/memory.ts'
import { sinkOf, sourceOf } from './harness/source.ts'

const RANGE = 4 * MiB
const CONCURRENCY = 4
/** The thread that hashes: its code, its heap and the memory of its lanes. */
const HASHING = 16 * MiB
/**
 * Chunks that are delivered are garbage of the collector's: V8 lets so much memory outside its heap gather before it marks
 * (`kExternalAllocationSoftLimit`). An upload makes no such garbage: its parts are used again.
 */
const UNCOLLECTED = 64 * MiB

async function warmClient (endpoint: string): Promise<AzureFiles> {
  const client = azureSinkClient(endpoint)
  await client.files.write({ path: 'warm-up', data: 'x' })
  return client
}

function upload (name: string, held: number, options: AzureWriteStreamOptions = {}): Scenario {
  return {
    name,
    held,
    open: async endpoint => {
      const client = await warmClient(endpoint)
      return size => pipeline(sourceOf(size, 64 * KiB), client.createWriteStream('file', options))
    }
  }
}

const download: Scenario = {
  name: 'download',
  held: CONCURRENCY * RANGE,
  beside: UNCOLLECTED,
  open: async endpoint => {
    const client = await warmClient(endpoint)
    return size => pipeline(client.createReadStream(`zeros-${size}`), sinkOf(size))
  }
}

await checkMemory(import.meta.url, {
  question: 'Peak memory of one transfer of Azure Files, one process each',
  scenarios: [
    upload('upload', (CONCURRENCY + 1) * RANGE),
    upload('upload, md5', (2 * CONCURRENCY + 1) * RANGE + HASHING, { integrity: 'md5' }),
    upload('upload, crc64', (2 * CONCURRENCY + 1) * RANGE, { integrity: 'crc64' }),
    upload('upload, published by rename', (CONCURRENCY + 1) * RANGE, { publish: 'rename' }),
    download
  ],
  sizes: process.argv.includes('--quick') ? [128 * MiB, 512 * MiB] : [256 * MiB, GiB, 4 * GiB]
})
