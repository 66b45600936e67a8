import { createRequire } from 'node:module'
import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { chunker, type Chunker } from '../../streams/chunker.ts'

/** The oracle; it comes without types. */
type StreamChunker = (size: number, options: { flush: boolean, align: boolean }) => Transform
const streamChunker: StreamChunker = createRequire(import.meta.url)('stream-chunker')

t.test('chunker() cuts at exactly size, wherever the seams of the writes fall', async t => {
  t.strictSame(await lengths([3, 3, 3, 3, 3], 7), [7, 7, 1])
  t.strictSame(await lengths([1, 1, 1, 1], 3), [3, 1])
  t.strictSame(await lengths([25], 7), [7, 7, 7, 4])
  t.strictSame(await lengths([5, 25, 5], 7), [7, 7, 7, 7, 7])
  t.strictSame(await lengths([0, 7, 0], 7), [7])
})

t.test('chunker() at size - 1, size and size + 1', async t => {
  t.strictSame(await lengths([6], 7), [6])
  t.strictSame(await lengths([7], 7), [7])
  t.strictSame(await lengths([8], 7), [7, 1])
})

t.test('chunker() of nothing gives nothing', async t => {
  t.strictSame(await lengths([], 7), [])
  t.strictSame(await lengths([0], 7), [])
})

t.test('chunker() takes writes of 1 and of 512 bytes', async t => {
  t.strictSame(await lengths(Array(1000).fill(1), 300), [300, 300, 300, 100])
  t.strictSame(await lengths(Array(9).fill(512), 1000), [1000, 1000, 1000, 1000, 608])
})

t.test('chunker() with flush: false drops the rest', async t => {
  const cut = chunker({ size: 4, flush: false })
  cut.end(Buffer.from('0123456789'))
  t.strictSame((await cut.toArray()).map(String), ['0123', '4567'])
})

t.test('chunker() gives single chunks to a reader that comes late', async t => {
  const cut = chunker({ size: 2 })
  cut.end(Buffer.from('aabbc'))
  await setImmediate()
  t.equal(String(cut.read()), 'aa')
  t.strictSame((await cut.toArray()).map(String), ['bb', 'c'])
})

t.test('chunker() cuts as stream-chunker does', async t => {
  const writes = fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 400 })), { maxLength: 30 })
  const sizes = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 600 }))
  await fc.assert(fc.asyncProperty(writes, sizes, fc.boolean(), async (writes, size, flush) => {
    const chunks = chunksOf(writes)
    const ours = await collect(chunker({ size, flush }), chunks)
    const theirs = await collect(streamChunker(size, { flush, align: false }), chunks)
    return same(ours, theirs)
  }), { seed: 22, numRuns: 200 })
  t.pass('200 runs')
})

t.test('chunker() cuts the same for a consumer that takes its time', async t => {
  const writes = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 20 })
  await fc.assert(fc.asyncProperty(writes, fc.integer({ min: 20, max: 600 }), async (writes, size) => {
    const chunks = chunksOf(writes)
    const slowly: Buffer[] = []
    for await (const chunk of Readable.from(chunks).pipe(chunker({ size }))) {
      await setImmediate()
      slowly.push(chunk)
    }
    return same(slowly, await collect(chunker({ size }), chunks))
  }), { seed: 23, numRuns: 50 })
  t.pass('50 runs')
})

t.test('chunker() hands on views of a chunk that has its own memory', async t => {
  const chunk = Buffer.allocUnsafeSlow(20).fill('x')
  const outputs = await collect(chunker({ size: 6 }), [chunk])
  t.strictSame(outputs.map(output => output.buffer === chunk.buffer), [true, true, true, false])
})

t.test('chunker() copies out of a slice, so that no output pins what surrounds it', async t => {
  const memory = Buffer.allocUnsafeSlow(1000).fill('x')
  const outputs = await collect(chunker({ size: 6 }), [memory.subarray(100, 120)])
  t.strictSame(outputs.map(output => output.buffer.byteLength), [6, 6, 6, 2])
})

