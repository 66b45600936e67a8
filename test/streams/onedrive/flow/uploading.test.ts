import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import t from 'tap'
import { quickXorBase64 } from '../../../../lib/digest/quick-xor.ts'
import type { OneDriveOptions } from '../../../../streams/onedrive/config.ts'
import { MiniDrive } from '../support/drive.ts'
import type { FragmentFault } from '../support/drive.ts'
import { LoopbackGraph } from '../support/server.ts'

const UNIT = 327_680
const BYTES = randomBytes(5 * UNIT + 12_345)

type Test = { teardown (end: () => Promise<void>): void }

async function start (t: Test): Promise<{ drive: MiniDrive, graph: LoopbackGraph }> {
  const drive = new MiniDrive()
  const graph = await LoopbackGraph.start(t, drive.handle)
  drive.origin = graph.origin
  return { drive, graph }
}

/** Chunks of odd sizes, so that seams fall everywhere. */
function chunks (bytes: Buffer, size = 70_001): Readable {
  return Readable.from((function * () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  })())
}

t.test('A stream of known size goes by fragments in order, and is compared with the hash of the service', async t => {
  const { drive, graph } = await start(t)
  const stream = graph.client().createWriteStream('/big#1.bin', { size: BYTES.length, digest: 'sha256', fileTimes: { modified: new Date(0) } })
  const progress: number[] = []
  stream.on('progress', ({ transferred }) => progress.push(transferred))
  await pipeline(chunks(BYTES), stream)
  t.ok(drive.files.get('big#1.bin')?.equals(BYTES))
  t.match(stream.result, { id: 'id-big#1.bin', size: BYTES.length, verification: 'verified', parts: 6, attempts: 7, reconciled: false, digests: { quickXor: quickXorBase64(BYTES) } })
  t.match(stream.result?.digests['sha256'], /^[0-9a-f]{64}$/)
  t.strictSame(progress, [1, 2, 3, 4, 5].map(count => count * UNIT).concat(BYTES.length))
  t.strictSame(graph.requests.slice(1).map(({ headers }) => headers['content-range']), [0, 1, 2, 3, 4, 5].map(part => `bytes ${part * UNIT}-${Math.min((part + 1) * UNIT, BYTES.length) - 1}/${BYTES.length}`))
  t.strictSame(graph.requests.map(({ headers }) => headers.authorization), ['Bearer token', ...Array(6).fill(undefined)], 'no token on the session')
})

t.test('Small files and empty ones are one PUT; what fits one fragment needs no size', async t => {
  const { drive, graph } = await start(t)
  const onedrive = graph.client({ fragmentSize: 2 * UNIT, simpleUploadLimit: 1000 })
  for (const [name, size] of [['empty', 0], ['small', 1000], ['one', 1001]] as const) {
    const stream = onedrive.createWriteStream(name)
    await pipeline(chunks(BYTES.subarray(0, size)), stream)
    t.ok(drive.files.get(name)?.equals(BYTES.subarray(0, size)), name)
    t.match(stream.result, { size, parts: 1, verification: 'verified' })
  }
  t.strictSame(graph.trace, [
    'PUT /me/drive/root:/empty:/content?@microsoft.graph.conflictBehavior=replace',
    'PUT /me/drive/root:/small:/content?@microsoft.graph.conflictBehavior=replace',
    'POST /me/drive/root:/one:/createUploadSession', "PUT /up/0?tempauth=x'y'"
  ])
})

t.test('Times of a small file go through a session, and those of an empty one come afterwards', async t => {
  const { drive, graph } = await start(t)
  const fileTimes = { modified: new Date('2024-03-01T10:00:00Z') }
  await graph.client().upload('a', 'abc', { fileTimes })
  await graph.client().upload('b', '', { fileTimes })
  t.equal(drive.files.get('a')?.toString(), 'abc')
  t.match(graph.trace, [/createUploadSession$/, /^PUT \/up/, /^PUT .*b:\/content/, /^PATCH \/me\/drive\/items\/id-b/])
})

