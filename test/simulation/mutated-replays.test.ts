/** Recordings with trouble in them: one kind for each test, and each ends as it would with the service. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { generatedBytes, generatedChunks } from '../../fixtures/flows/bytes.ts'
import { digestOf } from '../../fixtures/flows/flow.ts'
import { MiB } from '../../lib/bytes/sizes.ts'
import type { Mutation, Trouble } from '../../lib/simulation/mutations.ts'
import type { R2 } from '../../streams/r2/client.ts'
import type { OneDrive } from '../../streams/onedrive/client.ts'
import type { AzureFiles } from '../../streams/azure-files/client.ts'
import { replayAzureFiles, replayOneDrive, replayR2 } from './support/replays.ts'

const REPORT = generatedBytes(40_000, 11)
const DIGEST = await digestOf(Readable.from([REPORT]))

const put = (r2: R2): Promise<unknown> => r2.put('reports/2025.bin', REPORT, { contentType: 'application/x-report', metadata: { author: 'ana' } })

/** One object of 40,000 bytes, read in ranges of 16,000, one after the other unless told. */
const read = (r2: R2, options: object = {}): Promise<{ size: number, sha256: string }> => digestOf(r2.createReadStream('photos/a.raw', { rangeSize: 16_000, concurrency: 1, ...options }))

async function upload (r2: R2): Promise<Record<string, unknown>> {
  const stream = r2.createWriteStream('videos/a.mp4', { partSize: 5 * MiB, concurrency: 1, contentType: 'video/mp4' })
  await pipeline(Readable.from(generatedChunks(11 * MiB + 5, 12)), stream)
  const { etag, attempts, reconciled } = stream.result ?? {}
  return { etag, attempts, reconciled }
}

const ETAG = '"e34d05febf77080da988e6a0fbe27626-3"'
const on = (operation: string, trouble: Trouble, target: Mutation['on'] = {}): Mutation => ({ on: { operation, ...target }, do: trouble })

t.test('a refused connection is tried again', async t => {
  const { r2, clock } = replayR2(t, 'small_object', [on('put_object', { connect: 'refused' }, { times: 2 })])
  t.match(await put(r2), { attempts: 3, size: 40_000 })
  t.equal(clock.waits.length, 2)
})

t.test('an expired certificate is not, and nothing is looked up of what cannot have been sent', async t => {
  const { r2, clock } = replayR2(t, 'small_object', [on('put_object', { connect: 'expired-certificate' })])
  await t.rejects(put(r2), { name: 'NetworkError', serviceCode: 'CERT_HAS_EXPIRED', temporary: false, attempts: 1, remote: 'clean' })
  t.same([clock.waits, r2.sent.requests], [[], 1])
})

t.test('a connection that is reset before the answer: the part is sent again', async t => {
  const { r2 } = replayR2(t, 'multipart_upload', [on('upload_part', { reset: 'before' }, { nth: 2 })])
  t.same(await upload(r2), { etag: ETAG, attempts: 6, reconciled: false })
})

t.test('a request that is cut on its way: the part is sent again', async t => {
  const { r2 } = replayR2(t, 'multipart_upload', [on('upload_part', { reset: { requestByte: 3_000_000 } }, { times: 3 })])
  t.same(await upload(r2), { etag: ETAG, attempts: 8, reconciled: false })
})

t.test('503 with Retry-After: waits as long as it was told', async t => {
  const { r2, clock } = replayR2(t, 'small_object', [on('put_object', { status: 503, retryAfter: 7 })])
  t.match(await put(r2), { attempts: 2 })
  t.ok(clock.waits[0]! >= 7000 && clock.waits[0]! <= 7250, String(clock.waits[0]))
})

