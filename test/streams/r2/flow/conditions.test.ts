import t from 'tap'
import { pipeline } from 'node:stream/promises'
import { NotFoundError, NotModifiedError, PreconditionFailedError } from '../../../../lib/errors.ts'
import { PART, bytesOf, collect, failureOf, inChunks, md5, sortedParts, start, storedBytes, trace, upload } from './support.ts'

const small = bytesOf(1000)
const large = bytesOf(PART + 1)

for (const [name, bytes] of [['one PUT', small], ['parts', large]] as const) {
  t.test(`createWriteStream() with ifNoneMatch "*" creates once, in ${name}`, async t => {
    const { emulator, r2 } = await start(t)
    const create = { ifNoneMatch: '*', partSize: PART }
    await upload(r2.createWriteStream('k', create), bytes)
    const writable = r2.createWriteStream('k', create)
    const error = await failureOf(upload(writable, Buffer.concat([bytes, bytes])))
    t.ok(error instanceof PreconditionFailedError)
    t.match(error, { status: 412, remote: 'clean' })
    t.same([writable.remote, emulator.r2.state.uploads(), writable.result], ['clean', [], undefined])
    t.ok((await storedBytes(emulator, 'k'))?.equals(bytes))
  })

  t.test(`createWriteStream() with ifMatch replaces the version it names and no other, in ${name}`, async t => {
    const { emulator, r2 } = await start(t)
    const { etag } = await r2.put('k', 'before')
    await upload(r2.createWriteStream('k', { ifMatch: etag, partSize: PART }), bytes)
    const error = await failureOf(upload(r2.createWriteStream('k', { ifMatch: etag, partSize: PART }), Buffer.concat([bytes, bytes])))
    t.ok(error instanceof PreconditionFailedError)
    t.same([error['remote'], emulator.r2.state.uploads()], ['clean', []])
    t.ok((await storedBytes(emulator, 'k'))?.equals(bytes))
  })
}

t.test('createWriteStream() loses a race of creation at Complete: the upload is gone and the winner stays', async t => {
  const { emulator, r2 } = await start(t)
  const writable = r2.createWriteStream('k', { ifNoneMatch: '*', partSize: PART })
  const uploading = failureOf(pipeline(async function * () {
    yield * inChunks(large)
    while (emulator.requests.count('CreateMultipartUpload') === 0) await new Promise(setImmediate)
    await r2.put('k', 'winner')
  }, writable))
  const error = await uploading
  t.ok(error instanceof PreconditionFailedError)
  t.match(error, { operation: 'CompleteMultipartUpload', remote: 'clean' })
  t.same([emulator.r2.state.uploads(), (await storedBytes(emulator, 'k'))?.toString()], [[], 'winner'])
})

t.test('a lost PUT answer: our own first try meets the condition, and HEAD tells that it was ours', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'PutObject', loseAnswer: true })
  const stored = await upload(r2.createWriteStream('k', { ifNoneMatch: '*' }), small)
  t.same(trace(emulator), ['PutObject 0', 'PutObject 412', 'HeadObject 200'])
  t.match(stored, { reconciled: true, etag: `"${md5(small)}"`, attempts: 3 })
})

t.test('a lost PUT answer after which another object is found is not taken for ours', async t => {
  const { emulator, r2 } = await start(t)
  await r2.put('k', 'another')
  emulator.faults.add({ operation: 'PutObject', reset: 'before' })
  const error = await failureOf(upload(r2.createWriteStream('k', { ifNoneMatch: '*' }), small))
  t.ok(error instanceof PreconditionFailedError)
  t.match(error, { attempts: 2, remote: 'unknown' })
  t.equal((await storedBytes(emulator, 'k'))?.toString(), 'another')
})

t.test('the same bytes stored long ago do not pass for a PUT that failed', async t => {
  let now = Date.now() - 60_000
  const { emulator, r2 } = await start(t, { clock: { now: () => now, sleep: async () => {}, random: () => 0 } })
  await r2.put('k', small)
  now = Date.now()
  emulator.faults.add({ operation: 'PutObject', status: 500, times: Infinity })
  const error = await failureOf(upload(r2.createWriteStream('k', { metadata: { version: '2' } }), small))
  t.match(error, { status: 500, remote: 'unknown' })
})

