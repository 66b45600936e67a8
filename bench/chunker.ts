// What does cutting into 4 MiB cost, with the chunks of a file (64 KiB), of a chatty source (512 bytes) and of memory (64 MiB)?
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { PassThrough, Readable, Writable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { formatSize, KiB, MiB } from '../lib/bytes/sizes.ts'
import { chunker } from '../streams/chunker.ts'
import { printTable } from './table.ts'

const require = createRequire(import.meta.url)
const streamChunker: (size: number, options: { flush: boolean, align: boolean }) => Transform = require('stream-chunker')

const SIZE = 4 * MiB
const CASES = [
  { write: 64 * KiB, total: 512 * MiB }, // fs.ReadStream: filled copy by copy
  { write: 512, total: 16 * MiB }, // 8,192 writes an output; stream-chunker joins all before it at each of them
  { write: 64 * MiB, total: 512 * MiB } // holds whole outputs: ours hands on views
]
const CONTENDERS: Record<string, () => Transform> = {
  'PassThrough (does not cut)': () => new PassThrough(),
  'stream-chunker': () => streamChunker(SIZE, { flush: true, align: false }),
  chunker: () => chunker({ size: SIZE })
}

const rows = []
for (const { write, total } of CASES) {
  for (const [name, create] of Object.entries(CONTENDERS)) await verify(name, create, write)
  const speeds = new Map<string, number>()
  for (const [name, create] of Object.entries(CONTENDERS)) speeds.set(name, await measure(create, write, total))
  const theirs = speeds.get('stream-chunker') ?? NaN
  for (const [name, speed] of speeds) rows.push([formatSize(write), name, speed, speed / theirs])
}
printTable('Cutting into chunks of 4 MiB', [
  { name: 'writes of' }, { name: 'transform' }, { name: 'speed', unit: 'MiB/s' }, { name: 'ratio', unit: 'stream-chunker = 1', digits: 1 }
], rows)

/** Whether the sizes are right and the bytes the same, apart from the clock. */
async function verify (name: string, create: () => Transform, write: number): Promise<void> {
  const total = Math.max(write, 2 * SIZE) + 1000
  const bytes = Buffer.allocUnsafeSlow(total).map((_, i) => i % 251)
  const sizes: number[] = []
  const found = createHash('sha256')
  const sink = new Writable({
    write (chunk: Buffer, _encoding, done) {
      sizes.push(chunk.length)
      found.update(chunk)
      done()
    }
  })
  await pipeline(Readable.from(cut(Buffer.from(bytes.buffer), write)), create(), sink)
  if (found.digest('hex') !== createHash('sha256').update(bytes).digest('hex')) throw new Error(`${name} has changed the bytes`)
  const cuts = !name.startsWith('PassThrough')
  if (cuts && sizes.slice(0, -1).some(size => size !== SIZE)) throw new Error(`${name} has cut wrongly`)
}

/** MiB/s; the best of three after a warm-up. */
async function measure (create: () => Transform, write: number, total: number): Promise<number> {
  await run(create(), write, Math.max(write, total / 8))
  const times = []
  for (let round = 0; round < 3; round++) times.push(await run(create(), write, total))
  return total / MiB / (Math.min(...times) / 1000)
}

async function run (transform: Transform, write: number, total: number): Promise<number> {
  const chunk = Buffer.allocUnsafeSlow(write).fill('x')
  const sink = new Writable({ write: (_chunk, _encoding, done) => done() })
  let left = total
  const source = new Readable({
    highWaterMark: write,
    read () {
      left -= write
      this.push(left < 0 ? null : chunk)
    }
  })
  const start = performance.now()
  await pipeline(source, transform, sink)
  return performance.now() - start
}

function * cut (bytes: Buffer, size: number): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}
