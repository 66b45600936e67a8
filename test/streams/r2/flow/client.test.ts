import t from 'tap'
import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { pipeline } from 'node:stream/promises'
import { createGzip, gunzipSync } from 'node:zlib'
import { Agent } from 'undici'
import { CircuitOpenError, ConfigurationError, ConflictError, NotFoundError, NotModifiedError } from '../../../../lib/errors.ts'
import type { Clock } from '../../../../lib/clock.ts'
import { R2 } from '../../../../streams/r2/index.ts'
import { ManualClock } from '../../clocks.ts'
import { KiB, MiB, PART, bytesOf, collect, compositeMd5, failureOf, md5, start, storedBytes, trace, until, upload } from './support.ts'

t.test('put(), get(), head() and delete() of one object', async t => {
  const { emulator, r2 } = await start(t)
  const stored = await r2.put('a ü', 'Grüße', { contentType: 'text/plain', metadata: { a: '1' } })
  t.match(stored, { bucket: 'sluice', key: 'a ü', size: 7, etag: `"${md5(Buffer.from('Grüße'))}"`, parts: 1, attempts: 1 })
  const { info, bytes } = await r2.get('a ü')
  t.equal(bytes.toString(), 'Grüße')
  t.match(info, { size: 7, contentType: 'text/plain', metadata: { a: '1' }, etag: stored.etag })
  t.match(await r2.head('a ü'), { size: 7, etag: stored.etag })
  await r2.delete('a ü')
  await r2.delete('a ü')
  t.same(trace(emulator), ['PutObject 200', 'GetObject 206', 'HeadObject 200', 'DeleteObject 204', 'DeleteObject 204'])
})

t.test('put() takes any bytes and no stream', async t => {
  const { emulator, r2 } = await start(t)
  const bytes = bytesOf(1000)
  for (const body of [bytes, new Uint8Array(bytes), new DataView(Uint8Array.from(bytes).buffer), bytes.subarray(10, 20)]) {
    const work = r2.put('k', body as Uint8Array)
    if (body instanceof DataView) t.ok(await failureOf(work) instanceof TypeError)
    else t.ok((await work, await storedBytes(emulator, 'k'))?.equals(body))
  }
  t.match(await failureOf(r2.put('k', createGzip() as never)), { name: 'TypeError', message: /createWriteStream/ })
})

t.test('put() from multipartThreshold on goes in parts', async t => {
  const { emulator, client } = await start(t)
  const r2 = client({ multipartThreshold: 2 * PART, partSize: PART })
  t.match(await r2.put('below', bytesOf(2 * PART - 1)), { parts: 1 })
  t.match(await r2.put('at', bytesOf(2 * PART)), { parts: 2, etag: `"${compositeMd5(bytesOf(2 * PART))}"` })
  t.ok((await storedBytes(emulator, 'at'))?.equals(bytesOf(2 * PART)))
})

t.test('an error in a 200 is no success, for whatever operation', async t => {
  const { emulator, client } = await start(t)
  const r2 = client({ retry: false, circuitBreaker: false })
  await r2.put('k', 'x')
  const ref = await r2.multipart.create('k')
  const calls: Record<string, () => Promise<unknown>> = {
    PutObject: () => r2.put('k', 'y'),
    GetObject: () => r2.get('k'),
    DeleteObject: () => r2.delete('k'),
    DeleteObjects: () => r2.deleteMany(['k']),
    CopyObject: () => r2.copy('k', 'l'),
    ListObjectsV2: () => r2.list(),
    CreateMultipartUpload: () => r2.multipart.create('l'),
    UploadPart: () => r2.multipart.putPart(ref, 1, bytesOf(10)),
    AbortMultipartUpload: () => r2.multipart.abort(ref),
    ListMultipartUploads: () => r2.multipart.listUploads(),
    ListBuckets: () => r2.buckets.list(),
    CreateBucket: () => r2.buckets.create('new-bucket'),
    DeleteBucket: () => r2.buckets.delete('sluice')
  }
  for (const [operation, call] of Object.entries(calls)) {
    emulator.faults.add({ operation, errorIn200: 'AccessDenied' })
    t.match(await failureOf(call()), { code: 'AccessDenied', status: 200, operation }, operation)
  }
})

