/** Random chunks meet random faults: either the bytes are right, or the error says truly what is left. */
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import t from 'tap'
import { startEmulator } from '../../../../emulator/index.ts'
import type { Emulator, Fault } from '../../../../emulator/index.ts'
import { AbortError, StorageError } from '../../../../lib/errors.ts'
import { OneDrive } from '../../../../streams/onedrive/client.ts'
import type { OneDriveSessionWritable } from '../../../../streams/onedrive/writable.ts'
import { TestClock } from '../support/clock.ts'

const UNIT = 327_680
const ALL = randomBytes(3 * UNIT + 200)

/** A session that lives and is said to be gone deceives anybody. */
function isHonest ({ operation, status }: Fault): boolean {
  return operation !== 'CancelUploadSession' || status !== 404
}

const faults = fc.array(fc.record({
  operation: fc.constantFrom('UploadContent', 'CreateUploadSession', 'UploadFragment', 'UploadFragment', 'GetUploadSession', 'CancelUploadSession', 'CommitUploadSession', 'GetItem'),
  skip: fc.constantFrom(0, 0, 0, 1, 2),
  times: fc.constantFrom(1, 1, 1, 2, 3, 4, 20),
  effect: fc.constantFrom<Partial<Fault>>(
    { status: 500 }, { status: 503, retryAfter: 1 }, { status: 429 }, { status: 400 }, { status: 403 }, { status: 404 }, { status: 507 }, { status: 504, html: true },
    { reset: 'before' }, { reset: 'after-headers' }, { reset: { requestByte: 100 } }, { loseAnswer: true }, { loseAnswer: true }, { loseAnswerWith: 500 })
}).map(({ effect, ...target }): Fault => ({ ...target, ...effect })).filter(isHonest), { maxLength: 4 })

const uploads = fc.record({
  size: fc.oneof(fc.nat(2000), fc.constantFrom(0, UNIT - 1, UNIT, UNIT + 1, 2 * UNIT, 3 * UNIT + 200)),
  chunk: fc.integer({ min: 3000, max: UNIT * 2 }),
  conflictBehavior: fc.constantFrom('replace' as const, 'fail' as const),
  declared: fc.boolean(),
  deferCommit: fc.boolean(),
  partial: fc.constantFrom(undefined, undefined, { probability: 0.3 }, { probability: 0.3, answer: 500 }),
  abortAfter: fc.option(fc.nat(6), { freq: 3 }),
  faults
})

type Upload = typeof uploads extends fc.Arbitrary<infer T> ? T : never

function chunks (bytes: Buffer, size: number): Readable {
  return Readable.from((function * () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  })())
}

/** Aborts once so many requests have arrived, unless the upload is over first. */
async function abortAfter (emulator: Emulator, count: number | null, writable: OneDriveSessionWritable, stop: AbortController): Promise<void> {
  if (count === null) return
  while (!writable.closed && emulator.requests.count() < count) await new Promise(setImmediate)
  stop.abort('chaos')
}

/** What is wrong with how it ended; undefined when all is well. */
async function verdict (emulator: Emulator, path: string, writable: OneDriveSessionWritable, bytes: Buffer, error: unknown): Promise<string | undefined> {
  const content = emulator.oneDrive.state.read(path)
  const stored = content === undefined ? undefined : await buffer(content)
  const isStored = stored?.equals(bytes) === true
  const left = emulator.oneDrive.state.sessions().filter(session => session.path === path)
  if (stored !== undefined && !isStored) return 'other bytes are stored'
  if (error === undefined) {
    if (!isStored) return 'it ended well and nothing is stored'
    return writable.result?.size === bytes.length ? undefined : 'the result has another size'
  }
  if (!(error instanceof StorageError || error instanceof AbortError)) return `it ended with ${String(error)}`
  if (error.remote !== writable.remote) return `the error says ${error.remote}, the stream ${writable.remote}`
  switch (error.remote) {
    case 'clean': return isStored ? 'it is called clean and is stored' : left.length > 0 ? 'it is called clean and a session is left' : undefined
    case 'stored': return isStored ? undefined : 'it is called stored and is not'
    case 'orphan': return isStored ? 'it is called an orphan and is stored' : undefined
    case 'unknown': return undefined
    default: return `the state is called ${error.remote}`
  }
}

