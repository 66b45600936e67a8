/** What users of other toolkits complain of, by the numbers of the survey (peers.md, B), as far as it touches R2. */
import t from 'tap'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import { systemClock } from '../../lib/clock.ts'
import { StorageError, TimeoutError } from '../../lib/errors.ts'
import type { PartProgress } from '../../lib/flow/part-writable.ts'
import type { RangeProgress, Resumption } from '../../lib/flow/range-readable.ts'
import type { R2MultipartWritable } from '../../streams/r2/index.ts'
import { KiB, MiB, PART, bytesOf, closed, collect, compositeMd5, failureOf, inChunks, md5, putParts, start, storedBytes, trace, until, upload } from '../streams/r2/flow/support.ts'

const warnings: Error[] = []
process.on('warning', warning => warnings.push(warning))

const large = bytesOf(2 * PART + 3)

async function * endless (): AsyncGenerator<Buffer> {
  for (;;) yield large.subarray(0, 64 * KiB)
}

async function * failing (after: number): AsyncGenerator<Buffer> {
  yield * inChunks(bytesOf(after))
  throw new Error('the source broke')
}

const earlyEnds: Record<string, (writable: R2MultipartWritable, stop: AbortController) => Promise<unknown>> = {
  'an error of the source': writable => pipeline(failing(11 * MiB), writable),
  'an error of a transform': writable => pipeline(inChunks(large), new Transform({ transform (_chunk, _encoding, done) { done(new Error('bad')) } }), writable),
  'a source that is destroyed': writable => {
    const source = Readable.from(endless())
    setImmediate(() => source.destroy())
    return pipeline(source, writable)
  },
  'a signal': (writable, stop) => {
    until(() => writable.bytesStored > 0).then(() => stop.abort(), () => undefined)
    return pipeline(endless(), writable)
  },
  'destroy()': writable => {
    until(() => writable.bytesStored > 0).then(() => writable.destroy(), () => undefined)
    return pipeline(endless(), writable)
  },
  'a size that is not kept': writable => pipeline(inChunks(large), writable)
}

for (const [how, run] of Object.entries(earlyEnds)) {
  t.test(`B1, B9: ${how} leaves no upload behind, crashes nothing and hangs nowhere`, async t => {
    const { emulator, r2 } = await start(t, { client: { clock: systemClock } })
    const stop = new AbortController()
    const writable = r2.createWriteStream('k', { partSize: PART, signal: stop.signal, ...(how.startsWith('a size') ? { size: large.length + 1 } : {}) })
    t.ok(await failureOf(run(writable, stop)) instanceof Error)
    await closed(writable)
    t.same([writable.remote, emulator.r2.state.uploads(), emulator.r2.state.objects()], ['clean', [], []])
  })
}

t.test('B1: what a killed process left is found and swept', async t => {
  const { emulator, r2, client } = await start(t)
  for (const key of ['a', 'b']) await client().multipart.create(key)
  t.same((await r2.sweepUploads({ olderThanMs: 0 })).aborted.map(upload => upload.key), ['a', 'b'])
  t.same(emulator.r2.state.uploads(), [])
})

t.test('B3: a download cut in its body goes on inside the same Readable, and says from where', async t => {
  const bench = await start(t)
  await putParts(bench, 'k', large)
  bench.emulator.faults.add({ operation: 'GetObject', reset: { responseByte: 3 * MiB } })
  const stream = bench.r2.createReadStream('k', { concurrency: 1 })
  const seen: Resumption[] = []
  stream.on('resume', (resumption: Resumption) => seen.push(resumption))
  t.ok((await collect(stream)).equals(large))
  t.match(seen, [{ attempt: 1, cause: { name: 'NetworkError' } }])
})

t.test('B5: chunks are copied, so that a source may use its buffer again', async t => {
  const { emulator, r2 } = await start(t)
  const writable = r2.createWriteStream('k', { partSize: PART })
  const chunk = Buffer.alloc(512)
  for (let offset = 0; offset < PART + MiB; offset += chunk.length) {
    large.copy(chunk, 0, offset)
    await new Promise(resolve => writable.write(chunk, resolve))
  }
  writable.end()
  await once(writable, 'finish')
  t.ok((await storedBytes(emulator, 'k'))?.equals(large.subarray(0, PART + MiB)))
})

