import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import t from 'tap'
import { ByteBudget } from '../../../lib/bytes/byte-budget.ts'
import { StorageError } from '../../../lib/errors.ts'
import type { PartProgress, PartWritableOptions } from '../../../lib/flow/part-writable.ts'
import { PartWritable } from '../../../lib/flow/part-writable.ts'
import type { Stored } from './support/recording-upload.ts'
import { patterned, RecordingUpload } from './support/recording-upload.ts'
import { closed, idle } from './support/streams.ts'

type Writable = PartWritable<string, Stored>

function open (upload: RecordingUpload, options: Partial<PartWritableOptions> = {}): Writable {
  return new PartWritable(upload, { partSize: 4, concurrency: 2, ...options })
}

function cutAt (data: Buffer, sizes: number[]): Buffer[] {
  let rest = data
  return sizes.map(size => {
    const chunk = rest.subarray(0, size)
    rest = rest.subarray(size)
    return chunk
  })
}

async function store (chunks: Iterable<Buffer>, stream: Writable): Promise<Stored | undefined> {
  await pipeline(Readable.from(chunks), stream)
  return stream.result
}

t.test('PartWritable cuts chunks into parts, the last one shorter and known as the last', async t => {
  const upload = new RecordingUpload()
  const result = await store([patterned(3), patterned(6), patterned(1)], open(upload))
  t.same(upload.calls, ['begin', 'put 1 0+4', 'put 2 4+4', 'put 3 8+2 last', 'complete 10'])
  t.same(result, { receipts: ['receipt 1', 'receipt 2', 'receipt 3'], size: 10 })
})

t.test('PartWritable stores what fits in one part as a whole', async t => {
  for (const length of [1, 3, 4]) {
    const upload = new RecordingUpload()
    await store([patterned(length)], open(upload))
    t.same(upload.calls, [`whole ${length}`])
  }
})

t.test('PartWritable begins an upload for one byte more than a part', async t => {
  const upload = new RecordingUpload()
  await store([patterned(5)], open(upload))
  t.same(upload.calls, ['begin', 'put 1 0+4', 'put 2 4+1 last', 'complete 5'])
})

t.test('PartWritable marks a full last part as the last', async t => {
  const upload = new RecordingUpload()
  await store([patterned(8)], open(upload))
  t.same(upload.calls, ['begin', 'put 1 0+4', 'put 2 4+4 last', 'complete 8'])
})

t.test('PartWritable puts one part where the upload has no putWhole, and tells begin its size', async t => {
  const upload = new RecordingUpload({ whole: false })
  await store([patterned(4)], open(upload))
  t.same(upload.calls, ['begin', 'put 1 0+4 last', 'complete 4'])
  t.same(upload.info, { size: 4, expected: 4 })
})

t.test('PartWritable stores an empty stream as a whole, or as one empty part', async t => {
  const whole = new RecordingUpload()
  await store([], open(whole))
  t.same(whole.calls, ['whole 0'])
  const parts = new RecordingUpload({ whole: false })
  await store([], open(parts))
  t.same(parts.calls, ['begin', 'put 1 0+0 last', 'complete 0'])
})

t.test('PartWritable takes empty chunks and a chunk larger than three parts', async t => {
  const upload = new RecordingUpload()
  const data = patterned(15)
  await store([Buffer.alloc(0), data, Buffer.alloc(0)], open(upload))
  t.same(upload.parts.map(part => part.length), [4, 4, 4, 3])
  t.ok(upload.stored.equals(data))
})

