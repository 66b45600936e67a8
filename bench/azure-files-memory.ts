/**
 * Is memory constant? Peak RSS of a process that moves 256 MiB to 4 GiB of unknown length to and from Azure Files, with its
 * defaults: ranges of 4 MiB, 4 in flight. Fails when a peak passes idle + ranges held + 48 MiB, or rises by more than 32 MiB.
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
/** Shared with the thread that hashes, and the thread's own heap. */
const HASHING = 32 * MiB

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
  open: async endpoint => {
    const client = await warmClient(endpoint)
    return size => pipeline(client.createReadStream(`zeros-${size}`), sinkOf(size))
  }
}

await checkMemory(import.meta.url, {
  question: 'Peak memory of one transfer of Azure Files, one process each',
  scenarios: [
    upload('upload', (CONCURRENCY + 1) * RANGE + HASHING),
    upload('upload, none', (CONCURRENCY + 1) * RANGE, { integrity: 'none' }),
    upload('upload, crc64', (2 * CONCURRENCY + 1) * RANGE, { integrity: 'crc64' }),
    upload('upload, published by rename', (CONCURRENCY + 1) * RANGE + HASHING, { publish: 'rename' }),
    download
  ],
  sizes: process.argv.includes('--quick') ? [128 * MiB, 512 * MiB] : [256 * MiB, GiB, 4 * GiB]
})