t.test('a page of a proxy that never ends to say 429: ThrottledError, and nothing is left', async t => {
  const { r2 } = replayR2(t, 'failed_upload', [on('upload_part', { status: 429, html: true }, { nth: 2, times: Infinity })])
  const upload = r2.createWriteStream('videos/b.mp4', { partSize: 5 * MiB, concurrency: 1 })
  await t.rejects(pipeline(Readable.from(generatedChunks(11 * MiB, 13)), upload), { name: 'ThrottledError', code: 'Throttled', status: 429, attempts: 6, remote: 'clean' })
})

t.test('the same where the clean-up fails as well: what is left is told', async t => {
  const { r2 } = replayR2(t, 'failed_upload', [
    on('upload_part', { status: 429, html: true }, { nth: 2, times: Infinity }),
    on('abort_multipart_upload', { connect: 'unreachable' }, { times: Infinity })
  ])
  const upload = r2.createWriteStream('videos/b.mp4', { partSize: 5 * MiB, concurrency: 1 })
  await t.rejects(pipeline(Readable.from(generatedChunks(11 * MiB, 13)), upload), { name: 'ThrottledError', remote: 'orphan' })
})

t.test('an error inside a 200: the upload is completed again', async t => {
  const body = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code><Message>We encountered an internal error. Please try again.</Message></Error>'
  const { r2 } = replayR2(t, 'multipart_upload', [on('complete_multipart_upload', { status: 200, body })])
  t.same(await upload(r2), { etag: ETAG, attempts: 6, reconciled: false })
})

t.test('a lost answer to a part: it is sent again, and the recording answers again', async t => {
  const { r2 } = replayR2(t, 'multipart_upload', [on('upload_part', { loseAnswer: true }, { nth: 3 })])
  t.same(await upload(r2), { etag: ETAG, attempts: 6, reconciled: false })
})

t.test('a lost answer to the last request: the object is looked up and found', async t => {
  const { r2 } = replayR2(t, 'multipart_upload', [on('complete_multipart_upload', { loseAnswer: true }, { times: Infinity })])
  t.match(await upload(r2), { etag: ETAG, reconciled: true })
})

t.test('a download that is cut goes on from the next byte', async t => {
  const { r2 } = replayR2(t, 'ranged_download', [on('get_object', { reset: { responseByte: 12_345 } })])
  await r2.put('photos/a.raw', REPORT)
  t.same(await read(r2), DIGEST)
})

t.test('a download that stalls goes on when its time is up', async t => {
  const { r2, clock } = replayR2(t, 'ranged_download', [on('get_object', { stall: { responseByte: 20_000 } })])
  await r2.put('photos/a.raw', REPORT)
  t.same(await read(r2), DIGEST)
  t.ok(clock.waits.includes(30_000), String(clock.waits))
})

t.test('headers that never come: the time is up, and the request is sent again', async t => {
  const { r2, clock } = replayR2(t, 'small_object', [on('put_object', { stall: 'response' })])
  t.match(await put(r2), { attempts: 2 })
  t.ok(clock.waits[0]! >= 60_000, String(clock.waits))
})

t.test('headers that never come, ever: TimeoutError', async t => {
  const { r2 } = replayR2(t, 'ranged_download', [on('get_object', { stall: 'response' }, { times: Infinity })])
  await r2.put('photos/a.raw', REPORT)
  await t.rejects(read(r2), { name: 'TimeoutError', serviceCode: 'UND_ERR_HEADERS_TIMEOUT', attempts: 4 })
})

t.test('an answer that ends early goes on where it ended', async t => {
  const { r2 } = replayR2(t, 'ranged_download', [on('get_object', { truncate: { responseByte: 39_999 } })])
  await r2.put('photos/a.raw', REPORT)
  t.same(await read(r2), DIGEST)
})

t.test('an answer that ends early and says that it is whole does not get through', async t => {
  const { r2 } = replayR2(t, 'ranged_download', [on('get_object', { truncate: { responseByte: 30_000, length: 'fits' } })])
  await r2.put('photos/a.raw', REPORT)
  await t.rejects(read(r2), { name: 'DigestMismatchError', size: 30_000 })
})

