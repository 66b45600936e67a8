import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { AuthenticationError, ConfigurationError } from '../../../lib/errors.ts'
import { compose } from '../../../lib/http/call.ts'
import type { Layer, Tally } from '../../../lib/http/call.ts'
import type { ClientOptions } from '../../../lib/http/client-options.ts'
import { SteppedClock, WaitingClock } from './support/clocks.ts'
import { Loopback, cut, reset, silence, stall } from './support/loopback.ts'
import type { Reply } from './support/loopback.ts'
import { PlainService, openBody, plainConnection, readText } from './support/plain-service.ts'

t.test('compose() lets a call pass the layers in their order', async t => {
  const trace: string[] = []
  const layer = (name: string): Layer => next => async call => {
    trace.push(`${name} in`)
    try { return await next(call) } finally { trace.push(`${name} out`) }
  }
  await compose(layer('a'), layer('b'))(async <T>() => { trace.push('send'); return undefined as T })({ operation: readText(), attempt: 1 })
  t.same(trace, ['a in', 'b in', 'send', 'b out', 'a out'])
})

t.test('Connection prepares each attempt anew, and passes rate limit and breaker each time', async t => {
  const server = await Loopback.start(t, [{ status: 503 }, reset, { body: 'third' }])
  const clock = new WaitingClock()
  const connection = plainConnection(server.origin, { clock, rateLimit: { requestsPerSecond: 0.5 } })
  t.teardown(() => connection.close())
  t.equal(await connection.execute(readText()), 'third')
  t.same(server.seen.map(({ url }) => url), ['/1', '/2', '/3'])
  t.same(clock.waits, [1000, 1000, 2000]) // The first backoff, the rest of its slot, the second backoff.
  t.same(connection.sent, { requests: 3, retries: 2 })
})

t.test('Connection tries again when the answer breaks off while it is read', async t => {
  const { connection, server, clock } = await start(t, [cut('hal', 10), stall('hal', 10), { body: 'whole' }], { timeouts: { bodyIdleMs: 20 } })
  t.equal(await connection.execute(readText()), 'whole')
  t.equal(server.seen.length, 3)
  t.same(clock.waits, [1000, 2000])
})

t.test('Connection counts the attempts of a transfer', async t => {
  const { connection } = await start(t, [{ status: 500 }, {}, {}])
  const tally: Tally = { attempts: 0 }
  await connection.execute(readText(), { tally })
  await connection.execute(readText(), { tally })
  t.equal(tally.attempts, 3)
})

t.test('Connection counts the attempts whose answer tells nothing of what was done', async t => {
  const { connection } = await start(t, [reset, { status: 500 }, cut('hal', 10), { body: 'whole' }, { status: 503 }, { status: 429 }, {}, { status: 403 }])
  const tally: Tally = { attempts: 0 }
  await connection.execute(readText(), { tally })
  t.match(tally, { attempts: 4, lost: 3 })
  await connection.execute(readText(), { tally })
  await t.rejects(connection.execute(readText(), { tally }), { name: 'StorageError' })
  t.match(tally, { attempts: 8, lost: 3 })
})

t.test('Connection names the operation in a failure of the network', async t => {
  const { connection } = await start(t, [reset], { retry: false })
  await t.rejects(connection.execute(readText()), { name: 'NetworkError', operation: 'ReadText', message: /^Cannot read the text: The connection failed: / })
})

t.test('Connection never retries when told so, and takes other numbers', async t => {
  const refused = await start(t, [{ status: 503 }], { retry: false })
  await t.rejects(refused.connection.execute(readText()), { status: 503, attempts: 1, message: 'Cannot read the text: 503' })
  const { connection, clock } = await start(t, [{ status: 503 }, { status: 503 }], { retry: { retries: 1, initialMs: 10 } })
  await t.rejects(connection.execute(readText()), { attempts: 2, message: 'Cannot read the text: 503 after 2 attempts in 0.0 s' })
  t.same(clock.waits, [10])
})

t.test('Connection opens its breaker over several calls and then sends nothing', async t => {
  const { connection, server, clock } = await start(t, [], { retry: false })
  server.otherwise = { status: 500 }
  for (let i = 0; i < 5; i++) await t.rejects(connection.execute(readText()), { name: 'ServerError' })
  await t.rejects(connection.execute(readText()), { name: 'CircuitOpenError', operation: undefined })
  t.equal(server.seen.length, 5)
  clock.time += 30_000
  server.otherwise = { body: 'well' }
  t.equal(await connection.execute(readText()), 'well')
})