t.test('PartWritable stores the same bytes for any chunking, in parts that keep their bytes in flight', async t => {
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 20 })
  await fc.assert(fc.asyncProperty(sizes, fc.integer({ min: 1, max: 17 }), fc.integer({ min: 1, max: 4 }), async (sizes, partSize, concurrency) => {
    const data = patterned(sizes.reduce((sum, size) => sum + size, 0))
    const chunks = cutAt(data, sizes)
    const upload = new RecordingUpload()
    const result = await store(chunks, open(upload, { partSize, concurrency }))
    return result?.size === data.length && upload.stored.equals(data) && upload.mostAtOnce <= concurrency &&
      !upload.calls.some(call => call.includes('overwritten')) && upload.parts.slice(0, -1).every(part => part.length === partSize)
  }), { seed: 1, numRuns: 200 })
  t.pass()
})

for (const size of [1, 512]) {
  t.test(`PartWritable joins writes of ${size} bytes`, async t => {
    const upload = new RecordingUpload()
    const data = patterned(100_000)
    const chunks = Array.from({ length: Math.ceil(data.length / size) }, (_, index) => data.subarray(index * size, (index + 1) * size))
    const stream = open(upload, { partSize: 70_000 })
    await store(chunks, stream)
    t.same(upload.calls, ['begin', 'put 1 0+70000', 'put 2 70000+30000 last', 'complete 100000'])
    t.ok(upload.stored.equals(data))
    t.same([stream.bytesWritten, stream.bytesStored], [100_000, 100_000])
  })
}

t.test('PartWritable holds the callback of a write while all parts are in flight', async t => {
  const upload = new RecordingUpload({ hold: ['put 1', 'put 2'] })
  const stream = open(upload)
  const written: string[] = []
  const third = upload.reached('put 3')
  stream.write(patterned(12), () => written.push('12 bytes'))
  stream.write(patterned(1), () => written.push('1 byte'))
  const second = upload.reached('put 2')
  await second
  await idle()
  t.same(written, ['12 bytes'], 'two in flight, one full and held')
  upload.release('put 2')
  await third
  await idle()
  t.same(written, ['12 bytes', '1 byte'])
  upload.release('put 1')
  stream.end()
  await closed(stream)
  t.same([upload.mostAtOnce, stream.result?.size], [2, 13])
})

t.test('PartWritable keeps receipts in the order of the parts when they finish in another', async t => {
  const upload = new RecordingUpload({ hold: ['put 1', 'put 2', 'put 3'] })
  const stream = open(upload, { concurrency: 3 })
  const progress: PartProgress[] = []
  stream.on('progress', (step: PartProgress) => progress.push(step))
  const last = upload.reached('put 3')
  stream.end(patterned(10))
  await last
  for (const number of [3, 1, 2]) {
    upload.release(`put ${number}`)
    await idle()
  }
  await closed(stream)
  t.same(stream.result?.receipts, ['receipt 1', 'receipt 2', 'receipt 3'])
  t.same(progress, [{ transferred: 2, total: 10, part: 3 }, { transferred: 6, total: 10, part: 1 }, { transferred: 10, total: 10, part: 2 }])
})

t.test('PartWritable fails at the first byte beyond its declared size', async t => {
  const upload = new RecordingUpload()
  const stream = open(upload, { size: 5, subject: '"a.bin"' })
  await t.rejects(store([patterned(5), patterned(1), patterned(9)], stream),
    { name: 'SizeMismatchError', expected: 5, found: 6, remote: 'clean', message: 'Cannot store "a.bin" as the stream is longer than its declared size of 5 bytes: received 6' })
  t.same(upload.calls.at(-1), 'abort')
  t.notOk(upload.calls.some(call => call.startsWith('complete')))
})

t.test('PartWritable fails at the end when bytes of its declared size are missing', async t => {
  const upload = new RecordingUpload()
  await t.rejects(store([patterned(4), patterned(5)], open(upload, { size: 10 })), { name: 'SizeMismatchError', expected: 10, found: 9, remote: 'clean' })
  t.same(upload.calls, ['begin', 'put 1 0+4', 'put 2 4+4', 'abort'])
  const small = new RecordingUpload()
  await t.rejects(store([], open(small, { size: 1 })), { name: 'SizeMismatchError', found: 0 })
  t.same(small.calls, [])
})