t.test('B6: gzip, a generator and an HTTP answer in chunks go up although nobody knows their length', async t => {
  const { emulator, r2 } = await start(t)
  const server = createServer((_, response) => { inChunks(large).pipe(response) }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const [answer] = await once(get({ port: (server.address() as AddressInfo).port, agent: false }), 'response') as [IncomingMessage]
  t.equal(answer.headers['content-length'], undefined)
  await pipeline(answer, r2.createWriteStream('http', { partSize: PART }))
  await pipeline(inChunks(large), createGzip({ level: 1 }), createGunzip(), r2.createWriteStream('gzip', { partSize: PART }))
  await pipeline(async function * () { yield * inChunks(large, 100_003) }, r2.createWriteStream('generator', { partSize: PART }))
  for (const key of ['http', 'gzip', 'generator']) t.ok((await storedBytes(emulator, key))?.equals(large), key)
})

for (const [how, fault] of [['a reset', { loseAnswer: true }], ['a 500', { loseAnswerWith: 500 }], ['a page of HTML', { loseAnswerWith: 522, html: true }], ['a reset after its headers', { reset: 'after-headers' }]] as const) {
  t.test(`B7: a Complete that is done and answered with ${how} is a success, marked as reconciled`, async t => {
    const { emulator, r2 } = await start(t)
    emulator.faults.add({ operation: 'CompleteMultipartUpload', ...fault })
    t.match(await upload(r2.createWriteStream('k', { partSize: PART }), large), { reconciled: true, etag: `"${compositeMd5(large)}"` })
    t.same(emulator.r2.state.uploads(), [])
  })
}

t.test('B11: uploads and downloads under a budget smaller than any of them end all the same', async t => {
  const budget = new ByteBudget({ limit: PART + MiB })
  const { emulator, r2 } = await start(t, { client: { budget } })
  await Promise.all(Array.from({ length: 4 }, (_, index) => upload(r2.createWriteStream(`k${index}`, { partSize: PART }), large)))
  const read = await Promise.all(Array.from({ length: 4 }, (_, index) => collect(r2.createReadStream(`k${index}`, { rangeSize: MiB }))))
  t.ok(read.every(bytes => bytes.equals(large)))
  t.same([budget.inUse, budget.waiting, emulator.r2.state.uploads()], [0, 0, []])
})

t.test('B11: a budget that an upload has left by error serves the others', async t => {
  const budget = new ByteBudget({ limit: 2 * PART })
  const { emulator, r2 } = await start(t, { client: { budget } })
  emulator.faults.add({ operation: 'UploadPart', key: 'bad', status: 403, times: Infinity })
  await Promise.allSettled([upload(r2.createWriteStream('bad', { partSize: PART }), large), upload(r2.createWriteStream('good', { partSize: PART }), large)])
  t.ok((await storedBytes(emulator, 'good'))?.equals(large))
  t.same([budget.inUse, budget.waiting], [0, 0])
})

t.test('B13: an error in the 200 of Complete, again and again, is that error by name', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'CompleteMultipartUpload', errorIn200: 'InternalError', message: 'We encountered an internal error', times: Infinity })
  const error = await failureOf(upload(r2.createWriteStream('k', { partSize: PART }), large))
  t.match(error, { code: 'InternalError', serviceCode: 'InternalError', message: /^Cannot complete the multipart upload of "k": 200 InternalError \(We encountered an internal error\) after 4 attempts/ })
})

t.test('B14: two versions are never joined, not even by a reader that does not compare digests', async t => {
  const bench = await start(t)
  await putParts(bench, 'k', large)
  bench.emulator.faults.add({ operation: 'GetObject', changeObject: 'midway', reset: { responseByte: 8 * MiB } })
  t.match(await failureOf(collect(bench.r2.createReadStream('k', { concurrency: 1, verify: false }))), { name: 'ObjectChangedError', expected: `"${compositeMd5(large)}"` })
})

t.test('B15: readables that nobody reads hold no socket', async t => {
  const { emulator, r2 } = await start(t)
  await r2.put('k', 'x')
  const unread = Array.from({ length: 60 }, () => r2.createReadStream('k'))
  for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
  t.equal((await r2.get('k')).bytes.toString(), 'x')
  t.same(trace(emulator), ['PutObject 200', 'GetObject 206'])
  for (const stream of unread) stream.destroy()
})

t.test('B15: readables that are left half read give their sockets back with destroy()', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await putParts(bench, 'k', large)
  for (let round = 0; round < 25; round++) {
    const stream = r2.createReadStream('k', { concurrency: 1 })
    await once(stream, 'readable')
    stream.read()
    stream.destroy()
    await closed(stream)
  }
  await until(() => emulator.requests.inFlight('GetObject') === 0)
  t.equal((await r2.get('k')).bytes.length, large.length)
})

