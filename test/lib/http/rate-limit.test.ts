import t from 'tap'
import { RateLimiter, rateLimit } from '../../../lib/http/rate-limit.ts'
import { SteppedClock, WaitingClock } from './support/clocks.ts'
import { readText } from './support/plain-service.ts'

t.test('RateLimiter spaces requests evenly', async t => {
  const clock = new WaitingClock()
  const limiter = new RateLimiter({ requestsPerSecond: 10 }, clock)
  const start = clock.now()
  for (let i = 0; i < 5; i++) await limiter.take()
  t.same(clock.waits, [100, 100, 100, 100])
  t.equal(clock.now() - start, 400)
})

t.test('RateLimiter gives each of many at once its own slot', async t => {
  const clock = new SteppedClock()
  const limiter = new RateLimiter({ requestsPerSecond: 10 }, clock)
  const taken: number[] = []
  const all = [0, 1, 2, 3].map(async () => { await limiter.take(); taken.push(clock.now()) })
  await clock.sleepers(3)
  await clock.advance(1000)
  await Promise.all(all)
  t.same(taken, [0, 100, 200, 300])
})

t.test('RateLimiter saves up nothing over a pause', async t => {
  const clock = new WaitingClock()
  const limiter = new RateLimiter({ requestsPerSecond: 10 }, clock)
  await limiter.take()
  clock.time += 60_000
  await limiter.take()
  await limiter.take()
  t.same(clock.waits, [100])
})

t.test('RateLimiter ends a wait at once when the signal aborts', async t => {
  const clock = new SteppedClock()
  const limiter = new RateLimiter({ requestsPerSecond: 1 }, clock)
  const abort = new AbortController()
  await limiter.take()
  const waiting = limiter.take(abort.signal)
  abort.abort()
  await t.rejects(waiting, { name: 'AbortError' })
  t.equal(clock.sleeping, 0)
})

t.test('rateLimit() sends when its turn has come', async t => {
  const clock = new WaitingClock()
  const sent: number[] = []
  const send = rateLimit(new RateLimiter({ requestsPerSecond: 4 }, clock))(async <T>() => { sent.push(clock.waits.length); return undefined as T })
  for (let i = 0; i < 3; i++) await send({ operation: readText(), attempt: 1 })
  t.same(sent, [0, 1, 2])
  t.same(clock.waits, [250, 250])
})
