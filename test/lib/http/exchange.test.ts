import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { Agent } from 'undici'
import { NetworkError, TimeoutError } from '../../../lib/errors.ts'
import type { HttpRequest, HttpResponse } from '../../../lib/http/call.ts'
import { createDispatcher } from '../../../lib/http/dispatcher.ts'
import { exchange } from '../../../lib/http/exchange.ts'
import type { Timeouts } from '../../../lib/http/exchange.ts'
import { Loopback, cut, reset, silence, stall } from './support/loopback.ts'

const TIMEOUTS: Timeouts = { connectMs: 1000, headersMs: 5000, bodyIdleMs: 5000, operationMs: 10_000 }

const unhandled: unknown[] = []
process.on('unhandledRejection', reason => unhandled.push(reason))

t.test('exchange() sends target, headers and body as they are and resolves with the answer', async t => {
  const { server, send } = await start(t, [{ status: 201, headers: { etag: '"e"', 'x-two': 'a' }, body: 'stored' }])
  const response = await send({ target: '/b/a%20b%2Fc%21?x=%2F&y=', method: 'PUT', headers: { 'x-amz-date': 'now' }, body: Buffer.from('hello') })
  t.equal(response.status, 201)
  t.match(response.headers, { etag: '"e"', 'x-two': 'a' })
  t.equal(String(await response.body.collect(100)), 'stored')
  t.match(server.seen[0], { method: 'PUT', url: '/b/a%20b%2Fc%21?x=%2F&y=', headers: { 'x-amz-date': 'now', host: server.host, 'content-length': '5' } })
  t.equal(String(server.seen[0]?.body), 'hello')
})

t.test('exchange() sends a length with every PUT and POST, and neither chunks nor Expect nor codings of its own', async t => {
  const { server, send } = await start(t, [{}, {}, {}, {}, {}])
  const bodies = { PUT: Buffer.alloc(3_000_000), POST: undefined }
  for (const method of ['PUT', 'POST'] as const) {
    await drain(await send({ method, ...(bodies[method] === undefined ? {} : { body: bodies[method] }) }))
    await drain(await send({ method, body: Buffer.alloc(0) }))
  }
  await drain(await send({ method: 'GET' }))
  t.same(server.seen.map(({ headers }) => headers['content-length']), ['3000000', '0', '0', '0', undefined])
  for (const { headers } of server.seen) t.same([headers['transfer-encoding'], headers['expect'], headers['accept-encoding']], [undefined, undefined, undefined])
})

t.test('exchange() joins headers that repeat', async t => {
  const { send } = await start(t, [(_request, response) => { response.setHeader('x-many', ['a', 'b']).end() }])
  const response = await send({})
  t.equal(response.headers['x-many'], 'a, b')
  await drain(response)
})

t.test('exchange() waits for the final answer after an informational one', async t => {
  const { send } = await start(t, [(_request, response) => {
    response.writeEarlyHints({ link: '</x>; rel=preload' })
    response.writeProcessing()
    response.end('final')
  }])
  const response = await send({})
  t.equal(response.status, 200)
  t.equal(String(await response.body.collect(100)), 'final')
})

t.test('exchange() rejects with NetworkError where nobody listens', async t => {
  const { send } = await start(t, [])
  await t.rejects(send({ origin: await deafOrigin() }), { name: 'NetworkError', code: 'Network', serviceCode: 'ECONNREFUSED', temporary: true, message: /^The connection failed: connect ECONNREFUSED/ })
})

t.test('exchange() rejects with NetworkError when the connection is reset before the answer', async t => {
  const { send } = await start(t, [reset, (_request, response) => { response.socket?.end() }])
  for (const method of ['GET', 'PUT'] as const) {
    await t.rejects(send({ method, ...(method === 'PUT' ? { body: Buffer.alloc(10) } : {}) }), { name: 'NetworkError', temporary: true, cause: Error })
  }
})

