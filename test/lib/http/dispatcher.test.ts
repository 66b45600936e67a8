import { createServer as createHttpsServer } from 'node:https'
import type { ServerOptions } from 'node:https'
import { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { generate } from 'selfsigned'
import t from 'tap'
import { createDispatcher } from '../../../lib/http/dispatcher.ts'
import { exchange } from '../../../lib/http/exchange.ts'
import { Loopback, stall } from './support/loopback.ts'
import { openBody, plainConnection, readText } from './support/plain-service.ts'

const TIMEOUTS = { connectMs: 2000, headersMs: 5000, bodyIdleMs: 5000, operationMs: 10_000 }

t.test('createDispatcher() opens at most 20 sockets for 200 requests at once, and keeps them', async t => {
  const server = await Loopback.start(t)
  server.otherwise = (_request, response) => { setTimeout(() => response.end('x'), 2) }
  const connection = plainConnection(server.origin)
  t.teardown(() => connection.close())
  const results = await Promise.all(Array.from({ length: 200 }, () => connection.execute(readText())))
  t.same(new Set(results), new Set(['x']))
  t.equal(server.seen.length, 200)
  t.ok(server.connections <= 20 && server.connections > 1)
  t.ok(server.mostOpen <= 20)
})

t.test('createDispatcher() frees the sockets of 200 bodies that nobody reads', async t => {
  const server = await Loopback.start(t)
  server.otherwise = stall('begun', 100)
  const connection = plainConnection(server.origin)
  t.teardown(() => connection.close())
  await Promise.all(Array.from({ length: 200 }, async () => { (await connection.execute(openBody())).destroy() }))
  t.equal(server.seen.length, 200)
  server.otherwise = { body: 'done' }
  t.equal(await connection.execute(readText()), 'done')
})

t.test('createDispatcher() keeps its sockets for requests in a row', async t => {
  const server = await Loopback.start(t)
  server.otherwise = { body: 'x' }
  const connection = plainConnection(server.origin)
  t.teardown(() => connection.close())
  for (let i = 0; i < 50; i++) await connection.execute(readText())
  t.ok(server.connections <= 2) // undici takes a second one when the first is asked for in the very turn it became free.
  t.match(server.seen[0]?.headers, { connection: 'keep-alive' })
})

t.test('createDispatcher() sends small packets at once and keeps idle connections alive', async t => {
  const server = await Loopback.start(t, [{}])
  const noDelay = recordCalls(t, 'setNoDelay')
  const keepAlive = recordCalls(t, 'setKeepAlive')
  await ask(t, server.origin)
  t.ok(noDelay.some(([enabled]) => enabled === true))
  t.ok(keepAlive.some(([enabled]) => enabled === true))
})

t.test('createDispatcher() does not trust a certificate that nobody vouches for', async t => {
  const own = await certificate()
  const server = await Loopback.start(t, [{}], listener => createHttpsServer(own, listener))
  await t.rejects(ask(t, `https://localhost:${server.port}`), {
    name: 'NetworkError', serviceCode: 'DEPTH_ZERO_SELF_SIGNED_CERT', temporary: false, message: 'The connection failed: self-signed certificate'
  })
  t.same(server.seen, [])
})

t.test('createDispatcher() refuses TLS 1.1', async t => {
  const old: ServerOptions = { ...await certificate(), minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
  const server = await Loopback.start(t, [{}], listener => createHttpsServer(old, listener))
  await t.rejects(ask(t, `https://localhost:${server.port}`), { name: 'NetworkError', message: /protocol version/i, temporary: false })
  t.same(server.seen, [])
})

t.test('Connection.close() lets requests in flight end, and leaves a dispatcher of the caller open', async t => {
  const server = await Loopback.start(t, [(_request, response) => { setTimeout(() => response.end('late'), 20) }, { body: 'x' }])
  const connection = plainConnection(server.origin)
  const result = connection.execute(readText())
  while (server.open === 0) await setImmediate()
  await connection.close()
  t.equal(await result, 'late')

  const dispatcher = createDispatcher({ connectMs: 1000 })
  t.teardown(() => dispatcher.close())
  const borrowed = plainConnection(server.origin, { dispatcher })
  await borrowed.close()
  t.equal(await borrowed.execute(readText()), 'x')
})

async function ask (t: { teardown (done: () => unknown): void }, origin: string): Promise<void> {
  const dispatcher = createDispatcher({ connectMs: 2000 })
  t.teardown(() => dispatcher.destroy())
  const { body } = await exchange(dispatcher, { origin, target: '/', method: 'GET', headers: {} }, TIMEOUTS)
  await body.collect(1000)
}

/** Arguments of the calls of one of Node's own socket methods, until the test ends. */
function recordCalls (t: { teardown (done: () => unknown): void }, name: 'setNoDelay' | 'setKeepAlive'): unknown[][] {
  const calls: unknown[][] = []
  const original = Socket.prototype[name]
  Socket.prototype[name] = function (this: Socket, ...args: [boolean?]) {
    calls.push(args)
    return original.apply(this, args)
  }
  t.teardown(() => { Socket.prototype[name] = original })
  return calls
}

/** A key and a certificate for localhost, signed by itself. */
async function certificate (): Promise<{ key: string, cert: string }> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }])
  return { key, cert }
}
