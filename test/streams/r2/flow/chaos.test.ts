/** Random chunks meet random faults: either the bytes are right, or the error says truly what is left. */
import t from 'tap'
import fc from 'fast-check'
import { pipeline } from 'node:stream/promises'
import type { Fault } from '../../../../emulator/index.ts'
import { AbortError, StorageError } from '../../../../lib/errors.ts'
import { INTEGRITIES } from '../../../../streams/r2/integrity.ts'
import type { R2MultipartWritable } from '../../../../streams/r2/index.ts'
import { KiB, PART, bytesOf, collect, inChunks, start, storedBytes, trace } from './support.ts'
import type { Bench } from './support.ts'

const all = bytesOf(2 * PART + 200)

const faults = fc.array(fc.record({
  operation: fc.constantFrom('PutObject', 'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload', 'AbortMultipartUpload', 'HeadObject', 'ListMultipartUploads'),
  skip: fc.constantFrom(0, 0, 0, 1, 2),
  times: fc.constantFrom(1, 1, 1, 2, 3, 4, 20),
  effect: fc.constantFrom<Partial<Fault>>(
    { status: 500 }, { status: 503, retryAfter: 1 }, { status: 429, code: 'ServiceUnavailable' }, { status: 403, code: 'AccessDenied' }, { status: 522, html: true },
    { reset: 'before' }, { reset: 'after-headers' }, { reset: { requestByte: 100 } }, { loseAnswer: true }, { loseAnswer: true }, { loseAnswerWith: 500 }, { errorIn200: 'InternalError' })
}).map(({ effect, ...target }): Fault => ({ ...target, ...effect })), { maxLength: 4 })

const uploads = fc.record({
  size: fc.oneof(fc.nat(100 * KiB), fc.constantFrom(PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 200)),
  chunks: fc.array(fc.oneof(fc.integer({ min: 2000, max: 70_000 }), fc.integer({ min: 4000, max: PART * 2 })), { minLength: 1, maxLength: 4 }),
  integrity: fc.constantFrom(...INTEGRITIES),
  concurrency: fc.integer({ min: 1, max: 4 }),
  create: fc.boolean(),
  declared: fc.boolean(),
  abortAfter: fc.option(fc.nat(6), { freq: 3 }),
  faults
})

type Upload = typeof uploads extends fc.Arbitrary<infer T> ? T : never

/** Aborts once so many requests have arrived, unless the upload is over first. */
async function abortAfter ({ emulator }: Bench, count: number | null, writable: R2MultipartWritable, stop: AbortController): Promise<void> {
  if (count === null) return
  while (!writable.closed && emulator.requests.count() < count) await new Promise(setImmediate)
  stop.abort('chaos')
}

async function attempt (writable: R2MultipartWritable, bytes: Buffer, { chunks }: Upload): Promise<unknown> {
  try {
    await pipeline(inChunks(bytes, ...chunks), writable)
    return undefined
  } catch (error) {
    return error
  }
}

/** What is wrong with how it ended; undefined when all is well. */
async function verdict ({ emulator }: Bench, key: string, writable: R2MultipartWritable, bytes: Buffer, error: unknown): Promise<string | undefined> {
  const stored = await storedBytes(emulator, key)
  const isStored = stored?.equals(bytes) === true
  const left = emulator.r2.state.uploads().filter(upload => upload.key === key)
  const own = left.filter(upload => upload.id === writable.uploadId)
  if (stored !== undefined && !isStored) return 'other bytes are stored'
  if (error === undefined) {
    if (!isStored) return 'it ended well and nothing is stored'
    if (writable.result?.size !== bytes.length) return 'the result has another size'
    if (writable.result.etag !== `"${emulator.r2.state.objects().find(object => object.key === key)?.etag}"`) return 'the result has another etag'
    return own.length > 0 ? 'it ended well and its upload is left' : undefined
  }
  if (!(error instanceof StorageError || error instanceof AbortError)) return `it ended with ${String(error)}`
  if (error.remote !== writable.remote) return `the error says ${error.remote}, the stream ${writable.remote}`
  switch (error.remote) {
    case 'clean': return isStored ? 'it is called clean and is stored' : left.length > 0 ? 'it is called clean and an upload is left' : undefined
    case 'stored': return isStored ? undefined : 'it is called stored and is not'
    // The answer to the abort may be lost too: then it is gone and still called so, which costs a sweep and no more.
    case 'orphan': return isStored ? 'it is called an orphan and is stored' : undefined
    case 'unknown': return undefined
    default: return `the state is called ${error.remote}`
  }
}