t.test('PartWritable refuses a declared size that its parts cannot hold', t => {
  t.throws(() => open(new RecordingUpload(), { size: 13, maxParts: 3, subject: '"a"' }),
    new RangeError('Cannot store "a" as its size of 13 bytes exceeds 12, the most that 3 parts of 4 bytes hold'))
  t.throws(() => open(new RecordingUpload(), { partSize: 0 }), RangeError)
  t.throws(() => open(new RecordingUpload(), { concurrency: 1.5 }), RangeError)
  t.throws(() => open(new RecordingUpload(), { size: '7' as unknown as number }), TypeError)
  t.end()
})

t.test('PartWritable fails when an undeclared size needs more than maxParts', async t => {
  const upload = new RecordingUpload()
  await store([patterned(12)], open(new RecordingUpload(), { maxParts: 3 }))
  await t.rejects(store([patterned(13)], open(upload, { maxParts: 3 })),
    { code: 'FileTooLarge', remote: 'clean', message: 'Cannot store the stream as it exceeds 12 bytes, the most that 3 parts of 4 bytes hold' })
  t.same(upload.calls, ['begin', 'put 1 0+4', 'put 2 4+4', 'abort'])
})

t.test('PartWritable learns the size of a piped file', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'a.bin')
  await writeFile(path, patterned(20))
  const asked: unknown[] = []
  const upload = new RecordingUpload()
  const stream = open(upload, { partSize: expected => { asked.push(expected); return 8 } })
  await pipeline(createReadStream(path, { start: 2, end: 18 }), stream)
  t.same(asked, [17])
  t.same(upload.info, { size: undefined, expected: 17 })
  t.same(stream.result?.size, 17)
})

t.test('PartWritable takes a learnt size for a hint: more bytes are stored as well, and the total is open until the end', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'a.log')
  await writeFile(path, patterned(20))
  const upload = new RecordingUpload()
  const stream = open(upload, { partSize: 8, concurrency: 1 })
  const totals: unknown[] = []
  stream.on('progress', ({ total }: PartProgress) => totals.push(total))
  const third = new Promise(resolve => stream.on('progress', ({ part }: PartProgress) => { if (part === 3) resolve(part) }))
  createReadStream(path).on('end', () => stream.write(patterned(12))).pipe(stream, { end: false })
  while (stream.bytesWritten < 32) await idle()
  await third
  stream.end()
  await closed(stream)
  t.same([stream.result?.size, totals.at(-2), totals.at(-1)], [32, undefined, 32])
})

t.test('PartWritable knows no size of a source that is none of the known kinds', async t => {
  const upload = new RecordingUpload()
  await pipeline(Readable.from([patterned(9)]), open(upload))
  t.same(upload.info, { size: undefined, expected: undefined })
})

t.test('PartWritable fails at once when a part fails, aborts those beside it and cleans up after they ended', async t => {
  const upload = new RecordingUpload({ hold: ['put 1'], fail: { 'put 2': 'part failed' } })
  await t.rejects(store([patterned(20)], open(upload)), { message: 'part failed' })
  t.same(upload.calls, ['begin', 'put 1 0+4', 'put 2 4+4', 'put 1 aborted', 'abort'])
  t.match(upload.cause, { message: 'part failed' })
})

t.test('PartWritable waits for a part that does not hear the signal before it cleans up', async t => {
  const upload = new RecordingUpload({ hold: ['put 1'], fail: { 'put 2': new StorageError('part failed') }, deaf: true, left: 'orphan' })
  const stream = open(upload)
  const second = upload.reached('put 2')
  stream.on('progress', () => t.fail('is no progress any more'))
  stream.end(patterned(10))
  const end = closed(stream)
  await second
  await idle()
  t.same(upload.calls, ['begin', 'put 1 0+4', 'put 2 4+4'])
  upload.release('put 1')
  t.match(await end, { message: 'part failed', remote: 'orphan' })
  t.same([upload.calls.at(-1), stream.bytesStored], ['abort', 4])
})