t.test('a flipped bit: DigestMismatchError instead of the end', async t => {
  const { r2 } = replayR2(t, 'ranged_download', [on('get_object', { flipBit: { responseByte: 23_456 } })])
  await r2.put('photos/a.raw', REPORT)
  await t.rejects(read(r2), { name: 'DigestMismatchError' })
})

t.test('another version takes the place of the one that is read: ObjectChangedError', async t => {
  const { r2 } = replayR2(t, 'ranged_download', [on('get_object', { reset: { responseByte: 10_000 } }), on('get_object', { changeObject: true })])
  await r2.put('photos/a.raw', REPORT)
  await t.rejects(read(r2), { name: 'ObjectChangedError', expected: '"4f9abeace0625d3367d657e294346c9c"' })
})

t.test('what is no HTTP is asked for again', async t => {
  const { r2 } = replayR2(t, 'small_object', [on('put_object', { protocol: 'garbage' })])
  t.match(await put(r2), { attempts: 2 })
})

t.test('an answer whose headers make no sense is asked for again', async t => {
  const { r2 } = replayR2(t, 'ranged_download', [on('get_object', { headers: { 'content-range': ['bytes 0-1/9', 'bytes 7-8/9'] } })])
  await r2.put('photos/a.raw', REPORT)
  t.same(await read(r2, { concurrency: 3 }), DIGEST)
})

t.test('an answer that is cut within the XML: the upload is completed again', async t => {
  const { r2 } = replayR2(t, 'multipart_upload', [on('complete_multipart_upload', { reset: { responseByte: 60 } })])
  t.match(await upload(r2), { etag: ETAG })
})

t.test('a redirection that leads to itself is not followed', async t => {
  const { r2 } = replayR2(t, 'small_object', [on('put_object', { redirect: 'loop' })])
  await t.rejects(put(r2), { name: 'StorageError', status: 302, temporary: false })
})

t.test('slowness and latency only take their time', async t => {
  const { r2, clock } = replayR2(t, 'ranged_download', [on('get_object', { latencyMs: 400, bytesPerSecond: 10_000 })])
  await r2.put('photos/a.raw', REPORT)
  t.same(await read(r2), DIGEST)
  t.equal(clock.waits.reduce((sum, ms) => sum + ms), 4400)
})

t.test('a bit that is flipped on the way up is refused by the service: here by the recording, which never saw it', async t => {
  const { r2 } = replayR2(t, 'small_object', [on('put_object', { flipBit: { requestByte: 100 } })])
  await t.rejects(put(r2), { name: 'ReplayError', temporary: false })
})

const fragments = async (onedrive: OneDrive): Promise<Record<string, unknown>> => {
  const size = 2 * 327_680 + 12_345
  const stream = onedrive.createWriteStream('/videos/a.mp4', { fragmentSize: 327_680, size })
  await pipeline(Readable.from(generatedChunks(size, 22)), stream)
  const { attempts, verification } = stream.result ?? {}
  return { attempts, verification }
}

t.test('OneDrive: a fragment that is cut: the session is asked what it lacks', async t => {
  // A third trouble beside the two that are recorded: 429, and a fragment that was stored behind a 502.
  const { onedrive } = replayOneDrive(t, 'throttled_session', [on('upload_fragment', { reset: { requestByte: 100_000 } }, { nth: 2 })])
  t.same(await fragments(onedrive), { attempts: 7, verification: 'verified' })
})

/** A copy of 30,000 bytes, made by the service. */
async function download (onedrive: OneDrive): Promise<{ size: number, sha256: string }> {
  await onedrive.upload('/photos/a.raw', generatedBytes(30_000, 21))
  await onedrive.createFolder('/archive')
  await (await onedrive.copy('/photos/a.raw', '/archive/a.raw')).wait()
  return await digestOf(onedrive.createReadStream('/archive/a.raw'))
}

