import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import t from 'tap'
import { ByteBudget } from '../../../lib/bytes/byte-budget.ts'
import { PartWritable } from '../../../lib/flow/part-writable.ts'
import { RangeReadable } from '../../../lib/flow/range-readable.ts'
import { MemoryObject } from './support/memory-object.ts'
import { RecordingUpload, patterned } from './support/recording-upload.ts'
import { closed, idle } from './support/streams.ts'

const PART = 1000

interface Upload { upload: RecordingUpload, stream: PartWritable<string, object> }

function uploadWith (budget: ByteBudget, options: { partSize?: number, turns?: number, fail?: Record<string, string>, hold?: string[], signal?: AbortSignal } = {}): Upload {
  const { partSize = PART, turns = 3, signal, ...steps } = options
  const upload = new RecordingUpload({ ...steps, turns: Array.from({ length: 1000 }, () => turns) })
  return { upload, stream: new PartWritable(upload, { partSize, concurrency: 4, budget, signal }) }
}

function chunksOf (bytes: Buffer, size = 77): Readable {
  return Readable.from((function * () {
    for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
  })(), { objectMode: false })
}

t.test('one source into more uploads than the budget has parts: none waits for another for ever', async t => {
  const budget = new ByteBudget({ limit: 3 * PART })
  const bytes = patterned(20 * PART + 1)
  // Some take long for a part: the source waits for the slowest, and nobody may wait for the source with what that one needs.
  const uploads = Array.from({ length: 8 }, (_, index) => uploadWith(budget, { turns: index * 5 }))
  const source = chunksOf(bytes)
  for (const { stream } of uploads) source.pipe(stream)
  await Promise.all(uploads.map(({ stream }) => finished(stream)))
  for (const { upload } of uploads) t.ok(upload.stored.equals(bytes))
  t.same([budget.inUse, budget.waiting], [0, 0])
  t.ok(budget.peak <= 3 * PART + 8 * PART, `peak ${budget.peak}`)
})

t.test('a reader into a writer of the same budget, also one that is smaller than what the reader reads ahead', async t => {
  const bytes = patterned(30 * PART + 5)
  for (const limit of [PART, 4 * PART, 100 * PART]) {
    const budget = new ByteBudget({ limit })
    const reader = new RangeReadable(new MemoryObject(bytes, { chunkSize: 100 }), { rangeSize: 2 * PART, concurrency: 4, budget })
    const { upload, stream } = uploadWith(budget)
    await pipeline(reader, stream)
    t.ok(upload.stored.equals(bytes), `limit ${limit}`)
    t.same([budget.inUse, budget.waiting], [0, 0])
    t.ok(budget.peak <= limit + PART, `peak ${budget.peak} of ${limit}`)
  }
})

t.test('100 uploads at once with a budget of 3 parts', async t => {
  const budget = new ByteBudget({ limit: 3 * PART })
  const bytes = patterned(5 * PART + 3)
  const uploads = Array.from({ length: 100 }, () => uploadWith(budget))
  await Promise.all(uploads.map(({ stream }) => pipeline(chunksOf(bytes), stream)))
  t.ok(uploads.every(({ upload }) => upload.stored.equals(bytes)))
  t.same([budget.inUse, budget.waiting], [0, 0])
  t.ok(budget.peak <= (3 + 100) * PART, `peak ${budget.peak}`)
})

t.test('uploads that came first give way, so that the budget holds again', async t => {
  const budget = new ByteBudget({ limit: 5 * PART })
  const rich = uploadWith(budget, { turns: 10 })
  const running = pipeline(chunksOf(patterned(100 * PART)), rich.stream)
  while (budget.inUse < 5 * PART) await idle()
  const others = Array.from({ length: 4 }, () => uploadWith(budget, { turns: 10 }))
  const all = others.map(({ stream }) => pipeline(chunksOf(patterned(30 * PART)), stream))
  for (let parts = 0; parts < 40; parts++) await once(rich.stream, 'progress')
  t.ok(budget.inUse <= 5 * PART, `in use ${budget.inUse}`)
  await Promise.all([running, ...all])
  t.equal(budget.inUse, 0)
})

t.test('one giant claim is served in its turn, and holds up no small upload for ever', async t => {
  const budget = new ByteBudget({ limit: 10 * PART })
  const giant = uploadWith(budget, { partSize: 5 * PART })
  const small = Array.from({ length: 10 }, () => uploadWith(budget))
  const bytes = patterned(42 * PART)
  await Promise.all([giant, ...small].map(({ stream }) => pipeline(chunksOf(bytes), stream)))
  for (const { upload } of [giant, ...small]) t.ok(upload.stored.equals(bytes))
  t.ok(giant.upload.mostAtOnce >= 1)
  t.ok(budget.peak <= 10 * PART + 5 * PART + 10 * PART, `peak ${budget.peak}`)
  t.equal(budget.inUse, 0)
})

t.test('whatever ends an upload gives its memory back and leaves the queue', async t => {
  const budget = new ByteBudget({ limit: 4 * PART })
  const controller = new AbortController()
  const endings: Record<string, (upload: Upload, source: PassThrough) => void> = {
    destroy: ({ stream }) => { stream.destroy() },
    'a failing part': ({ upload }) => upload.release('put 1'),
    abort: () => controller.abort(),
    'a failing source': (_, source) => { source.destroy(new Error('gone')) }
  }
  for (const [name, end] of Object.entries(endings)) {
    const started = uploadWith(budget, {
      turns: 0, hold: ['put 1', 'put 2', 'put 3'], ...(name === 'a failing part' ? { fail: { 'put 1': 'no room' } } : {}), ...(name === 'abort' ? { signal: controller.signal } : {})
    })
    const waiting = uploadWith(budget)
    const source = new PassThrough({ highWaterMark: 100 * PART })
    const stored = pipeline(source, started.stream).catch((error: unknown) => error)
    source.write(patterned(8 * PART))
    await started.upload.reached('put 1')
    while (budget.inUse < 4 * PART) await idle()
    const next = pipeline(chunksOf(patterned(20 * PART)), waiting.stream)
    end(started, source)
    t.type(await stored, Error, name)
    await closed(started.stream)
    await next
    t.same([budget.inUse, budget.waiting], [0, 0], name)
  }
})

t.test('a lower limit holds for uploads under way as their parts end', async t => {
  const budget = new ByteBudget({ limit: 10 * PART })
  const { upload, stream } = uploadWith(budget, { turns: 5 })
  const bytes = patterned(60 * PART)
  const stored = pipeline(chunksOf(bytes), stream)
  while (budget.inUse < 5 * PART) await idle()
  budget.limit = 2 * PART
  for (let parts = 0; parts < 10; parts++) await once(stream, 'progress')
  t.ok(budget.inUse <= 2 * PART, `in use ${budget.inUse}`)
  await stored
  t.ok(upload.stored.equals(bytes))
})
