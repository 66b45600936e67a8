import t from 'tap'
import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../lib/clock.ts'
import { type Client, errorXml, outcome, readToEnd, startClient } from './client.ts'

/** A clock whose sleeps are over at once and remembered. */
function quickClock (): Clock & { slept: number[] } {
  const slept: number[] = []
  return {
    slept,
    now: () => Date.now(),
    random: () => 0,
    sleep: async ms => {
      slept.push(ms)
      await turn()
    }
  }
}

async function failure (work: Promise<unknown>): Promise<string> {
  return work.then(() => 'no error', (error: Error & { code?: string }) => error.code ?? error.message)
}

async function bodyOf (client: Client, key: string): Promise<{ status: number, bytes: Buffer, failed: boolean }> {
  const { status, body } = await client.open({ key })
  const { bytes, error } = await readToEnd(body)
  return { status, bytes, failed: error !== undefined }
}

t.test('a status comes instead of the work, as often as it was asked for', async t => {
  const client = await startClient(t)
  const fault = client.emulator.faults.add({ operation: 'PutObject', status: 503, times: 2, retryAfter: 7 })
  const first = await client.put('k', randomBytes(200_000))
  t.equal(first.text, errorXml('ServiceUnavailable', 'Please try again later.'))
  t.equal(first.headers['retry-after'], '7')
  t.equal(outcome(await client.get('k')), '404 NoSuchKey', 'other operations pass, and nothing was stored')
  t.equal(outcome(await client.put('k', 'x')), '503 ServiceUnavailable')
  t.equal(outcome(await client.put('k', 'x')), '200')
  t.equal(fault.hits, 2)
  client.emulator.faults.verify()
})

t.test('a status with its own code, message and date, or as a page of HTML', async t => {
  const client = await startClient(t)
  const date = 'Wed, 21 Oct 2026 07:28:00 GMT'
  client.emulator.faults.add({ status: 429, code: 'TooManyRequests', message: 'Slow <down>', retryAfter: date })
  client.emulator.faults.add({ status: 522, html: true })
  const first = await client.get('k')
  t.match(first, { status: 429, text: errorXml('TooManyRequests', 'Slow &lt;down&gt;'), headers: { 'retry-after': date } })
  t.match(await client.get('k'), { status: 522, text: /^<!DOCTYPE html>/, headers: { 'content-type': 'text/html' } })
})

