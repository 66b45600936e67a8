/** The retry table of the specification (R2A 11.2) through the whole request path, waits listed; chance is 1 throughout. */
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { Timeouts } from '../../../lib/http/exchange.ts'
import { Signer } from '../../../streams/r2/auth.ts'
import { SteppedClock, WaitingClock } from '../../lib/http/support/clocks.ts'
import { cut, reset, silence, stall } from '../../lib/http/support/loopback.ts'
import type { Reply } from '../../lib/http/support/loopback.ts'
import { RecordingLogger } from '../../lib/http/support/recorders.ts'
import { errorXml, xml } from './support/answers.ts'
import { SECRET, startR2 } from './support/client.ts'

const error = (status: number, code: string, headers: Record<string, string> = {}): Reply => ({ status, headers, body: errorXml(code) })

const TABLE: Array<[name: string, reply: Reply, waits: number[], failure: string, timeouts?: Partial<Timeouts>]> = [
  ['429 ServiceUnavailable', error(429, 'ServiceUnavailable'), [1000, 2000, 4000, 8000, 16_000], 'ThrottledError'],
  ['429 that asks for 5 s', error(429, 'ServiceUnavailable', { 'retry-after': '5' }), [5250, 5250, 5250, 5250, 5250], 'ThrottledError'],
  ['429 that asks for an hour', error(429, 'ServiceUnavailable', { 'retry-after': '3600' }), [30_250, 30_250, 30_250, 30_250, 30_250], 'ThrottledError'],
  ['503 SlowDown', error(503, 'SlowDown'), [1000, 2000, 4000, 8000, 16_000], 'ThrottledError'],
  ['500 InternalError', error(500, 'InternalError'), [1000, 2000, 4000], 'ServerError'],
  ['503 ServiceUnavailable', error(503, 'ServiceUnavailable'), [1000, 2000, 4000], 'ServerError'],
  ['503 that asks for 2 s', error(503, 'ServiceUnavailable', { 'retry-after': '2' }), [2250, 2250, 2250], 'ServerError'],
  ['522 with a page of HTML', { status: 522, body: '<!DOCTYPE html><html></html>' }, [1000, 2000, 4000], 'ServerError'],
  ['a 200 that holds an error', { body: errorXml('InternalError') }, [1000, 2000, 4000], 'ServerError'],
  ['a connection that is reset', reset, [500, 1000, 2000], 'NetworkError'],
  ['an answer that breaks off', cut('<ListBucket', 100), [500, 1000, 2000], 'NetworkError'],
  ['an answer that does not come', silence, [500, 1000, 2000], 'TimeoutError', { operationMs: 250 }],
  ['an answer that stalls', stall('<ListBucket', 100), [500, 1000, 2000], 'TimeoutError', { bodyIdleMs: 250 }],
  ['400 IncompleteBody', error(400, 'IncompleteBody'), [100, 200, 400], 'StorageError'],
  ['an answer that is cut XML', { body: xml('ListBucketResult', '').slice(0, -9) }, [100, 200, 400], 'StorageError']
]

for (const [name, reply, waits, failure, timeouts = {}] of TABLE) {
  t.test(`R2 tries again after ${name}, and waits as the table says`, async t => {
    const { r2, server, clock } = await startR2(t, [], { circuitBreaker: false, timeouts })
    server.otherwise = reply
    await t.rejects(r2.list(), { name: failure, attempts: waits.length + 1, operation: 'ListObjectsV2' })
    t.same(clock.waits, waits)
    t.equal(server.seen.length, waits.length + 1)
    t.same(r2.sent, { requests: waits.length + 1, retries: waits.length })
  })
}

const LASTING: Array<[status: number, code: string]> = [
  [400, 'InvalidArgument'], [401, 'Unauthorized'], [403, 'AccessDenied'], [403, 'SignatureDoesNotMatch'], [404, 'NoSuchBucket'], [409, 'BucketNotEmpty'],
  [411, 'MissingContentLength'], [412, 'PreconditionFailed'], [416, 'InvalidRange'], [501, 'NotImplemented']
]

