/** The twelve scenarios that the other toolkits were measured in, each with the end that ours should have. */
import t from 'tap'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip, gunzipSync } from 'node:zlib'
import { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import { AbortError, DigestMismatchError } from '../../lib/errors.ts'
import type { Resumption } from '../../lib/flow/range-readable.ts'
import type { R2MultipartWritable } from '../../streams/r2/index.ts'
import {
  KiB, MiB, PART, bytesOf, collect, compositeMd5, failureOf, inChunks, putParts, sortedParts, start, storedBytes, trace, until, upload
} from '../streams/r2/flow/support.ts'

/** Passes bytes on and notes the most that the writable ever held back from the service. */
async function * watched (source: AsyncIterable<Buffer>, held: { peak: number }, writable: () => R2MultipartWritable): AsyncGenerator<Buffer> {
  let taken = 0
  for await (const chunk of source) {
    yield chunk
    taken += chunk.length
    held.peak = Math.max(held.peak, taken - writable().bytesStored)
  }
}

t.test('gzip of unknown length goes up in equal parts, never more than concurrency + 1 ahead of the service', async t => {
  const { emulator, r2 } = await start(t)
  const bytes = bytesOf(24 * MiB)
  emulator.faults.add({ operation: 'UploadPart', latencyMs: 150, times: Infinity })
  const writable = r2.createWriteStream('dump.gz', { partSize: PART, concurrency: 2 })
  const held = { peak: 0 }
  await pipeline(inChunks(bytes), createGzip({ level: 1 }), source => watched(source, held, () => writable), writable)
  t.ok(gunzipSync(await storedBytes(emulator, 'dump.gz') ?? '').equals(bytes))
  t.same(emulator.r2.state.objects()[0]?.partSizes?.slice(0, 4), [PART, PART, PART, PART])
  t.ok(emulator.requests.peakInFlight('UploadPart') <= 2)
  t.ok(held.peak <= 3 * PART + 128 * KiB, `${held.peak} bytes were held at most`)
})

t.test('writes of 512 bytes make the same parts, and hold no more', async t => {
  const { emulator, r2 } = await start(t)
  const bytes = bytesOf(12 * MiB)
  emulator.faults.add({ operation: 'UploadPart', latencyMs: 150, times: Infinity })
  const writable = r2.createWriteStream('k', { partSize: PART, concurrency: 1 })
  const held = { peak: 0 }
  await pipeline(watched(inChunks(bytes, 512), held, () => writable), writable)
  t.ok((await storedBytes(emulator, 'k'))?.equals(bytes))
  t.same(emulator.r2.state.objects()[0]?.partSizes, [PART, PART, 2 * MiB])
  t.ok(held.peak <= 2 * PART + 64 * KiB, `${held.peak} bytes were held at most`)
})

t.test('twenty uploads at once share one budget, and all of them end', async t => {
  const budget = new ByteBudget({ limit: 64 * MiB })
  const { emulator, r2 } = await start(t, { bodies: 'discard', client: { budget, integrity: 'unsigned' } })
  const bytes = bytesOf(2 * PART + 1)
  const results = await Promise.all(Array.from({ length: 20 }, (_, index) => upload(r2.createWriteStream(`k${index}`, { partSize: PART }), bytes)))
  t.same(new Set(results.map(result => result.etag)), new Set([`"${compositeMd5(bytes)}"`]))
  t.ok(budget.peak <= budget.limit + 20 * PART, `the first buffer of each is for certain: ${budget.peak} bytes at most`)
  t.same([budget.inUse, budget.waiting, emulator.requests.connections.peak <= 20], [0, 0, true])
})

t.test('an empty stream is one PUT of nothing', async t => {
  const { emulator, r2 } = await start(t)
  const writable = r2.createWriteStream('empty')
  await pipeline(Readable.from([], { objectMode: false }), writable)
  t.same([trace(emulator), emulator.r2.state.objects()[0]?.size], [['PutObject 200'], 0])
  t.match(writable.result, { size: 0, parts: 1, etag: '"d41d8cd98f00b204e9800998ecf8427e"' })
})

t.test('a source that throws after 30 MiB: its own error comes out, and the upload is aborted once', async t => {
  const { emulator, r2 } = await start(t)
  const broken = new Error('the disk is gone')
  const source = async function * (): AsyncGenerator<Buffer> {
    yield * inChunks(bytesOf(30 * MiB))
    throw broken
  }
  const writable = r2.createWriteStream('k', { partSize: PART })
  t.equal(await failureOf(pipeline(source, writable)), broken)
  await until(() => writable.closed)
  t.equal(writable.remote, 'clean')
  t.same([emulator.r2.state.uploads(), emulator.r2.state.objects(), emulator.r2.state.blobs], [[], [], 0])
  t.equal(trace(emulator).filter(line => line.startsWith('Abort')).length, 1)
  t.equal(trace(emulator).at(-1), 'AbortMultipartUpload 204')
})

t.test('an abort cuts the parts in flight, then removes the upload once', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', stall: 'response', times: Infinity })
  const stop = new AbortController()
  const uploading = failureOf(upload(r2.createWriteStream('k', { partSize: PART, concurrency: 3, signal: stop.signal }), bytesOf(30 * MiB)))
  await until(() => emulator.requests.inFlight('UploadPart') === 3)
  stop.abort('enough')
  const error = await uploading
  t.ok(error instanceof AbortError)
  t.same([error['cause'], error['remote'], emulator.r2.state.uploads()], ['enough', 'clean', []])
  t.same(sortedParts(trace(emulator)), ['CreateMultipartUpload 200', 'UploadPart 1 0', 'UploadPart 2 0', 'UploadPart 3 0', 'AbortMultipartUpload 204'])
})

