import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { throttle } from '../../streams/throttle.ts'
import { JumpingClock, ManualClock } from './clocks.ts'

t.test('throttle() lets a burst through and then keeps the rate', async t => {
  const clock = new JumpingClock()
  const slow = throttle({ bytesPerSecond: 100, burst: 10, clock })
  const bytes = Buffer.alloc(210, 'x')
  t.ok((await buffer(Readable.from([bytes]).pipe(slow))).equals(bytes))
  t.equal(clock.sleeps.length, 20)
  t.equal(clock.now(), 2000)
})

t.test('throttle() splits big chunks and leaves small ones as they are', async t => {
  const slow = throttle({ bytesPerSecond: 100, burst: 4, clock: new JumpingClock() })
  for (const chunk of ['12', '', '3456789ab', 'c']) slow.write(chunk)
  slow.end()
  t.strictSame((await collect(slow)).map(String), ['12', '3456', '789a', 'b', 'c'])
})

t.test('throttle() keeps the rate with writes of one byte', async t => {
  const clock = new JumpingClock()
  const slow = throttle({ bytesPerSecond: 1000, burst: 100, clock })
  for (let i = 0; i < 600; i++) slow.write('x')
  slow.end()
  t.equal((await buffer(slow)).length, 600)
  t.equal(Math.round(clock.now()), 500)
})

t.test('throttle() gives a pause back as one burst, and no more', async t => {
  const clock = new ManualClock()
  const slow = throttle({ bytesPerSecond: 100, burst: 10, clock })
  let passed = 0
  slow.on('data', (chunk: Buffer) => { passed += chunk.length })
  await clock.advance(60_000)
  slow.write(Buffer.alloc(50))
  t.equal(passed, 10)
  await clock.advance(250)
  t.equal(passed, 30)
  slow.destroy()
})

t.test('throttle() that is destroyed or aborted ends its wait at once', async t => {
  const clock = new ManualClock()
  const abort = new AbortController()
  const destroyed = throttle({ bytesPerSecond: 1, burst: 1, clock })
  const aborted = throttle({ bytesPerSecond: 1, burst: 1, clock, signal: abort.signal })
  const outcomes = [buffer(destroyed), buffer(aborted)] as const
  for (const slow of [destroyed, aborted]) slow.write('1234')
  await setImmediate()
  t.equal(clock.sleeping, 2)
  destroyed.destroy(new Error('cut'))
  abort.abort()
  await t.rejects(outcomes[0], { message: 'cut' })
  await t.rejects(outcomes[1], { name: 'AbortError' })
  t.equal(clock.sleeping, 0)
})

t.test('throttle() takes no second chunk while the consumer has not taken the first', async t => {
  const slow = throttle({ bytesPerSecond: 1e9, burst: 100_000, clock: new JumpingClock() })
  for (let i = 0; i < 5; i++) slow.write(Buffer.alloc(70_000)) // more than the mark of any Node
  await setImmediate()
  t.equal(slow.readableLength, 70_000)
  slow.destroy()
})

t.test('throttle() refuses bad options at once', t => {
  t.throws(() => throttle({ bytesPerSecond: 0 }), new RangeError('Cannot create throttle as bytesPerSecond must be a positive number: received 0'))
  t.throws(() => throttle({ bytesPerSecond: Infinity }), RangeError)
  t.throws(() => throttle({ bytesPerSecond: 1, burst: 0.5 }), RangeError)
  t.throws(() => throttle({ bytesPerSecond: '1' as unknown as number }), TypeError)
  t.end()
})

async function collect (stream: Readable): Promise<Buffer[]> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await finished(stream)
  return chunks
}
