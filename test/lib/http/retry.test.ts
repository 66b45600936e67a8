import t from 'tap'
import { CircuitOpenError, NetworkError, ServerError, StorageError, ThrottledError } from '../../../lib/errors.ts'
import type { Call, Send } from '../../../lib/http/call.ts'
import { backoffMs, parseRetryAfter, retry, waitBeforeRetry } from '../../../lib/http/retry.ts'
import { ThrottleGate } from '../../../lib/http/throttle-gate.ts'
import { SteppedClock, WaitingClock, lehmer } from './support/clocks.ts'
import { readText } from './support/plain-service.ts'
import { RecordingLogger } from './support/recorders.ts'

const POLICY = { retries: 3, initialMs: 1000, maxMs: 30_000 }

t.test('backoffMs() doubles up to the limit and scales with chance', t => {
  t.same([1, 2, 3, 4, 5, 6, 7, 60].map(attempt => backoffMs(POLICY, attempt, 1)), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  t.same([0, 0.25, 0.5].map(random => backoffMs(POLICY, 2, random)), [0, 500, 1000])
  t.end()
})

t.test('backoffMs() spreads evenly between nothing and the step', t => {
  const random = lehmer(42)
  const buckets = new Array<number>(10).fill(0)
  for (let i = 0; i < 10_000; i++) {
    const bucket = Math.floor(backoffMs(POLICY, 3, random()) / 400)
    buckets[bucket] = (buckets[bucket] ?? 0) + 1
  }
  t.equal(buckets.length, 10)
  t.same(buckets.filter(count => count < 900 || count > 1100), [])
  t.end()
})

t.test('waitBeforeRetry() gives up on what lasts and after the last retry', t => {
  const temporary = new ServerError('503', { temporary: true })
  t.equal(waitBeforeRetry(new StorageError('403'), 1, POLICY, 1), undefined)
  t.same([1, 2, 3, 4].map(attempt => waitBeforeRetry(temporary, attempt, POLICY, 1)), [1000, 2000, 4000, undefined])
  t.end()
})

t.test('waitBeforeRetry() keeps Retry-After up to the limit, with jitter above it', t => {
  const after = (retryAfterMs: number, random: number): number | undefined => waitBeforeRetry(new ThrottledError('429', { temporary: true, retryAfterMs }), 1, POLICY, random)
  t.same([after(5000, 0), after(5000, 1), after(0, 0.5), after(3_600_000, 0), after(3_600_000, 1)], [5000, 5250, 125, 30_000, 30_250])
  t.end()
})

const RETRY_AFTER: Array<[value: string | undefined, ms: number | undefined]> = [
  [undefined, undefined],
  ['', undefined],
  ['0', 0],
  ['5', 5000],
  [' 1.5 ', 1500],
  ['Thu, 02 Jan 2025 03:04:15 GMT', 10_000],
  ['Thu, 02 Jan 2025 03:04:00 GMT', 0],
  ['soon', undefined],
  ['-5', undefined],
  ['5 seconds', undefined],
  ['in 7', undefined]
]

t.test('parseRetryAfter() reads seconds and HTTP dates, and nothing else', t => {
  for (const [value, ms] of RETRY_AFTER) t.equal(parseRetryAfter(value, Date.UTC(2025, 0, 2, 3, 4, 5)), ms, String(value))
  t.end()
})

t.test('retry() sends again until it succeeds, each attempt with its number', async t => {
  const { send, clock, attempts, logger } = sender([temporary(), temporary(), undefined])
  t.equal(await send(call()), 'done')
  t.same(attempts, [1, 2, 3])
  t.same(clock.waits, [1000, 2000])
  t.same(logger.lines, [1, 2].map(attempt => ({
    level: 'warn', message: 'Retrying', fields: { operation: 'ReadText', bucket: 'b', key: 'k', attempt, waitMs: attempt * 1000, error: 'down' }
  })))
})

t.test('retry() gives up after retries + 1 attempts and says so in the last failure', async t => {
  const failures = [1, 2, 3, 4].map(number => new NetworkError(`cut ${number}`, { temporary: true }))
  const { send, clock, attempts } = sender(failures)
  await t.rejects(send(call()), { name: 'NetworkError', message: 'cut 4 after 4 attempts in 7.0 s', attempts: 4 })
  t.same(attempts, [1, 2, 3, 4])
  t.same(clock.waits, [1000, 2000, 4000])
})

t.test('retry() shows the attempts also where the stack is printed', async t => {
  const error = await sender([1, 2, 3, 4].map(temporary)).send(call()).catch((error: Error) => error) as Error
  t.match(error.stack, 'down after 4 attempts in 7.0 s')
})

t.test('retry() sends once what lasts, and leaves its message alone', async t => {
  const { send, clock, attempts } = sender([new StorageError('403 AccessDenied')])
  await t.rejects(send(call()), { message: '403 AccessDenied', attempts: 1 })
  t.same([attempts, clock.waits], [[1], []])
})

t.test('retry() passes on an error that is no StorageError', async t => {
  const { send, attempts } = sender([new TypeError('a bug')])
  await t.rejects(send(call()), new TypeError('a bug'))
  t.same(attempts, [1])
})

t.test('retry() names the failure that opened the breaker, not the breaker', async t => {
  const { send, attempts } = sender([new ServerError('500', { temporary: true, status: 500 }), new CircuitOpenError('open')])
  await t.rejects(send(call()), { name: 'ServerError', message: '500', status: 500, attempts: 1 })
  t.same(attempts, [1, 2])
})

t.test('retry() fails at once when the breaker was open before', async t => {
  const { send, clock } = sender([new CircuitOpenError('open')])
  await t.rejects(send(call()), { name: 'CircuitOpenError', message: 'open' })
  t.same(clock.waits, [])
})

t.test('retry() ends a wait at once when the signal aborts', async t => {
  const clock = new SteppedClock()
  const { send, attempts } = sender([temporary(), undefined], clock)
  const abort = new AbortController()
  const reason = new Error('enough')
  const result = send({ ...call(), signal: abort.signal })
  await clock.sleepers(1)
  abort.abort(reason)
  await t.rejects(result, { name: 'AbortError', cause: reason })
  t.same([clock.sleeping, attempts], [0, [1]])
})

t.test('ThrottleGate holds all calls of the client until the throttle of one is over', async t => {
  const clock = new SteppedClock()
  const { send, attempts } = sender([new ThrottledError('429', { temporary: true, retryAfterMs: 5000 }), undefined, undefined], clock)
  const first = send(call())
  await clock.sleepers(1)
  const second = send(call())
  await clock.sleepers(2)
  t.same(attempts, [1])
  await clock.advance(5249)
  t.same(attempts, [1])
  await clock.advance(1)
  t.same(await Promise.all([first, second]), ['done', 'done'])
  t.same(attempts.sort(), [1, 1, 2])
})

t.test('ThrottleGate is closed also by a throttle that ends its call', async t => {
  const clock = new WaitingClock(0)
  const throttled = Array.from({ length: 4 }, () => new ThrottledError('429', { temporary: true, retryAfterMs: 5000 }))
  const { send } = sender([...throttled, undefined], clock)
  await t.rejects(send(call()), /after 4 attempts/)
  await send(call())
  t.same(clock.waits, [5000, 5000, 5000, 5000])
})

t.test('ThrottleGate does not hold a client that never retries', async t => {
  const clock = new WaitingClock(0)
  const { send } = sender([new ThrottledError('429', { temporary: true, retryAfterMs: 5000 }), undefined], clock, { retries: 0, initialMs: 0, maxMs: 0 })
  await t.rejects(send(call()), { name: 'ThrottledError' })
  await send(call())
  t.same(clock.waits, [])
})

t.test('ThrottleGate lets a server failure delay nobody else', async t => {
  const clock = new SteppedClock()
  const { send, attempts } = sender([temporary(), undefined, undefined], clock)
  const first = send(call())
  await clock.sleepers(1)
  t.equal(await send(call()), 'done')
  t.same(attempts, [1, 1])
  await clock.advance(1000)
  t.equal(await first, 'done')
})

t.test('ThrottleGate.wait() ends at once when the signal aborts, and waits on when it was closed for longer meanwhile', async t => {
  const clock = new SteppedClock()
  const gate = new ThrottleGate(clock)
  gate.close(100)
  const abort = new AbortController()
  const aborted = gate.wait(abort.signal)
  const patient = gate.wait()
  gate.close(300)
  gate.close(200)
  abort.abort()
  await t.rejects(aborted, { name: 'AbortError' })
  await clock.advance(299)
  t.equal(clock.sleeping, 1)
  await clock.advance(1)
  await patient
  t.equal(gate.openAt, 300)
})

function temporary (): ServerError {
  return new ServerError('down', { temporary: true })
}

function call (): Call<string> {
  return { operation: readText(), attempt: 1 }
}

/** A retry layer above a sender that fails with these in turn; `undefined` is a success. */
function sender<C extends WaitingClock | SteppedClock = WaitingClock> (outcomes: Array<Error | undefined>, clock = new WaitingClock() as C, policy = POLICY): {
  send: Send, clock: C, attempts: number[], logger: RecordingLogger
} {
  const attempts: number[] = []
  const logger = new RecordingLogger()
  const layer = retry({ clock, gate: new ThrottleGate(clock), logger, policyFor: () => policy })
  const send = layer(async <T>(sent: Call<T>) => {
    attempts.push(sent.attempt)
    const outcome = outcomes.shift()
    if (outcome !== undefined) throw outcome
    return 'done' as T
  })
  return { send, clock, attempts, logger }
}