t.test('an upload through any trouble is right or says truly what it left (property)', async t => {
  const bench = await start(t)
  const { emulator, client } = bench
  const ends: Record<string, number> = {}
  let count = 0
  await fc.assert(fc.asyncProperty(uploads, async run => {
    const key = `k${count++}`
    const bytes = all.subarray(0, run.size)
    emulator.faults.clear()
    emulator.requests.clear()
    for (const fault of run.faults) emulator.faults.add(fault)
    const r2 = client()
    const stop = new AbortController()
    const { integrity, concurrency } = run
    const writable = r2.createWriteStream(key, {
      partSize: PART, integrity, concurrency, signal: stop.signal, ...(run.create ? { ifNoneMatch: '*' } : {}), ...(run.declared ? { size: run.size } : {})
    })
    const [error] = await Promise.all([attempt(writable, bytes, run), abortAfter(bench, run.abortAfter, writable, stop)])
    if (!writable.closed) await new Promise(resolve => writable.once('close', resolve))
    const wrong = await verdict(bench, key, writable, bytes, error)
    const end = error === undefined ? writable.result?.reconciled === true ? 'reconciled' : 'stored well' : String(writable.remote)
    ends[end] = (ends[end] ?? 0) + 1
    emulator.faults.clear()
    await bench.r2.delete(key)
    await r2.close()
    if (wrong !== undefined) throw new Error(`${wrong}: ${trace(emulator).join(', ')} (${String(error)})`)
  }), { seed: Number(process.env['CHAOS_SEED'] ?? 20_261_124), numRuns: Number(process.env['CHAOS_RUNS'] ?? 80) })
  t.ok(['stored well', 'reconciled', 'clean', 'unknown'].every(end => (ends[end] ?? 0) > 0), JSON.stringify(ends))
})

t.test('a download through any trouble is right or an error (property)', async t => {
  const bench = await start(t)
  const { emulator, client } = bench
  const bytes = all.subarray(0, 600 * KiB)
  await bench.r2.put('k', bytes)
  const trouble = fc.array(fc.record({
    skip: fc.nat(5),
    times: fc.constantFrom(1, 1, 2, 5),
    effect: fc.constantFrom<Partial<Fault>>(
      { status: 500 }, { status: 403 }, { status: 429 }, { reset: 'before' }, { reset: 'after-headers' }, { reset: { responseByte: 70_000 } },
      { truncate: { responseByte: 1 } }, { flipBit: { at: 5000 } }, { errorIn200: 'InternalError' })
  }), { maxLength: 4 })
  const reads = fc.record({ concurrency: fc.integer({ min: 1, max: 6 }), rangeSize: fc.integer({ min: 20_000, max: 700_000 }), trouble })
  const ends = { well: 0, failed: 0 }
  await fc.assert(fc.asyncProperty(reads, async ({ concurrency, rangeSize, trouble }) => {
    emulator.faults.clear()
    for (const { effect, ...target } of trouble) emulator.faults.add({ operation: 'GetObject', ...target, ...effect })
    const r2 = client()
    try {
      const read = await collect(r2.createReadStream('k', { concurrency, rangeSize }))
      ends.well++
      return read.equals(bytes)
    } catch (error) {
      ends.failed++
      return error instanceof StorageError
    } finally {
      await r2.close()
    }
  }), { seed: Number(process.env['CHAOS_SEED'] ?? 20_261_124), numRuns: Number(process.env['CHAOS_RUNS'] ?? 80) })
  t.ok(ends.well > 0 && ends.failed > 0, JSON.stringify(ends))
})
