import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { KiB } from '../bytes/sizes.ts'
import { createDigest } from './digest.ts'
import type { DigestAlgorithm } from './digest.ts'
import type { DigestAnswer, DigestJob } from './digest-thread.ts'
import { QuickXorDigest } from './quick-xor.ts'
import type { SavedQuickXor } from './quick-xor.ts'

/** Below this many bytes a buffer is hashed at once: the way to a thread and back takes 0.1 ms and more. */
export const SHARED_MINIMUM = 256 * KiB

/** One core is the main thread's. */
const MAX_THREADS = Math.max(1, Math.min(3, availableParallelism() - 1))

const threads: DigestThread[] = []
let unavailable = false

/**
 * Digest of a whole buffer, off the main thread where the bytes are in a `SharedArrayBuffer`, as those of parts are: they are
 * hashed where they are, without a copy. Others, and less than 256 KiB, are hashed at once. Up to three threads, one less than
 * there are cores, start when they are first needed and do not keep the process alive while nothing is hashed. Do not write
 * to `bytes` before the promise settles.
 */
export async function digestOffThread (algorithm: DigestAlgorithm, bytes: Uint8Array): Promise<Buffer> {
  const digest = await inThread(algorithm, bytes) ?? (await createDigest(algorithm)).update(bytes).digest()
  return Buffer.from(digest as Uint8Array)
}

/** quickXor of a part, to be folded into that of the whole. As `digestOffThread`. */
export async function quickXorOffThread (bytes: Uint8Array): Promise<QuickXorDigest> {
  const saved = await inThread('quickXor', bytes)
  return saved === undefined ? new QuickXorDigest().update(bytes) : QuickXorDigest.restore(saved as SavedQuickXor)
}

export function isShared (bytes: Uint8Array): boolean {
  return bytes.buffer instanceof SharedArrayBuffer
}

async function inThread (algorithm: DigestJob['algorithm'], bytes: Uint8Array): Promise<Uint8Array | SavedQuickXor | undefined> {
  if (unavailable || !isShared(bytes) || bytes.byteLength < SHARED_MINIMUM) return undefined
  try {
    return await leastBusy().digest(algorithm, bytes)
  } catch {
    unavailable = true // No permission for threads, no memory for one, or a bundler left it out: so it will be the next time.
    return undefined
  }
}

function leastBusy (): DigestThread {
  const [best] = [...threads].sort((a, b) => a.waiting - b.waiting)
  if (best !== undefined && (best.waiting === 0 || threads.length >= MAX_THREADS)) return best
  const thread = new DigestThread()
  threads.push(thread)
  return thread
}

class DigestThread {
  readonly #worker = new Worker(new URL(`./digest-thread${extname(import.meta.url)}`, import.meta.url), { execArgv: [] })
  readonly #waiting = new Map<number, (answer: DigestAnswer) => void>()
  #last = 0

  constructor () {
    this.#worker.on('message', (answer: DigestAnswer) => this.#settle(answer))
    this.#worker.on('error', error => {
      for (const id of [...this.#waiting.keys()]) this.#settle({ id, error })
    })
    this.#worker.unref()
  }

  /** How many buffers it has to do. */
  get waiting (): number {
    return this.#waiting.size
  }

  digest (algorithm: DigestJob['algorithm'], bytes: Uint8Array): Promise<Uint8Array | SavedQuickXor> {
    return new Promise((resolve, reject) => {
      const job: DigestJob = { id: ++this.#last, algorithm, bytes }
      this.#waiting.set(job.id, answer => 'error' in answer ? reject(answer.error) : resolve(answer.digest))
      this.#worker.ref()
      this.#worker.postMessage(job)
    })
  }

  #settle (answer: DigestAnswer): void {
    const settle = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (this.#waiting.size === 0) this.#worker.unref()
    settle?.(answer)
  }
}
