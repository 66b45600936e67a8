import t from 'tap'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import { AuthenticationError } from '../../../../lib/errors.ts'
import { BatchIncompleteError } from '../../../../lib/flow/batch-writable.ts'
import { R2 } from '../../../../streams/r2/index.ts'
import type { DeleteResult } from '../../../../streams/r2/index.ts'
import { failureOf, start, trace } from './support.ts'
import type { Bench } from './support.ts'

function keys (count: number): string[] {
  return Array.from({ length: count }, (_, index) => `k/${index}`)
}

async function putAll ({ emulator, r2 }: Bench, all: string[]): Promise<void> {
  await Promise.all(all.map(key => r2.put(key, key)))
  emulator.requests.clear()
}

t.test('createDeleteStream() deletes 1,500 keys in batches of at most 700', async t => {
  const { emulator, r2 } = await start(t)
  const results: DeleteResult[] = []
  const stream = r2.createDeleteStream().on('result', (result: DeleteResult) => results.push(result))
  await pipeline(Readable.from(keys(1500)), stream)
  t.same(trace(emulator), ['DeleteObjects 200', 'DeleteObjects 200', 'DeleteObjects 200'])
  t.same(results.map(result => result.key).sort(), keys(1500).sort())
  t.same([stream.succeeded, stream.failed, results.every(result => result.deleted)], [1500, 0, true])
})

t.test('createDeleteStream() takes a listing piped into it', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await putAll(bench, ['keep', ...keys(30)])
  await pipeline(r2.createListStream({ prefix: 'k/', pageSize: 12 }), r2.createDeleteStream({ batchSize: 10 }))
  t.same(emulator.r2.state.objects().map(object => object.key), ['keep'])
  t.equal(emulator.requests.count('DeleteObjects'), 3)
})

t.test('createDeleteStream() keeps at most `concurrency` batches in flight', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'DeleteObjects', latencyMs: 20, times: Infinity })
  await pipeline(Readable.from(keys(60)), r2.createDeleteStream({ batchSize: 10, concurrency: 3 }))
  t.equal(emulator.requests.peakInFlight('DeleteObjects'), 3)
})

t.test('createDeleteStream() deletes keys of any text, and no others', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  const odd = ['\u0001', '\t', 'tab\tin', ' a ', '&<>"\'', ']]>', 'a\rb', 'a\r\nb', 'a\u0085b', '世界', '🎉', '%2F', 'a+b', 'a//b', '\uffff']
  const near = ['\u0002', 'a\nb', 'a', 'a b', '/']
  await putAll(bench, [...odd, ...near])
  await pipeline(r2.createListStream(), async function * (entries) {
    for await (const entry of entries) if (odd.includes((entry as { key: string }).key)) yield entry
  }, r2.createDeleteStream())
  t.same(emulator.r2.state.objects().map(object => object.key).sort(), near.sort())
})

t.test('createDeleteStream() halves a batch that R2 refuses as such, down to a key that it takes alone or refuses', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await putAll(bench, keys(4))
  emulator.faults.add({ operation: 'DeleteObjects', status: 400, code: 'MalformedXML', times: 4 })
  emulator.faults.add({ operation: 'DeleteObject', key: 'k/0', status: 400, code: 'MalformedXML' })
  const stream = r2.createDeleteStream()
  const error = await failureOf(pipeline(Readable.from(keys(4)), stream))
  t.ok(error instanceof BatchIncompleteError)
  t.match(error, { code: 'BatchIncomplete', succeeded: 3, failed: 1, failures: [{ code: 'MalformedXML', status: 400 }], message: /1 of 4 items failed/ })
  // All four; the first two; the first one, also alone; the second one, which goes alone; the last two.
  t.same(trace(emulator), ['DeleteObjects 400', 'DeleteObjects 400', 'DeleteObjects 400', 'DeleteObject 400', 'DeleteObjects 400', 'DeleteObject 204', 'DeleteObjects 200'])
  t.same(emulator.r2.state.objects().map(object => object.key), ['k/0'])
})