t.test('PartWritable keeps the first error when the clean-up fails', async t => {
  const upload = new RecordingUpload({ fail: { complete: new StorageError('complete failed'), abort: 'abort failed' } })
  const stream = open(upload)
  await t.rejects(store([patterned(9)], stream), { message: 'complete failed', remote: 'unknown' })
  t.same(stream.remote, 'unknown')
})

t.test('PartWritable cleans up when begin fails', async t => {
  const upload = new RecordingUpload({ fail: { begin: 'begin failed' } })
  await t.rejects(store([patterned(30)], open(upload)), { message: 'begin failed' })
  t.same(upload.calls, ['begin', 'abort'])
})

t.test('PartWritable does not clean up an object that was stored although complete failed', async t => {
  const upload = new RecordingUpload({ fail: { complete: new StorageError('digest differs', { remote: 'stored' }) } })
  await t.rejects(store([patterned(9)], open(upload)), { message: 'digest differs', remote: 'stored' })
  t.same(upload.calls.at(-1), 'complete 9')
})

t.test('PartWritable does not know what a failed putWhole left, unless the error does', async t => {
  const lost = new RecordingUpload({ fail: { whole: new StorageError('answer lost') } })
  await t.rejects(store([patterned(2)], open(lost)), { message: 'answer lost', remote: 'unknown' })
  const refused = new RecordingUpload({ fail: { whole: new StorageError('refused', { remote: 'clean' }) } })
  await t.rejects(store([patterned(2)], open(refused)), { message: 'refused', remote: 'clean' })
})

t.test('PartWritable passes the error of the source on and cleans up', async t => {
  const upload = new RecordingUpload()
  async function * source (): AsyncGenerator<Buffer> {
    const begun = upload.reached('begin')
    yield patterned(9)
    await begun
    throw new Error('disk failed')
  }
  const stream = open(upload)
  await t.rejects(pipeline(source, stream), { message: 'disk failed' })
  t.same(upload.calls.at(-1), 'abort')
  t.same([stream.result, stream.remote], [undefined, 'clean'])
})

t.test('PartWritable destroyed before the first write has sent nothing', async t => {
  const upload = new RecordingUpload()
  const stream = open(upload)
  const end = closed(stream)
  stream.destroy(new StorageError('enough'))
  t.match(await end, { message: 'enough', remote: 'clean' })
  t.same(upload.calls, [])
})

t.test('PartWritable destroyed while filling its first part has sent nothing', async t => {
  const upload = new RecordingUpload()
  const stream = open(upload)
  await new Promise(resolve => stream.write(patterned(3), resolve))
  const end = closed(stream)
  stream.destroy()
  t.same([await end, stream.remote], [undefined, 'clean'])
  t.same(upload.calls, [])
})

for (const { step, length, trace } of [
  { step: 'begin', length: 9, trace: ['begin', 'begin aborted', 'abort'] },
  { step: 'put 1', length: 5, trace: ['begin', 'put 1 0+4', 'put 1 aborted', 'abort'] },
  { step: 'complete', length: 5, trace: ['begin', 'put 1 0+4', 'put 2 4+1 last', 'complete 5', 'complete aborted', 'abort'] },
  { step: 'whole', length: 4, trace: ['whole 4', 'whole aborted'] }
]) {
  t.test(`PartWritable destroyed in "${step}" aborts it, waits and cleans up once`, async t => {
    const upload = new RecordingUpload({ hold: [step] })
    const stream = open(upload)
    const inStep = upload.reached(step)
    const end = closed(stream)
    stream.write(patterned(length))
    if (step === 'complete' || step === 'whole') stream.end()
    await inStep
    stream.destroy()
    stream.destroy(new Error('too late'))
    t.same(await end, undefined)
    t.same(upload.calls, trace)
    t.same(stream.remote, step === 'whole' ? 'unknown' : 'clean')
  })
}

