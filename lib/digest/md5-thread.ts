/** The thread of `md5-off-thread.ts`: is told the lengths of the buffers in the shared memory, and answers with their MD5. */
import { parentPort, workerData } from 'node:worker_threads'
import { LANES, Md5Lanes } from './md5-lanes.ts'
import { md5Base64 } from './part-digests.ts'

if (parentPort !== null) {
  const port = parentPort
  const memory = workerData as SharedArrayBuffer
  const lanes = createLanes()
  port.on('message', (lengths: number[]) => {
    const buffers = lengths.map((length, index) => new Uint8Array(memory, index * memory.byteLength / LANES, length))
    // Of one alone, OpenSSL is faster.
    const together = lanes !== undefined && buffers.length > 1
    port.postMessage(together ? lanes.digest(buffers).map(digest => digest.toString('base64')) : buffers.map(md5Base64))
  })
}

function createLanes (): Md5Lanes | undefined {
  try {
    return new Md5Lanes()
  } catch {
    return undefined
  }
}
