/** The thread of `off-thread.ts`: is sent buffers in shared memory, and answers each with its digest. */
import { parentPort } from 'node:worker_threads'
import { createDigest } from './digest.ts'
import type { DigestAlgorithm } from './digest.ts'
import { QuickXorDigest } from './quick-xor.ts'
import type { SavedQuickXor } from './quick-xor.ts'

export interface DigestJob { id: number, algorithm: DigestAlgorithm | 'quickXor', bytes: Uint8Array }

export type DigestAnswer =
  | { id: number, digest: Uint8Array | SavedQuickXor }
  | { id: number, error: Error }

parentPort?.on('message', (job: DigestJob) => {
  digestOf(job).then(digest => answer({ id: job.id, digest }), (error: Error) => answer({ id: job.id, error }))
})

async function digestOf ({ algorithm, bytes }: DigestJob): Promise<Uint8Array | SavedQuickXor> {
  if (algorithm === 'quickXor') return new QuickXorDigest().update(bytes).save()
  const digest = await createDigest(algorithm)
  return digest.update(bytes).digest()
}

function answer (message: DigestAnswer): void {
  parentPort?.postMessage(message)
}
