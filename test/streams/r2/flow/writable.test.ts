import t from 'tap'
import { createReadStream } from 'node:fs'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SizeMismatchError } from '../../../../lib/errors.ts'
import type { PartProgress } from '../../../../lib/flow/part-writable.ts'
import type { R2MultipartWritable } from '../../../../streams/r2/index.ts'
import { KiB, MiB, PART, bytesOf, collect, compositeMd5, failureOf, inChunks, md5, putParts, sortedParts, start, storedBytes, trace, upload } from './support.ts'

const all = bytesOf(3 * PART)

for (const size of [0, 1, PART - 1, PART]) {
  t.test(`createWriteStream() stores ${size} bytes with one PUT`, async t => {
    const { emulator, r2 } = await start(t)
    const bytes = all.subarray(0, size)
    const stored = await upload(r2.createWriteStream('k', { partSize: PART }), bytes, 65_536, 1, 4097)
    t.same(trace(emulator), ['PutObject 200'])
    t.match(stored, { bucket: 'sluice', key: 'k', size, etag: `"${md5(bytes)}"`, parts: 1, attempts: 1, reconciled: false, digests: { md5: md5(bytes) } })
    t.ok((await storedBytes(emulator, 'k'))?.equals(bytes))
  })
}

for (const [size, parts] of [[PART + 1, 2], [2 * PART, 2], [2 * PART + 1, 3], [3 * PART, 3]] as const) {
  t.test(`createWriteStream() stores ${size} bytes in ${parts} equal parts, the last one shorter`, async t => {
    const { emulator, r2 } = await start(t)
    const bytes = all.subarray(0, size)
    const stored = await upload(r2.createWriteStream('k', { partSize: PART }), bytes, 65_536, 1, 4097)
    t.same(sortedParts(trace(emulator)), ['CreateMultipartUpload 200', ...Array.from({ length: parts }, (_, index) => `UploadPart ${index + 1} 200`), 'CompleteMultipartUpload 200'])
    t.match(stored, { size, etag: `"${compositeMd5(bytes)}"`, parts, attempts: parts + 2, reconciled: false })
    t.same(emulator.r2.state.objects()[0]?.partSizes, [...Array.from({ length: parts - 1 }, () => PART), size - (parts - 1) * PART])
    t.ok((await storedBytes(emulator, 'k'))?.equals(bytes))
  })
}

t.test('createWriteStream() takes one chunk larger than three parts', async t => {
  const { emulator, r2 } = await start(t)
  const bytes = bytesOf(3 * PART + 5)
  t.equal((await upload(r2.createWriteStream('k', { partSize: PART }), bytes, bytes.length)).parts, 4)
  t.ok((await storedBytes(emulator, 'k'))?.equals(bytes))
})

t.test('createWriteStream() sends at most `concurrency` parts at once', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', latencyMs: 200, times: Infinity })
  await upload(r2.createWriteStream('k', { partSize: PART, concurrency: 2, integrity: 'unsigned' }), bytesOf(4 * PART), MiB)
  t.equal(emulator.requests.peakInFlight('UploadPart'), 2)
})

t.test('createWriteStream() sends nothing before a part is full, however slow the source', async t => {
  const { emulator, r2 } = await start(t)
  const writable = r2.createWriteStream('k', { partSize: PART, concurrency: 1 })
  await new Promise(resolve => writable.write(all.subarray(0, PART), resolve))
  t.equal(emulator.requests.count(), 0)
  await new Promise(resolve => writable.write(all.subarray(0, 1), resolve))
  writable.end()
  await once(writable, 'finish')
  t.equal(emulator.requests.count(), 4)
})

t.test('createWriteStream() emits progress that only rises, and ends at the whole', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', status: 500, times: 2 })
  const seen: PartProgress[] = []
  const writable = r2.createWriteStream('k', { partSize: PART }).on('progress', (progress: PartProgress) => seen.push(progress))
  await upload(writable, bytesOf(3 * PART + 100))
  t.same(seen.map(progress => progress.transferred), seen.map(progress => progress.transferred).sort((a, b) => a - b))
  t.same(seen.map(progress => progress.part).sort(), [1, 2, 3, 4])
  t.match(seen.at(-1), { transferred: 3 * PART + 100, total: 3 * PART + 100 })
  t.ok(seen.every(progress => progress.total === undefined || progress.transferred <= progress.total))
})

t.test('createWriteStream() gives 64 KiB writes the back-pressure of the service', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', stall: 'response', times: Infinity })
  const writable = r2.createWriteStream('k', { partSize: PART, concurrency: 2 })
  let written = 0
  const fill = failureOf(pipeline(async function * () {
    for (;; written += 64 * KiB) yield all.subarray(0, 64 * KiB)
  }, writable))
  await once(emulatorPart(emulator, 2), 'seen')
  for (let turns = 0; turns < 200; turns++) await new Promise(setImmediate)
  t.ok(written <= 3 * PART + 64 * KiB + writable.writableHighWaterMark, `${written} bytes taken`)
  t.ok(written > 2 * PART)
  writable.destroy()
  await fill
})

function emulatorPart ({ requests }: { requests: { inFlight (operation: string): number } }, count: number): PassThrough {
  const signal = new PassThrough()
  const poll = (): void => { requests.inFlight('UploadPart') >= count ? signal.emit('seen') : setImmediate(poll) }
  setImmediate(poll)
  return signal
}

