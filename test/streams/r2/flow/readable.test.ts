import t from 'tap'
import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import { DigestMismatchError, StorageError } from '../../../../lib/errors.ts'
import type { RangeProgress } from '../../../../lib/flow/range-readable.ts'
import type { ReadStreamOptions } from '../../../../streams/r2/index.ts'
import { KiB, MiB, PART, bytesOf, closed, collect, failureOf, md5, putParts, start, storedBytes, trace, until } from './support.ts'

const bytes = bytesOf(MiB + 3)

const spans: Array<[options: ReadStreamOptions, from: number, to: number]> = [
  [{}, 0, bytes.length],
  [{ start: 1 }, 1, bytes.length],
  [{ end: 0 }, 0, 1],
  [{ start: 100, end: 100 }, 100, 101],
  [{ start: 99_999, end: 300_000 }, 99_999, 300_001],
  [{ start: bytes.length - 1 }, bytes.length - 1, bytes.length],
  [{ start: 5, end: 10 * MiB }, 5, bytes.length],
  [{ end: Infinity }, 0, bytes.length]
]

for (const concurrency of [1, 4, 8]) {
  t.test(`createReadStream() with concurrency ${concurrency} delivers any span, both ends inside`, async t => {
    const { r2 } = await start(t)
    await r2.put('k', bytes)
    for (const [options, from, to] of spans) {
      const stream = r2.createReadStream('k', { ...options, concurrency, rangeSize: 100_000 })
      const read = await collect(stream)
      t.ok(read.equals(bytes.subarray(from, to)), `bytes ${options.start ?? ''}-${options.end ?? ''}`)
      t.same([stream.size, stream.bytesRead, stream.info?.size], [to - from, to - from, bytes.length])
    }
  })
}

t.test('createReadStream() from beyond the end is InvalidRange', async t => {
  const { r2 } = await start(t)
  await r2.put('k', 'abc')
  for (const from of [3, 4]) {
    const error = await failureOf(collect(r2.createReadStream('k', { start: from })))
    t.ok(error instanceof StorageError)
    t.match(error, { code: 'InvalidRange', operation: 'GetObject' })
  }
})

t.test('createReadStream() reads an empty object and one of a byte', async t => {
  const { emulator, r2 } = await start(t)
  await r2.put('empty', '')
  await r2.put('one', 'x')
  for (const concurrency of [1, 4]) {
    t.equal((await collect(r2.createReadStream('empty', { concurrency }))).length, 0)
    t.equal((await collect(r2.createReadStream('one', { concurrency }))).toString(), 'x')
  }
  await until(() => emulator.requests.inFlight('GetObject') === 0)
})

t.test('createReadStream() with concurrency 1 reads all through one request', async t => {
  const { emulator, r2 } = await start(t)
  await r2.put('k', bytes)
  await collect(r2.createReadStream('k', { concurrency: 1, rangeSize: 1000 }))
  t.same(trace(emulator), ['PutObject 200', 'GetObject 200'])
})

t.test('createReadStream() delivers ranges in order, whichever comes first', async t => {
  const { emulator, r2 } = await start(t)
  await r2.put('k', bytes)
  for (const skip of [1, 3, 4, 8]) emulator.faults.add({ operation: 'GetObject', latencyMs: 5 * (10 - skip), skip })
  t.ok((await collect(r2.createReadStream('k', { concurrency: 8, rangeSize: 64 * KiB }))).equals(bytes))
  t.equal(emulator.requests.count('GetObject'), 17)
  t.ok(emulator.requests.peakInFlight('GetObject') > 1)
})

t.test('createReadStream() pins every range but the first to the etag of the first', async t => {
  const { emulator, r2 } = await start(t)
  const { etag } = await r2.put('k', bytes)
  await collect(r2.createReadStream('k', { rangeSize: 300_000 }))
  t.same(emulator.requests.entries('GetObject').map(entry => entry.headers['if-match']), [undefined, etag, etag, etag])
})

