// Which implementation of each digest is faster, and from which size on does hashing off the main thread pay?
import { createHash, hash, subtle } from 'node:crypto'
import { KiB, MiB } from '../lib/bytes/sizes.ts'
import { combineCrc } from '../lib/digest/crc-combine.ts'
import { createDigest, createResumableDigest, DIGEST_ALGORITHMS, type Digest, type DigestAlgorithm } from '../lib/digest/digest.ts'
import { printTable } from './table.ts'

const CHUNK = Buffer.alloc(64 * KiB, 'sluice')
const TOTAL = 128 * MiB
const BUFFER_SIZES = [4, 16, 64, 256, 1024, 8192] // KiB; 8192 is a part, the smallest ones are list answers and the like

await compareImplementations()
await compareThreads()
await combineParts()

async function compareImplementations (): Promise<void> {
  const rows = []
  for (const algorithm of DIGEST_ALGORITHMS) {
    const fastest = await createDigest(algorithm)
    const resumable = await createResumableDigest(algorithm)
    const a = measure(fastest)
    const b = measure(resumable)
    if (a.digest !== b.digest) throw new Error(`The two implementations of ${algorithm} disagree`)
    rows.push([algorithm, engineOf(algorithm), a.speed, engineOfResumable(algorithm), b.speed, a.speed / b.speed])
  }
  printTable('createDigest() beside createResumableDigest(), 64 KiB chunks', [
    { name: 'algorithm' }, { name: 'fastest' }, { name: 'speed', unit: 'MiB/s' },
    { name: 'resumable' }, { name: 'speed', unit: 'MiB/s' }, { name: 'ratio', digits: 2 }
  ], rows)
}

function measure (digest: Digest): { speed: number, digest: string } {
  for (let i = 0; i < 64; i++) digest.update(CHUNK)
  const start = performance.now()
  for (let done = 0; done < TOTAL; done += CHUNK.length) digest.update(CHUNK)
  const seconds = (performance.now() - start) / 1000
  return { speed: TOTAL / MiB / seconds, digest: digest.digest().toString('hex') }
}

function engineOf (algorithm: DigestAlgorithm): string {
  return ['sha256', 'sha1', 'md5'].includes(algorithm) ? 'OpenSSL' : engineOfResumable(algorithm)
}

function engineOfResumable (algorithm: DigestAlgorithm): string {
  return algorithm === 'crc32' ? 'zlib' : 'hash-wasm'
}

async function compareThreads (): Promise<void> {
  const rows = []
  for (const size of BUFFER_SIZES) {
    const bytes = Buffer.alloc(size * KiB, 'sluice')
    const rounds = Math.max(8, Math.min(1000, Math.floor(32 * KiB / size)))
    const expected = createHash('sha256').update(bytes).digest('hex')
    let blocked = 0
    const sync = await microseconds(rounds, async () => hash('sha256', bytes), expected)
    const pool = await microseconds(rounds, async () => {
      const start = performance.now()
      const pending = subtle.digest('SHA-256', bytes)
      blocked += performance.now() - start
      return Buffer.from(await pending).toString('hex')
    }, expected)
    rows.push([`${size} KiB`, sync, pool, blocked * 1000 / (rounds + 1)])
  }
  printTable('SHA-256 of a whole buffer: at once or in the pool', [
    { name: 'buffer' }, { name: 'crypto.hash', unit: 'µs', digits: 1 },
    { name: 'subtle.digest', unit: 'µs', digits: 1 }, { name: 'of these on main thread', unit: 'µs', digits: 1 }
  ], rows)
}

async function microseconds (rounds: number, run: () => Promise<string>, expected: string): Promise<number> {
  if (await run() !== expected) throw new Error('A SHA-256 is wrong')
  const start = performance.now()
  for (let i = 0; i < rounds; i++) await run()
  return (performance.now() - start) * 1000 / rounds
}

async function combineParts (): Promise<void> {
  const part = (await createDigest('crc64nvme')).update(CHUNK).digest()
  const rows = [8 * MiB, 8 * MiB - 1].map(length => {
    const start = performance.now()
    for (let i = 0; i < 200; i++) combineCrc('crc64nvme', part, part, length)
    return [length, (performance.now() - start) * 1000 / 200]
  })
  printTable('combineCrc(): one more part', [
    { name: 'part', unit: 'bytes' }, { name: 'time', unit: 'µs', digits: 1 }
  ], rows)
}
