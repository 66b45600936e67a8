import { createHash } from 'node:crypto'
import { Readable, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import t from 'tap'
import { ByteBudget } from '../../../lib/bytes/byte-budget.ts'
import { AbortError, DigestMismatchError, NetworkError, NotFoundError, ServerError, ThrottledError } from '../../../lib/errors.ts'
import type { RangeReadableOptions, Resumption, Verifier } from '../../../lib/flow/range-readable.ts'
import { RangeReadable } from '../../../lib/flow/range-readable.ts'
import type { Info } from './support/memory-object.ts'
import { MemoryObject, QuickClock } from './support/memory-object.ts'
import { patterned } from './support/recording-upload.ts'
import { closed, idle } from './support/streams.ts'

function open (object: MemoryObject, options: RangeReadableOptions = {}): RangeReadable<Info> {
  return new RangeReadable(object, { rangeSize: 10, clock: new QuickClock(), ...options })
}

const cut = new Error('other side closed')
const busy = new ServerError('busy', { temporary: true })

t.test('RangeReadable reads ranges ahead, pinned to the first etag, and delivers them in order', async t => {
  const object = new MemoryObject(patterned(35))
  t.same(await buffer(open(object)), patterned(35))
  t.same(object.opens, ['0-9', '10-19 if "1"', '20-29 if "1"', '30-34 if "1"'])
})

t.test('RangeReadable requests nothing before it is read', async t => {
  const object = new MemoryObject(patterned(35))
  const stream = open(object)
  await idle()
  t.same([object.opens, stream.info, stream.size], [[], undefined, undefined])
  t.ok(stream.destroy().destroyed)
})

t.test('RangeReadable with a concurrency of 1 reads everything through one request', async t => {
  const object = new MemoryObject(patterned(35))
  t.same(await buffer(open(object, { concurrency: 1 })), patterned(35))
  t.same(await buffer(open(object, { concurrency: 1, start: 5, end: 24 })), patterned(35).subarray(5, 25))
  t.same(object.opens, ['0-', '5-24'])
})

t.test('RangeReadable asks once for an object of one range', async t => {
  const object = new MemoryObject(patterned(10))
  t.same(await buffer(open(object)), patterned(10))
  t.same(object.opens, ['0-9'])
})

t.test('RangeReadable delivers from start to end, which is inside', async t => {
  for (const [start, end, size] of [[0, 0, 1], [3, 3, 1], [3, 17, 15], [12, 99, 23], [34, 34, 1], [30, Infinity, 5]] as const) {
    const stream = open(new MemoryObject(patterned(35)), { start, end })
    t.same(await buffer(stream), patterned(35).subarray(start, end + 1))
    t.same([stream.size, stream.bytesRead], [size, size])
  }
})

t.test('RangeReadable ends at once for an empty object', async t => {
  for (const concurrency of [1, 4]) {
    const stream = open(new MemoryObject(Buffer.alloc(0)), { concurrency })
    t.same(await buffer(stream), Buffer.alloc(0))
    t.same([stream.info, stream.size], [{ size: 0 }, 0])
  }
})

t.test('RangeReadable reads the body of an empty object to its end, and allows it no bytes', async t => {
  const object = new MemoryObject(Buffer.alloc(0))
  await buffer(open(object))
  t.same(object.bodies.map(body => body.readableEnded), [true])
  const falsify = (): { body: Readable } => ({ body: Readable.from([patterned(1)]) })
  await t.rejects(buffer(open(new MemoryObject(Buffer.alloc(0), { falsify }))), { code: 'RangeMismatch' })
})

t.test('RangeReadable fails where start lies behind the object', async t => {
  await t.rejects(buffer(open(new MemoryObject(patterned(5)), { start: 5, subject: '"a"' })), { code: 'InvalidRange', message: 'Cannot read "a" as it has 5 bytes: start was 5' })
  await t.rejects(buffer(open(new MemoryObject(Buffer.alloc(0)), { start: 1 })), { code: 'InvalidRange' })
})

t.test('RangeReadable refuses options out of range', t => {
  for (const options of [{ start: -1 }, { start: 5, end: 4 }, { end: 0.5 }, { concurrency: 0 }, { rangeSize: 0 }]) {
    t.throws(() => open(new MemoryObject(patterned(5)), options), RangeError)
  }
  t.end()
})

t.test('RangeReadable resumes from the first missing byte when a body breaks off', async t => {
  const object = new MemoryObject(patterned(25), { faults: [{ after: 3, error: cut }, { after: 0 }] })
  const clock = new QuickClock()
  const stream = open(object, { clock, concurrency: 1 })
  const resumptions: Resumption[] = []
  stream.on('resume', (resumption: Resumption) => resumptions.push(resumption))
  t.same(await buffer(stream), patterned(25))
  t.same(object.opens, ['0-', '3-24 if "1"', '3-24 if "1"'])
  t.match(resumptions, [{ offset: 3, cause: cut, attempt: 1 }, { offset: 3, cause: { message: 'The body ended 22 bytes early' }, attempt: 2 }])
  t.same(clock.waits, [100, 200])
})

t.test('RangeReadable resumes after a body that failed before anybody looked at it', async t => {
  const object = new MemoryObject(patterned(5))
  const verifier = async (): Promise<undefined> => {
    object.bodies[0]?.destroy(cut)
    await idle()
  }
  const source = { open: object.open.bind(object), verifier }
  t.same(await buffer(new RangeReadable(source, { clock: new QuickClock() })), patterned(5))
  t.same(object.opens.length, 2)
})

t.test('RangeReadable does not resume when all bytes were there before the body broke off', async t => {
  async function * body (): AsyncGenerator<Buffer> {
    yield patterned(5)
    throw cut
  }
  const clock = new QuickClock()
  const object = new MemoryObject(patterned(5), { falsify: () => ({ body: Readable.from(body()) }) })
  t.same(await buffer(open(object, { clock })), patterned(5))
  t.same([object.opens, clock.waits], [['0-9'], []])
})

t.test('RangeReadable does not resume a body that was aborted on purpose', async t => {
  const object = new MemoryObject(patterned(5), { faults: [{ after: 2, error: new AbortError('client closed') }] })
  await t.rejects(buffer(open(object)), { name: 'AbortError', cause: 'client closed' })
  t.same(object.opens, ['0-9'])
})

t.test('RangeReadable heals any cuts at any place, for any layout of ranges', async t => {
  const after = fc.integer({ min: 0, max: 12 })
  const faults = fc.array(fc.oneof(after.map(after => ({ after, error: cut })), after.map(after => ({ after })), fc.constant({ refuse: busy }), fc.constant(undefined)), { maxLength: 12 })
  const layout = fc.record({ concurrency: fc.integer({ min: 1, max: 5 }), rangeSize: fc.integer({ min: 1, max: 30 }), start: fc.integer({ min: 0, max: 20 }), end: fc.integer({ min: 20, max: 120 }) })
  await fc.assert(fc.asyncProperty(faults, layout, fc.integer({ min: 1, max: 20 }), async (faults, layout, chunkSize) => {
    const object = new MemoryObject(patterned(100), { faults, chunkSize })
    const read = await buffer(open(object, { ...layout, resume: { attempts: 20 } }))
    return read.equals(patterned(100).subarray(layout.start, layout.end + 1)) && object.mostOpen <= layout.concurrency
  }), { seed: 2, numRuns: 300 })
  t.pass()
})

t.test('RangeReadable starts counting anew with each progress', async t => {
  const faults = Array.from({ length: 20 }, () => ({ after: 1, error: cut }))
  const clock = new QuickClock()
  t.same(await buffer(open(new MemoryObject(patterned(25), { faults }), { clock, concurrency: 1, resume: { attempts: 1 } })), patterned(25))
  t.same(clock.waits, Array.from({ length: 20 }, () => 100))
})

t.test('RangeReadable gives up after its attempts and keeps the last cause', async t => {
  const faults = Array.from({ length: 4 }, () => ({ after: 0, error: cut }))
  const object = new MemoryObject(patterned(25), { faults })
  await t.rejects(buffer(open(object, { resume: { attempts: 3 }, concurrency: 1, subject: '"a"' })),
    { name: 'NetworkError', message: 'Cannot read "a" from byte 0: other side closed after 4 attempts', cause: cut, attempts: 4 })
  t.same(object.opens.length, 4)
})

t.test('RangeReadable tries an open again that failed for now, and waits as the service asks', async t => {
  const slow = new ThrottledError('slow down', { temporary: true, retryAfterMs: 5000 })
  const clock = new QuickClock()
  const object = new MemoryObject(patterned(5), { faults: [{ refuse: slow }, { refuse: busy }] })
  t.same(await buffer(open(object, { clock })), patterned(5))
  t.same(clock.waits, [5000, 200])
  const hopeless = new MemoryObject(patterned(5), { faults: [{ refuse: busy }, { refuse: busy }] })
  await t.rejects(buffer(open(hopeless, { resume: { attempts: 1 } })), busy)
})

t.test('RangeReadable fails with an error of open that is final', async t => {
  const missing = new NotFoundError('no such key')
  const object = new MemoryObject(patterned(5), { faults: [{ refuse: missing }] })
  await t.rejects(buffer(open(object)), missing)
  t.same(object.opens, ['0-9'])
})

t.test('RangeReadable does not resume after an error of the body that is final', async t => {
  const object = new MemoryObject(patterned(5), { faults: [{ after: 2, error: new NetworkError('broken for good') }] })
  await t.rejects(buffer(open(object)), { message: 'broken for good' })
})

t.test('RangeReadable fails when a range ahead fails for good, while the first is still delivered', async t => {
  const object = new MemoryObject(patterned(30), { faults: [undefined, { refuse: new NotFoundError('gone') }] })
  const stream = open(object)
  const end = closed(stream)
  stream.once('readable', () => stream.read(1))
  t.match(await end, { message: 'gone' })
})

t.test('RangeReadable never joins two versions', async t => {
  const object = new MemoryObject(patterned(25), { falsify: (_, { start }) => start < 10 ? {} : { validator: '"2"' } })
  await t.rejects(buffer(open(object, { subject: '"a"' })),
    { name: 'ObjectChangedError', expected: '"1"', found: '"2"', message: 'Cannot read "a" as it changed while it was read: expected "1", found "2"' })
})

t.test('RangeReadable compares sizes where there is no etag', async t => {
  const falsify = (_: unknown, { start }: { start: number }): { validator: undefined, size?: number } => start < 10 ? { validator: undefined } : { validator: undefined, size: 26 }
  await t.rejects(buffer(open(new MemoryObject(patterned(25), { falsify }))), { name: 'ObjectChangedError', expected: '25 bytes', found: '26 bytes' })
})

t.test('RangeReadable never delivers more than it asked for', async t => {
  const object = new MemoryObject(patterned(25), { falsify: () => ({ body: Readable.from([patterned(11)]) }) })
  const stream = open(object)
  const delivered: Buffer[] = []
  stream.on('data', chunk => delivered.push(chunk))
  t.match(await closed(stream), { code: 'RangeMismatch', message: 'Cannot read the object as the body is longer than bytes 0-9' })
  t.same(delivered, [])
})

t.test('RangeReadable refuses an answer that starts elsewhere', async t => {
  const object = new MemoryObject(patterned(25), { falsify: () => ({ start: 0 }) })
  await t.rejects(buffer(open(object, { start: 5 })), { code: 'RangeMismatch', message: 'Cannot read the object as the answer starts at byte 0: wanted 5' })
  t.ok(object.bodies[0]?.destroyed)
})

t.test('RangeReadable holds concurrency ranges while its consumer does not read', async t => {
  const object = new MemoryObject(patterned(1000), { chunkSize: 5 })
  const stream = open(object, { concurrency: 3, rangeSize: 50, highWaterMark: 5 })
  stream.once('readable', () => undefined)
  while (object.served < 105) await idle()
  for (let turns = 0; turns < 50; turns++) await idle()
  t.same(object.opens, ['0-49', '50-99 if "1"', '100-149 if "1"'])
  t.ok(object.served <= 2 * 50 + 15, `two ranges ahead and three chunks: ${object.served} bytes`)
  stream.destroy()
})

t.test('RangeReadable is no faster than a slow consumer', async t => {
  const object = new MemoryObject(patterned(1000), { chunkSize: 5 })
  let taken = 0
  let most = 0
  const sink = new Writable({
    highWaterMark: 1,
    write (chunk: Buffer, _encoding, done) {
      taken += chunk.length
      most = Math.max(most, object.served - taken)
      setImmediate(done)
    }
  })
  await pipeline(open(object, { concurrency: 2, rangeSize: 50, highWaterMark: 5 }), sink)
  t.same([taken, object.mostOpen], [1000, 2])
  t.ok(most <= 2 * 50 + 15, `${most} bytes`)
})

t.test('RangeReadable frees bodies and aborts requests when it is destroyed', async t => {
  const object = new MemoryObject(patterned(1000))
  const stream = open(object, { concurrency: 3 })
  const end = closed(stream)
  await new Promise(resolve => stream.once('data', resolve))
  stream.destroy(new Error('enough'))
  t.match(await end, { message: 'enough' })
  t.ok(object.bodies.every(body => body.destroyed))
  t.ok(object.signals.every(signal => signal.aborted))
})

t.test('RangeReadable destroyed at any moment frees every body and asks for nothing more', async t => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 4 }), fc.boolean(), async (turns, concurrency, piped) => {
    const object = new MemoryObject(patterned(300), { faults: [undefined, { after: 3, error: cut }] })
    const stream = open(object, { concurrency })
    if (piped) stream.resume()
    else stream.read()
    for (let turn = 0; turn < turns; turn++) await idle()
    stream.destroy()
    const asked = object.opens.length
    await idle()
    return object.opens.length === asked && object.bodies.every(body => body.destroyed)
  }), { seed: 4, numRuns: 100 })
  t.pass()
})