t.test('a lost PUT answer, and then an answer that refuses: the object is found all the same', async t => {
  for (const bytes of [small, large]) {
    const { emulator, r2 } = await start(t)
    emulator.faults.add({ operation: ['PutObject', 'CompleteMultipartUpload'], loseAnswer: true })
    emulator.faults.add({ operation: ['PutObject', 'CompleteMultipartUpload'], status: 403, code: 'AccessDenied' })
    const stored = await upload(r2.createWriteStream('k', { partSize: PART }), bytes)
    t.same([stored.reconciled, emulator.r2.state.uploads()], [true, []])
  }
})

t.test('the same parts stored long ago do not pass for a Complete that failed, and no upload is left', async t => {
  let now = Date.now() - 60_000
  const { emulator, r2 } = await start(t, { clock: { now: () => now, sleep: async () => {}, random: () => 0 } })
  await upload(r2.createWriteStream('k', { partSize: PART }), large)
  now = Date.now()
  emulator.faults.add({ operation: 'CompleteMultipartUpload', status: 500, times: Infinity })
  const error = await failureOf(upload(r2.createWriteStream('k', { partSize: PART, metadata: { version: '2' } }), large))
  t.match(error, { status: 500, remote: 'clean' })
  t.same(emulator.r2.state.uploads(), [])
})

t.test('a Complete that fails for good over the same parts stored just now leaves no upload behind', async t => {
  const { emulator, r2 } = await start(t)
  await upload(r2.createWriteStream('k', { partSize: PART }), large)
  emulator.faults.add({ operation: 'CompleteMultipartUpload', status: 500, times: Infinity })
  await upload(r2.createWriteStream('k', { partSize: PART }), large).catch(() => undefined)
  t.same(emulator.r2.state.uploads(), [])
})

t.test('a lost Complete is found although the clocks of client and service differ', async t => {
  for (const aheadMs of [-600_000, 600_000]) {
    const { emulator, client } = await start(t)
    const now = (): number => Date.now() + aheadMs
    const r2 = client({ clock: { now, sleep: async () => {}, random: () => 0 } })
    emulator.faults.add({ operation: ['CompleteMultipartUpload'], loseAnswer: true })
    t.equal((await upload(r2.createWriteStream('k', { partSize: PART }), large)).reconciled, true, `${aheadMs} ms`)
    emulator.faults.add({ operation: ['PutObject'], loseAnswer: true })
    t.equal((await upload(r2.createWriteStream('new', { ifNoneMatch: '*' }), small)).reconciled, true, `${aheadMs} ms`)
  }
})

t.test('a Complete with a condition whose answer is lost is reconciled', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'CompleteMultipartUpload', loseAnswerWith: 500 })
  const stored = await upload(r2.createWriteStream('k', { ifNoneMatch: '*', partSize: PART }), large)
  t.equal(stored.reconciled, true)
  t.same(sortedParts(trace(emulator)).slice(1), ['UploadPart 1 200', 'UploadPart 2 200', 'CompleteMultipartUpload 500', 'CompleteMultipartUpload 404', 'HeadObject 200'])
})

t.test('createReadStream() with ifNoneMatch of the version at hand is NotModifiedError', async t => {
  const { emulator, r2 } = await start(t)
  const { etag } = await r2.put('k', small)
  const error = await failureOf(collect(r2.createReadStream('k', { ifNoneMatch: etag })))
  t.ok(error instanceof NotModifiedError)
  t.ok((await collect(r2.createReadStream('k', { ifNoneMatch: '"another"' }))).equals(small))
  t.same(trace(emulator).slice(1), ['GetObject 304', 'GetObject 206'])
})

t.test('createReadStream() with ifMatch of another version is PreconditionFailedError; with dates as with etags', async t => {
  const { r2 } = await start(t)
  await r2.put('k', small)
  t.ok(await failureOf(collect(r2.createReadStream('k', { ifMatch: '"another"' }))) instanceof PreconditionFailedError)
  t.ok(await failureOf(collect(r2.createReadStream('k', { ifModifiedSince: new Date(Date.now() + 60_000) }))) instanceof NotModifiedError)
  t.ok(await failureOf(collect(r2.createReadStream('k', { ifUnmodifiedSince: new Date(Date.now() - 3_600_000) }))) instanceof PreconditionFailedError)
})

t.test('createReadStream() of a missing object is NotFoundError, and head() too', async t => {
  const { r2 } = await start(t)
  const error = await failureOf(collect(r2.createReadStream('none')))
  t.ok(error instanceof NotFoundError)
  t.match(error, { code: 'NoSuchKey', operation: 'GetObject', status: 404, attempts: 1 })
  t.ok(await failureOf(r2.head('none')) instanceof NotFoundError)
})