t.test('createReadStream() asks for nothing before the first read, and for no more than its window while nobody reads on', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await putParts(bench, 'k', bytesOf(3 * PART))
  const stream = r2.createReadStream('k', { concurrency: 2, rangeSize: MiB })
  for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate)
  t.equal(emulator.requests.count(), 0)
  stream.read(0)
  await once(stream, 'readable')
  await until(() => emulator.requests.entries('GetObject')[1]?.ended === true, 'the range ahead')
  for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate)
  t.equal(emulator.requests.count('GetObject'), 2)
  t.ok((await collect(stream)).equals(bytesOf(3 * PART)))
})

t.test('createReadStream() tells info before the first byte, and progress up to the whole', async t => {
  const { r2 } = await start(t)
  await r2.put('k', bytes, { metadata: { a: 'ü' }, contentType: 'text/x' })
  const stream = r2.createReadStream('k', { start: 3 })
  const events: string[] = []
  const seen: RangeProgress[] = []
  stream.once('info', info => events.push(`info ${info.size}`)).once('data', () => events.push('data'))
  stream.on('progress', (progress: RangeProgress) => seen.push(progress))
  await collect(stream)
  t.same(events, [`info ${bytes.length}`, 'data'])
  t.match(stream.info, { metadata: { a: 'ü' }, contentType: 'text/x', etag: `"${md5(bytes)}"` })
  t.same(seen.at(-1), { transferred: bytes.length - 3, total: bytes.length - 3 })
})

t.test('destroy() in the middle frees every socket', async t => {
  const bench = await start(t)
  const { emulator, r2, client } = bench
  await putParts(bench, 'k', bytesOf(3 * PART))
  await r2.close()
  await until(() => emulator.requests.connections.open === 0, 'the sockets of the upload to close')
  emulator.faults.add({ operation: 'GetObject', stall: { responseByte: 1000 }, times: Infinity })
  const stream = client().createReadStream('k', { concurrency: 4, rangeSize: MiB, verify: false }) // Its HEAD would keep a socket of its own.
  stream.on('error', () => undefined).resume()
  await until(() => emulator.requests.inFlight('GetObject') === 4, 'four ranges')
  t.equal(emulator.requests.connections.open, 4)
  stream.destroy()
  await closed(stream)
  await until(() => emulator.requests.connections.open === 0, 'the sockets of the download to close')
  await until(() => emulator.requests.inFlight('GetObject') === 0)
})

t.test('a signal stops a read and frees its socket', async t => {
  const { emulator, r2 } = await start(t)
  await r2.put('k', bytes)
  emulator.faults.add({ operation: 'GetObject', stall: { responseByte: 1000 } })
  const stop = new AbortController()
  const reading = failureOf(collect(r2.createReadStream('k', { signal: stop.signal, concurrency: 1 })))
  await until(() => emulator.requests.inFlight('GetObject') === 1)
  stop.abort('enough')
  t.match(await reading, { name: 'AbortError', cause: 'enough' })
  await until(() => emulator.requests.inFlight('GetObject') === 0)
})

t.test('leaving a for await loop early, and await using, free the socket', async t => {
  const { emulator, r2 } = await start(t)
  await r2.put('k', bytes)
  let read = 0
  for await (const chunk of r2.createReadStream('k', { concurrency: 1 }) as AsyncIterable<Buffer>) {
    read += chunk.length
    if (read > 0) break
  }
  await until(() => emulator.requests.inFlight('GetObject') === 0)
  emulator.faults.add({ operation: 'GetObject', stall: { responseByte: 1000 } })
  {
    await using stream = r2.createReadStream('k', { concurrency: 1 })
    stream.resume()
    await until(() => emulator.requests.inFlight('GetObject') === 1)
  }
  await until(() => emulator.requests.inFlight('GetObject') === 0)
})

t.test('a slow consumer loses nothing', async t => {
  const { r2 } = await start(t)
  await r2.put('k', bytes)
  const chunks: Buffer[] = []
  const slow = new Writable({ highWaterMark: 1, write (chunk: Buffer, _, done) { chunks.push(chunk); setImmediate(done) } })
  await pipeline(r2.createReadStream('k', { rangeSize: 64 * KiB }), slow)
  t.ok(Buffer.concat(chunks).equals(bytes))
})

