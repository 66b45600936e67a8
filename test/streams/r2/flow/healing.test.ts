import t from 'tap'
import fc from 'fast-check'
import { NetworkError, ObjectChangedError, ServerError } from '../../../../lib/errors.ts'
import type { Resumption } from '../../../../lib/flow/range-readable.ts'
import type { R2ObjectReadable } from '../../../../streams/r2/index.ts'
import type { Bench } from './support.ts'
import { KiB, MiB, bytesOf, collect, failureOf, start, trace, until } from './support.ts'

const bytes = bytesOf(MiB)

function resumptionsOf (stream: R2ObjectReadable): Resumption[] {
  const seen: Resumption[] = []
  stream.on('resume', (resumption: Resumption) => seen.push(resumption))
  return seen
}

async function stored (bench: Bench): Promise<Bench> {
  await bench.r2.put('k', bytes)
  bench.emulator.requests.clear()
  return bench
}

for (const [name, fault] of [
  ['reset after its headers', { reset: 'after-headers' }],
  ['reset in the middle', { reset: { responseByte: 300_000 } }],
  ['ended in good order too early', { truncate: { responseByte: 300_000 } }],
  ['stalled', { stall: { responseByte: 300_000 } }],
  ['stalled before its headers', { stall: 'response' }],
  ['refused with 503', { status: 503, retryAfter: 1 }],
  ['refused with a page of HTML', { status: 522, html: true }]
] as const) {
  t.test(`a download is healed when a range is ${name}`, async t => {
    const { emulator, r2 } = await stored(await start(t, { client: { timeouts: { bodyIdleMs: 40, headersMs: 40 } } }))
    for (const skip of [0, 1]) emulator.faults.add({ operation: 'GetObject', skip, ...fault })
    t.ok((await collect(r2.createReadStream('k', { rangeSize: 350_000 }))).equals(bytes))
    emulator.faults.verify()
  })
}

t.test('a download that is cut again and again goes on as long as bytes come', async t => {
  const { emulator, r2 } = await stored(await start(t))
  emulator.faults.add({ operation: 'GetObject', reset: { responseByte: 100_000 }, times: 8 })
  const stream = r2.createReadStream('k', { concurrency: 1 })
  const seen = resumptionsOf(stream)
  t.ok((await collect(stream)).equals(bytes))
  t.equal(seen.length, 8)
  t.same(seen.map(({ offset }) => offset), seen.map(({ offset }) => offset).sort((a, b) => a - b))
})

t.test('a download that is cut without a byte of progress gives up, and says from where', async t => {
  const { emulator, r2 } = await stored(await start(t))
  emulator.faults.add({ operation: 'GetObject', reset: { responseByte: 300_000 } })
  emulator.faults.add({ operation: 'GetObject', reset: 'after-headers', times: Infinity })
  const stream = r2.createReadStream('k', { concurrency: 1 })
  const error = await failureOf(collect(stream))
  t.ok(error instanceof NetworkError)
  t.match(error, { temporary: true, attempts: 6, message: /^Cannot read "k" from byte \d+: The connection failed: .* after 6 attempts$/ })
  t.equal(emulator.requests.count('GetObject'), 6)
})

t.test('a service that is down is asked as often as the table says, not that times the patience of the stream', async t => {
  const { emulator, r2 } = await stored(await start(t))
  emulator.faults.add({ operation: 'GetObject', status: 500, times: Infinity })
  const error = await failureOf(collect(r2.createReadStream('k')))
  t.ok(error instanceof ServerError)
  t.match(error, { status: 500, attempts: 4, operation: 'GetObject' })
  t.same(trace(emulator), ['GetObject 500', 'GetObject 500', 'GetObject 500', 'GetObject 500'])
})

t.test('the wait that the service asks for is kept before a range is asked for again', async t => {
  const { emulator, clock, client } = await stored(await start(t))
  emulator.faults.add({ operation: 'GetObject', status: 503, retryAfter: 7 })
  t.ok((await collect(client({ retry: {} }).createReadStream('k', { concurrency: 1 }))).equals(bytes))
  t.ok(clock.sleeps.some(ms => ms >= 7000 && ms <= 7250), clock.sleeps.join(', '))
})