for (const size of [PART - 1, PART + 1]) {
  for (const declared of [size + 1, size - 1]) {
    t.test(`createWriteStream() refuses ${size} bytes declared as ${declared}, and publishes nothing`, async t => {
      const { emulator, r2 } = await start(t)
      const error = await failureOf(upload(r2.createWriteStream('k', { size: declared, partSize: PART }), all.subarray(0, size)))
      t.ok(error instanceof SizeMismatchError)
      t.match(error, { expected: declared, remote: 'clean' })
      t.same([emulator.r2.state.objects(), emulator.r2.state.uploads()], [[], []])
    })
  }
}

t.test('createWriteStream() with the true size knows the total from the first progress on', async t => {
  const { r2 } = await start(t)
  const totals = new Set<number | undefined>()
  await upload(r2.createWriteStream('k', { size: all.length, partSize: PART }).on('progress', ({ total }: PartProgress) => totals.add(total)), all)
  t.same([...totals], [all.length])
})

const headers = {
  contentType: 'text/plain; charset=utf-8',
  cacheControl: 'max-age=60',
  contentDisposition: 'attachment; filename="a.txt"',
  contentEncoding: 'identity',
  contentLanguage: 'de',
  expires: new Date('2030-01-02T03:04:05Z'),
  storageClass: 'STANDARD_IA' as const,
  metadata: { plain: 'value', name: 'Grüße, 世界 🎉 — and a text that is far longer than one encoded word may be', 'with-space': 'a  b' }
}

for (const size of [10, PART + 1]) {
  t.test(`createWriteStream() keeps headers and metadata of ${size} bytes, also non-ASCII`, async t => {
    const { r2 } = await start(t)
    await upload(r2.createWriteStream('k', { ...headers, partSize: PART }), all.subarray(0, size))
    const info = await r2.head('k')
    t.match(info, { ...headers, size, metadata: headers.metadata })
    const stream = r2.createReadStream('k')
    await collect(stream)
    t.match(stream.info, { ...headers, size })
  })
}

t.test('createWriteStream() keeps what is stored packed from being unpacked at the edge, unless told of caching', async t => {
  const { r2 } = await start(t)
  await upload(r2.createWriteStream('a', { contentEncoding: 'gzip' }), all.subarray(0, 10))
  await upload(r2.createWriteStream('b', { contentEncoding: 'gzip', cacheControl: 'public' }), all.subarray(0, 10))
  t.same([(await r2.head('a')).cacheControl, (await r2.head('b')).cacheControl], ['no-transform', 'public'])
})

t.test('createWriteStream() stores keys of any text', async t => {
  const { emulator, r2 } = await start(t)
  const keys = ['a b+c', 'ü/世界/🎉', "it's (a) *star*!", 'percent %2F %', 'a//b/', '?query=1&x#frag', '\u0001\t\u007f', 'ends with space ']
  for (const key of keys) await upload(r2.createWriteStream(key), Buffer.from(key))
  t.same(emulator.r2.state.objects().map(object => object.key).sort(), [...keys].sort())
  for (const key of keys) t.equal((await r2.get(key)).bytes.toString(), key)
})

/** The totals that progress tells while what `source` gives goes up. */
async function totalsOf (writable: R2MultipartWritable, source: NodeJS.ReadableStream): Promise<Set<number | undefined>> {
  const totals = new Set<number | undefined>()
  writable.on('progress', ({ total }: PartProgress) => totals.add(total))
  await pipeline(source, writable)
  return totals
}

t.test('createWriteStream() learns the size of a piped file, of a part of one, and that of our own readable', async t => {
  const bench = await start(t)
  const { r2 } = bench
  const path = join(t.testdir(), 'file')
  await writeFile(path, all)
  const open = (key: string): R2MultipartWritable => r2.createWriteStream(key, { partSize: PART })
  t.same([...await totalsOf(open('a'), createReadStream(path))], [all.length])
  t.same([...await totalsOf(open('b'), createReadStream(path, { start: 10, end: 2 * PART + 9 }))], [2 * PART])
  t.same([...await totalsOf(open('c'), r2.createReadStream('a', { start: 1 }))], [all.length - 1])
  t.equal((await r2.head('c')).size, all.length - 1)
})

t.test('createWriteStream() learns the size of an HTTP answer', async t => {
  const { r2 } = await start(t)
  const server = createServer((_, response) => response.writeHead(200, { 'content-length': all.length }).end(all)).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const [message] = await once(get({ port: (server.address() as AddressInfo).port, agent: false }), 'response') as [IncomingMessage]
  t.same([...await totalsOf(r2.createWriteStream('k', { partSize: PART }), message)], [all.length])
})

t.test('createWriteStream() takes a source piped by hand, and one piped late', async t => {
  const { emulator, r2 } = await start(t)
  const writable = r2.createWriteStream('k', { partSize: PART })
  writable.write('head ')
  inChunks(all.subarray(0, PART)).pipe(writable)
  await once(writable, 'finish')
  t.equal((await storedBytes(emulator, 'k'))?.length, PART + 5)
  t.equal(writable.result?.parts, 2)
})

t.test('createWriteStream() replaces what is there', async t => {
  const bench = await start(t)
  await putParts(bench, 'k', all)
  await upload(bench.r2.createWriteStream('k'), Buffer.from('new'))
  t.equal((await storedBytes(bench.emulator, 'k'))?.toString(), 'new')
})
