import t from 'tap'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import { NotFoundError, PreconditionFailedError, ServerError } from '../../../../lib/errors.ts'
import type { CopiedItem, R2ObjectInfo } from '../../../../streams/r2/index.ts'
import { PART, bytesOf, collect, compositeMd5, failureOf, md5, putParts, start, storedBytes, trace, until } from './support.ts'

const large = bytesOf(2 * PART + 9)
const inParts = { partCopyAbove: PART, copyPartSize: PART }

t.test('createHeadStream() answers in the order of the keys, with several at work', async t => {
  const { emulator, r2 } = await start(t)
  const keys = Array.from({ length: 20 }, (_, index) => `k${index}`)
  await Promise.all(keys.map(key => r2.put(key, key)))
  for (let skip = 0; skip < 20; skip += 3) emulator.faults.add({ operation: 'HeadObject', key: `k${skip}`, latencyMs: 15 })
  const infos: R2ObjectInfo[] = []
  await pipeline(Readable.from(keys), r2.createHeadStream({ concurrency: 5 }), async function (source: AsyncIterable<R2ObjectInfo>) {
    for await (const info of source) infos.push(info)
  })
  t.same(infos.map(info => info.key), keys)
  t.ok(emulator.requests.peakInFlight('HeadObject') > 1 && emulator.requests.peakInFlight('HeadObject') <= 5)
})

t.test('createHeadStream() takes the entries of a listing, and stops at the first failure or yields it', async t => {
  const { r2 } = await start(t)
  await r2.put('a', '1')
  await r2.put('c', '333')
  const sizes = await r2.createListStream().pipe(r2.createHeadStream()).map((info: R2ObjectInfo) => info.size).toArray()
  t.same(sizes, [1, 3])
  t.ok(await failureOf(Readable.from(['a', 'b', 'c']).pipe(r2.createHeadStream()).toArray()) instanceof NotFoundError)
  t.match(await Readable.from(['a', 'b', 'c']).pipe(r2.createHeadStream({ onError: 'yield' })).toArray(),
    [{ key: 'a', size: 1 }, { item: 'b', error: { code: 'NoSuchKey' } }, { key: 'c', size: 3 }])
})

t.test('createHeadStream() and copy() see through the edge that repacks gzip', async t => {
  const { emulator, r2 } = await start(t)
  const packed = gzipSync('hello hello hello')
  const { etag } = await r2.put('k', packed, { contentEncoding: 'gzip', cacheControl: 'public' })
  t.match(await Readable.from(['k']).pipe(r2.createHeadStream()).toArray(), [{ size: packed.length, etag, contentEncoding: 'gzip' }])
  await r2.copy('k', 'copy')
  t.ok((await storedBytes(emulator, 'copy'))?.equals(packed))
})

t.test('copy() copies on the server, pinned to the version that HEAD found', async t => {
  const { emulator, r2 } = await start(t)
  const { etag } = await r2.put('a ü', 'x', { contentType: 'text/x', metadata: { a: 'ü' } })
  emulator.requests.clear()
  t.match(await r2.copy('a ü', 'b'), { etag, lastModified: Date })
  t.same(trace(emulator), ['HeadObject 200', 'CopyObject 200'])
  t.match(emulator.requests.entries('CopyObject')[0]?.headers, { 'x-amz-copy-source': '/sluice/a%20%C3%BC', 'x-amz-copy-source-if-match': etag })
  t.match(await r2.head('b'), { etag, contentType: 'text/x', metadata: { a: 'ü' } })
})

for (const [name, options, content] of [['CopyObject', {}, 'x'], ['parts', inParts, large]] as const) {
  t.test(`copy() keeps, replaces or merges metadata, by ${name}`, async t => {
    const { r2 } = await start(t)
    const { bytesWritten } = await storeLarge(r2.createWriteStream('a', { partSize: PART, contentType: 'text/x', cacheControl: 'private', metadata: { a: '1', b: '1' } }), content)
    t.ok(bytesWritten > 0)
    const changed = { metadata: { b: '2' }, contentType: 'text/y' }
    await r2.copy('a', 'copy', options)
    t.match(await r2.head('copy'), { contentType: 'text/x', cacheControl: 'private', metadata: { a: '1', b: '1' } })
    await r2.copy('a', 'replace', { ...options, ...changed, metadataDirective: 'REPLACE' })
    t.match(await r2.head('replace'), { contentType: 'text/y', cacheControl: undefined, metadata: { a: undefined, b: '2' } })
    await r2.copy('a', 'merge', { ...options, ...changed, metadataDirective: 'MERGE' })
    t.match(await r2.head('merge'), { contentType: 'text/y', cacheControl: 'private', metadata: { a: '1', b: '2' } })
    await r2.copy('a', 'given', { ...options, ...changed, metadataDirective: 'COPY' })
    t.match(await r2.head('given'), { contentType: 'text/x', metadata: { a: '1', b: '1' } })
  })

  t.test(`copy() obeys conditions on source and destination, by ${name}`, async t => {
    const { emulator, r2 } = await start(t)
    await storeLarge(r2.createWriteStream('a', { partSize: PART }), content)
    await r2.put('b', 'before')
    t.ok(await failureOf(r2.copy('a', 'b', { ...options, destination: { ifNoneMatch: '*' } })) instanceof PreconditionFailedError)
    t.ok(await failureOf(r2.copy('a', 'b', { ...options, source: { ifMatch: '"other"' } })) instanceof PreconditionFailedError)
    t.equal((await storedBytes(emulator, 'b'))?.toString(), 'before')
    await r2.copy('a', 'b', { ...options, destination: { ifMatch: (await r2.head('b')).etag } })
    t.ok((await storedBytes(emulator, 'b'))?.equals(Buffer.from(content)))
    t.same(emulator.r2.state.uploads(), [])
  })
}