t.test('Connection names the cause when its own retries open the breaker', async t => {
  const { connection, server } = await start(t, [], { circuitBreaker: { failureThreshold: 2 } })
  server.otherwise = { status: 500 }
  await t.rejects(connection.execute(readText()), { name: 'ServerError', status: 500, attempts: 2 })
  t.equal(server.seen.length, 2)
})

t.test('Connection has no breaker when told so', async t => {
  const { connection, server } = await start(t, [], { retry: false, circuitBreaker: false })
  server.otherwise = { status: 500 }
  for (let i = 0; i < 8; i++) await t.rejects(connection.execute(readText()), { name: 'ServerError' })
  t.equal(server.seen.length, 8)
})

t.test('Connection holds all its requests while one is throttled', async t => {
  const clock = new SteppedClock()
  const { connection, server } = await start(t, [{ status: 429, headers: { 'retry-after': '5' } }], { clock })
  server.otherwise = { body: 'ok' }
  const first = connection.execute(readText())
  await clock.sleepers(1)
  const others = [1, 2, 3].map(() => connection.execute(readText()))
  await clock.sleepers(4)
  t.equal(server.seen.length, 1)
  await clock.advance(5250)
  t.same(await Promise.all([first, ...others]), ['ok', 'ok', 'ok', 'ok'])
})

t.test('Connection aborts a wait, a request and a body', async t => {
  const clock = new SteppedClock()
  const { connection, server } = await start(t, [{ status: 503 }, silence, stall('x', 10)], { clock })
  for (const reached of [() => clock.sleepers(1), () => asked(server, 2), () => asked(server, 3)]) {
    const abort = new AbortController()
    const result = connection.execute(readText(), { signal: abort.signal })
    await reached()
    abort.abort(new Error('enough'))
    await t.rejects(result, { name: 'AbortError', cause: { message: 'enough' } })
  }
  t.equal(server.seen.length, 3)
})

t.test('Connection takes a redirect for a failure and follows it nowhere', async t => {
  const elsewhere = await Loopback.start(t)
  const { connection } = await start(t, [{ status: 307, headers: { location: elsewhere.origin } }])
  await t.rejects(connection.execute(readText()), { name: 'StorageError', status: 307 })
  t.equal(elsewhere.connections, 0)
})

t.test('Connection names a failure by its status when the page that comes with it is huge or breaks off', async t => {
  const huge = { status: 404, body: Buffer.alloc(300_000, '<p>') }
  const broken: Reply = (_request, response) => {
    response.writeHead(404, { 'content-length': 100 })
    response.write('<Err', () => response.socket?.destroy())
  }
  const { connection, server } = await start(t, [huge, broken])
  await t.rejects(connection.execute(readText()), { name: 'NotFoundError', status: 404 })
  await t.rejects(connection.execute(readText()), { name: 'NotFoundError', status: 404 })
  t.equal(server.seen.length, 2)
})

t.test('Connection is aborted also while it reads the page of a failure', async t => {
  const abort = new AbortController()
  const page: Reply = (_request, response) => {
    response.writeHead(503, { 'content-length': 100 })
    response.write('<Err', () => setImmediate(() => abort.abort()))
  }
  const { connection, server } = await start(t, [page])
  await t.rejects(connection.execute(readText(), { signal: abort.signal }), { name: 'AbortError' })
  t.equal(server.seen.length, 1)
})

t.test('Connection refuses an answer that is larger than its operation takes', async t => {
  const { connection, server } = await start(t, [{ body: Buffer.alloc(1001) }])
  await t.rejects(connection.execute(readText()), { code: 'AnswerTooLarge', operation: 'ReadText', message: 'Cannot read the text: The answer is larger than 1000 bytes' })
  t.equal(server.seen.length, 1)
})

t.test('Connection frees the socket of an answer that nobody reads, or that cannot be read', async t => {
  const { connection, server } = await start(t, [stall('x', 10), stall('x', 10), stall('x', 10), { body: 'fine' }])
  await connection.execute(readText({ read: () => 'enough seen' }))
  await t.rejects(connection.execute(readText({ read: () => { throw new TypeError('a bug') } })), { name: 'TypeError', message: 'a bug' })
  await t.rejects(connection.execute({ ...openBody(), read: () => { throw new TypeError('a bug') } }), { name: 'TypeError' })
  while (server.open > 0) await turn()
  t.equal(await connection.execute(readText()), 'fine')
})

