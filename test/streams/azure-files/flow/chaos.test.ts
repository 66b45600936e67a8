/** Random chunks meet random faults: either the bytes are right, or the error says truly what is left. */
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import t from 'tap'
import type { Fault } from '../../../../emulator/index.ts'
import { AbortError, ObjectChangedError, StorageError } from '../../../../lib/errors.ts'
import { bytesOf, collect, inChunks, start } from './support.ts'
import type { Bench } from './support.ts'

const KiB = 1024
const RANGE = 8 * KiB
const all = bytesOf(5 * RANGE + 100)

const faults = fc.array(fc.record({
  operation: fc.constantFrom('CreateFile', 'PutRange', 'SetFileProperties', 'RenameFile', 'GetFileProperties', 'DeleteFile', 'GetFile'),
  skip: fc.constantFrom(0, 0, 0, 1, 2),
  times: fc.constantFrom(1, 1, 1, 2, 3, 4, 20),
  effect: fc.constantFrom<Partial<Fault>>(
    { status: 500, code: 'InternalError' }, { status: 503, code: 'ServerBusy' }, { status: 503, code: 'ServerBusy', retryAfter: 1 }, { status: 409, code: 'SharingViolation' },
    { status: 403, code: 'AuthorizationFailure' }, { status: 502, html: true }, { reset: 'before' }, { reset: 'after-headers' }, { reset: { requestByte: 100 } },
    { loseAnswer: true }, { loseAnswer: true }, { loseAnswerWith: 500 })
}).map(({ effect, ...target }): Fault => ({ ...target, ...effect })), { maxLength: 4 })

const uploads = fc.record({
  size: fc.oneof(fc.nat(all.length), fc.constantFrom(0, 1, RANGE - 1, RANGE, RANGE + 1, 2 * RANGE)),
  chunks: fc.array(fc.integer({ min: 500, max: 20_000 }), { minLength: 1, maxLength: 4 }),
  integrity: fc.constantFrom('md5', 'crc64', 'none'),
  concurrency: fc.integer({ min: 1, max: 4 }),
  publish: fc.constantFrom('direct', 'rename'),
  existing: fc.boolean(),
  declared: fc.boolean(),
  abortAfter: fc.option(fc.nat(6), { freq: 3 }),
  faults
})

/** Aborts once so many requests have arrived, unless the upload is over first. */
async function abortAfter ({ emulator }: Bench, count: number | null, isOver: () => boolean, stop: AbortController): Promise<void> {
  if (count === null) return
  while (!isOver() && emulator.requests.count() < count) await new Promise(setImmediate)
  stop.abort('chaos')
}

t.test('uploads end truly, whatever happens', async t => {
  const bench = await start(t, { circuitBreaker: false })
  const { azure, emulator, stored, paths } = bench
  await fc.assert(fc.asyncProperty(uploads, async ({ size, chunks, integrity, concurrency, publish, existing, declared, abortAfter: count, faults }) => {
    await azure.files.delete({ path: 'a' }).catch(() => undefined)
    if (existing) await azure.files.write({ path: 'a', data: 'old' })
    emulator.requests.clear()
    for (const fault of faults) emulator.faults.add(fault)
    const bytes = all.subarray(0, size)
    const stop = new AbortController()
    const stream = azure.createWriteStream('a', { rangeSize: RANGE, integrity, concurrency, publish, signal: stop.signal, ...(declared ? { size } : {}) })
    const closed = new Promise(resolve => stream.once('close', resolve))
    const aborting = abortAfter(bench, count, () => stream.closed, stop)
    const error = await pipeline(inChunks(bytes, ...chunks), stream).catch((error: unknown) => error)
    await closed
    await aborting
    emulator.faults.clear()
    const found = await stored('a')
    const before = existing && publish === 'rename' ? 'old' : undefined
    try {
      if (error === undefined) return found !== undefined && found.equals(bytes) && stream.result?.size === size
      if (!(error instanceof StorageError || error instanceof AbortError)) return false
      switch (error.remote) {
        case 'clean': {
          const isUntouched = found === undefined ? before === undefined : found.toString() === 'old' && existing
          return isUntouched && paths().every(path => path === 'a')
        }
        case 'stored': return found?.equals(bytes) === true
        default: return error.remote === 'unknown' || error.remote === 'orphan'
      }
    } finally {
      for (const path of paths()) await azure.files.delete({ path })
    }
  }), { numRuns: 150 })
})

t.test('downloads end truly, whatever happens', async t => {
  const { azure, emulator } = await start(t, { circuitBreaker: false })
  const effects = fc.constantFrom<Partial<Fault>>(
    { status: 500, code: 'InternalError' }, { status: 503, code: 'ServerBusy', retryAfter: 1 }, { reset: 'before' }, { reset: 'after-headers' },
    { reset: { responseByte: 3000 } }, { truncate: { responseByte: 5000 } }, { changeObject: true }, { changeObject: 'midway' })
  const downloads = fc.record({
    rangeSize: fc.integer({ min: 1000, max: 50_000 }),
    concurrency: fc.integer({ min: 1, max: 5 }),
    start: fc.nat(all.length - 1),
    faults: fc.array(fc.record({ skip: fc.nat(4), times: fc.integer({ min: 1, max: 4 }), effect: effects }), { maxLength: 3 })
  })
  await fc.assert(fc.asyncProperty(downloads, async ({ rangeSize, concurrency, start, faults }) => {
    await azure.files.write({ path: 'a', data: all })
    for (const { effect, ...target } of faults) emulator.faults.add({ operation: 'GetFile', ...target, ...effect })
    const result = await collect(azure.createReadStream('a', { rangeSize, concurrency, start })).catch((error: unknown) => error)
    emulator.faults.clear()
    if (result instanceof Buffer) return result.equals(all.subarray(start)) || faults.some(({ effect }) => effect.changeObject !== undefined)
    return result instanceof StorageError && (!(result instanceof ObjectChangedError) || faults.some(({ effect }) => effect.changeObject !== undefined))
  }), { numRuns: 100 })
})