t.test('two 503 with Retry-After: the time is waited, then the upload goes on', async t => {
  const { emulator, clock, client } = await start(t)
  const r2 = client({ retry: {} })
  emulator.faults.add({ operation: 'UploadPart', partNumber: 2, status: 503, retryAfter: 3, times: 2 })
  const stored = await upload(r2.createWriteStream('k', { partSize: PART, concurrency: 1 }), bytesOf(3 * PART))
  t.same(trace(emulator).slice(1, -1), ['UploadPart 1 200', 'UploadPart 2 503', 'UploadPart 2 503', 'UploadPart 2 200', 'UploadPart 3 200'])
  t.match(stored, { parts: 3, attempts: 7, reconciled: false })
  t.same([clock.sleeps.length, clock.sleeps.every(ms => ms >= 3000 && ms <= 3250)], [2, true], `waited ${clock.sleeps.join(', ')}`)
})

t.test('a connection reset on a part costs one more attempt', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', partNumber: 2, reset: { requestByte: MiB } })
  const bytes = bytesOf(2 * PART + 1)
  const stored = await upload(r2.createWriteStream('k', { partSize: PART, concurrency: 1 }), bytes)
  t.same(trace(emulator), ['CreateMultipartUpload 200', 'UploadPart 1 200', 'UploadPart 2 0', 'UploadPart 2 200', 'UploadPart 3 200', 'CompleteMultipartUpload 200'])
  t.match(stored, { attempts: 6, etag: `"${compositeMd5(bytes)}"` })
})

t.test('an error in the 200 of Complete is an error, and tried again', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'CompleteMultipartUpload', errorIn200: 'InternalError' })
  const bytes = bytesOf(PART + 1)
  const stored = await upload(r2.createWriteStream('k', { partSize: PART }), bytes)
  t.same(trace(emulator).slice(-2), ['CompleteMultipartUpload 200', 'CompleteMultipartUpload 200'])
  t.match(stored, { reconciled: false, etag: `"${compositeMd5(bytes)}"` })
  t.ok((await storedBytes(emulator, 'k'))?.equals(bytes))
})

t.test('a Complete whose answer is lost is looked up by HEAD', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'CompleteMultipartUpload', loseAnswer: true })
  const bytes = bytesOf(PART + 1)
  const stored = await upload(r2.createWriteStream('k', { partSize: PART }), bytes)
  t.same(trace(emulator).slice(-3), ['CompleteMultipartUpload 0', 'CompleteMultipartUpload 404', 'HeadObject 200'])
  t.match(stored, { reconciled: true, parts: 2, etag: `"${compositeMd5(bytes)}"` })
  t.same(emulator.r2.state.uploads(), [])
})

t.test('a download cut at 12 of 32 MiB goes on from there, pinned to its version', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  const bytes = bytesOf(32 * MiB)
  const { etag } = await putParts(bench, 'k', bytes)
  emulator.faults.add({ operation: 'GetObject', reset: { responseByte: 12 * MiB } })
  const resumed: Resumption[] = []
  const stream = r2.createReadStream('k', { concurrency: 1 }).on('resume', (resumption: Resumption) => resumed.push(resumption))
  t.ok((await collect(stream)).equals(bytes))
  const [, second] = emulator.requests.entries('GetObject')
  t.equal(resumed.length, 1)
  t.ok((resumed[0]?.offset ?? 0) > 0 && (resumed[0]?.offset ?? Infinity) <= 12 * MiB)
  t.match(second?.headers, { range: `bytes=${resumed[0]?.offset}-${32 * MiB - 1}`, 'if-match': etag })
})

t.test('one flipped bit in a download is found, by the MD5 of a PUT and by the composite of parts', async t => {
  const bench = await start(t)
  const { emulator, r2 } = bench
  await r2.put('single', bytesOf(MiB), { integrity: 'sha256' })
  await putParts(bench, 'parts', bytesOf(12 * MiB))
  for (const key of ['single', 'parts']) {
    emulator.faults.add({ operation: 'GetObject', key, flipBit: { at: 777_777 } })
    const error = await failureOf(collect(r2.createReadStream(key)))
    t.ok(error instanceof DigestMismatchError, key)
    t.match(error, { algorithm: 'md5', expected: key === 'single' ? /^[0-9a-f]{32}$/ : /^"[0-9a-f]{32}-3"$/, operation: 'GetObject' })
  }
  t.ok((await collect(r2.createReadStream('parts').pipe(createGzip({ level: 1 })).pipe(createGunzip()))).equals(bytesOf(12 * MiB)), 'and without it nothing is')
})