t.test('PartWritable destroyed in a begin that succeeds all the same puts nothing', async t => {
  const upload = new RecordingUpload({ hold: ['begin'], deaf: true })
  const stream = open(upload)
  const beginning = upload.reached('begin')
  const end = closed(stream)
  stream.end(patterned(5))
  await beginning
  stream.destroy()
  upload.release('begin')
  await end
  t.same(upload.calls, ['begin', 'abort'])
})

t.test('PartWritable destroyed at any moment ends in a known state, with nothing running', async t => {
  const turns = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 10, maxLength: 10 })
  const failing = fc.constantFrom('none', 'begin', 'put 2', 'complete')
  await fc.assert(fc.asyncProperty(turns, failing, fc.integer({ min: 0, max: 12 }), fc.integer({ min: 5, max: 30 }), async (turns, failing, moment, length) => {
    const upload = new RecordingUpload({ turns, fail: { [failing]: 'step failed' } })
    const stream = open(upload)
    const end = closed(stream)
    stream.end(patterned(length))
    for (let turn = 0; turn < moment; turn++) await idle()
    stream.destroy()
    await end
    const [begun, aborted] = ['begin', 'abort'].map(name => upload.calls.filter(call => call === name).length)
    const known = stream.result === undefined ? aborted === begun && (begun === 0 || upload.calls.at(-1) === 'abort') : aborted === 0
    return known && upload.running === 0 && stream.remote === (stream.result === undefined ? 'clean' : 'stored')
  }), { seed: 5, numRuns: 300 })
  t.pass()
})

t.test('PartWritable destroyed in a complete that succeeds all the same says that the object is stored', async t => {
  const upload = new RecordingUpload({ hold: ['complete'], deaf: true })
  const stream = open(upload)
  const completing = upload.reached('complete')
  const end = closed(stream)
  stream.end(patterned(5))
  await completing
  stream.destroy(new StorageError('enough'))
  upload.release('complete')
  t.match(await end, { message: 'enough', remote: 'stored' })
  t.same(upload.calls.at(-1), 'complete 5')
})

t.test('PartWritable destroyed after finish does nothing', async t => {
  const upload = new RecordingUpload()
  const stream = open(upload)
  await store([patterned(5)], stream)
  stream.destroy(new Error('too late'))
  await stream[Symbol.asyncDispose]()
  t.same(upload.calls.at(-1), 'complete 5')
  t.same([stream.result?.size, stream.remote, upload.signal?.aborted], [5, 'stored', false])
})

t.test('PartWritable calls back the write that waits for a part when it is destroyed', async t => {
  const upload = new RecordingUpload({ hold: ['put 1', 'put 2'] })
  const stream = open(upload)
  const waiting = upload.reached('put 2')
  const end = closed(stream)
  const write = new Promise(resolve => stream.write(patterned(40), resolve))
  await waiting
  stream.destroy(new Error('enough'))
  t.match(await write, { message: 'enough' })
  t.match(await end, { message: 'enough' })
})

t.test('PartWritable aborts with the reason of its signal as the cause', async t => {
  const controller = new AbortController()
  const upload = new RecordingUpload({ hold: ['put 1'] })
  const stream = open(upload, { signal: controller.signal })
  const inPart = upload.reached('put 1')
  const end = closed(stream)
  stream.write(patterned(5))
  await inPart
  controller.abort(new Error('user left'))
  t.match(await end, { name: 'AbortError', code: 'ABORT_ERR', cause: { message: 'user left' }, remote: 'clean' })
  t.same(upload.calls, ['begin', 'put 1 0+4', 'put 1 aborted', 'abort'])
})