t.test('RangeReadable destroyed while it opens frees the body that still comes', async t => {
  const object = new MemoryObject(patterned(1000))
  const stream = open(object)
  stream.read()
  t.same(object.opens, ['0-9'])
  await stream[Symbol.asyncDispose]()
  await idle()
  t.same([object.opens.length, object.bodies.map(body => body.destroyed)], [1, [true]])
})

t.test('RangeReadable leaves a loop without a request left open', async t => {
  const object = new MemoryObject(patterned(1000))
  for await (const chunk of open(object, { highWaterMark: 1 })) if (chunk.length > 0) break
  t.same(object.opens.length, 4)
  t.ok(object.bodies.every(body => body.destroyed))
})

t.test('RangeReadable aborts with the reason of its signal as the cause', async t => {
  const controller = new AbortController()
  const object = new MemoryObject(patterned(1000))
  const stream = open(object, { signal: controller.signal })
  const end = closed(stream)
  stream.once('data', () => controller.abort('user left'))
  t.match(await end, { name: 'AbortError', cause: 'user left' })
  const never = new MemoryObject(patterned(5))
  await t.rejects(buffer(open(never, { signal: controller.signal })), { name: 'AbortError', cause: 'user left' })
  t.same(never.opens, [])
})

t.test('RangeReadable ends a wait for another attempt when it is destroyed', async t => {
  const waiting = new QuickClock()
  const stream = open(new MemoryObject(patterned(5), { faults: [{ refuse: busy }] }), { clock: waiting })
  waiting.sleep = (_ms: number, signal?: AbortSignal) => new Promise<void>((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason))
    stream.destroy()
  })
  stream.read()
  t.same(await closed(stream), undefined)
})