t.test('an object that changes between two ranges is ObjectChangedError, with no byte of the new version', async t => {
  for (const concurrency of [2, 4]) {
    const { emulator, r2 } = await stored(await start(t))
    emulator.faults.add({ operation: 'GetObject', skip: 1, changeObject: true })
    const stream = r2.createReadStream('k', { concurrency, rangeSize: 200_000 })
    const delivered: Buffer[] = []
    stream.on('data', chunk => delivered.push(chunk))
    const error = await failureOf(collect(stream))
    t.ok(error instanceof ObjectChangedError)
    t.match(error, { code: 'ObjectChanged', operation: 'GetObject', expected: /^"[0-9a-f]{32}"$/ })
    const read = Buffer.concat(delivered)
    t.ok(read.equals(bytes.subarray(0, read.length)))
  }
})

t.test('an object that changes while its body is cut is ObjectChangedError, never two versions joined', async t => {
  const { emulator, r2 } = await stored(await start(t))
  emulator.faults.add({ operation: 'GetObject', changeObject: 'midway', reset: { responseByte: 800_000 } })
  const stream = r2.createReadStream('k', { concurrency: 1, verify: false })
  const delivered: Buffer[] = []
  stream.on('data', chunk => delivered.push(chunk))
  const error = await failureOf(collect(stream))
  t.ok(error instanceof ObjectChangedError)
  const read = Buffer.concat(delivered)
  t.ok(read.length > 0 && read.equals(bytes.subarray(0, read.length)))
})

t.test('an object that changes while it is read through one request is delivered whole, as it was', async t => {
  const { emulator, r2 } = await stored(await start(t))
  emulator.faults.add({ operation: 'GetObject', changeObject: 'midway' })
  t.ok((await collect(r2.createReadStream('k', { concurrency: 1 }))).equals(bytes))
})

t.test('an object that is deleted while it is read is an error that says so', async t => {
  const { emulator, r2 } = await stored(await start(t))
  emulator.faults.add({ operation: 'GetObject', reset: { responseByte: 300_000 } })
  const stream = r2.createReadStream('k', { concurrency: 1 })
  stream.once('data', () => { r2.delete('k').catch(() => undefined) })
  stream.once('resume', () => undefined)
  const error = await failureOf(collect(stream))
  t.match(error, { operation: 'GetObject', code: /^(NoSuchKey|ObjectChanged)$/ })
})

t.test('cut anywhere and as often as it likes, what arrives is what was stored (property)', async t => {
  const { emulator, r2 } = await stored(await start(t))
  const cuts = fc.array(fc.record({
    skip: fc.nat(6),
    fault: fc.oneof(
      fc.nat(MiB - 1).map(responseByte => ({ reset: { responseByte } })),
      fc.nat(MiB - 1).map(responseByte => ({ truncate: { responseByte } })),
      fc.constant({ reset: 'after-headers' as const }),
      fc.constantFrom(429, 500, 503).map(status => ({ status }))
    )
  }), { maxLength: 5 })
  const shape = fc.record({ concurrency: fc.integer({ min: 1, max: 8 }), rangeSize: fc.integer({ min: 50 * KiB, max: MiB }), start: fc.nat(MiB - 1), length: fc.nat(MiB), cuts })
  await fc.assert(fc.asyncProperty(shape, async ({ concurrency, rangeSize, start: from, length, cuts }) => {
    emulator.faults.clear()
    for (const { skip, fault } of cuts) emulator.faults.add({ operation: 'GetObject', skip, ...fault })
    const read = await collect(r2.createReadStream('k', { concurrency, rangeSize, start: from, end: from + length }))
    return read.equals(bytes.subarray(from, from + length + 1))
  }), { seed: 20_261_124, numRuns: 60 })
  await until(() => emulator.requests.inFlight('GetObject') === 0, 'all sockets to be free')
})