t.test('targets: operations, keys, part numbers, and how many pass first', async t => {
  const client = await startClient(t)
  const { faults } = client.emulator
  const gone = faults.add({ operation: ['GetObject', 'HeadObject'], key: /^a\//, status: 500, skip: 1, times: Infinity })
  await Promise.all(['a/1', 'b/1'].map(key => client.put(key, 'x')))
  t.same([(await client.get('a/1')).status, (await client.get('b/1')).status, (await client.head('a/1')).status], [200, 200, 500])
  gone.remove()
  t.equal((await client.get('a/1')).status, 200)
  faults.add({ key: 'b/1', status: 500 })
  t.same([(await client.get('a/1')).status, (await client.get('b/1')).status], [200, 500])
  const uploadId = await client.createUpload('k')
  faults.add({ operation: 'UploadPart', partNumber: 2, status: 500 })
  const parts = await Promise.all([1, 2, 3].map(number => client.putPart('k', uploadId, number, 'x')))
  t.same(parts.map(part => part.status), [200, 500, 200])
})

t.test('chance follows the seed', async t => {
  const run = async (seed: number): Promise<number[]> => {
    const client = await startClient(t, { seed })
    client.emulator.faults.add({ status: 500, probability: 0.5, times: Infinity })
    const statuses: number[] = []
    for (let request = 0; request < 20; request++) statuses.push((await client.get('k')).status)
    return statuses
  }
  const [first, again, other] = await Promise.all([run(1), run(1), run(2)])
  t.same(first, again)
  t.notSame(first, other)
  t.ok(first.includes(500) && first.includes(404))
})

t.test('verify() names what never happened, and clear() forgets it', async t => {
  const client = await startClient(t)
  const { faults } = client.emulator
  faults.add({ operation: 'GetObject', status: 500, times: 2 })
  await client.get('k')
  t.throws(() => faults.verify(), { message: 'Cannot confirm the fault plan as "status" on GetObject happened 1 of 2 times' })
  faults.clear()
  faults.verify()
  t.equal((await client.get('k')).status, 404)
  t.throws(() => faults.add({ operation: 'GetObject' }), TypeError)
  t.throws(() => faults.add({ status: 500, probability: 2 }), RangeError)
})

t.test('reset: before the work, after the headers, at a request byte', async t => {
  const client = await startClient(t)
  const { faults, r2 } = client.emulator
  faults.add({ operation: 'PutObject', reset: 'before' })
  t.match(await failure(client.put('k', 'x')), /^(?:ECONNRESET|UND_ERR_SOCKET)$/)
  faults.add({ operation: 'PutObject', reset: { requestByte: 100_000 } })
  t.match(await failure(client.put('k', randomBytes(1_000_000))), /^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET)$/)
  t.same([r2.state.objects(), r2.state.blobs], [[], 0])
  await client.put('k', 'hello')
  faults.add({ operation: 'GetObject', reset: 'after-headers' })
  const { status, bytes, failed } = await bodyOf(client, 'k')
  t.same([status, bytes.length, failed], [200, 0, true])
  faults.verify()
})

t.test('reset, truncate and stall in the middle of a response', async t => {
  const client = await startClient(t)
  const { faults } = client.emulator
  const body = randomBytes(1_000_000)
  await client.put('k', body)
  faults.add({ operation: 'GetObject', reset: { responseByte: 300_001 } })
  const cut = await bodyOf(client, 'k')
  t.ok(cut.failed && cut.bytes.length <= 300_001 && cut.bytes.equals(body.subarray(0, cut.bytes.length)), 'reset')
  faults.add({ operation: 'GetObject', truncate: { responseByte: 300_001 } })
  const short = await bodyOf(client, 'k')
  t.ok(short.failed && short.bytes.equals(body.subarray(0, 300_001)), 'truncated at the byte')
  faults.add({ operation: 'GetObject', stall: { responseByte: 300_001 } })
  const stalled = await client.open({ key: 'k' })
  let received = 0
  for await (const chunk of stalled.body) {
    received += (chunk as Buffer).length
    if (received === 300_001) break
  }
  t.equal(received, 300_001, 'stalled')
  faults.verify()
})

t.test('stall: a request that is never answered ends with its client', async t => {
  const client = await startClient(t)
  const cancel = new AbortController()
  client.emulator.faults.add({ operation: 'GetObject', stall: 'response' })
  const asked = client.send({ key: 'k', signal: cancel.signal })
  while (client.emulator.requests.inFlight('GetObject') === 0) await turn()
  cancel.abort(new Error('tired'))
  t.equal(await failure(asked), 'tired')
  while (client.emulator.requests.inFlight('GetObject') > 0) await turn()
  t.equal(client.emulator.requests.entries('GetObject')[0]?.status, 0)
})

t.test('a lost answer: the work is done and nobody hears of it', async t => {
  const client = await startClient(t)
  const { faults, r2 } = client.emulator
  faults.add({ operation: 'PutObject', loseAnswer: true })
  t.match(await failure(client.put('lost', 'x')), /^(?:ECONNRESET|UND_ERR_SOCKET)$/)
  faults.add({ operation: 'PutObject', loseAnswerWith: 500 })
  t.equal(outcome(await client.put('denied', 'x')), '500 InternalError')
  t.same(r2.state.objects().map(object => object.key), ['denied', 'lost'])
  faults.add({ operation: 'GetObject', loseAnswer: true })
  t.match(await failure(client.get('lost')), /^(?:ECONNRESET|UND_ERR_SOCKET)$/)
  await client.send({ method: 'DELETE', key: 'lost' })
  await client.send({ method: 'DELETE', key: 'denied' })
  t.equal(r2.state.blobs, 0, 'and the body that was not read is let go')
})

t.test('an error inside a 200: the work is not done', async t => {
  const client = await startClient(t, { r2: { strict: { minPartSize: 1 } } })
  const uploadId = await client.createUpload('k')
  const part = await client.putPart('k', uploadId, 1, 'x')
  client.emulator.faults.add({ operation: 'CompleteMultipartUpload', errorIn200: 'InternalError' })
  const reply = await client.complete('k', uploadId, [[1, part.headers['etag'] as string]])
  t.match(reply, { status: 200, text: errorXml('InternalError', 'We encountered an internal error. Please try again.') })
  t.same([client.emulator.r2.state.objects().length, client.emulator.r2.state.uploads().length], [0, 1])
})

t.test('one flipped bit, on the way out or on the way in', async t => {
  const client = await startClient(t)
  const body = randomBytes(600_000)
  await client.put('k', body)
  client.emulator.faults.add({ operation: 'GetObject', flipBit: { at: 300_000 } })
  const { bytes } = await client.get('k')
  t.same([...bytes].flatMap((byte, index) => byte === body[index] ? [] : [[index, byte ^ (body[index] as number)]]), [[300_000, 1]])
  t.ok((await client.get('k')).bytes.equals(body), 'what is stored is whole')
  client.emulator.faults.add({ operation: 'PutObject', flipBit: { requestBody: 0 } })
  t.equal(outcome(await client.put('k', 'hello', { 'content-md5': 'XUFAKrxLKna5cZ2REBfFkg==' })), '400 BadDigest')
  client.emulator.faults.add({ operation: 'PutObject', flipBit: { requestBody: 4 } })
  await client.put('k', 'hello')
  t.equal((await client.get('k')).text, 'helln')
})

t.test('a changed object: before the answer, or midway, where the answer stays the old version', async t => {
  const client = await startClient(t)
  const body = randomBytes(600_000)
  const etag = (await client.put('k', body)).headers['etag'] as string
  client.emulator.faults.add({ operation: 'GetObject', changeObject: 'midway' })
  const first = await client.get('k')
  t.ok(first.bytes.equals(body))
  t.equal(first.headers['etag'], etag)
  t.equal(outcome(await client.get('k', { 'if-match': etag })), '412 PreconditionFailed')
  await client.put('k', body)
  client.emulator.faults.add({ operation: 'GetObject', changeObject: true })
  const second = await client.get('k')
  t.not(second.headers['etag'], etag)
  t.equal(second.bytes.length, body.length)
  t.equal(client.emulator.r2.state.blobs, 1)
})

t.test('effects of one fault come together: the object changes and the connection breaks', async t => {
  const client = await startClient(t)
  const etag = (await client.put('k', randomBytes(600_000))).headers['etag'] as string
  client.emulator.faults.add({ operation: 'GetObject', changeObject: 'midway', reset: { responseByte: 500_000 } })
  t.ok((await bodyOf(client, 'k')).failed)
  t.equal((await client.get('k', { 'if-match': etag, range: 'bytes=500000-' })).status, 412)
})

t.test('latency and bandwidth are waited for, by the clock', async t => {
  const clock = quickClock()
  const client = await startClient(t, { clock })
  client.emulator.faults.add({ operation: 'PutObject', latencyMs: 250 })
  client.emulator.faults.add({ operation: 'PutObject', bytesPerSecond: 100_000 })
  client.emulator.faults.add({ operation: 'PutObject', status: 503 })
  t.equal(outcome(await client.put('k', randomBytes(200_000))), '503 ServiceUnavailable', 'both colour the request that fails')
  const total = (): number => Math.round(clock.slept.reduce((sum, ms) => sum + ms, 0))
  t.equal(total(), 2251, 'the bytes of the error, too')
  await client.put('k', randomBytes(200_000))
  client.emulator.faults.add({ operation: 'GetObject', bytesPerSecond: 100_000 })
  t.equal((await client.get('k')).bytes.length, 200_000)
  t.equal(total(), 4251)
})

t.test('some keys of DeleteObjects fail', async t => {
  const client = await startClient(t)
  await Promise.all(['a1', 'a2', 'b1'].map(key => client.put(key, 'x')))
  client.emulator.faults.add({ operation: 'DeleteObjects', failKeys: { keys: /^a/g } })
  const body = `<Delete>${['a1', 'a2', 'b1'].map(key => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`
  const reply = await client.send({ method: 'POST', query: [['delete', '']], body })
  t.match(reply.text, '<Error><Key>a1</Key><Code>InternalError</Code><Message>We encountered an internal error. Please try again.</Message></Error>')
  t.match(reply.text, '<Deleted><Key>b1</Key></Deleted>')
  t.same(client.emulator.r2.state.objects().map(object => object.key), ['a1', 'a2'])
})

t.test('a skewed server says so in Date and refuses honest signatures', async t => {
  const client = await startClient(t)
  const skew = 20 * 60_000
  client.emulator.faults.add({ skewDate: skew, times: 2 })
  const reply = await client.get('k')
  t.equal(outcome(reply), '403 RequestTimeTooSkewed')
  const ahead = Date.parse(reply.headers['date'] as string) - Date.now()
  t.ok(Math.abs(ahead - skew) < 5000)
  t.equal(outcome(await client.send({ key: 'k', time: Date.now() + ahead })), '404 NoSuchKey', 'a client that takes the offset is let in')
})

t.test('nothing is left of requests whose client went away', async t => {
  const client = await startClient(t)
  await client.put('k', randomBytes(5_000_000))
  const { body } = await client.open({ key: 'k' })
  body.destroy()
  body.on('error', () => {})
  await client.send({ method: 'DELETE', key: 'k' })
  while (client.emulator.requests.inFlight('GetObject') > 0 || client.emulator.r2.state.blobs > 0) await turn()
  t.equal(client.emulator.r2.state.blobs, 0)
})

t.test('Expect: 100-continue is never continued', async t => {
  const client = await startClient(t)
  const { connect } = await import('node:net')
  const { hostname, port } = new URL(client.emulator.r2.endpoint)
  const socket = connect(Number(port), hostname)
  socket.write('PUT /r2/sluice/k HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n')
  const answer = Buffer.concat(await socket.toArray() as Buffer[]).toString()
  t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
})

t.test('the log tells what was asked, without secrets', async t => {
  const client = await startClient(t)
  await client.put('k', 'hello', { 'x-amz-meta-a': '1' })
  await client.get('k')
  await client.send({ key: 'k', query: [['X-Amz-Security-Token', 'secret'], ['partNumber', '1']] })
  const { requests, r2 } = client.emulator
  t.match(requests.entries()[0], {
    service: 'r2',
    operation: 'PutObject',
    key: 'k',
    method: 'PUT',
    path: '/r2/sluice/k',
    status: 200,
    bytesIn: 5,
    bytesOut: 0,
    ended: true,
    connection: 1,
    headers: { authorization: '[redacted]', 'x-amz-meta-a': '1' }
  })
  t.same(requests.operations(), ['PutObject', 'GetObject', 'GetObject'])
  t.match(requests.entries('GetObject')[1], { partNumber: 1, query: 'X-Amz-Security-Token=[redacted]&partNumber=1' })
  t.match(requests.counters(), { GetObject: { count: 2, inFlight: 0, peakInFlight: 1, bytesOut: 10 } })
  t.equal(requests.count(), 3)
  t.ok(requests.connections.total >= 1 && requests.connections.peak <= requests.connections.total)
  t.notOk(JSON.stringify(requests.entries()).includes(r2.secretAccessKey))
  requests.clear()
  t.same(requests.operations(), [])
})