t.test('A stream of unknown length is spooled, and the session opened when its size is known', async t => {
  const { drive, graph } = await start(t)
  const directory = await mkdtemp(join(tmpdir(), 'onedrive-spool-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const stream = graph.client().createWriteStream('big.bin', { spool: { memory: 100_000, directory } })
  const before = graph.requests.length
  await pipeline(chunks(BYTES), async function * (source) {
    for await (const chunk of source) {
      t.equal(graph.requests.length, before)
      yield chunk
    }
  }, stream)
  t.ok(drive.files.get('big.bin')?.equals(BYTES))
  t.match(stream.result, { verification: 'verified', size: BYTES.length, parts: 6 })
  t.strictSame(await readdir(directory), [])
})

t.test('A piped file tells its size by itself', async t => {
  const { drive, graph } = await start(t)
  const directory = await mkdtemp(join(tmpdir(), 'onedrive-file-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  await writeFile(join(directory, 'a'), BYTES)
  await pipeline(createReadStream(join(directory, 'a')), graph.client().createWriteStream('big.bin', { spool: { directory: '/nowhere' } }))
  t.ok(drive.files.get('big.bin')?.equals(BYTES))
})

const FAULT = fc.record({
  kept: fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  answer: fc.constantFrom<FragmentFault['answer']>('cut', 'status', '500', '503', '429')
})

t.test('Whatever is kept of a fragment and however it is answered, the file equals the source and no fault costs more than one fragment', async t => {
  const { drive, graph } = await start(t)
  const onedrive = graph.client({ circuitBreaker: false })
  let run = 0
  await fc.assert(fc.asyncProperty(fc.integer({ min: 4 * UNIT, max: BYTES.length }), fc.array(FAULT, { maxLength: 5 }), fc.boolean(), async (size, faults, known) => {
    const source = BYTES.subarray(0, size)
    // An answer that keeps nothing and says so is no progress either.
    drive.faults = faults.map(fault => fault.answer === 'status' && fault.kept === 0 ? { ...fault, kept: 0.5 } : fault)
    drive.received = 0
    const name = `f${run++}.bin`
    const stream = onedrive.createWriteStream(name, known ? { size } : { spool: { memory: 1000 } })
    await pipeline(chunks(source, 50_021), stream)
    const session = drive.sessions.at(-1)
    return drive.files.get(name)?.equals(source) === true && session?.alignment.length === 0 &&
      drive.received <= size + faults.length * UNIT && stream.result?.verification === 'verified'
  }), { seed: 42, numRuns: 60 })
  t.pass('every run')
})

t.test('A throttled fragment waits as long as it is told, and nothing of it is sent twice', async t => {
  const { drive, graph } = await start(t)
  drive.faults = [{ kept: 0, answer: 'status' }, { kept: 1, answer: '429' }]
  await pipeline(chunks(BYTES), graph.client().createWriteStream('a.bin', { size: BYTES.length }))
  t.ok(graph.clock.sleeps.includes(7000))
  t.equal(drive.received, BYTES.length + UNIT)
})

t.test('A session that takes no bytes at all is given up and cancelled', async t => {
  const { drive, graph } = await start(t)
  drive.faults = Array.from({ length: 20 }, () => ({ kept: 0, answer: '503' as const }))
  const stream = graph.client({ circuitBreaker: false }).createWriteStream('a.bin', { size: BYTES.length })
  await t.rejects(pipeline(chunks(BYTES), stream), { name: 'ServerError', status: 503, remote: 'clean' })
  t.equal(drive.sessions[0]?.over, true)
  t.equal(graph.trace.at(-1), "DELETE /up/0?tempauth=x'y'")
  t.equal(drive.files.size, 0)
})

t.test('A lost last answer is looked up', async t => {
  const { drive, graph } = await start(t)
  drive.loseLastAnswer = true
  const stream = graph.client().createWriteStream('a.bin', { size: BYTES.length })
  await pipeline(chunks(BYTES), stream)
  t.match(stream.result, { reconciled: true, verification: 'verified', size: BYTES.length })
  t.match(graph.trace.slice(-3), [/^PUT \/up/, /^GET \/up/, /^GET \/me\/drive\/root:\/a\.bin$/])
})

t.test('A lost last answer where another file is found is not taken for success', async t => {
  const { drive, graph } = await start(t)
  drive.loseLastAnswer = true
  drive.rewrite = bytes => Buffer.alloc(bytes.length)
  const stream = graph.client().createWriteStream('a.bin', { size: BYTES.length })
  await t.rejects(pipeline(chunks(BYTES), stream), { code: 'UploadSessionExpired', remote: 'unknown' })
})

t.test('An answer without an item is followed by a look', async t => {
  const { drive, graph } = await start(t)
  drive.showNoItem = true
  const stream = graph.client().createWriteStream('a.bin', { size: BYTES.length })
  await pipeline(chunks(BYTES), stream)
  t.match(stream.result, { id: 'id-a.bin', reconciled: false })
})

t.test('A lost answer to a small PUT is sent again, and a doubtful end is looked up', async t => {
  const { drive, graph } = await start(t)
  drive.faults = [{ kept: 0, answer: '500' }]
  t.match(await graph.client().upload('a', 'abc'), { attempts: 2, reconciled: false })
  drive.faults = [{ kept: 1, answer: 'cut' }]
  t.match(await graph.client({ retry: false }).upload('b', 'abc'), { attempts: 2, reconciled: true })
  drive.faults = [{ kept: 0, answer: '500' }]
  await t.rejects(graph.client({ retry: false }).upload('c', 'abc'), { name: 'ServerError', remote: 'unknown' })
})

t.test('A session that expires fails a stream, and is begun anew where the bytes are at hand', async t => {
  const { drive, graph } = await start(t)
  drive.expireAfter = 2
  const stream = graph.client().createWriteStream('a.bin', { size: BYTES.length })
  await t.rejects(pipeline(chunks(BYTES), stream), { name: 'NotFoundError', code: 'UploadSessionExpired', remote: 'clean' })
  drive.expireAfter = 4
  const spooled = graph.client().createWriteStream('b.bin', { spool: { memory: 0 } })
  await pipeline(chunks(BYTES), spooled)
  t.ok(drive.files.get('b.bin')?.equals(BYTES))
  drive.expireAfter = 4
  t.match(await graph.client({ simpleUploadLimit: 0 }).upload('c.bin', BYTES), { verification: 'verified' })
})

t.test('A session that refuses its last fragment for ever is begun anew, once, with fragments of another size', async t => {
  const { drive, graph } = await start(t)
  const fragments = (): number[] => graph.requests.filter(({ url }) => url.startsWith(`/up/${drive.sessions.length - 1}`)).flatMap(({ method, body }) => method === 'PUT' ? [body.length] : [])
  const refusals = [...Array(5).fill({ kept: 1, answer: 'status' }), ...Array(6).fill({ kept: 0, answer: '500' })] as FragmentFault[]
  for (const [fragmentSize, fragment] of [[UNIT, 2 * UNIT], [2 * UNIT, UNIT]] as const) {
    drive.faults = refusals.slice(fragmentSize === UNIT ? 0 : 3)
    const spooled = graph.client({ fragmentSize, circuitBreaker: false }).createWriteStream('a.bin', { spool: { memory: 0 } })
    await pipeline(chunks(BYTES), spooled)
    t.ok(drive.files.get('a.bin')?.equals(BYTES))
    t.equal(fragments()[0], fragment)
    t.equal(drive.sessions.at(-2)?.over, true)
    t.equal(spooled.remote, 'stored')
    drive.files.clear()
  }
  drive.faults = [...refusals, ...Array(2).fill({ kept: 1, answer: 'status' }), ...Array(6).fill({ kept: 0, answer: '500' })] as FragmentFault[]
  const failing = graph.client({ circuitBreaker: false }).createWriteStream('a.bin', { spool: { memory: 0 } })
  await t.rejects(pipeline(chunks(BYTES), failing), { name: 'ServerError', status: 500, remote: 'clean' })
  t.equal(drive.sessions.length, 6)
  t.ok(drive.sessions.every(({ over }) => over))
})

t.test('A name that is taken at the last fragment: an error, or another name', async t => {
  const { drive, graph } = await start(t)
  drive.conflictAtEnd = true
  const failing = graph.client().createWriteStream('a.bin', { size: BYTES.length, conflictBehavior: 'fail' })
  await t.rejects(pipeline(chunks(BYTES), failing), { name: 'ConflictError', serviceCode: 'nameAlreadyExists', remote: 'clean' })
  const renaming = graph.client().createWriteStream('a.bin', { size: BYTES.length, conflictBehavior: 'rename' })
  await pipeline(chunks(BYTES), renaming)
  t.match(renaming.result, { name: 'a 1.bin', verification: 'verified' })
})

t.test('deferCommit publishes by a request of its own', async t => {
  const { drive, graph } = await start(t)
  const stream = graph.client().createWriteStream('a.bin', { size: BYTES.length, deferCommit: true })
  await pipeline(chunks(BYTES), stream)
  t.equal(graph.trace.at(-1), "POST /up/0?tempauth=x'y'")
  t.equal(graph.requests.at(-1)?.headers['content-length'], '0')
  t.ok(drive.files.get('a.bin')?.equals(BYTES))
})

t.test('What SharePoint rewrote is said to be so, and other bytes are not trusted', async t => {
  const { drive, graph } = await start(t)
  drive.rewrite = bytes => Buffer.concat([bytes, Buffer.from('properties')])
  t.match(await graph.client().upload('plan.docx', 'abc'), { verification: 'rewritten', size: 13 })
  await t.rejects(graph.client().upload('plan.bin', 'abc'), { name: 'DigestMismatchError', algorithm: 'quickXor', remote: 'stored' })
  drive.hideHash = true
  await t.rejects(graph.client().upload('plan.bin', 'abc'), { name: 'SizeMismatchError', expected: 3, found: 13, remote: 'stored' })
  drive.rewrite = undefined
  t.match(await graph.client().upload('plan.bin', 'abc'), { verification: 'unavailable' })
})

t.test('A stream that is shorter or longer than its size publishes nothing', async t => {
  const { drive, graph } = await start(t)
  const shorter = graph.client().createWriteStream('a.bin', { size: BYTES.length + 1 })
  await t.rejects(pipeline(chunks(BYTES), shorter), { name: 'SizeMismatchError', code: 'UploadIncomplete', remote: 'clean' })
  const longer = graph.client().createWriteStream('a.bin', { size: BYTES.length - 1 })
  await t.rejects(pipeline(chunks(BYTES), longer), { name: 'SizeMismatchError', remote: 'clean' })
  t.equal(drive.files.size, 0)
  t.ok(drive.sessions.every(({ over }) => over))
})

t.test('destroy, abort and a broken source cancel the session before close', async t => {
  const { drive, graph } = await start(t)
  const onedrive = graph.client()
  const broken = new Error('the source broke')
  const source = async function * (): AsyncGenerator<Buffer> { yield BYTES.subarray(0, 3 * UNIT); throw broken }
  await t.rejects(pipeline(source, onedrive.createWriteStream('a.bin', { size: BYTES.length })), broken)
  const stop = new AbortController()
  const aborted = onedrive.createWriteStream('b.bin', { size: BYTES.length, signal: stop.signal })
  aborted.once('progress', () => stop.abort())
  await t.rejects(pipeline(chunks(BYTES), aborted), { name: 'AbortError' })
  await using destroyed = onedrive.createWriteStream('c.bin', { size: BYTES.length })
  destroyed.write(BYTES.subarray(0, 2 * UNIT + 1))
  await new Promise(resolve => destroyed.once('progress', resolve))
  await destroyed[Symbol.asyncDispose]()
  t.equal(destroyed.remote, 'clean')
  t.equal(drive.sessions.length, 3)
  t.ok(drive.sessions.every(({ over }) => over))
  t.equal(drive.files.size, 0)
})

t.test('A session is kept where that is wanted, and goes on in another process at the byte that it lacks', async t => {
  const { drive, graph } = await start(t)
  const broken = new Error('the machine is switched off')
  const source = async function * (): AsyncGenerator<Buffer> { yield BYTES.subarray(0, 3 * UNIT + 1); throw broken }
  const stream = graph.client().createWriteStream('a.bin', { size: BYTES.length, keepSession: true })
  await t.rejects(pipeline(source, stream), broken)
  await new Promise(resolve => stream.closed ? resolve(undefined) : stream.once('close', resolve))
  t.equal(stream.remote, 'checkpointed')
  const uploadUrl = stream.session?.uploadUrl.reveal() as string
  const later = graph.client()
  const opened: number[] = []
  const { kept } = drive.sessions[0] as { kept: number }
  const resumed = await later.uploadSession.resume(uploadUrl, start => { opened.push(start); return chunks(BYTES.subarray(start)) }, { size: BYTES.length, item: 'a.bin' })
  t.strictSame(opened, [kept])
  t.ok(drive.files.get('a.bin')?.equals(BYTES))
  t.match(resumed, { verification: 'unavailable', size: BYTES.length })
})

t.test('A resumed session that is whole already is finished without reading the source', async t => {
  const { drive, graph } = await start(t)
  const onedrive = graph.client()
  const { uploadUrl } = await onedrive.uploadSession.create('a.bin', { deferCommit: true })
  await onedrive.uploadSession.resume({ uploadUrl }, start => chunks(BYTES.subarray(start)), { size: BYTES.length, item: 'a.bin', deferCommit: true })
  drive.sessions.push({ ...drive.sessions[0] as MiniDrive['sessions'][number], over: false, name: 'b.bin' })
  const resumed = await onedrive.uploadSession.resume(`${graph.origin}/up/1?tempauth=x'y'`, () => { throw new Error('not wanted') }, { size: BYTES.length, item: 'b.bin' })
  t.match(resumed, { name: 'b.bin', size: BYTES.length })
})

t.test('The single steps of a session', async t => {
  const { drive, graph } = await start(t)
  const { uploadSession } = graph.client()
  const session = await uploadSession.create('a.bin')
  t.match(await uploadSession.status(session), { missing: [{ start: 0, end: undefined }] })
  await uploadSession.cancel(session)
  t.equal(drive.sessions[0]?.over, true)
  await t.rejects(uploadSession.status(session), { code: 'UploadSessionExpired', status: 404 })
  await t.rejects(uploadSession.cancel(''), TypeError)
})

t.test('Files beyond the limit of one PUT are refused before anything is sent where one is demanded', async t => {
  const { graph } = await start(t)
  const onedrive = graph.client({ simpleUploadLimit: 10 })
  await t.rejects(onedrive.upload('a', Buffer.alloc(11), { simple: true }), { code: 'FileTooLarge', remote: 'clean' })
  t.equal(graph.requests.length, 0)
  await onedrive.upload('a', Buffer.alloc(10), { simple: true })
  t.equal(graph.requests.length, 1)
})

t.test('What cannot be stored is refused at once', async t => {
  const { graph } = await start(t)
  const onedrive = graph.client()
  for (const name of ['/', 'a.', 'CON', 'x:y', '~$a.docx']) t.throws(() => onedrive.createWriteStream(name), RangeError, name)
  t.throws(() => onedrive.createWriteStream('a', { fragmentSize: 1000 }), RangeError)
  t.throws(() => onedrive.createWriteStream('a', { size: -1 }), RangeError)
  t.throws(() => onedrive.createWriteStream('a', { spool: { memory: -1 } }), RangeError)
  t.throws(() => onedrive.createWriteStream('a', { conflictBehavior: 'overwrite' as never }), RangeError)
  t.throws(() => onedrive.createWriteStream('a', { digest: 'md4' as never }), RangeError)
  t.throws(() => onedrive.createWriteStream('a', { ifMatch: 'a\r\nb' }), TypeError)
  await t.rejects(onedrive.upload('a', 7 as never), TypeError)
  t.equal(graph.requests.length, 0)
})

t.test('Uploads are counted, and their bytes, by the names of the document', async t => {
  const { graph } = await start(t)
  const counts: Record<string, number> = {}
  const instrument = (name: string): { add (value: number): void, record (): void } => ({ add: value => { counts[name] = (counts[name] ?? 0) + value }, record: () => { counts[name] = (counts[name] ?? 0) + 1 } })
  const meter = { createCounter: instrument, createHistogram: instrument }
  const telemetry: OneDriveOptions['telemetry'] = { meter }
  await pipeline(chunks(BYTES), graph.client({ telemetry }).createWriteStream('a.bin', { size: BYTES.length }))
  t.match(counts, { onedrive_uploads_total: 1, onedrive_bytes_uploaded: BYTES.length, onedrive_upload_duration_seconds: 1 })
  t.equal(counts['onedrive_bytes_downloaded'], undefined, 'answers in JSON are no files')
})