t.test('RangeReadable emits info once, before the first chunk, and progress with each chunk', async t => {
  const events: unknown[] = []
  const stream = open(new MemoryObject(patterned(10), { chunkSize: 4 }))
  stream.on('info', info => events.push(info)).on('progress', progress => events.push(progress))
  await buffer(stream)
  t.same(events, [{ size: 10 }, { transferred: 4, total: 10 }, { transferred: 8, total: 10 }, { transferred: 10, total: 10 }])
})

class Sha256Verifier implements Verifier {
  readonly #hash = createHash('sha256')
  readonly #expected: string
  size = 0

  constructor (expected: string) { this.#expected = expected }

  update (chunk: Buffer): void {
    this.#hash.update(chunk)
    this.size += chunk.length
  }

  async finish (): Promise<void> {
    const found = this.#hash.digest('hex')
    if (found !== this.#expected) throw new DigestMismatchError('digest differs', { algorithm: 'sha256', expected: this.#expected, found, size: this.size })
  }
}

t.test('RangeReadable verifies all bytes before it ends, through cuts and ranges', async t => {
  const verifier = new Sha256Verifier(createHash('sha256').update(patterned(35)).digest('hex'))
  await buffer(open(new MemoryObject(patterned(35), { verifier, faults: [{ after: 4, error: cut }] })))
  t.same(verifier.size, 35)
})

t.test('RangeReadable does not end where the digest differs', async t => {
  const stream = open(new MemoryObject(patterned(35), { verifier: new Sha256Verifier('0123') }))
  let ended = false
  stream.on('end', () => { ended = true }).resume()
  t.match(await closed(stream), { name: 'DigestMismatchError', expected: '0123' })
  t.notOk(ended)
})

t.test('RangeReadable verifies nothing when it reads a part of the object', async t => {
  const verifier = new Sha256Verifier('0123')
  await buffer(open(new MemoryObject(patterned(35), { verifier }), { start: 1 }))
  await buffer(open(new MemoryObject(patterned(35), { verifier }), { end: 33 }))
  t.same(verifier.size, 0)
  await t.rejects(buffer(open(new MemoryObject(patterned(35), { verifier }), { end: 34 })), { name: 'DigestMismatchError' })
})

t.test('RangeReadable reads ahead as far as its budget has room, and gives all back', async t => {
  const budget = new ByteBudget({ limit: 20 })
  const object = new MemoryObject(patterned(100))
  t.same(await buffer(open(object, { budget })), patterned(100))
  t.same([budget.peak, budget.inUse, budget.waiting], [20, 0, 0])
  t.ok(object.mostOpen <= 3)
})

t.test('RangeReadable with a budget below one range, or one that others use up, reads range after range', async t => {
  const used = new ByteBudget({ limit: 20 })
  used.take(20)
  for (const budget of [new ByteBudget({ limit: 1 }), used]) {
    const object = new MemoryObject(patterned(50))
    t.same(await buffer(open(object, { budget })), patterned(50))
    t.same([object.mostOpen, budget.waiting], [1, 0])
  }
})

t.test('RangeReadable destroyed while ranges wait for the budget leaves the queue', async t => {
  const budget = new ByteBudget({ limit: 20 })
  const release = budget.take(20)
  const stream = open(new MemoryObject(patterned(100)), { budget })
  await new Promise(resolve => stream.once('data', resolve))
  t.same(budget.waiting, 3)
  await stream[Symbol.asyncDispose]()
  release()
  await idle()
  t.same([budget.waiting, budget.inUse], [0, 0])
})

t.test('RangeReadable crosses to a Web stream and back', async t => {
  const web = Readable.toWeb(open(new MemoryObject(patterned(35))))
  t.same(await buffer(web), patterned(35))
})