t.test('OneDrive: a flipped bit of a download', async t => {
  const { onedrive } = replayOneDrive(t, 'copy', [on('download', { flipBit: { responseByte: 5 } })])
  await t.rejects(download(onedrive), { name: 'DigestMismatchError', algorithm: 'quickXor' })
})

t.test('OneDrive: a link that dies within a download is asked for anew', async t => {
  const { onedrive } = replayOneDrive(t, 'copy', [on('download', { reset: { responseByte: 20_000 } }), on('download', { status: 401 })])
  t.same(await download(onedrive), await digestOf(Readable.from([generatedBytes(30_000, 21)])))
})

t.test('OneDrive: and the file that it leads to must still be the same', async t => {
  const { onedrive } = replayOneDrive(t, 'copy', [
    on('download', { reset: { responseByte: 20_000 } }),
    on('download', { status: 401 }),
    on('get_item', { rewrite: { find: /"cTag":"(?:[^"\\]|\\.)+"/, replace: '"cTag":"another"' } }, { path: 'archive/a.raw', nth: 2 })
  ])
  await t.rejects(download(onedrive), { name: 'ObjectChangedError', found: 'cTag another' })
})

t.test('OneDrive: redirections without end come to an end', async t => {
  const { onedrive } = replayOneDrive(t, 'copy', [on('download', { redirect: 'loop' }, { times: Infinity })])
  await t.rejects(download(onedrive), { name: 'StorageError', code: 'Redirected' })
})

const ranges = async (azure: AzureFiles): Promise<Record<string, unknown>> => {
  const stream = azure.createWriteStream('videos/a.mp4', { rangeSize: 16_000, concurrency: 1, publish: 'rename' })
  await pipeline(Readable.from(generatedChunks(60_000, 32)), stream)
  const { attempts, reconciled } = stream.result ?? {}
  return { attempts, reconciled }
}

t.test('Azure Files: a lost answer to a range: it is written again', async t => {
  const { azure } = replayAzureFiles(t, 'range_upload', [on('put_range', { loseAnswer: true }, { nth: 2 }), on('put_range', { status: 503 })])
  t.same(await ranges(azure), { attempts: 14, reconciled: false })
})

t.test('Azure Files: the file changed between two ranges of a download', async t => {
  const { azure } = replayAzureFiles(t, 'range_upload', [on('get_file', { changeObject: true }, { nth: 2 })])
  await ranges(azure)
  await pipeline([Buffer.from('and more')], azure.createAppendStream('videos/a.mp4', { lease: 'none' }))
  await t.rejects(digestOf(azure.createReadStream('videos/a.mp4', { rangeSize: 16_000, concurrency: 2 })), { name: 'ObjectChangedError' })
})

t.test('chance: the same seed makes the same trouble, another seed another', async t => {
  const run = async (seed: number): Promise<number[]> => {
    const { r2, clock } = replayR2(t, 'multipart_upload', [{ on: { chance: 0.3, times: Infinity }, do: { status: 503 } }], seed)
    t.match(await upload(r2), { etag: ETAG })
    return clock.waits
  }
  const waits = await run(1)
  t.ok(waits.length > 0)
  t.same(await run(1), waits)
  t.notSame(await run(2), waits)
})

t.test('what has not taken place is told, with what was seen instead', async t => {
  const { r2 } = replayR2(t, 'ranged_download', [on('get_object', { status: 503 }, { nth: 2 })])
  await r2.put('photos/a.raw', REPORT)
  t.same(await read(r2), DIGEST)
  t.throws(() => r2.simulation.verify(), {
    code: 'NotAsExpected',
    message: 'Cannot confirm the simulation as {"status":503} on get_object (from request 2 on) happened 0 of 1 times: 1 request matched'
  })
  t.same(await read(r2), DIGEST)
  r2.simulation.verify()
})