t.test('createReadStream() and createWriteStream() meet Web streams through Node\'s own bridges', async t => {
  const { emulator, r2 } = await start(t)
  await r2.put('a', bytes)
  const web = Readable.toWeb(r2.createReadStream('a')) as ReadableStream<Uint8Array>
  await web.pipeTo(Writable.toWeb(r2.createWriteStream('b')))
  t.ok((await storedBytes(emulator, 'b'))?.equals(bytes))
  const response = new Response(Readable.toWeb(r2.createReadStream('b')) as unknown as ReadableStream)
  t.ok(Buffer.from(await response.arrayBuffer()).equals(bytes))
  await pipeline(Readable.fromWeb(new Blob([bytes]).stream() as never), r2.createWriteStream('c'))
  t.ok((await storedBytes(emulator, 'c'))?.equals(bytes))
})

for (const [name, options] of [['public', { cacheControl: 'public' }], ['no-transform', {}]] as const) {
  t.test(`what is stored as gzip (${name}) is delivered as it is stored, whatever the edge does`, async t => {
    const { r2 } = await start(t)
    const packed = gzipSync(bytes)
    const { etag } = await r2.put('k', packed, { contentEncoding: 'gzip', ...options })
    for (const concurrency of [1, 4]) {
      const stream = r2.createReadStream('k', { concurrency, rangeSize: 300_000 })
      t.ok((await collect(stream)).equals(packed))
      t.match(stream.info, { size: packed.length, etag, contentEncoding: 'gzip' })
    }
    t.match(await r2.head('k'), { size: packed.length, etag, contentEncoding: 'gzip' })
  })
}

t.test('createReadStream() compares with the CRC-64 that R2 holds, with the MD5, with the composite of parts', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await r2.put('crc64nvme', bytes, { integrity: 'crc64nvme' })
  await putParts(bench, 'crc64nvme of parts', bytesOf(PART + 1), { integrity: 'crc64nvme' })
  await r2.put('md5', bytes)
  await putParts(bench, 'md5 of parts', bytesOf(PART + 1))
  for (const key of ['crc64nvme', 'crc64nvme of parts', 'md5', 'md5 of parts']) {
    emulator.faults.add({ operation: 'GetObject', key, flipBit: { at: 500_000 } })
    // One request for all, else the checksum of the whole is not told.
    const error = await failureOf(collect(r2.createReadStream(key, { concurrency: 1 })))
    t.ok(error instanceof DigestMismatchError, key)
    t.equal(error['algorithm'], key.split(' ')[0])
    emulator.faults.add({ operation: 'GetObject', key, flipBit: { at: 500_000 } })
    await collect(r2.createReadStream(key, { verify: false }))
    await collect(r2.createReadStream(key))
  }
})

t.test('createReadStream() of a part of an object has nothing to compare with, and does not ask', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await putParts(bench, 'k', bytesOf(PART + 1))
  emulator.faults.add({ operation: 'GetObject', flipBit: { at: 5 } })
  await collect(r2.createReadStream('k', { start: 1 }))
  t.equal(emulator.requests.count('HeadObject'), 0)
})

t.test('an object with an opaque etag is read without a comparison', async t => {
  const { r2 } = await start(t, { r2: { strict: { etags: 'opaque' } } })
  await r2.put('k', bytes).catch(() => undefined)
  t.ok((await collect(r2.createReadStream('k', { verify: false }))).equals(bytes))
})

t.test('get() reads into memory, and refuses what is larger than its limit', async t => {
  const { emulator, r2 } = await start(t)
  await r2.put('k', bytes, { metadata: { a: 'b' } })
  const { info, bytes: read } = await r2.get('k')
  t.ok(read.equals(bytes))
  t.match(info, { key: 'k', size: bytes.length, metadata: { a: 'b' } })
  const error = await failureOf(r2.get('k', { limit: 1000 }))
  t.ok(error instanceof RangeError)
  t.match(error.message, /more than limit 1000/)
  await until(() => emulator.requests.inFlight('GetObject') === 0)
})