t.test('B16: parts are equal whatever the writes, and what cannot fit is refused at the start', async t => {
  const { emulator, r2 } = await start(t)
  await upload(r2.createWriteStream('k', { partSize: PART }), large, 1, 3_000_001, 77, PART + 12_345)
  t.same(emulator.r2.state.objects()[0]?.partSizes, [PART, PART, 3])
  t.throws(() => r2.createWriteStream('k', { size: 6 * 1024 ** 4 }), { name: 'RangeError', message: /6597069766656 bytes/ })
  t.throws(() => r2.createWriteStream('k', { partSize: MiB }), { name: 'RangeError', message: /5242880/ })
  t.doesNotThrow(() => r2.createWriteStream('k', { size: 4 * 1024 ** 4, partSize: PART }).destroy(), 'the part size grows where the size is known')
})

t.test('B18: an abort reaches a single PUT on its way: no object appears afterwards', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'PutObject', bytesPerSecond: 4_000_000 })
  const stop = new AbortController()
  const uploading = failureOf(upload(r2.createWriteStream('k', { partSize: PART, signal: stop.signal }), large.subarray(0, 2 * MiB)))
  await until(() => (emulator.requests.entries('PutObject')[0]?.bytesIn ?? 0) > 0)
  stop.abort()
  t.match(await uploading, { name: 'AbortError', remote: 'unknown' })
  await until(() => emulator.requests.inFlight('PutObject') === 0)
  t.same([emulator.r2.state.objects(), emulator.r2.state.blobs], [[], 0])
})

t.test('B19: a hundred transfers on one signal raise no warning', async t => {
  const { r2 } = await start(t)
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 50 }, async (_, index) => {
    await upload(r2.createWriteStream(`k${index}`, { signal }), large.subarray(0, 70_000))
    await collect(r2.createReadStream(`k${index}`, { signal, rangeSize: 10_000, concurrency: 8 }))
    await r2.put(`p${index}`, 'x', { signal })
    await r2.head(`p${index}`, { signal })
  }))
  await upload(r2.createWriteStream('parts', { signal, partSize: PART, concurrency: 16 }), bytesOf(4 * PART))
  await new Promise(setImmediate)
  t.same(warnings, [])
})

t.test('B21: a download that stalls is healed, and a request that is never answered is a TimeoutError', async t => {
  const { emulator, r2 } = await start(t, { client: { timeouts: { bodyIdleMs: 30 } } })
  await r2.put('k', large.subarray(0, 100_000))
  emulator.faults.add({ operation: 'GetObject', stall: { responseByte: 50_000 } })
  t.equal((await collect(r2.createReadStream('k', { concurrency: 1 }))).length, 100_000)
  const hasty = await start(t, { client: { timeouts: { operationMs: 30 }, retry: false } })
  await hasty.r2.put('k', 'x')
  hasty.emulator.faults.add({ operation: 'HeadObject', stall: 'response' })
  t.ok(await failureOf(hasty.r2.head('k')) instanceof TimeoutError)
})

t.test('B22: what went up is hashed on the way, and what comes down is compared', async t => {
  const bench = await start(t)
  const stored = await putParts(bench, 'k', large, { digest: 'sha256' })
  t.match(stored.digests, { sha256: /^[0-9a-f]{64}$/ })
  bench.emulator.faults.add({ operation: 'GetObject', skip: 1, flipBit: { at: 0 } })
  t.match(await failureOf(collect(bench.r2.createReadStream('k', { rangeSize: 2 * MiB }))), { name: 'DigestMismatchError', expected: stored.etag })
})

t.test('B24: Retry-After is kept in both its forms', async t => {
  const { emulator, clock, client } = await start(t)
  const r2 = client({ retry: {} })
  emulator.faults.add({ operation: 'PutObject', status: 429, code: 'ServiceUnavailable', retryAfter: 4 })
  await r2.put('k', 'x')
  emulator.faults.add({ operation: 'PutObject', status: 503, retryAfter: new Date(clock.now() + 9000).toUTCString() })
  await r2.put('k', 'x')
  t.ok(clock.sleeps.some(ms => ms >= 4000 && ms <= 4250) && clock.sleeps.some(ms => ms >= 7900 && ms <= 9250), clock.sleeps.join(', '))
})

t.test('B26: resets here and there are nobody\'s failed request', async t => {
  const { emulator, client } = await start(t, { seed: 7 })
  const r2 = client({ circuitBreaker: false, retry: { retries: 8, initialMs: 1, maxMs: 2 } })
  emulator.faults.add({ probability: 0.3, reset: 'before', times: Infinity })
  await Promise.all(Array.from({ length: 60 }, (_, index) => r2.put(`k${index}`, bytesOf(KiB, index))))
  const read = await Promise.all(Array.from({ length: 60 }, (_, index) => r2.get(`k${index}`)))
  t.ok(read.every(({ bytes }, index) => bytes.equals(bytesOf(KiB, index))))
  t.ok(r2.sent.retries > 10)
})