async function upload (emulator: Emulator, onedrive: OneDrive, path: string, run: Upload): Promise<{ end: string, wrong: string | undefined, error: unknown }> {
  const bytes = ALL.subarray(0, run.size)
  const stop = new AbortController()
  const { conflictBehavior, deferCommit } = run
  const writable = onedrive.createWriteStream(path, { conflictBehavior, deferCommit, signal: stop.signal, ...(run.declared ? { size: run.size } : { spool: { memory: 1000 } }) })
  const ending = pipeline(chunks(bytes, run.chunk), writable).then(() => undefined, (error: unknown) => error)
  const [error] = await Promise.all([ending, abortAfter(emulator, run.abortAfter, writable, stop)])
  if (!writable.closed) await new Promise(resolve => writable.once('close', resolve))
  const wrong = await verdict(emulator, path, writable, bytes, error)
  return { end: error === undefined ? writable.result?.reconciled === true ? 'reconciled' : 'stored well' : String(writable.remote), wrong, error }
}

t.test('an upload through any trouble is right or says truly what it left (property)', async t => {
  const emulator = await startEmulator({ seed: 5 })
  t.teardown(() => emulator.close())
  const { endpoint } = emulator.oneDrive.options()
  const ends: Record<string, number> = {}
  let count = 0
  await fc.assert(fc.asyncProperty(uploads, async run => {
    const onedrive = new OneDrive({ endpoint, accessToken: () => emulator.oneDrive.accessToken(), clock: new TestClock({ now: Date.now() }), fragmentSize: UNIT, simpleUploadLimit: 1000 })
    emulator.faults.clear()
    emulator.requests.clear()
    emulator.oneDrive.quirks.partialCommit = run.partial
    for (const fault of run.faults) emulator.faults.add(fault)
    const { end, wrong, error } = await upload(emulator, onedrive, `/f${count++}`, run)
    ends[end] = (ends[end] ?? 0) + 1
    await onedrive.close()
    if (wrong !== undefined) throw new Error(`${wrong}: ${emulator.requests.entries().map(({ operation, status }) => `${operation} ${status}`).join(', ')} (${String(error)})`)
  }), { seed: Number(process.env['CHAOS_SEED'] ?? 20_261_124), numRuns: Number(process.env['CHAOS_RUNS'] ?? 120) })
  t.ok(['stored well', 'reconciled', 'clean', 'unknown'].every(end => (ends[end] ?? 0) > 0), JSON.stringify(ends))
})

t.test('a download through any trouble is right or an error (property)', async t => {
  const emulator = await startEmulator({ seed: 6 })
  t.teardown(() => emulator.close())
  const { endpoint } = emulator.oneDrive.options()
  const onedrive = new OneDrive({ endpoint, accessToken: () => emulator.oneDrive.accessToken(), clock: new TestClock({ now: Date.now() }), fragmentSize: UNIT, circuitBreaker: false })
  t.teardown(() => onedrive.close())
  await onedrive.upload('/a', ALL)
  const trouble = fc.array(fc.record({
    operation: fc.constantFrom('DownloadContent', 'DownloadContent', 'GetItem'),
    skip: fc.nat(5),
    times: fc.constantFrom(1, 1, 2, 5),
    effect: fc.constantFrom<Partial<Fault>>(
      { status: 500 }, { status: 403 }, { status: 404 }, { status: 429 }, { reset: 'before' }, { reset: 'after-headers' }, { reset: { responseByte: 70_000 } },
      { truncate: { responseByte: 1 } }, { flipBit: { at: 5000 } })
  }), { maxLength: 4 })
  const reads = fc.record({ concurrency: fc.integer({ min: 1, max: 6 }), rangeSize: fc.integer({ min: 20_000, max: 700_000 }), lives: fc.constantFrom(2, 5, Infinity), trouble })
  const ends = { well: 0, failed: 0 }
  await fc.assert(fc.asyncProperty(reads, async ({ concurrency, rangeSize, lives, trouble }) => {
    emulator.faults.clear()
    emulator.oneDrive.quirks.downloadRequests = lives
    for (const { effect, ...target } of trouble) emulator.faults.add({ ...target, ...effect })
    try {
      const read = await buffer(onedrive.createReadStream('/a', { concurrency, rangeSize }))
      ends.well++
      if (!read.equals(ALL)) throw new Error('other bytes were read')
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      ends.failed++
    }
  }), { seed: 31, numRuns: Number(process.env['CHAOS_RUNS'] ?? 60) })
  t.ok(ends.well > 0 && ends.failed > 0, JSON.stringify(ends))
})