t.test('put() that is aborted says what may be left', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'PutObject', stall: 'response' })
  const stop = new AbortController()
  const putting = failureOf(r2.put('k', 'x', { signal: stop.signal }))
  await until(() => emulator.requests.inFlight('PutObject') === 1)
  stop.abort('enough')
  t.match(await putting, { name: 'AbortError', cause: 'enough', remote: 'unknown' })
  t.match(await failureOf(r2.put('k', 'x', { signal: AbortSignal.abort('no') })), { name: 'AbortError', cause: 'no', remote: 'clean' })
  t.equal(emulator.requests.count(), 1)
})

t.test('head() and get() obey conditions', async t => {
  const { r2 } = await start(t)
  const { etag } = await r2.put('k', 'x')
  t.ok(await failureOf(r2.head('k', { ifNoneMatch: etag })) instanceof NotModifiedError)
  t.ok(await failureOf(r2.get('k', { ifNoneMatch: etag })) instanceof NotModifiedError)
  t.equal((await r2.get('k', { ifMatch: etag })).bytes.toString(), 'x')
})

t.test('any call may name another bucket', async t => {
  const { emulator, r2 } = await start(t, { r2: { buckets: ['sluice', 'other'] } })
  const bucket = 'other'
  await r2.put('a', 'x', { bucket })
  await upload(r2.createWriteStream('b', { bucket }), Buffer.from('y'))
  t.equal((await collect(r2.createReadStream('a', { bucket }))).toString(), 'x')
  t.equal((await r2.list({ bucket })).entries.length, 2)
  await r2.deleteMany(['a'], { bucket })
  await r2.delete('b', { bucket })
  t.same([emulator.r2.state.objects('other'), emulator.r2.state.objects('sluice')], [[], []])
  t.match(await failureOf(r2.put('a', 'x', { bucket: 'missing' })), { code: 'NoSuchBucket', remote: 'clean' })
})

t.test('fromEnv() reads what the emulator prints', async t => {
  const { emulator } = await start(t)
  await using r2 = R2.fromEnv({}, emulator.env())
  await r2.put('k', 'x')
  t.equal((await storedBytes(emulator, 'k'))?.toString(), 'x')
})

t.test('temporary credentials carry their session token', async t => {
  const { client, emulator } = await start(t, { r2: { sessionToken: 'a/token+with=signs' } })
  await client().put('k', 'x')
  const { sessionToken, ...without } = emulator.r2.options()
  t.equal(sessionToken, 'a/token+with=signs')
  await using r2 = new R2({ ...without, retry: false })
  t.match(await failureOf(r2.put('k', 'x')), { status: 400, message: /X-Amz-Security-Token/, remote: 'clean' })
})

t.test('a provider of credentials is asked for each request, so that rotated ones are used at once', async t => {
  const { emulator } = await start(t)
  const { accessKeyId, secretAccessKey, ...options } = emulator.r2.options()
  let current = { accessKeyId, secretAccessKey: randomBytes(32).toString('hex') }
  await using r2 = new R2({ ...options, credentials: async () => current })
  t.match(await failureOf(r2.put('k', 'x')), { name: 'AuthenticationError', code: 'SignatureDoesNotMatch', attempts: 1 })
  current = { accessKeyId, secretAccessKey }
  await r2.put('k', 'x')
  t.same(trace(emulator), ['PutObject 403', 'PutObject 200'])
})

t.test('a provider that fails is the error, and one that gives nothing is a ConfigurationError', async t => {
  const { client } = await start(t)
  const broken = new Error('no vault')
  t.equal(await failureOf(client({ credentials: () => { throw broken } }).put('k', 'x')), broken)
  t.ok(await failureOf(client({ credentials: () => ({}) as never }).put('k', 'x')) instanceof ConfigurationError)
})