t.test('B35: an error says what was done, what came, how often, under which id, and what is left', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', partNumber: 2, status: 500, times: Infinity })
  const error = await failureOf(upload(r2.createWriteStream('videos/a.mp4', { partSize: PART }), large))
  t.ok(error instanceof StorageError)
  t.match(error, {
    name: 'ServerError',
    code: 'InternalError',
    serviceCode: 'InternalError',
    operation: 'UploadPart',
    status: 500,
    requestId: /^[0-9a-f]{16}-[A-Z]{3}$/,
    attempts: 4,
    temporary: true,
    remote: 'clean',
    message: /^Cannot upload part 2 of "videos\/a\.mp4": 500 InternalError .* after 4 attempts in \d+\.\d s$/
  })
  emulator.faults.add({ operation: 'HeadObject', reset: 'before', times: Infinity })
  t.match(await failureOf(r2.head('k')), { name: 'NetworkError', operation: 'HeadObject', message: /^Cannot head "k": The connection failed: .+ after 4 attempts/ })
})

t.test('B36: progress rises to the whole and never beyond, through retries and cuts', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', reset: { requestByte: MiB }, times: 2 })
  emulator.faults.add({ operation: 'GetObject', reset: { responseByte: MiB }, times: 3 })
  const up: PartProgress[] = []
  const down: RangeProgress[] = []
  await upload(r2.createWriteStream('k', { partSize: PART, size: large.length }).on('progress', (progress: PartProgress) => up.push(progress)), large)
  await collect(r2.createReadStream('k', { concurrency: 1 }).on('progress', (progress: RangeProgress) => down.push(progress)))
  for (const seen of [up, down]) {
    t.ok(seen.every(({ transferred }, index) => transferred <= large.length && transferred > (seen[index - 1]?.transferred ?? 0)))
    t.match(seen.at(-1), { transferred: large.length, total: large.length })
  }
})

t.test('B40: a part that is sent again is the same part, and put() says what it wants instead of a stream', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', partNumber: 1, loseAnswerWith: 500, times: 2 })
  emulator.faults.add({ operation: 'UploadPart', partNumber: 2, reset: { requestByte: PART - 1 } })
  await upload(r2.createWriteStream('k', { partSize: PART }), large)
  t.ok((await storedBytes(emulator, 'k'))?.equals(large))
  t.match(await failureOf(r2.put('k', new PassThrough() as never)), { name: 'TypeError', message: /pipe streams into createWriteStream/ })
})

t.test('B44: a source slower than every timeout costs nothing: requests start when a part is full', async t => {
  const { emulator, r2 } = await start(t, { client: { timeouts: { headersMs: 60, bodyIdleMs: 60 }, retry: false } })
  await r2.put('warm', 'x')
  await pipeline(async function * () {
    yield large.subarray(0, PART + 1)
    await until(() => emulator.requests.count('UploadPart') === 1 && emulator.requests.inFlight('UploadPart') === 0)
    await new Promise(resolve => setTimeout(resolve, 150)) // the one wait of real time: undici's timers know no clock
    yield large.subarray(PART + 1)
  }, r2.createWriteStream('k', { partSize: PART }))
  t.ok((await storedBytes(emulator, 'k'))?.equals(large))
})

t.test('B45: ifNoneMatch "*" holds for large bodies too, and for a copy in parts', async t => {
  const { emulator, r2 } = await start(t)
  await upload(r2.createWriteStream('k', { partSize: PART, ifNoneMatch: '*' }), large)
  t.match(await failureOf(upload(r2.createWriteStream('k', { partSize: PART, ifNoneMatch: '*' }), bytesOf(PART + 1))), { name: 'PreconditionFailedError', remote: 'clean' })
  t.match(await failureOf(r2.copy('k', 'k', { partCopyAbove: PART, copyPartSize: PART, destination: { ifNoneMatch: '*' } })), { name: 'PreconditionFailedError', remote: 'clean' })
  t.ok((await storedBytes(emulator, 'k'))?.equals(large))
})

t.test('B50: the etag of parts is no MD5 and is not given for one', async t => {
  const { r2 } = await start(t)
  const parts = await upload(r2.createWriteStream('parts', { partSize: PART }), large)
  t.same([parts.etag, parts.digests], [`"${compositeMd5(large)}"`, {}])
  t.equal((await upload(r2.createWriteStream('parts', { partSize: PART, digest: 'md5' }), large)).digests['md5'], md5(large))
  t.ok((await collect(r2.createReadStream('parts'))).equals(large), 'reading recomputes the composite')
})
