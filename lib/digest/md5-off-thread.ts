import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { KiB, MiB } from '../bytes/sizes.ts'
import { LANES } from './md5-lanes.ts'
import { md5Base64 } from './part-digests.ts'

/** Below this many bytes a buffer is hashed at once: 0.35 ms, while the way to the thread and back takes 0.1 to 0.2 ms. */
export const MD5_OFF_THREAD_MINIMUM = 256 * KiB
/** Above it too: the memory that is shared with the thread has room for four of these. No range of Azure Files is longer. */
export const MD5_OFF_THREAD_MAXIMUM = 4 * MiB

interface Job { bytes: Uint8Array, resolve: (digest: string) => void }

const waiting: Job[] = []
let running = false
let unavailable = false
let thread: HashThread | undefined

/**
 * `md5Base64` off the main thread, which it would hold up for 6 ms at 4 MiB; here the bytes are copied, in 0.4 ms. What waits
 * and is of one length is hashed together, up to four buffers in less than twice the time of one. The thread starts when it is first
 * needed, shares 16 MiB with us and does not keep the process alive while nothing is hashed; where none can be had, the bytes
 * are hashed at once. Do not write to `bytes` before the promise settles: a waiting one has not been copied yet.
 */
export async function md5Base64OffThread (bytes: Uint8Array): Promise<string> {
  const { byteLength } = bytes
  if (unavailable || byteLength < MD5_OFF_THREAD_MINIMUM || byteLength > MD5_OFF_THREAD_MAXIMUM) return md5Base64(bytes)
  return await new Promise(resolve => {
    waiting.push({ bytes, resolve })
    if (!running) void hashWaiting() // Never rejects.
  })
}

async function hashWaiting (): Promise<void> {
  running = true
  for (let batch = nextBatch(); batch.length > 0; batch = nextBatch()) {
    const digests = await digestsOf(batch.map(job => job.bytes))
    for (const [index, job] of batch.entries()) job.resolve(digests[index] as string)
  }
  running = false
}

/** The one that has waited longest, and those of its length. */
function nextBatch (): Job[] {
  const length = waiting[0]?.bytes.byteLength
  const batch = waiting.filter(job => job.bytes.byteLength === length).slice(0, LANES)
  for (const job of batch) waiting.splice(waiting.indexOf(job), 1)
  return batch
}

async function digestsOf (buffers: Uint8Array[]): Promise<string[]> {
  try {
    if (unavailable) return buffers.map(md5Base64)
    thread ??= new HashThread()
    return await thread.digests(buffers)
  } catch {
    unavailable = true // No permission for threads, no memory for one, or a bundler left it out: so it will be the next time.
    return buffers.map(md5Base64)
  }
}

class HashThread {
  readonly #memory = new Uint8Array(new SharedArrayBuffer(LANES * MD5_OFF_THREAD_MAXIMUM))
  readonly #worker = new Worker(new URL(`./md5-thread${extname(import.meta.url)}`, import.meta.url), { workerData: this.#memory.buffer, execArgv: [] })

  async digests (buffers: Uint8Array[]): Promise<string[]> {
    for (const [index, buffer] of buffers.entries()) this.#memory.set(buffer, index * MD5_OFF_THREAD_MAXIMUM)
    this.#worker.ref()
    try {
      const answered = once(this.#worker, 'message')
      this.#worker.postMessage(buffers.map(buffer => buffer.byteLength))
      const [digests] = await answered as [string[]]
      return digests
    } finally {
      this.#worker.unref()
    }
  }
}