t.test('chunker() copies: an input that is reused afterwards does not change the output', async t => {
  const cut = chunker({ size: 4 })
  const reused = Buffer.alloc(3, 'a')
  await new Promise(resolve => cut.write(reused, resolve))
  reused.fill('b')
  cut.end(reused)
  t.strictSame((await cut.toArray()).map(String), ['aaab', 'bb'])
})

t.test('chunker() pulls no more than it states while the consumer reads nothing', async t => {
  const size = 256 * 1024
  let pulled = 0
  const source = new Readable({ read (n) { pulled += n; this.push(Buffer.alloc(n)) } })
  const cut = source.pipe(chunker({ size }))
  await settle()
  const buffered = cut.writableHighWaterMark + source.readableHighWaterMark
  t.ok(pulled <= size + 2 * buffered, `${pulled} bytes pulled for the first output`)
  t.equal(cut.readableLength, 1)
  cut.read()
  await settle()
  t.ok(pulled <= 2 * size + 2 * buffered, `${pulled} bytes pulled for the second output`)
  t.equal(cut.readableLength, 1)
  source.destroy()
  cut.destroy()
})

t.test('chunker() does not queue all outputs of one huge chunk', async t => {
  const cut = chunker({ size: 64 * 1024 })
  cut.end(Buffer.alloc(100 * 64 * 1024))
  let outputs = 0
  for await (const chunk of cut) {
    outputs += Number(chunk.length === cut.size)
    t.ok(cut.readableLength <= 1)
    await setImmediate()
  }
  t.equal(outputs, 100)
})

t.test('chunker() that is destroyed midway takes its source along', async t => {
  const source = Readable.from(chunksOf(Array(100).fill(10)))
  const cut = chunker({ size: 25 })
  const outcome = pipeline(source, cut, async chunks => {
    for await (const chunk of chunks) refuse(chunk)
  })
  await t.rejects(outcome, { message: 'enough after 25' })
  t.ok(source.destroyed && cut.destroyed)
})

t.test('chunker() ends with an AbortError when its signal aborts, also if it had before', async t => {
  const abort = new AbortController()
  const cut = chunker({ size: 4, signal: abort.signal })
  const reading = cut.toArray()
  cut.write(Buffer.alloc(3))
  abort.abort(new Error('no more'))
  await t.rejects(reading, { name: 'AbortError', cause: { message: 'no more' } })
  await t.rejects(chunker({ size: 4, signal: abort.signal }).toArray(), { name: 'AbortError' })
})

t.test('chunker() refuses bad options at once', t => {
  t.throws(() => chunker({ size: -1 }), new RangeError('Cannot create chunker as size must be a positive integer: received -1'))
  t.throws(() => chunker({ size: 1.5 }), RangeError)
  t.throws(() => chunker({ size: Infinity }), RangeError)
  t.throws(() => chunker({ size: '4' as unknown as number }), new TypeError("Cannot create chunker as size must be a positive integer: received '4'"))
  t.throws(() => chunker({ size: 4, flush: 1 as unknown as boolean }), TypeError)
  t.throws(() => chunker({ size: 4, signal: {} as AbortSignal }), new TypeError('Cannot create chunker as signal must be an AbortSignal: received {}'))
  t.end()
})

async function lengths (writes: number[], size: number): Promise<number[]> {
  const chunks = chunksOf(writes)
  const outputs = await collect(chunker({ size }), chunks)
  if (!Buffer.concat(outputs).equals(Buffer.concat(chunks))) throw new Error('The bytes have changed')
  return outputs.map(output => output.length)
}

function chunksOf (writes: number[]): Buffer[] {
  let next = 0
  return writes.map(length => Buffer.from(Array.from({ length }, () => next++ % 251)))
}

async function collect (transform: Transform | Chunker, chunks: Buffer[]): Promise<Buffer[]> {
  const outputs: Buffer[] = []
  transform.on('data', (output: Buffer) => outputs.push(output))
  await pipeline(Readable.from(chunks), transform)
  return outputs
}

function refuse (chunk: Buffer): void {
  throw new Error(`enough after ${chunk.length}`)
}

function same (ours: Buffer[], theirs: Buffer[]): boolean {
  return ours.length === theirs.length && ours.every((chunk, i) => theirs[i]?.equals(chunk) === true)
}

async function settle (): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await setImmediate()
}
