import { hash, subtle } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { setImmediate as immediate } from 'node:timers/promises'
import pLimit from 'p-limit'
import { KiB } from '../bytes/sizes.ts'
import { digestOffThread, isShared } from './off-thread.ts'

/**
 * Below this many bytes a buffer is hashed at once: at 64 KiB that takes 36 µs, while the way to the pool and back takes
 * 80 to 100 µs, 15 of them on the main thread. Measured on an EPYC with sha_ni, Node 20.20, by `bench/digests.ts`.
 */
export const OFF_THREAD_MINIMUM = 64 * KiB

// Each hash in the pool holds a copy of its input, and one core is the main thread's: on two cores a second hash at the
// same time would be memory without speed. The pool's 4 threads also serve the file system and DNS.
const limit = pLimit(Math.max(1, Math.min(3, availableParallelism() - 1)))

/**
 * SHA-256 of a whole buffer in lower-case hex, off the main thread when it is 64 KiB or larger: an 8 MiB part blocks the
 * event loop while it is copied (0.4 ms, or 2.4 ms if the memory is fresh) and not while it is hashed (4.6 ms). WebCrypto
 * copies what it hashes and at most three run at once in a process, one less than there are cores, so the peak is that many
 * times the largest buffer on top of the callers' own. Bytes in shared memory, as those of parts, are not copied at all. Do not write to `bytes` before the promise settles: a waiting one has not been copied yet.
 */
export async function sha256Hex (bytes: Uint8Array): Promise<string> {
  if (bytes.byteLength < OFF_THREAD_MINIMUM) return hash('sha256', bytes)
  if (isShared(bytes)) return (await digestOffThread('sha256', bytes)).toString('hex') // WebCrypto refuses shared memory.
  return limit(() => hashInPool(bytes))
}

async function hashInPool (bytes: Uint8Array): Promise<string> {
  const digest = await subtle.digest('SHA-256', bytes)
  // The copy is freed only after the callback that resolved this: the next hash must not begin within it.
  await immediate()
  return Buffer.from(digest).toString('hex')
}
