import t from 'tap'
import { AbortError, AuthenticationError, CircuitOpenError, NetworkError, ServerError, StorageError, ThrottledError, TimeoutError } from '../../../lib/errors.ts'
import { CircuitBreaker, circuitBreaker } from '../../../lib/http/circuit-breaker.ts'
import { SteppedClock } from './support/clocks.ts'
import { readText } from './support/plain-service.ts'
import { RecordingLogger } from './support/recorders.ts'

const OPTIONS = { failureThreshold: 5, resetMs: 30_000, successThreshold: 3 }
const down = (): ServerError => new ServerError('503', { status: 503 })

t.test('CircuitBreaker opens at the fifth failure in a row and then sends nothing', async t => {
  const { send, sent, breaker } = guarded()
  for (let i = 0; i < 4; i++) await t.rejects(send(down()), { name: 'ServerError' })
  t.equal(breaker.phase, 'closed')
  await t.rejects(send(down()), { name: 'ServerError' })
  t.equal(breaker.phase, 'open')
  await t.rejects(send(), {
    name: 'CircuitOpenError',
    code: 'CircuitOpen',
    retryAfterMs: 30_000,
    message: 'The circuit breaker is open after repeated failures: nothing was sent, a probe is due in 30 s'
  })
  t.equal(sent.count, 5)
})

t.test('CircuitBreaker forgets failures at a success', async t => {
  const { send, breaker } = guarded()
  for (let i = 0; i < 4; i++) await t.rejects(send(down()))
  await send()
  for (let i = 0; i < 4; i++) await t.rejects(send(down()))
  t.equal(breaker.phase, 'closed')
})

t.test('CircuitBreaker lets a probe through after 30 s and closes at the third success', async t => {
  const { send, clock, breaker, logger } = guarded()
  await open(send)
  await clock.advance(29_999)
  await t.rejects(send(), CircuitOpenError)
  await clock.advance(1)
  await send()
  t.equal(breaker.phase, 'half-open')
  await send()
  t.equal(breaker.phase, 'half-open')
  await send()
  t.equal(breaker.phase, 'closed')
  t.same(logger.summary, ['error Circuit breaker opened', 'info Circuit breaker closed'])
})

t.test('CircuitBreaker opens again at a failure of a probe, for another 30 s', async t => {
  const { send, clock, breaker } = guarded()
  await open(send)
  await clock.advance(30_000)
  await send()
  await t.rejects(send(down()), { name: 'ServerError' })
  t.equal(breaker.phase, 'open')
  await clock.advance(29_999)
  await t.rejects(send(), CircuitOpenError)
  await clock.advance(1)
  for (let i = 0; i < 3; i++) await send()
  t.equal(breaker.phase, 'closed')
})

t.test('CircuitBreaker lets one probe through at a time', async t => {
  const { begin, send, clock, sent } = guarded()
  await open(send)
  await clock.advance(30_000)
  const probe = begin()
  await t.rejects(send(), CircuitOpenError)
  await t.rejects(send(), CircuitOpenError)
  t.equal(sent.count, 6)
  probe.end()
  await probe.result
  await send()
  t.equal(sent.count, 7)
})

t.test('CircuitBreaker lets the next probe through when one was withdrawn', async t => {
  const { send, clock, breaker } = guarded()
  await open(send)
  await clock.advance(30_000)
  await t.rejects(send(new AbortError('enough')), { name: 'AbortError' })
  t.equal(breaker.phase, 'half-open')
  for (let i = 0; i < 3; i++) await send()
  t.equal(breaker.phase, 'closed')
})