t.test('exchange() rejects with NetworkError when the answer is not HTTP', async t => {
  const server = createServer(socket => socket.on('error', () => {}).end('SSH-2.0-OpenSSH\r\n'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { send } = await start(t, [])
  await t.rejects(send({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }), { name: 'NetworkError', message: /^The connection failed: / })
})

t.test('exchange() breaks the body with NetworkError when the connection breaks within it', async t => {
  const { send } = await start(t, [cut('0123', 10)])
  const { body } = await send({})
  await t.rejects(body.collect(100), { name: 'NetworkError', temporary: true })
  t.equal(body.bytesReceived, 4)
})

t.test('exchange() rejects with TimeoutError when the head does not come in time', async t => {
  const { send } = await start(t, [silence])
  await t.rejects(send({}, { headersMs: 30 }), { name: 'TimeoutError', serviceCode: 'UND_ERR_HEADERS_TIMEOUT', message: 'The answer did not start in time', temporary: true })
})

t.test('exchange() gives a large body more time before the head is due', async t => {
  const { send } = await start(t, [(_request, response) => { setTimeout(() => response.end(), 60) }])
  await drain(await send({ method: 'PUT', body: Buffer.alloc(64 * 1000) }, { headersMs: 1 }))
})

t.test('exchange() rejects with TimeoutError when the operation takes too long, also while it waits for a socket', async t => {
  const { send, server } = await start(t, [silence], 1)
  const first = send({}, { operationMs: 80 })
  const second = send({}, { operationMs: 30 })
  await t.rejects(second, { name: 'TimeoutError', temporary: true, message: 'No answer within 30 ms' })
  await t.rejects(first, { name: 'TimeoutError', message: 'No answer within 80 ms' })
  server.otherwise = { body: 'fine' }
  t.equal(String(await (await send({})).body.collect(100)), 'fine')
  t.equal(server.seen.length, 2)
})

t.test('exchange() breaks the body with TimeoutError when it stalls', async t => {
  const { send } = await start(t, [stall('0123', 10)])
  const { body } = await send({}, { bodyIdleMs: 30 })
  await t.rejects(body.collect(100), { name: 'TimeoutError', serviceCode: 'UND_ERR_BODY_TIMEOUT', message: 'The answer stalled', temporary: true })
})

t.test('exchange() is patient with a reader that is slow itself', async t => {
  const { send } = await start(t, [{ body: Buffer.alloc(1_000_000, 'x') }])
  const { body } = await send({}, { bodyIdleMs: 20 })
  await new Promise(resolve => setTimeout(resolve, 90))
  t.ok(body.bytesReceived < 1_000_000)
  t.equal((await body.collect(2_000_000)).length, 1_000_000)
})

t.test('exchange() sends nothing when the signal has aborted before', async t => {
  const { send, server } = await start(t, [])
  const reason = new Error('enough')
  await t.rejects(send({}, {}, AbortSignal.abort(reason)), { name: 'AbortError', cause: reason })
  t.equal(server.connections, 0)
})

t.test('exchange() ends at once when the signal aborts before the answer', async t => {
  const abort = new AbortController()
  const { send } = await start(t, [() => abort.abort(new Error('enough'))])
  await t.rejects(send({}, {}, abort.signal), { name: 'AbortError', cause: { message: 'enough' } })
})

t.test('exchange() leaves the queue when the signal aborts, and is never sent', async t => {
  const { send, server } = await start(t, [silence], 1)
  const [blocking, queued] = [new AbortController(), new AbortController()]
  const first = send({}, {}, blocking.signal)
  const second = send({}, {}, queued.signal)
  queued.abort()
  await t.rejects(second, { name: 'AbortError' })
  while (server.open === 0) await setImmediate()
  blocking.abort()
  await t.rejects(first, { name: 'AbortError' })
  server.otherwise = {}
  await drain(await send({ target: '/after' }))
  t.same(server.seen.map(({ url }) => url), ['/', '/after'])
})

t.test('exchange() breaks the body when the signal aborts within it', async t => {
  const abort = new AbortController()
  const { send, server } = await start(t, [stall('0123', 10)])
  const { body } = await send({}, {}, abort.signal)
  const read = body.collect(100)
  abort.abort(new Error('enough'))
  await t.rejects(read, { name: 'AbortError', cause: { message: 'enough' } })
  while (server.open > 0) await setImmediate()
})

t.test('exchange() forgets the signal when the answer has ended', async t => {
  const abort = new AbortController()
  const { send } = await start(t, [{ body: 'all' }])
  const { body } = await send({}, {}, abort.signal)
  t.equal(String(await body.collect(100)), 'all')
  abort.abort()
  await setImmediate()
  t.equal(body.errored, null)
})

t.test('exchange() survives that nobody listens to a body that breaks', async t => {
  const { send } = await start(t, [cut('0123', 10), stall('0', 10)])
  const { body } = await send({})
  const error = await new Promise(resolve => body.on('error', resolve))
  t.ok(error instanceof NetworkError)
  const stalled = (await send({}, { bodyIdleMs: 20 })).body
  t.ok(await new Promise(resolve => stalled.on('error', resolve)) instanceof TimeoutError)
})

t.test('exchange() rejects what undici refuses to send, and leaves no timer behind', async t => {
  const { send } = await start(t, [])
  const timers = countTimers()
  await t.rejects(send({ headers: { 'x-bad': 'a\r\nb: c' } }), { name: 'InvalidArgumentError', message: 'invalid x-bad header' })
  await t.rejects(send({ target: 'no slash' }), { name: 'InvalidArgumentError' })
  await t.rejects(send({ method: 'PUT', headers: { 'content-length': '7' }, body: Buffer.alloc(3) }), { name: 'RequestContentLengthMismatchError' })
  t.equal(countTimers(), timers)
})

t.test('exchange() keeps the socket after HEAD, whatever length the answer tells and whether or not it is an error', async t => {
  const answers = [{ headers: { 'content-length': '1000000' } }, { headers: { 'content-length': '0' } }, { status: 404 }, { status: 503, headers: { 'content-length': '300' } }]
  const { send, server } = await start(t, [...answers, { body: 'whole' }], 1)
  for (const { status = 200 } of answers) {
    const response = await send({ method: 'HEAD' })
    t.equal(response.status, status)
    t.equal((await response.body.collect(100)).length, 0)
  }
  t.equal(String(await (await send({})).body.collect(100)), 'whole')
  t.equal(server.connections, 1)
  t.same(server.seen.map(({ method, headers }) => [method, headers.connection]), [...answers.map(() => ['HEAD', 'keep-alive']), ['GET', 'keep-alive']])
})

t.test('exchange() keeps the socket after HEAD when the body is not looked at', async t => {
  const { send, server } = await start(t, [{ headers: { 'content-length': '1000000' } }, {}], 1)
  const { body } = await send({ method: 'HEAD' })
  await setImmediate()
  body.destroy()
  await drain(await send({}))
  t.equal(server.connections, 1)
})

t.test('exchange() takes another socket after HEAD where the server closes this one', async t => {
  const close = { headers: { connection: 'close', 'content-length': '10' } }
  const { send, server } = await start(t, [close, close, { body: 'fine' }], 1)
  for (let heads = 0; heads < 2; heads++) await drain(await send({ method: 'HEAD' }))
  t.equal(String(await (await send({})).body.collect(100)), 'fine')
  t.equal(server.connections, 3)
})

t.test('exchange() never takes what a server sends after HEAD for the next answer', async t => {
  const { send, server } = await start(t, [
    (_request, response) => { response.socket?.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nwrong') },
    { body: 'right' }
  ], 1)
  t.equal((await (await send({ method: 'HEAD' })).body.collect(100)).length, 0)
  t.equal(String(await (await send({})).body.collect(100)), 'right')
  t.equal(server.connections, 2)
})

t.test('ResponseBody that is destroyed ends the request, so that its socket is free', async t => {
  const { send, server } = await start(t, [stall('0123', 1_000_000), {}], 1)
  const { body } = await send({})
  body.destroy()
  await drain(await send({ target: '/next' }))
  t.same(server.seen.map(({ url }) => url), ['/', '/next'])
  t.equal(server.connections, 2)
})

t.test('ResponseBody.collect() refuses more than it was told and ends the request', async t => {
  const { send, server } = await start(t, [stall('0123456789', 1_000_000)])
  const { body } = await send({})
  await t.rejects(body.collect(9), { code: 'AnswerTooLarge', message: 'The answer is larger than 9 bytes', temporary: false })
  t.ok(body.destroyed)
  while (server.open > 0) await setImmediate()
})

t.test('ResponseBody holds the socket back when nobody reads', async t => {
  const { send } = await start(t, [{ body: Buffer.alloc(32 * 1024 * 1024) }])
  const { body } = await send({})
  await new Promise(resolve => setTimeout(resolve, 50))
  t.ok(body.bytesReceived < 1024 * 1024)
  body.destroy()
})

t.test('exchange() has left no rejection unhandled', async t => {
  await setImmediate()
  t.same(unhandled, [])
})

type Send = (request: Partial<HttpRequest>, timeouts?: Partial<Timeouts>, signal?: AbortSignal) => Promise<HttpResponse>

async function start (t: { teardown (done: () => unknown): void }, replies: Loopback['replies'], connections = 20): Promise<{ server: Loopback, send: Send, dispatcher: Agent }> {
  const server = await Loopback.start(t, replies)
  const dispatcher = createDispatcher({ connectMs: 1000, connections })
  t.teardown(() => dispatcher.destroy())
  const send: Send = (request, timeouts = {}, signal) =>
    exchange(dispatcher, { origin: server.origin, target: '/', method: 'GET', headers: {}, ...request }, { ...TIMEOUTS, ...timeouts }, signal)
  return { server, send, dispatcher }
}

async function drain ({ body }: HttpResponse): Promise<void> {
  await body.collect(10_000)
}

/** A port that was free a moment ago. */
async function deafOrigin (): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}

function countTimers (): number {
  return process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
}