t.test('a client never shows its secrets', async t => {
  const { emulator, r2, log } = await start(t)
  emulator.faults.add({ operation: 'PutObject', status: 500, times: Infinity })
  const error = await failureOf(r2.put('k', 'x'))
  const shown = [inspect(r2, { depth: 10 }), inspect(r2.config, { depth: 10 }), JSON.stringify(r2.config), inspect(error, { depth: 10 }), inspect(log, { depth: 10 })].join('\n')
  t.notMatch(shown, emulator.r2.secretAccessKey)
  t.notMatch(shown, /Signature=/)
})

t.test('a clock that is wrong is corrected once, by the Date of the answer', async t => {
  const { emulator, client } = await start(t)
  const now = (): number => Date.now() + 3_600_000
  const r2 = client({ clock: { now, sleep: async () => {}, random: () => 0 } })
  await r2.put('a', 'x')
  await r2.put('b', 'x')
  t.same(trace(emulator), ['PutObject 403', 'PutObject 200', 'PutObject 200'])
})

t.test('a clock that stays wrong is an error, not a loop', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'HeadObject', status: 403, code: 'RequestTimeTooSkewed', times: Infinity })
  emulator.faults.add({ operation: 'PutObject', status: 403, code: 'RequestTimeTooSkewed', times: Infinity })
  t.match(await failureOf(r2.put('k', 'x')), { name: 'AuthenticationError', code: 'RequestTimeTooSkewed' })
  t.same(trace(emulator), ['PutObject 403', 'PutObject 403'])
})

t.test('a throttle that one request meets is heard by all of the client', async t => {
  const clock: Clock = Object.assign(new ManualClock(), { random: () => 0 })
  const { emulator, client } = await start(t, { clock })
  const r2 = client({ clock, retry: {} })
  emulator.faults.add({ operation: 'PutObject', key: 'a', status: 429, code: 'ServiceUnavailable', retryAfter: 5 })
  const first = r2.put('a', 'x')
  await until(() => (clock as unknown as ManualClock).sleeping === 1)
  const others = [r2.put('b', 'x'), r2.head('c').catch(() => undefined), collect(r2.createReadStream('d')).catch(() => undefined)]
  await until(() => (clock as unknown as ManualClock).sleeping === 4)
  t.same(trace(emulator), ['PutObject 429'])
  await (clock as unknown as ManualClock).advance(4999)
  t.equal(emulator.requests.count(), 1)
  await (clock as unknown as ManualClock).advance(1)
  await Promise.all([first, ...others])
  t.equal(emulator.requests.count(), 5)
})

t.test('two hundred puts at once share twenty sockets', async t => {
  const { emulator, r2 } = await start(t)
  await Promise.all(Array.from({ length: 200 }, (_, index) => r2.put(`k${index}`, bytesOf(4 * KiB))))
  t.equal(emulator.r2.state.objects().length, 200)
  t.ok(emulator.requests.connections.peak <= 20, `${emulator.requests.connections.peak} sockets`)
  t.ok(emulator.requests.connections.total <= 20)
  t.same(r2.sent, { requests: 200, retries: 0 })
})

t.test('a service that fails on and on opens the breaker: what comes then is refused without a request', async t => {
  const { emulator, client } = await start(t)
  const r2 = client({ retry: false })
  emulator.faults.add({ status: 500, times: Infinity })
  for (let failures = 0; failures < 5; failures++) t.equal((await failureOf(r2.head('k')))['status'], 500)
  const error = await failureOf(r2.put('k', 'x'))
  t.ok(error instanceof CircuitOpenError)
  t.match(error, { remote: 'clean', retryAfterMs: Number })
  t.equal(emulator.requests.count(), 5)
})

t.test('a dispatcher of the caller\'s is used, and not closed', async t => {
  const { emulator, client } = await start(t)
  const dispatcher = new Agent({ connections: 1 })
  t.teardown(() => dispatcher.destroy())
  const r2 = client({ dispatcher })
  await Promise.all(['a', 'b', 'c'].map(key => r2.put(key, key)))
  await r2.close()
  t.equal(dispatcher.closed, false)
  t.equal(emulator.requests.connections.total, 1)
})