t.test('createDeleteStream() tries a batch again, and gives up the stream when it is refused for good', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'DeleteObjects', loseAnswer: true })
  await pipeline(Readable.from(keys(3)), r2.createDeleteStream())
  t.same(trace(emulator), ['DeleteObjects 0', 'DeleteObjects 200'])
  emulator.faults.add({ operation: 'DeleteObjects', status: 403, code: 'AccessDenied' })
  t.ok(await failureOf(pipeline(Readable.from(keys(3)), r2.createDeleteStream())) instanceof AuthenticationError)
})

t.test('createDeleteStream() destroyed waits for the batch in flight, and a signal does the same', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'DeleteObjects', stall: 'response' })
  const stop = new AbortController()
  const deleting = failureOf(pipeline(Readable.from(keys(3)), r2.createDeleteStream({ batchSize: 2, signal: stop.signal })))
  while (emulator.requests.inFlight('DeleteObjects') === 0) await new Promise(setImmediate)
  stop.abort('enough')
  t.match(await deleting, { name: 'AbortError', cause: 'enough' })
})

/** A server that deletes all but what ends in `x`. */
async function stubbornServer (): Promise<R2> {
  const server = createServer((request, response) => {
    text(request).then(body => {
      const asked = [...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map(match => match[1] as string)
      const results = asked.map(key => key.endsWith('x')
        ? `<Error><Key>${key}</Key><Code>InternalError</Code><Message>We encountered an internal error</Message></Error>`
        : `<Deleted><Key>${key}</Key></Deleted>`)
      response.end(`<DeleteResult>${results.join('')}</DeleteResult>`)
    }, () => undefined)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const r2 = new R2({ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, accessKeyId: 'a', secretAccessKey: 'b', bucket: 'k' })
  t.teardown(async () => {
    await r2.close()
    server.close()
  })
  return r2
}

t.test('createDeleteStream() does the rest when single keys fail, and then says which', async t => {
  const r2 = await stubbornServer()
  const stream = r2.createDeleteStream({ batchSize: 2 })
  const error = await failureOf(pipeline(Readable.from(['a', 'bx', 'c', 'dx', 'e']), stream))
  t.ok(error instanceof BatchIncompleteError)
  t.match(error, { succeeded: 3, failed: 2, failures: [{ code: 'InternalError', operation: 'DeleteObjects', message: /"bx"/ }, { message: /"dx"/ }] })
})

t.test('createDeleteStream() with tolerateFailures ends well, and deleteMany() gives each result', async t => {
  const r2 = await stubbornServer()
  const stream = r2.createDeleteStream({ tolerateFailures: true })
  await pipeline(Readable.from(['a', 'bx', 'c']), stream)
  t.same([stream.succeeded, stream.failed], [2, 1])
  t.match(await r2.deleteMany(['a', { key: 'bx' }]), [{ key: 'a', deleted: true }, { key: 'bx', deleted: false, error: { code: 'InternalError' } }])
})

t.test('deleteMany() takes any number of keys', async t => {
  const { emulator, r2 } = await start(t)
  t.equal((await r2.deleteMany(keys(1500))).length, 1500)
  t.same(await r2.deleteMany([]), [])
  t.equal(emulator.requests.count(), 3)
})

t.test('createDeleteStream() refuses what is no key, and a batch that R2 would refuse', async t => {
  const { emulator, r2 } = await start(t)
  t.ok(await failureOf(pipeline(Readable.from([{ prefix: 'a/' }]), r2.createDeleteStream())) instanceof TypeError)
  t.throws(() => r2.createDeleteStream({ batchSize: 1001 }), RangeError)
  t.throws(() => r2.createDeleteStream({ batchSize: 0 }), RangeError)
  t.equal(emulator.requests.count(), 0)
})