async function storeLarge<W extends NodeJS.WritableStream> (writable: W, content: Buffer | string): Promise<W> {
  await pipeline(Readable.from([Buffer.from(content)]), writable)
  return writable
}

t.test('copy() of more than partCopyAbove goes in parts, side by side', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await putParts(bench, 'a', large)
  const { etag } = await r2.copy('a', 'b', inParts)
  t.same(trace(emulator).sort(), ['CompleteMultipartUpload 200', 'CreateMultipartUpload 200', 'HeadObject 200', 'HeadObject 200', 'UploadPartCopy 1 200', 'UploadPartCopy 2 200', 'UploadPartCopy 3 200'].sort())
  t.same(emulator.requests.entries('UploadPartCopy').map(entry => entry.headers['x-amz-copy-source-range']).sort(), [`bytes=0-${PART - 1}`, `bytes=${PART}-${2 * PART - 1}`, `bytes=${2 * PART}-${2 * PART + 8}`].sort())
  t.equal(etag, `"${compositeMd5(large)}"`)
  t.ok((await storedBytes(emulator, 'b'))?.equals(large))
  t.equal(trace(emulator).at(-1), 'CompleteMultipartUpload 200')
})

t.test('copy() in parts of a source that changes meanwhile fails, and leaves nothing', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await putParts(bench, 'a', large)
  const handle = emulator.faults.add({ operation: 'UploadPartCopy', partNumber: 2, latencyMs: 30 })
  const copying = failureOf(r2.copy('a', 'b', inParts))
  await until(() => handle.hits === 1)
  await r2.put('a', 'other')
  const error = await copying
  t.match(error, { code: /^(ObjectChanged|PreconditionFailed|InvalidArgument|InvalidRange)$/ })
  t.same([emulator.r2.state.uploads(), await storedBytes(emulator, 'b')], [[], undefined])
})

t.test('copy() in parts that fails removes its upload, after the parts in flight', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await putParts(bench, 'a', large)
  emulator.faults.add({ operation: 'UploadPartCopy', partNumber: 1, status: 500, times: Infinity })
  emulator.faults.add({ operation: 'UploadPartCopy', partNumber: 2, stall: 'response' })
  const error = await failureOf(r2.copy('a', 'b', inParts))
  t.ok(error instanceof ServerError)
  t.match(error, { operation: 'UploadPartCopy', attempts: 4, remote: 'clean' })
  t.same([emulator.r2.state.uploads(), trace(emulator).at(-1)], [[], 'AbortMultipartUpload 204'])
})

t.test('copy() in parts stops at a signal and removes its upload', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await putParts(bench, 'a', large)
  emulator.faults.add({ operation: 'UploadPartCopy', stall: 'response', times: Infinity })
  const stop = new AbortController()
  const copying = failureOf(r2.copy('a', 'b', { ...inParts, signal: stop.signal }))
  await until(() => emulator.requests.inFlight('UploadPartCopy') === 3)
  stop.abort('enough')
  t.match(await copying, { name: 'AbortError', cause: 'enough', remote: 'clean' })
  t.same(emulator.r2.state.uploads(), [])
})

t.test('copy() in parts whose Complete gets no answer is looked up', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await putParts(bench, 'a', large)
  emulator.faults.add({ operation: 'CompleteMultipartUpload', loseAnswer: true })
  t.match(await r2.copy('a', 'b', inParts), { etag: `"${compositeMd5(large)}"` })
  t.ok((await storedBytes(emulator, 'b'))?.equals(large))
})

t.test('copy() that finds an error in a 200 tries again', async t => {
  const { emulator, r2 } = await start(t)
  await r2.put('a', 'x')
  emulator.faults.add({ operation: 'CopyObject', errorIn200: 'InternalError' })
  t.match(await r2.copy('a', 'b'), { etag: `"${md5(Buffer.from('x'))}"` })
})

t.test('copy() goes from bucket to bucket', async t => {
  const { emulator, r2 } = await start(t, { r2: { buckets: ['sluice', 'other'] } })
  await r2.put('a', 'x')
  await r2.copy('a', { bucket: 'other', key: 'b' })
  t.equal((await collect(emulator.r2.state.read('b', 'other'))).toString(), 'x')
})

t.test('createCopyStream() copies in order, between buckets, and yields failures when asked to', async t => {
  const { emulator, r2 } = await start(t, { r2: { buckets: ['sluice', 'other'] } })
  const items = Array.from({ length: 12 }, (_, index) => ({ from: `a${index}`, to: `b${index}` }))
  await Promise.all(items.map(({ from }) => r2.put(from, from)))
  emulator.faults.add({ operation: 'CopyObject', latencyMs: 20 })
  const copied = await Readable.from(items).pipe(r2.createCopyStream({ toBucket: 'other' })).toArray() as CopiedItem[]
  t.same(copied.map(({ from, to }) => ({ from, to })), items)
  t.equal(emulator.r2.state.objects('other').length, 12)
  const missing = await Readable.from([{ from: 'none', to: 'x' }, { from: 'a1', to: 'y' }]).pipe(r2.createCopyStream({ onError: 'yield' })).toArray()
  t.match(missing, [{ item: { from: 'none', to: 'x' }, error: { code: 'NoSuchKey' } }, { from: 'a1', to: 'y' }])
  t.ok(await failureOf(Readable.from([{ from: 'none', to: 'x' }]).pipe(r2.createCopyStream()).toArray()) instanceof NotFoundError)
})