for (const [status, code] of LASTING) {
  t.test(`R2 asks once when the answer is ${status} ${code}`, async t => {
    const { r2, server, clock } = await startR2(t, [error(status, code)])
    await t.rejects(r2.list(), { status, code, attempts: 1 } as object as Error)
    t.same([server.seen.length, clock.waits], [1, []])
  })
}

t.test('R2 waits until the date that Retry-After names', async t => {
  const { r2, clock } = await startR2(t, [error(503, 'ServiceUnavailable', { 'retry-after': 'Thu, 02 Jan 2025 03:04:12 GMT' }), { body: xml('ListBucketResult', '') }])
  await r2.list()
  t.same(clock.waits, [7250])
})

t.test('R2 stays within the jitter of its wait', async t => {
  const { r2, clock } = await startR2(t, [error(500, 'InternalError'), error(500, 'InternalError'), { body: xml('ListBucketResult', '') }], { clock: new WaitingClock(0.25) })
  await r2.list()
  t.same(clock.waits, [250, 500])
})

t.test('R2 sends the same body again, signed anew with a newer date', async t => {
  const { r2, server } = await startR2(t, [error(503, 'ServiceUnavailable'), { headers: { etag: '"e"' } }])
  await r2.put('k', 'hello')
  t.same(server.seen.map(({ body }) => String(body)), ['hello', 'hello'])
  t.same(server.seen.map(({ headers }) => headers['x-amz-date']), ['20250102T030405Z', '20250102T030406Z'])
  for (const { headers } of server.seen) t.equal(headers['authorization'], signed('PUT', '/b/k', headers))
})

t.test('R2 asks its provider for credentials before each attempt', async t => {
  let count = 0
  const credentials = (): { accessKeyId: string, secretAccessKey: string } => ({ accessKeyId: `key${++count}`, secretAccessKey: SECRET })
  const { r2, server } = await startR2(t, [error(503, 'ServiceUnavailable'), {}], { credentials })
  await r2.delete('k')
  t.same(server.seen.map(({ headers }) => /Credential=(\w+)/.exec(headers['authorization'] as string)?.[1]), ['key1', 'key2'])
})

const LATE = 'Thu, 02 Jan 2025 04:04:05 GMT'

t.test('R2 learns the time of the service once, from the Date of a refusal, and keeps it', async t => {
  const { r2, server, clock } = await startR2(t, [error(403, 'RequestTimeTooSkewed', { date: LATE }), {}, {}])
  await r2.delete('a')
  await r2.delete('b')
  t.same(server.seen.map(({ headers }) => headers['x-amz-date']), ['20250102T030405Z', '20250102T040405Z', '20250102T040405Z'])
  t.same([clock.waits, r2.sent.requests], [[], 3])
  t.match((await r2.presign.get('k')).searchParams.get('X-Amz-Date'), '20250102T040405Z')
})

t.test('R2 gives up when the time of the service does not help', async t => {
  const { r2, server } = await startR2(t, [])
  server.otherwise = error(403, 'RequestTimeTooSkewed', { date: LATE })
  await t.rejects(r2.delete('a'), { name: 'AuthenticationError', code: 'RequestTimeTooSkewed' })
  t.equal(server.seen.length, 2)
})

t.test('R2 learns the time also from a refusal without a body, as HEAD gets it', async t => {
  const { r2, server } = await startR2(t, [{ status: 403, headers: { date: LATE } }, { headers: { etag: '"e"' } }])
  t.match(await r2.head('k'), { etag: '"e"' })
  t.same(server.seen.map(({ headers }) => headers['x-amz-date']), ['20250102T030405Z', '20250102T040405Z'])
})

t.test('R2 takes a refusal without a body for one when the clocks agree', async t => {
  const { r2, server } = await startR2(t, [{ status: 403, headers: { date: 'Thu, 02 Jan 2025 03:10:00 GMT' } }])
  await t.rejects(r2.head('k'), { name: 'AuthenticationError', code: 'AccessDenied' })
  t.equal(server.seen.length, 1)
})