t.test('CircuitBreaker learns nothing from requests that began before it opened', async t => {
  const { begin, send, clock, breaker } = guarded()
  const [lateSuccess, lateFailure, lateAbort] = [begin(), begin(), begin()]
  await open(send)
  await clock.advance(30_000)
  const probe = begin()
  lateSuccess.end()
  await lateSuccess.result
  lateAbort.end(new AbortError())
  await t.rejects(lateAbort.result)
  await t.rejects(send(), CircuitOpenError)
  lateFailure.end(down())
  await t.rejects(lateFailure.result, { name: 'ServerError' })
  t.equal(breaker.phase, 'half-open')
  probe.end()
  await probe.result
  await send()
  t.equal(breaker.phase, 'half-open')
  await send()
  t.equal(breaker.phase, 'closed')
})

t.test('CircuitBreaker counts requests that fail together once', async t => {
  const { begin, send, breaker } = guarded()
  const parts = Array.from({ length: 8 }, () => begin())
  for (const part of parts) part.end(down())
  for (const part of parts) await t.rejects(part.result, { name: 'ServerError' })
  t.equal(breaker.phase, 'closed')
  for (let i = 0; i < 3; i++) await t.rejects(send(down()))
  t.equal(breaker.phase, 'closed')
  await t.rejects(send(down()))
  t.equal(breaker.phase, 'open')
})

const COUNTED = [down(), new NetworkError('reset'), new TimeoutError('late')]
const NOT_COUNTED = [
  new StorageError('400', { status: 400 }), new AuthenticationError('403', { status: 403 }), new StorageError('404', { status: 404 }),
  new ThrottledError('429', { status: 429 }), new AbortError(), new TypeError('a bug'), new StorageError('not XML')
]

for (const error of COUNTED) {
  t.test(`CircuitBreaker counts ${error.name}`, async t => {
    const { send, breaker } = guarded()
    for (let i = 0; i < 5; i++) await t.rejects(send(error))
    t.equal(breaker.phase, 'open')
  })
}

for (const error of NOT_COUNTED) {
  t.test(`CircuitBreaker does not count ${error.name} "${error.message}"`, async t => {
    const { send, breaker } = guarded()
    for (let i = 0; i < 10; i++) await t.rejects(send(error))
    t.equal(breaker.phase, 'closed')
  })
}

t.test('CircuitBreaker takes a refusal for a sign of life, and a lost request for none', async t => {
  const { send, breaker } = guarded()
  for (let i = 0; i < 4; i++) await t.rejects(send(down()))
  await t.rejects(send(new AbortError()))
  await t.rejects(send(down()))
  t.equal(breaker.phase, 'open')

  const other = guarded()
  for (let i = 0; i < 4; i++) await t.rejects(other.send(down()))
  await t.rejects(other.send(new StorageError('404', { status: 404 })))
  await t.rejects(other.send(down()))
  t.equal(other.breaker.phase, 'closed')
})

interface Begun {
  end (failure?: Error): void
  result: Promise<unknown>
}

/** A breaker around a sender whose outcome the test decides, when it likes. */
function guarded (): {
  begin (): Begun, send (failure?: Error): Promise<unknown>, sent: { count: number }, clock: SteppedClock, breaker: CircuitBreaker, logger: RecordingLogger
} {
  const clock = new SteppedClock()
  const logger = new RecordingLogger()
  const breaker = new CircuitBreaker(OPTIONS, clock, logger)
  const sent = { count: 0 }
  const ends: Array<(failure?: Error) => void> = []
  const layer = circuitBreaker(breaker)(<T>() => new Promise<T>((resolve, reject) => {
    sent.count++
    ends.push(failure => failure === undefined ? resolve('done' as T) : reject(failure))
  }))
  const begin = (): Begun => {
    const result = layer({ operation: readText(), attempt: 1 })
    return { result, end: ends.pop() ?? (() => {}) }
  }
  const send = (failure?: Error): Promise<unknown> => {
    const begun = begin()
    begun.end(failure)
    return begun.result
  }
  return { begin, send, sent, clock, breaker, logger }
}

async function open (send: (failure?: Error) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < OPTIONS.failureThreshold; i++) await send(down()).catch(() => {})
}