t.test('Connection sends once more, within the same attempt, what a failure has taught it to send right', async t => {
  const server = await Loopback.start(t, [{ status: 403 }, { body: 'right' }, { status: 403 }, { status: 403 }])
  const service = new LearningService(server.origin)
  const clock = new WaitingClock()
  const connection = plainConnection(server.origin, { clock }, service)
  t.teardown(() => connection.close())
  const tally = { attempts: 0 }
  t.equal(await connection.execute(readText(), { tally }), 'right')
  t.same([tally.attempts, connection.sent, clock.waits], [2, { requests: 2, retries: 1 }, []])
  await t.rejects(connection.execute(readText()), { name: 'StorageError', status: 403 })
  t.same([service.lessons, server.seen.length], [2, 4])
})

t.test('Connection passes on what the credentials throw, and sends nothing', async t => {
  const server = await Loopback.start(t)
  const service = new PlainService(server.origin)
  service.prepare = () => { throw new AuthenticationError('the vault is closed') }
  const connection = plainConnection(server.origin, {}, service)
  t.teardown(() => connection.close())
  await t.rejects(connection.execute(readText()), { name: 'AuthenticationError', operation: 'ReadText', attempts: 1 })
  t.equal(server.connections, 0)
})

t.test('Connection gives single operations their own timeouts', async t => {
  const { connection } = await start(t, [silence], { retry: false })
  await t.rejects(connection.execute(readText({ timeouts: { operationMs: 20 } })), { name: 'TimeoutError', message: 'Cannot read the text: No answer within 20 ms' })
})

const WRONG: Array<[options: object, message: string]> = [
  [{ rateLimit: { requestsPerSecond: 0 } }, 'Cannot use rateLimit.requestsPerSecond 0 as it must be a number above 0'],
  [{ rateLimit: { requestsPerSecond: NaN } }, 'Cannot use rateLimit.requestsPerSecond NaN as it must be a number above 0'],
  [{ timeouts: { operationMs: -1 } }, 'Cannot use timeouts.operationMs -1 as it must be a number above 0'],
  [{ timeouts: { headersMs: '5s' } }, 'Cannot use timeouts.headersMs "5s" as it must be a number above 0'],
  [{ timeouts: { operationMs: 2 ** 31 } }, 'Cannot use timeouts.operationMs 2147483648 as timers take at most 2147483647 ms'],
  [{ retry: { retries: 1.5 } }, 'Cannot use retry.retries 1.5 as it must be a whole number of 0 or more'],
  [{ retry: { initialMs: -5 } }, 'Cannot use retry.initialMs -5 as it must be a number of 0 or more'],
  [{ retry: { maxMs: Infinity } }, 'Cannot use retry.maxMs Infinity as timers take at most 2147483647 ms'],
  [{ circuitBreaker: { failureThreshold: 0 } }, 'Cannot use circuitBreaker.failureThreshold 0 as it must be a whole number of 1 or more'],
  [{ circuitBreaker: { successThreshold: 0.5 } }, 'Cannot use circuitBreaker.successThreshold 0.5 as it must be a whole number of 1 or more'],
  [{ circuitBreaker: { resetMs: NaN } }, 'Cannot use circuitBreaker.resetMs NaN as it must be a number of 0 or more']
]

t.test('Connection refuses numbers that its layers cannot work with', t => {
  for (const [options, message] of WRONG) {
    t.throws(() => plainConnection('http://localhost:1', options as ClientOptions), new ConfigurationError(message))
  }
  t.end()
})

class LearningService extends PlainService {
  lessons = 0

  learn (): boolean {
    this.lessons++
    return true
  }
}

async function start<C extends WaitingClock | SteppedClock = WaitingClock> (
  t: { teardown (done: () => unknown): void }, replies: Loopback['replies'], options: ClientOptions & { clock?: C } = {}
): Promise<{ connection: ReturnType<typeof plainConnection>, server: Loopback, clock: C }> {
  const server = await Loopback.start(t, replies)
  const clock = options.clock ?? new WaitingClock() as C
  const connection = plainConnection(server.origin, { ...options, clock })
  t.teardown(() => connection.close())
  return { connection, server, clock }
}

async function asked (server: Loopback, count: number): Promise<void> {
  while (server.seen.length < count) await turn()
}
