/** Each kind of trouble against what undici makes of the real thing. */
import { once } from 'node:events'
import { createServer as createSecureServer } from 'node:https'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Agent, request } from 'undici'
import { generate } from 'selfsigned'
import t from 'tap'
import { exchange } from '../../../lib/http/exchange.ts'
import type { StorageError } from '../../../lib/errors.ts'
import { networkFailure } from '../../../lib/http/network-failure.ts'
import { NetworkError, TimeoutError } from '../../../lib/errors.ts'
import { MutatingDispatcher } from '../../../lib/simulation/mutating-dispatcher.ts'
import type { Trouble } from '../../../lib/simulation/mutations.ts'
import { Loopback, silence } from '../http/support/loopback.ts'
import type { Reply } from '../http/support/loopback.ts'
import { SteppedClock, WaitingClock } from '../http/support/clocks.ts'

const TIMEOUTS = { connectMs: 1000, headersMs: 1000, bodyIdleMs: 1000, operationMs: 60_000 }
const BODY = Buffer.from('0123456789'.repeat(1000))

interface Test { teardown (done: () => unknown): void }

interface Heard { status?: number, headers?: Record<string, string>, bytes: Buffer, error?: StorageError }

async function ask (dispatcher: Agent | MutatingDispatcher, origin: string, { body, signal, headers = {}, method = 'GET' }: { body?: Buffer, signal?: AbortSignal, headers?: Record<string, string>, method?: 'GET' | 'PUT' } = {}): Promise<Heard> {
  const chunks: Buffer[] = []
  let heard: Omit<Heard, 'bytes'> = {}
  try {
    const { status, headers: answered, body: answer } = await exchange(dispatcher, { origin, target: '/k', method, headers, ...(body && { body }) }, TIMEOUTS, signal)
    heard = { status, headers: answered }
    for await (const chunk of answer) chunks.push(chunk as Buffer)
  } catch (error) {
    heard.error = error as StorageError
  }
  return { ...heard, bytes: Buffer.concat(chunks) }
}

function mutating (t: Test, trouble: Trouble, clock = new WaitingClock()): MutatingDispatcher {
  const dispatcher = new MutatingDispatcher(new Agent(), { mutations: [{ do: trouble }], clock })
  t.teardown(() => dispatcher.close())
  return dispatcher
}

/** The class and codes that a failure has above the exchange. */
function kindOf ({ error }: Heard): unknown {
  const { name, serviceCode, temporary, cause } = error ?? {} as StorageError
  const { name: inner, code, syscall } = (cause ?? {}) as NodeJS.ErrnoException
  return { name, serviceCode, temporary, inner, code, syscall }
}

