import t from 'tap'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { systemClock } from '../../../../lib/clock.ts'
import { AbortError, ServerError } from '../../../../lib/errors.ts'
import type { Fault } from '../../../../emulator/index.ts'
import type { R2MultipartWritable } from '../../../../streams/r2/index.ts'
import { PART, bytesOf, closed, failureOf, inChunks, start, storedBytes, trace, until, upload } from './support.ts'

const bytes = bytesOf(2 * PART + 1)

/** Writes all and ends; whatever comes of it. */
function feed (writable: R2MultipartWritable): void {
  writable.on('error', () => undefined)
  pipeline(inChunks(bytes), writable).catch(() => undefined)
}

const moments: Array<[when: string, fault: Fault]> = [
  ['the create is under way', { operation: 'CreateMultipartUpload', stall: 'response' }],
  ['the first part is under way', { operation: 'UploadPart', partNumber: 1, stall: 'response' }],
  ['the last part is under way', { operation: 'UploadPart', partNumber: 3, stall: 'response' }],
  ['Complete is under way', { operation: 'CompleteMultipartUpload', stall: 'response' }]
]

for (const [when, fault] of moments) {
  t.test(`destroy() while ${when} leaves no upload`, async t => {
    const { emulator, r2 } = await start(t)
    const handle = emulator.faults.add(fault)
    const writable = r2.createWriteStream('k', { partSize: PART })
    feed(writable)
    await until(() => handle.hits === 1, when)
    writable.destroy()
    await closed(writable)
    t.equal(writable.remote, 'clean')
    t.same([emulator.r2.state.uploads(), emulator.r2.state.objects()], [[], []])
    await until(() => emulator.r2.state.blobs === 0, 'the parts to go')
  })
}

t.test('destroy() while a create is done and its answer is on the way waits for the id, and removes the upload', async t => {
  const { emulator, r2 } = await start(t, { client: { clock: systemClock } })
  emulator.faults.add({ operation: 'CreateMultipartUpload', latencyMs: 40 })
  const writable = r2.createWriteStream('k', { partSize: PART })
  feed(writable)
  await until(() => emulator.requests.inFlight('CreateMultipartUpload') === 1)
  writable.destroy()
  await closed(writable)
  t.equal(writable.remote, 'clean')
  t.same([emulator.r2.state.uploads(), trace(emulator)], [[], ['CreateMultipartUpload 200', 'AbortMultipartUpload 204']])
})

t.test('destroy() before the first write sends nothing', async t => {
  const { emulator, r2 } = await start(t)
  const writable = r2.createWriteStream('k')
  writable.destroy()
  await closed(writable)
  t.same([emulator.requests.count(), writable.remote], [0, 'clean'])
})

t.test('destroy(error) says that error, after the remote side is clean', async t => {
  const { emulator, r2 } = await start(t)
  const writable = r2.createWriteStream('k', { partSize: PART })
  for (let turns = 0; turns < 2; turns++) await new Promise(resolve => writable.write(bytes.subarray(0, PART), resolve))
  await until(() => emulator.requests.count('UploadPart') > 0)
  const own = new Error('own')
  setImmediate(() => writable.destroy(own))
  const [error] = await once(writable, 'error') as [Error]
  t.same([error === own, emulator.r2.state.uploads()], [true, []])
  t.equal(trace(emulator).at(-1), 'AbortMultipartUpload 204')
})

t.test('destroy() while Complete is done and its answer is on the way tells that the object is stored', async t => {
  const { emulator, r2 } = await start(t)
  const stop = new AbortController()
  const handle = emulator.faults.add({ operation: 'CompleteMultipartUpload', reset: 'after-headers' })
  // Complete is done on the service; what the client gets is a broken answer, and then no good one any more.
  emulator.faults.add({ operation: ['HeadObject', 'CompleteMultipartUpload'], stall: 'response', times: 1 })
  const uploading = failureOf(upload(r2.createWriteStream('k', { partSize: PART, signal: stop.signal }), bytes))
  await until(() => handle.hits === 1 && emulator.requests.count('CompleteMultipartUpload') === 2, 'the second Complete')
  stop.abort()
  const error = await uploading
  t.ok(error instanceof AbortError)
  t.ok((await storedBytes(emulator, 'k'))?.equals(bytes), 'it is there')
  t.equal(error['remote'], 'stored')
})

t.test('a signal that has aborted already stops the stream before anything is sent', async t => {
  const { emulator, r2 } = await start(t)
  const error = await failureOf(upload(r2.createWriteStream('k', { signal: AbortSignal.abort('no') }), bytes))
  t.match(error, { name: 'AbortError', cause: 'no', remote: 'clean' })
  t.equal(emulator.requests.count(), 0)
})

t.test('await using a writable that was not ended removes the upload', async t => {
  const { emulator, r2 } = await start(t)
  {
    await using writable = r2.createWriteStream('k', { partSize: PART })
    for (let turns = 0; turns < 2; turns++) await new Promise(resolve => writable.write(bytes.subarray(0, PART), resolve))
    await until(() => emulator.requests.count('UploadPart') > 0)
  }
  t.same([emulator.r2.state.uploads(), trace(emulator).at(-1)], [[], 'AbortMultipartUpload 204'])
})