t.test('PartWritable with an aborted signal sends nothing', async t => {
  const upload = new RecordingUpload()
  await t.rejects(store([patterned(5)], open(upload, { signal: AbortSignal.abort('gone') })), { name: 'AbortError', cause: 'gone', remote: 'clean' })
  const small = open(upload, { signal: AbortSignal.abort('gone') })
  const end = closed(small)
  small.end(patterned(1))
  t.match(await end, { name: 'AbortError' })
  t.same(upload.calls, [])
})

t.test('PartWritable leaves no listener on a signal, and a hundred of them cause no warning', async t => {
  const warnings: Error[] = []
  const warn = (warning: Error): void => { warnings.push(warning) }
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 100 }, () => store([patterned(9)], open(new RecordingUpload(), { signal }))))
  await idle()
  t.same(warnings, [])
})

t.test('PartWritable disposes: destroyed and cleaned up', async t => {
  const upload = new RecordingUpload({ hold: ['put 1'] })
  const stream = open(upload)
  const inPart = upload.reached('put 1')
  stream.write(patterned(5))
  await inPart
  await stream[Symbol.asyncDispose]()
  t.same(upload.calls, ['begin', 'put 1 0+4', 'put 1 aborted', 'abort'])
  t.ok(stream.closed)
})

t.test('PartWritable turns an exception of a progress listener into the error of the stream', async t => {
  const stream = open(new RecordingUpload())
  stream.on('progress', () => { throw new Error('listener failed') })
  await t.rejects(store([patterned(9)], stream), { message: 'listener failed' })
})

t.test('PartWritable takes memory from a budget as it grows, and gives all back', async t => {
  const budget = new ByteBudget({ limit: 10_000_000 })
  await store([patterned(4096)], open(new RecordingUpload(), { partSize: 1_000_000, budget }))
  t.same([budget.peak, budget.inUse], [65_536, 0])
  await store([patterned(300_000)], open(new RecordingUpload(), { partSize: 200_000, budget }))
  t.same([budget.peak, budget.inUse], [400_000, 0])
})

t.test('PartWritable under a budget that has room for no second buffer still ends, part after part', async t => {
  const budget = new ByteBudget({ limit: 100 })
  budget.take(100)
  const upload = new RecordingUpload()
  const data = patterned(50)
  await store([data], open(upload, { budget, concurrency: 4 }))
  t.ok(upload.stored.equals(data))
  t.same([upload.mostAtOnce, budget.inUse, budget.waiting], [1, 100, 0])
})

t.test('PartWritable with a budget below one part still ends', async t => {
  const upload = new RecordingUpload({ turns: [1, 1, 1, 1] })
  await store([patterned(10)], open(upload, { budget: new ByteBudget({ limit: 1 }) }))
  t.same(upload.calls, ['begin', 'put 1 0+4', 'put 2 4+4', 'put 3 8+2 last', 'complete 10'])
})

t.test('PartWritable goes on with another buffer as soon as the budget grants one', async t => {
  const budget = new ByteBudget({ limit: 100 })
  const release = budget.take(100)
  const upload = new RecordingUpload({ hold: ['put 1'] })
  const stream = open(upload, { budget })
  const second = upload.reached('put 2')
  stream.end(patterned(6))
  await upload.reached('put 1')
  while (budget.waiting === 0) await idle()
  release()
  await second
  upload.release('put 1')
  await closed(stream)
  t.same([stream.result?.size, budget.inUse], [6, 0])
})

t.test('PartWritable does not wait with its source: a slow sink bounds what is taken', async t => {
  const upload = new RecordingUpload({ hold: ['put 1', 'put 2'] })
  const stream = open(upload, { highWaterMark: 1 })
  const source = new PassThrough({ highWaterMark: 1 })
  source.pipe(stream)
  let sent = 0
  const waiting = upload.reached('put 2')
  for (; source.write(patterned(1)) || sent < 40; sent++) await idle()
  await waiting
  t.same(stream.bytesWritten, 12, 'two parts in flight and one full')
  source.destroy()
  stream.destroy()
  await closed(stream)
})