/** A server that does with the connection as it likes, once it has heard the request. */
async function rawServer (t: Test, act: (socket: Socket) => void): Promise<string> {
  const server = createServer(socket => socket.on('error', () => {}).once('data', () => act(socket)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n'

t.test('a failure is the one that undici raises for the real thing', async t => {
  const real = new Agent({ headersTimeout: 1000, bodyTimeout: 1000, connect: { timeout: 1000 } })
  t.teardown(() => real.destroy())
  const server = await Loopback.start(t)
  server.otherwise = { body: BODY }
  const cases: Array<[string, Trouble, (socket: Socket) => void]> = [
    ['a reset', { reset: 'before' }, socket => socket.resetAndDestroy()],
    ['a reset midway', { reset: { responseByte: 5000 } }, socket => socket.write(HEAD + BODY.toString('latin1', 0, 5000), () => setTimeout(() => socket.resetAndDestroy(), 20))],
    ['an early end', { truncate: { responseByte: 5000 } }, socket => socket.end(HEAD + BODY.toString('latin1', 0, 5000))],
    ['what is no HTTP', { protocol: 'garbage' }, socket => socket.end('SSH-2.0-OpenSSH_9.6\r\n')],
    ['endless headers', { protocol: 'header-overflow' }, socket => socket.end(`HTTP/1.1 200 OK\r\n${`X-Y: ${'z'.repeat(1000)}\r\n`.repeat(100)}\r\n`)],
    ['silence', { stall: 'response' }, () => {}],
    ['a body that stalls', { stall: { responseByte: 5000 } }, socket => socket.write(HEAD + BODY.toString('latin1', 0, 5000))]
  ]
  for (const [name, trouble, act] of cases) {
    const wanted = kindOf(await ask(real, await rawServer(t, act)))
    const mutated = await ask(mutating(t, trouble), server.origin)
    t.same(kindOf(mutated), wanted, name)
    t.not(mutated.error, undefined)
    if ('responseByte' in Object(Object.values(trouble)[0])) t.ok(mutated.bytes.equals(BODY.subarray(0, 5000)), 'after exactly so many bytes')
  }
})

t.test('a connection that never comes about fails as it does for undici', async t => {
  const real = new Agent({ connect: { timeout: 1000 } })
  t.teardown(() => real.destroy())
  const closed = await Loopback.start(t)
  const { origin } = closed
  await closed.close()
  t.same(kindOf(await ask(mutating(t, { connect: 'refused' }), origin)), kindOf(await ask(real, origin)))
  t.equal((await ask(mutating(t, { connect: 'refused' }), origin)).error?.message, (await ask(real, origin)).error?.message)
  const unknown = 'http://nowhere.invalid'
  const [looked, mutated] = [await ask(real, unknown), await ask(mutating(t, { connect: 'unknown-host' }), unknown)]
  t.match(looked.error?.serviceCode, /^(?:ENOTFOUND|EAI_AGAIN)$/, 'without a name server it is EAI_AGAIN')
  t.same(kindOf(mutated), { ...kindOf(looked) as object, serviceCode: 'ENOTFOUND', code: 'ENOTFOUND' })
  t.same(kindOf(await ask(mutating(t, { connect: 'timeout' }), origin)), { name: 'TimeoutError', serviceCode: 'UND_ERR_CONNECT_TIMEOUT', temporary: true, inner: 'ConnectTimeoutError', code: 'UND_ERR_CONNECT_TIMEOUT', syscall: undefined })
  t.same(kindOf(await ask(mutating(t, { connect: 'unreachable' }), origin)), { name: 'NetworkError', serviceCode: 'EHOSTUNREACH', temporary: true, inner: 'Error', code: 'EHOSTUNREACH', syscall: 'connect' })
})

t.test('a certificate that is not good fails as it does for undici, for good', async t => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'elsewhere.invalid' }], {
    keySize: 2048, extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'elsewhere.invalid' }] }]
  })
  const server = createSecureServer({ key, cert })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const strict = new Agent()
  const trusting = new Agent({ connect: { ca: cert } })
  t.teardown(() => Promise.all([strict.destroy(), trusting.destroy()]))
  const origin = `https://127.0.0.1:${port}`
  t.same(kindOf(await ask(mutating(t, { connect: 'self-signed-certificate' }), origin)), kindOf(await ask(strict, origin)))
  t.same(kindOf(await ask(mutating(t, { connect: 'wrong-host-certificate' }), origin)), kindOf(await ask(trusting, origin)))
  const { error } = await ask(mutating(t, { connect: 'expired-certificate' }), origin)
  t.match([error?.name, error?.serviceCode, error?.temporary], ['NetworkError', 'CERT_HAS_EXPIRED', false])
  t.match(networkFailure((await ask(mutating(t, { connect: 'tls-handshake' }), origin)).error as Error), { temporary: true, serviceCode: 'ECONNRESET' })
})

t.test('what the service must not see, it does not; what it does, it does once', async t => {
  const body = Buffer.alloc(1000, 'x')
  const cases: Array<[Trouble, number]> = [
    [{ connect: 'refused' }, 0], [{ reset: 'before' }, 0], [{ reset: { requestByte: 500 } }, 0], [{ status: 503 }, 0], [{ redirect: 'loop' }, 0],
    [{ stall: 'response' }, 0], [{ protocol: 'garbage' }, 0], [{ loseAnswer: true }, 1], [{ loseAnswerWith: 502 }, 1], [{ flipBit: { requestByte: 5 } }, 1]
  ]
  for (const [trouble, seen] of cases) {
    const server = await Loopback.start(t, [{ body: 'done' }])
    const dispatcher = mutating(t, trouble)
    const heard = await ask(dispatcher, server.origin, { body, method: 'PUT' })
    t.equal(server.seen.length, seen, JSON.stringify(trouble))
    t.doesNotThrow(() => dispatcher.verify())
    t.match(heard.status ?? heard.error, [200, 302, 502, 503].find(status => status === heard.status) ?? { name: /NetworkError|TimeoutError/ })
  }
})