t.test('a part that fails for good stops the others and aborts once', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', partNumber: 2, status: 500, times: Infinity })
  const error = await failureOf(upload(r2.createWriteStream('k', { partSize: PART }), bytes))
  t.ok(error instanceof ServerError)
  t.match(error, { operation: 'UploadPart', code: 'InternalError', attempts: 4, status: 500, remote: 'clean', message: /part 2 of "k".*after 4 attempts/ })
  t.same([emulator.r2.state.uploads(), trace(emulator).filter(line => line.startsWith('Abort')).length], [[], 1])
})

t.test('an abort that fails leaves an orphan, and says so in the error and the log', async t => {
  const { emulator, r2, log } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', partNumber: 1, status: 403, code: 'AccessDenied' })
  emulator.faults.add({ operation: 'AbortMultipartUpload', status: 500, times: Infinity })
  const writable = r2.createWriteStream('k', { partSize: PART })
  const error = await failureOf(upload(writable, bytes))
  t.match(error, { status: 403, remote: 'orphan' })
  const [left] = emulator.r2.state.uploads()
  t.equal(left?.id, writable.uploadId)
  t.match(log.find(line => line.level === 'error' && line.message.includes('stay until swept')), { fields: { key: 'k', uploadId: left?.id } })
})

t.test('an abort that fails once is tried again', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', partNumber: 1, status: 403 })
  emulator.faults.add({ operation: 'AbortMultipartUpload', reset: 'before' })
  t.equal((await failureOf(upload(r2.createWriteStream('k', { partSize: PART }), bytes)))['remote'], 'clean')
  t.same(emulator.r2.state.uploads(), [])
})

t.test('an abort that finds an error in a 200 is tried again', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', partNumber: 1, status: 403 })
  emulator.faults.add({ operation: 'AbortMultipartUpload', errorIn200: 'InternalError' })
  t.equal((await failureOf(upload(r2.createWriteStream('k', { partSize: PART }), bytes)))['remote'], 'clean')
  t.same([emulator.r2.state.uploads(), trace(emulator).slice(-2)], [[], ['AbortMultipartUpload 200', 'AbortMultipartUpload 204']])
})

t.test('a create whose answer is lost may leave an empty upload, which the log says and a sweep removes', async t => {
  const { emulator, r2, log } = await start(t)
  emulator.faults.add({ operation: 'CreateMultipartUpload', loseAnswer: true })
  await upload(r2.createWriteStream('k', { partSize: PART }), bytes)
  t.equal(emulator.r2.state.uploads().length, 1)
  t.ok(log.some(line => line.level === 'warn' && line.message.includes('sweepUploads')))
  t.equal((await r2.sweepUploads({ olderThanMs: 0 })).aborted.length, 1)
  t.same(emulator.r2.state.uploads(), [])
})

t.test('a create whose answer is lost before the upload fails is not called clean while an upload of its key is there', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'CreateMultipartUpload', loseAnswer: true, times: 4 })
  const error = await failureOf(upload(r2.createWriteStream('k', { partSize: PART }), bytes))
  t.match(error, { name: 'NetworkError', operation: 'CreateMultipartUpload', remote: 'unknown' })
  t.equal(emulator.r2.state.uploads().length, 4)
  emulator.faults.add({ operation: 'CreateMultipartUpload', reset: 'before', times: 4 })
  t.equal((await failureOf(upload(r2.createWriteStream('other', { partSize: PART }), bytes)))['remote'], 'clean')
})

t.test('a Complete that fails for good is cleaned up', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'CompleteMultipartUpload', errorIn200: 'InternalError', times: Infinity })
  const error = await failureOf(upload(r2.createWriteStream('k', { partSize: PART }), bytes))
  t.match(error, { code: 'InternalError', status: 200, attempts: 4, remote: 'clean' })
  t.same([emulator.r2.state.uploads(), emulator.r2.state.objects()], [[], []])
})

t.test('a Complete and its abort that both get no answer leave a state that is not known', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: ['CompleteMultipartUpload', 'HeadObject', 'AbortMultipartUpload'], reset: 'before', times: Infinity })
  const error = await failureOf(upload(r2.createWriteStream('k', { partSize: PART }), bytes))
  t.match(error, { name: 'NetworkError', operation: 'CompleteMultipartUpload', remote: 'unknown' })
})

t.test('an upload that vanishes under way is NoSuchUpload and clean', async t => {
  const { emulator, r2, client } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', partNumber: 3, latencyMs: 20 })
  const writable = r2.createWriteStream('k', { partSize: PART, concurrency: 1 })
  const uploading = failureOf(upload(writable, bytes))
  await until(() => emulator.requests.count('UploadPart') === 1)
  await client().multipart.abort({ key: 'k', uploadId: writable.uploadId ?? '' })
  t.match(await uploading, { code: 'NoSuchUpload', remote: 'clean' })
})

t.test('sweepUploads() aborts what is older, below the prefix, and keeps the rest', async t => {
  let now = Date.now() - 3_600_000
  const { emulator, r2 } = await start(t, { clock: { now: () => now, sleep: async () => {}, random: () => 0 } })
  for (const key of ['a/old', 'b/old']) await r2.multipart.create(key)
  now = Date.now()
  await r2.multipart.create('a/young')
  const { aborted, kept } = await r2.sweepUploads({ olderThanMs: 1_800_000, prefix: 'a/' })
  t.same([aborted.map(upload => upload.key), kept], [['a/old'], 1])
  t.same(emulator.r2.state.uploads().map(upload => upload.key), ['b/old', 'a/young'])
})