t.test('close() lets what is in flight end, and may be called again', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'PutObject', latencyMs: 30 })
  const putting = r2.put('k', 'x')
  await until(() => emulator.requests.inFlight('PutObject') === 1)
  await Promise.all([r2.close(), r2.close()])
  t.match(await putting, { size: 1 })
  await until(() => emulator.requests.connections.open === 0)
})

t.test('buckets are created, listed, found and deleted', async t => {
  const { emulator, r2 } = await start(t)
  await r2.buckets.create('new-bucket', { locationHint: 'weur' })
  t.same((await r2.buckets.list()).map(bucket => bucket.name), ['new-bucket', 'sluice'])
  t.match(await r2.buckets.list({ prefix: 'new' }), [{ name: 'new-bucket', created: Date }])
  t.match(await r2.buckets.head('new-bucket'), { region: 'auto' })
  t.ok(await failureOf(r2.buckets.create('new-bucket')) instanceof ConflictError)
  await r2.put('k', 'x', { bucket: 'new-bucket' })
  t.match(await failureOf(r2.buckets.delete('new-bucket')), { name: 'ConflictError', code: 'BucketNotEmpty' })
  await r2.delete('k', { bucket: 'new-bucket' })
  await r2.buckets.delete('new-bucket')
  t.ok(await failureOf(r2.buckets.head('new-bucket')) instanceof NotFoundError)
  t.same(emulator.r2.state.buckets(), ['sluice'])
})

t.test('more buckets than a page are all listed', async t => {
  const buckets = Array.from({ length: 1003 }, (_, index) => `b-${String(index).padStart(4, '0')}`)
  const { r2 } = await start(t, { r2: { buckets } })
  t.same((await r2.buckets.list()).map(bucket => bucket.name), buckets)
})

t.test('a download of one service goes straight into another, and its size is known', async t => {
  const from = await start(t)
  const to = await start(t)
  const bytes = bytesOf(2 * PART + 77)
  await upload(from.r2.createWriteStream('a', { partSize: PART }), bytes)
  const source = from.r2.createReadStream('a', { rangeSize: MiB })
  const target = to.r2.createWriteStream('b', { partSize: PART, ifNoneMatch: '*' })
  await pipeline(source, target)
  t.ok((await storedBytes(to.emulator, 'b'))?.equals(bytes))
  t.match(target.result, { etag: from.emulator.r2.state.objects().map(object => `"${object.etag}"`)[0], parts: 3 })
})

t.test('when one end of cloud to cloud fails, the other is released and left clean', async t => {
  const from = await start(t)
  const to = await start(t)
  await upload(from.r2.createWriteStream('a', { partSize: PART }), bytesOf(4 * PART))
  to.emulator.faults.add({ operation: 'UploadPart', status: 403, code: 'AccessDenied', times: Infinity })
  const target = to.r2.createWriteStream('b', { partSize: PART })
  t.match(await failureOf(pipeline(from.r2.createReadStream('a', { rangeSize: MiB }), target)), { code: 'AccessDenied', operation: 'UploadPart' })
  await until(() => target.closed && from.emulator.requests.inFlight('GetObject') === 0)
  t.same([target.remote, to.emulator.r2.state.uploads()], ['clean', []])
  from.emulator.faults.add({ operation: 'GetObject', skip: 1, status: 404, code: 'NoSuchKey' })
  const second = to.r2.createWriteStream('b', { partSize: PART })
  t.match(await failureOf(pipeline(from.r2.createReadStream('a', { rangeSize: MiB }), second)), { operation: 'GetObject' })
  await until(() => second.closed)
  t.same([second.remote, to.emulator.r2.state.uploads()], ['clean', []])
})

t.test('an endpoint with a path prefix and a port of its own is used as it is, also below gzip', async t => {
  const { emulator, r2 } = await start(t)
  t.match(emulator.r2.endpoint, /^http:\/\/127\.0\.0\.1:\d+\/r2$/)
  await pipeline(async function * () { yield bytesOf(100 * KiB) }, createGzip(), r2.createWriteStream('k.gz', { contentType: 'application/gzip' }))
  t.ok(gunzipSync(await storedBytes(emulator, 'k.gz') ?? '').equals(bytesOf(100 * KiB)))
})