t.test('one bit of the request, of the answer', async t => {
  const server = await Loopback.start(t, [{ body: BODY }, { body: BODY }])
  await ask(mutating(t, { flipBit: { requestByte: 999 } }), server.origin, { body: Buffer.alloc(1000), method: 'PUT' })
  t.same([...server.seen[0]?.body ?? []].flatMap((byte, index) => byte === 0 ? [] : [[index, byte]]), [[999, 1]])
  const { bytes } = await ask(mutating(t, { flipBit: { responseByte: 9999 } }), server.origin)
  t.same([...bytes].flatMap((byte, index) => byte === BODY[index] ? [] : [[index, byte ^ (BODY[index] as number)]]), [[9999, 1]])
})

t.test('answers that are made up: status, Retry-After, body, HTML, a redirection to itself', async t => {
  const { origin } = await Loopback.start(t)
  t.match(await ask(mutating(t, { status: 503, retryAfter: 7 }), origin), { status: 503, headers: { 'retry-after': '7', 'content-length': '0' } })
  t.match(await ask(mutating(t, { status: 200, body: '<Error/>' }), origin), { status: 200, headers: { 'content-type': 'application/xml' }, bytes: Buffer.from('<Error/>') })
  t.match(await ask(mutating(t, { status: 502, html: true }), origin), { status: 502, headers: { 'content-type': 'text/html' }, bytes: /^<html>/ })
  t.match(await ask(mutating(t, { redirect: 'loop' }), origin), { status: 302, headers: { location: `${origin}/k` } })
})

t.test('a changed object: 412 where the request has a condition, another etag where not', async t => {
  const server = await Loopback.start(t)
  server.otherwise = { headers: { etag: '"0af"' }, body: 'x' }
  t.match(await ask(mutating(t, { changeObject: true }), server.origin), { status: 200, headers: { etag: '"1af"' }, bytes: Buffer.from('x') })
  t.equal((await ask(mutating(t, { changeObject: true }), server.origin, { headers: { 'if-match': '"0af"' } })).status, 412)
  t.equal((await ask(mutating(t, { changeObject: true }), server.origin, { headers: { 'if-none-match': '"0af"' } })).status, 200)
  t.equal(server.seen.length, 2)
})

t.test('of two that belong together and cannot both take place, neither counts: the next request has both', async t => {
  const server = await Loopback.start(t)
  server.otherwise = { headers: { etag: '"0af"' }, body: 'x' }
  const dispatcher = mutating(t, { changeObject: true, reset: { responseByte: 1 } })
  t.equal((await ask(dispatcher, server.origin, { headers: { 'if-match': '"0af"' } })).status, 412)
  t.throws(() => dispatcher.verify(), /happened 0 of 1 times: 1 request matched, but the answer ended before/)
  t.match(await ask(dispatcher, server.origin), { headers: { etag: '"1af"' }, error: { serviceCode: 'ECONNRESET' } })
  dispatcher.verify()
})

t.test('headers and text of an answer are replaced', async t => {
  const server = await Loopback.start(t)
  server.otherwise = { headers: { etag: '"e"', 'x-a': '1' }, body: '{"cTag":"c1","size":5}' }
  const mutated = await ask(mutating(t, { headers: { ETag: ['"e"', '"f"'], 'x-a': null, 'x-b': '2' }, rewrite: { find: /"cTag":"\w+"/, replace: '"cTag":"changed"' } }), server.origin)
  t.match(mutated, { headers: { etag: '"e", "f"', 'x-b': '2' }, bytes: Buffer.from('{"cTag":"changed","size":5}') })
  t.same([mutated.headers?.['x-a'], mutated.headers?.['content-length']], [undefined, undefined])
  const idle = mutating(t, { rewrite: { find: 'absent', replace: '' } })
  t.equal((await ask(idle, server.origin)).bytes.toString(), '{"cTag":"c1","size":5}')
  t.throws(() => idle.verify(), /1 request matched, but the answer had 22 bytes/)
})