t.test('R2 opens its breaker after five failed calls and sends nothing more for 30 s', async t => {
  const { r2, server, clock } = await startR2(t, [], { retry: false })
  server.otherwise = error(500, 'InternalError')
  for (let i = 0; i < 5; i++) await t.rejects(r2.delete('k'), { name: 'ServerError' })
  await t.rejects(r2.delete('k'), { name: 'CircuitOpenError', retryAfterMs: 30_000 })
  t.equal(server.seen.length, 5)
  clock.time += 30_000
  server.otherwise = {}
  for (let i = 0; i < 3; i++) await r2.delete('k')
  t.equal(server.seen.length, 8)
})

t.test('R2 names the failure, not the breaker, when the retries of one call open it', async t => {
  const { r2, server } = await startR2(t, [], { retry: { retries: 9 } })
  server.otherwise = error(500, 'InternalError')
  await t.rejects(r2.delete('k'), { name: 'ServerError', code: 'InternalError', attempts: 5, message: 'Cannot delete "k": 500 InternalError after 5 attempts in 31.0 s' })
})

t.test('R2 lets all its requests hear the throttle of one, whatever their bucket', async t => {
  const clock = new SteppedClock()
  const { r2, server } = await startR2(t, [error(429, 'ServiceUnavailable', { 'retry-after': '5' })], { clock })
  server.otherwise = {}
  const first = r2.delete('k')
  await clock.sleepers(1)
  const second = r2.delete('k', { bucket: 'other' })
  await clock.sleepers(2)
  t.equal(server.seen.length, 1)
  await clock.advance(5250)
  await Promise.all([first, second])
  t.equal(server.seen.length, 3)
})

t.test('R2 ends a wait at once when its signal aborts', async t => {
  const clock = new SteppedClock()
  const { r2, server } = await startR2(t, [error(503, 'ServiceUnavailable')], { clock })
  const abort = new AbortController()
  const result = r2.delete('k', { signal: abort.signal })
  await clock.sleepers(1)
  abort.abort(new Error('enough'))
  await t.rejects(result, { name: 'AbortError', cause: { message: 'enough' } })
  await setImmediate()
  t.equal(server.seen.length, 1)
})

t.test('R2 keeps to its rate limit', async t => {
  const { r2, server, clock } = await startR2(t, [], { rateLimit: { requestsPerSecond: 100 } })
  server.otherwise = {}
  for (let i = 0; i < 5; i++) await r2.delete('k')
  t.same(clock.waits, [10, 10, 10, 10])
})

t.test('R2 warns of each retry in its log', async t => {
  const logger = new RecordingLogger()
  const { r2 } = await startR2(t, [error(500, 'InternalError'), {}], { logger })
  await r2.delete('k')
  t.same(logger.lines.find(({ message }) => message === 'Retrying'), {
    level: 'warn', message: 'Retrying', fields: { operation: 'DeleteObject', bucket: 'b', key: 'k', attempt: 1, waitMs: 1000, error: 'Cannot delete "k": 500 InternalError' }
  })
})

/** What the header must be for what arrived. */
function signed (method: string, path: string, headers: Record<string, string | string[] | undefined>): string {
  const date = headers['x-amz-date'] as string
  const time = Date.parse(date.replace(/(\d{4})(\d\d)(\d\dT\d\d)(\d\d)/, '$1-$2-$3:$4:'))
  const names = /SignedHeaders=([^,]+)/.exec(headers['authorization'] as string)?.[1]?.split(';') ?? []
  const sent = Object.fromEntries(names.map(name => [name, headers[name] as string]))
  const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: SECRET }
  const payloadHash = createHash('sha256').update('hello').digest('hex')
  return new Signer().signHeaders({ method, path, query: [], headers: sent }, credentials, payloadHash, { time })['authorization'] as string
}