t.test('an answer that ends early and says that it is whole', async t => {
  const server = await Loopback.start(t, [{ body: BODY }])
  const { headers, bytes, error } = await ask(mutating(t, { truncate: { responseByte: 5000, length: 'fits' } }), server.origin)
  t.equal(error, undefined)
  t.equal(headers?.['content-length'], '5000')
  t.ok(bytes.equals(BODY.subarray(0, 5000)))
})

t.test('latency and bandwidth are waited for, by the clock, both ways', async t => {
  const server = await Loopback.start(t, [{ body: BODY }])
  const clock = new WaitingClock()
  const { bytes } = await ask(mutating(t, { latencyMs: 250, bytesPerSecond: 1000 }, clock), server.origin, { body: Buffer.alloc(500), method: 'PUT' })
  t.ok(bytes.equals(BODY))
  t.equal(clock.waits.reduce((sum, ms) => sum + ms), 250 + 500 + 10_000)
})

t.test('who gives up a request that waits or stalls is heard at once', async t => {
  const server = await Loopback.start(t, [{ body: BODY }, silence as Reply])
  for (const trouble of [{ latencyMs: 1e6 }, { stall: 'response' }, { bytesPerSecond: 1 }, { stall: { responseByte: 5000 } }] as Trouble[]) {
    const clock = new SteppedClock()
    const cancel = new AbortController()
    server.replies.unshift({ body: BODY })
    const asked = ask(mutating(t, trouble, clock as unknown as WaitingClock), server.origin, { signal: cancel.signal })
    await clock.sleepers(1)
    cancel.abort(new Error('tired'))
    const { error } = await asked
    t.match(error, { name: 'AbortError', cause: { message: 'tired' } }, JSON.stringify(trouble))
  }
})

t.test('back-pressure reaches the socket through an answer that is mutated', async t => {
  const server = await Loopback.start(t)
  let written = 0
  server.otherwise = (_request, response) => {
    response.writeHead(200)
    const write = (): void => {
      while (written < 64 * 2 ** 20) {
        written += 65_536
        if (!response.write(Buffer.alloc(65_536))) {
          response.once('drain', write)
          return
        }
      }
      response.end()
    }
    write()
  }
  const dispatcher = mutating(t, { flipBit: { responseByte: 40 * 2 ** 20 } })
  const { body } = await exchange(dispatcher, { origin: server.origin, target: '/', method: 'GET', headers: {} }, TIMEOUTS)
  for (let before = -1; before !== written;) {
    before = written
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  t.ok(written < 32 * 2 ** 20, `${written} bytes were sent to a reader who reads nothing`)
  let size = 0
  for await (const chunk of body) size += (chunk as Buffer).length
  t.equal(size, 64 * 2 ** 20)
  dispatcher.verify()
})

t.test('requests without trouble pass untouched, also in the older form of handlers', async t => {
  const server = await Loopback.start(t)
  server.otherwise = { body: 'x' }
  const dispatcher = new MutatingDispatcher(new Agent(), { mutations: [{ on: { nth: 2 }, do: { status: 503 } }] })
  t.teardown(() => dispatcher.close())
  const statuses = []
  for (let i = 0; i < 3; i++) {
    const { statusCode, body } = await request(server.origin, { dispatcher })
    await body.dump()
    statuses.push(statusCode)
  }
  t.same(statuses, [200, 503, 200])
  t.same(dispatcher.counts.map(({ matched, happened }) => [matched, happened]), [[3, 1]])
})

t.test('a failure above the exchange is of the toolkit', async t => {
  const { origin } = await Loopback.start(t)
  t.ok((await ask(mutating(t, { reset: 'before' }), origin)).error instanceof NetworkError)
  t.ok((await ask(mutating(t, { stall: 'response' }), origin)).error instanceof TimeoutError)
})
