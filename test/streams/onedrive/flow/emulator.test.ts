import { randomBytes } from 'node:crypto'
import { readdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import t from 'tap'
import { startEmulator } from '../../../../emulator/index.ts'
import type { Emulator, OneDriveEmulator } from '../../../../emulator/index.ts'
import { NetworkError } from '../../../../lib/errors.ts'
import { quickXorBase64 } from '../../../../lib/digest/quick-xor.ts'
import type { Resumption } from '../../../../lib/flow/range-readable.ts'
import { OneDrive } from '../../../../streams/onedrive/client.ts'
import type { OneDriveOptions } from '../../../../streams/onedrive/config.ts'
import { TestClock } from '../support/clock.ts'

const UNIT = 327_680
const BYTES = randomBytes(4 * UNIT + 54_321)
const FLAVOURS = ['business', 'personal'] as const

type Test = { teardown (end: () => Promise<void>): void }

interface World {
  emulator: Emulator
  cloud: OneDriveEmulator
  clock: TestClock
  client (options?: OneDriveOptions): OneDrive
}

async function world (t: Test, flavour: typeof FLAVOURS[number] = 'business'): Promise<World> {
  const emulator = await startEmulator({ seed: 3, oneDrive: { flavour } })
  const clock = new TestClock()
  const clients: OneDrive[] = []
  const cloud = emulator.oneDrive
  const client = (options: OneDriveOptions = {}): OneDrive => {
    const { endpoint, authorityHost } = cloud.options()
    const onedrive = new OneDrive({ endpoint, authorityHost, accessToken: () => cloud.accessToken(), clock, fragmentSize: UNIT, simpleUploadLimit: 1000, circuitBreaker: false, ...options })
    clients.push(onedrive)
    return onedrive
  }
  t.teardown(async () => {
    for (const onedrive of clients) await onedrive.close()
    await emulator.close()
  })
  return { emulator, cloud, clock, client }
}

function chunks (bytes: Buffer, size = 70_001): Readable {
  return Readable.from((function * () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  })())
}

async function gather<T> (stream: AsyncIterable<T>): Promise<T[]> {
  const entries: T[] = []
  for await (const entry of stream) entries.push(entry)
  return entries
}

for (const flavour of FLAVOURS) {
  t.test(`${flavour}: what is written is read again, in every size and under every name`, async t => {
    const { client } = await world(t, flavour)
    const onedrive = client()
    for (const [name, size] of [['/empty', 0], ['/docs/a#1 100%.txt', 999], ['/docs/a%2Fb', 1001], ["/é/it's (1) [x] {y}.bin", UNIT], ['/😀.bin', BYTES.length]] as const) {
      const bytes = BYTES.subarray(0, size)
      const stream = onedrive.createWriteStream(name, { size })
      await pipeline(chunks(bytes), stream)
      t.match(stream.result, { verification: 'verified', size, digests: { quickXor: quickXorBase64(bytes) } }, name)
      t.ok((await buffer(onedrive.createReadStream(name, { rangeSize: 300_000 }))).equals(bytes), name)
      t.match(await onedrive.get({ id: stream.result?.id as string }), { name: name.split('/').at(-1), size })
    }
  })

  t.test(`${flavour}: clients of every way to a token`, async t => {
    const { cloud, client } = await world(t, flavour)
    const { endpoint, ...app } = cloud.options()
    t.equal(endpoint, cloud.endpoint)
    const kept: string[] = []
    const ways: OneDriveOptions[] = [
      { ...app, accessToken: undefined as never },
      { accessToken: cloud.accessToken() },
      { credential: { getToken: async () => ({ token: cloud.accessToken(), expiresOnTimestamp: Infinity }) }, accessToken: undefined as never },
      { clientId: cloud.clientId, tenantId: cloud.tenantId, clientSecret: cloud.clientSecret, refreshToken: cloud.refreshToken(), accessToken: undefined as never },
      { clientId: cloud.clientId, tenantId: cloud.tenantId, deviceCode: () => { cloud.approveDevice() }, onRefreshToken: token => { kept.push(token) }, accessToken: undefined as never }
    ]
    for (const [index, way] of ways.entries()) t.match(await client(way).upload(`way ${index}`, 'abc'), { verification: 'verified' }, `way ${index}`)
    t.equal(kept.length, 1)
  })

  t.test(`${flavour}: folders, moves, copies, versions, searches and deletions`, async t => {
    const { cloud, client } = await world(t, flavour)
    const onedrive = client()
    await onedrive.createFolder('/a/b', { parents: true })
    await onedrive.upload('/a/one.txt', 'one')
    t.match(await onedrive.move('/a/one.txt', '/a/b/two.txt'), { name: 'two.txt' })
    t.equal(cloud.state.item('/a/one.txt'), undefined)
    const copying = await onedrive.copy('/a/b/two.txt', '/a/three.txt')
    t.match(await copying.wait(), { name: 'three.txt', size: 3 })
    await t.rejects((await onedrive.copy('/a/b/two.txt', '/a/three.txt')).wait(), { code: 'Conflict' })
    await onedrive.upload('/a/three.txt', 'version two')
    const versions = await onedrive.versions.list('/a/three.txt')
    t.equal(versions.length, 2)
    t.equal(String(await buffer(onedrive.createReadStream('/a/three.txt', { version: versions[1]?.id as string }))), 'one')
    t.equal(String(await buffer(onedrive.createReadStream('/a/three.txt', { version: versions[0]?.id as string }))), 'version two')
    t.match(await onedrive.versions.restore('/a/three.txt', versions[1]?.id as string), { size: 3 })
    t.equal(String((await onedrive.download('/A/THREE.txt')).bytes), 'one', 'names are the same in either case')
    t.match(await gather(onedrive.createSearchStream('three*')), [{ name: 'three.txt' }])
    t.strictSame((await gather(onedrive.createListStream('/', { recursive: true }))).map(({ path }) => path).sort(), ['/a', '/a/b', '/a/b/two.txt', '/a/three.txt'])
    await t.rejects(onedrive.move('/a/b', { name: 'three.txt' }, { ifMatch: '"wrong"' }), { name: 'PreconditionFailedError' })
    await pipeline(Readable.from(['/a/b/two.txt', '/a/nothing', '/a']), onedrive.createDeleteStream())
    t.strictSame(cloud.state.items(), [])
  })

  t.test(`${flavour}: changes, and a resync when their token is forgotten`, async t => {
    const { cloud, client } = await world(t, flavour)
    const onedrive = client()
    Object.assign(cloud.quirks, { emptyDeltaPages: true, repeatedDeltaEntries: true })
    await onedrive.upload('/x/1.txt', 'a')
    const first = onedrive.createDeltaStream()
    t.ok((await gather(first)).some(({ item }) => item.name === '1.txt'))
    await onedrive.upload('/x/2.txt', 'b')
    await onedrive.delete('/x/1.txt')
    const second = onedrive.createDeltaStream({ since: first.deltaLink as string })
    const changes = await gather(second)
    t.ok(changes.some(({ type, item }) => type === 'updated' && item.name === '2.txt'))
    t.ok(changes.some(({ type }) => type === 'deleted'))
    cloud.state.expireDeltaTokens('upload')
    const third = onedrive.createDeltaStream({ since: second.deltaLink as string })
    const resyncs: unknown[] = []
    third.on('resync', event => resyncs.push(event))
    t.ok((await gather(third)).some(({ item }) => item.name === '2.txt'))
    t.strictSame(resyncs, [{ kind: 'uploadDifferences' }])
  })
}

/** Bytes of the fragments that were asked to be stored, whether they came through or not. */
function bytesOf (ranges: string[]): number {
  return ranges.reduce((sum, range) => {
    const [, first, last] = /(\d+)-(\d+)\//.exec(range) ?? []
    return sum + Number(last) - Number(first) + 1
  }, 0)
}

const FORMS = ['usual', 'open', 'closed', 'several'] as const

t.test('Property: a random prefix of any fragment is kept, answers are lost, throttled, cut: the file equals the source, and no fault costs more than one fragment', async t => {
  const { emulator, cloud, client } = await world(t)
  const onedrive = client()
  let run = 0
  const totals = { faults: 0, extra: 0 }
  await fc.assert(fc.asyncProperty(
    fc.integer({ min: 2 * UNIT, max: BYTES.length }),
    fc.array(fc.record({ skip: fc.nat({ max: 3 }), effect: fc.constantFrom({ loseAnswer: true as const }, { loseAnswerWith: 503 }, { status: 429, retryAfter: 2 }, { status: 500 }, { reset: { requestByte: 100_000 } }) }), { maxLength: 3 }),
    fc.constantFrom<undefined | number | 'accepted' | 'reset'>(undefined, 'accepted', 'reset', 500, 503),
    fc.constantFrom(...FORMS), fc.boolean(), fc.boolean(),
    fc.constantFrom(0, 8),
    async (size, faults, partial, form, keepBroken, declared, certain) => {
      const source = BYTES.subarray(0, size)
      const name = `/property ${run++}.bin`
      Object.assign(cloud.quirks, { nextExpectedRanges: form, brokenFragments: keepBroken ? 'keep' : 'drop', partialCommit: undefined })
      emulator.faults.clear()
      emulator.requests.clear()
      const before = cloud.state.partialCommits
      // Each of the first fragments, for certain; then some, as a file whose last byte is never kept cannot be stored.
      if (partial !== undefined) cloud.quirks.partialCommit = { answer: partial, get probability () { return cloud.state.partialCommits - before < certain ? 1 : 0.4 } }
      const handles = faults.map(({ skip, effect }) => emulator.faults.add({ operation: 'UploadFragment', skip, ...effect }))
      const stream = onedrive.createWriteStream(name, declared ? { size } : { spool: { memory: 1000 } })
      await pipeline(chunks(source), stream)
      const stored = await buffer(cloud.state.read(name) as AsyncIterable<Buffer>)
      const sent = bytesOf(emulator.requests.entries('UploadFragment').map(({ headers }) => headers['content-range'] ?? ''))
      const met = handles.reduce((sum, { hits }) => sum + hits, 0) + cloud.state.partialCommits - before
      totals.faults += met
      totals.extra += sent - size
      return stored.equals(source) && stream.result?.verification === 'verified' && sent <= size + met * UNIT
    }), { seed: Number(process.env['CHAOS_SEED'] ?? 17), numRuns: Number(process.env['CHAOS_RUNS'] ?? 50) })
  t.ok(totals.faults > run, `${totals.faults} faults in ${run} uploads, ${(totals.extra / totals.faults / UNIT).toFixed(2)} of a fragment sent again for each`)
})

for (const form of ['empty', 'missing', 'mixed'] as const) {
  t.test(`A session whose nextExpectedRanges are ${form} is believed`, async t => {
    const { cloud, client } = await world(t)
    cloud.quirks.nextExpectedRanges = form
    await pipeline(chunks(BYTES), client().createWriteStream('/a.bin', { size: BYTES.length }))
    t.ok((await buffer(cloud.state.read('/a.bin') as AsyncIterable<Buffer>)).equals(BYTES))
  })
}

t.test('Many uploads at once do not meet', async t => {
  const { client } = await world(t)
  const onedrive = client()
  await Promise.all(Array.from({ length: 12 }, async (_, index) => {
    const bytes = BYTES.subarray(index)
    const stream = onedrive.createWriteStream(`/many/${index}.bin`, index % 2 === 0 ? { size: bytes.length } : {})
    await pipeline(chunks(bytes), stream)
    t.equal(stream.result?.verification, 'verified')
  }))
})

t.test('A dead upload URL is UploadSessionExpired; what is spooled begins anew', async t => {
  const { cloud, client } = await world(t)
  for (const status of [401, 403] as const) {
    cloud.quirks.expiredUploadUrl = status
    const stream = client().createWriteStream('/a.bin', { size: BYTES.length })
    stream.once('progress', () => cloud.state.expireUploadUrls())
    await t.rejects(pipeline(chunks(BYTES), stream), { code: 'UploadSessionExpired', status })
    await cloud.state.expireSessions()
  }
  cloud.quirks.sessionFragments = 3
  cloud.quirks.oneSessionPerName = false
  const spooled = client().createWriteStream('/b.bin')
  spooled.once('progress', () => { setTimeout(() => { cloud.quirks.sessionFragments = Infinity }, 20) })
  await pipeline(chunks(BYTES), spooled)
  t.match(spooled.result, { verification: 'verified' })
})

t.test('A spool leaves neither file nor session behind: success, error, abort', async t => {
  const { emulator, cloud, client } = await world(t)
  const directory = await mkdtemp(join(tmpdir(), 'onedrive-emulated-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const spool = { memory: 1000, directory }
  await pipeline(chunks(BYTES), client().createWriteStream('/a.bin', { spool }))
  emulator.faults.add({ operation: 'UploadFragment', status: 400, times: Infinity })
  await t.rejects(pipeline(chunks(BYTES), client().createWriteStream('/b.bin', { spool })), { code: 'ChunkUploadFailed', remote: 'clean' })
  emulator.faults.clear()
  const stop = new AbortController()
  const aborted = client().createWriteStream('/c.bin', { spool, signal: stop.signal })
  aborted.on('progress', ({ transferred }) => { if (transferred > 2 * UNIT) stop.abort() })
  await t.rejects(pipeline(chunks(BYTES), aborted), { name: 'AbortError' })
  t.strictSame(await readdir(directory), [])
  t.strictSame(cloud.state.sessions(), [])
  t.strictSame(cloud.state.items().map(({ path }) => path), ['/a.bin'])
})

//
t.test('Whatever ends an upload, its session is cancelled once, as the last thing of all', async t => {
  const { emulator, cloud, client } = await world(t)
  const broken = new Error('the source broke')
  const size = BYTES.length
  const ends: Record<string, (onedrive: OneDrive, path: string) => Promise<unknown>> = {
    'a broken source': (onedrive, path) => pipeline(async function * () { yield BYTES.subarray(0, 3 * UNIT); throw broken }, onedrive.createWriteStream(path, { size })),
    'a refused fragment': (onedrive, path) => {
      emulator.faults.add({ operation: 'UploadFragment', skip: 1, status: 507 })
      return pipeline(chunks(BYTES), onedrive.createWriteStream(path, { size }))
    },
    'a stream that is too long': (onedrive, path) => pipeline(chunks(BYTES), onedrive.createWriteStream(path, { size: size - UNIT })),
    'a stream that is too short': (onedrive, path) => pipeline(chunks(BYTES), onedrive.createWriteStream(path, { size: size + UNIT })),
    'an abort of the fragment in flight': async (onedrive, path) => {
      emulator.faults.add({ operation: 'UploadFragment', skip: 1, stall: 'response' })
      const stop = new AbortController()
      const ending = pipeline(chunks(BYTES), onedrive.createWriteStream(path, { size, signal: stop.signal }))
      while (emulator.requests.count('UploadFragment') < 2) await new Promise(setImmediate)
      stop.abort()
      await ending
    }
  }
  for (const [name, end] of Object.entries(ends)) {
    emulator.requests.clear()
    await t.rejects(end(client(), `/${name}.bin`), name)
    while (cloud.state.sessions().length > 0) await new Promise(setImmediate)
    const operations = emulator.requests.operations()
    t.equal(operations.indexOf('CancelUploadSession'), operations.length - 1, `${name}: ${operations.join(' ')}`)
  }
  t.strictSame(cloud.state.items(), [])
})

//
t.test('A session that cannot be cancelled is an orphan and a line of the log, and the first error is told', async t => {
  const { emulator, cloud, client } = await world(t)
  emulator.faults.add({ operation: 'CancelUploadSession', status: 500, times: Infinity })
  const lines: string[] = []
  const say = (): void => {}
  const logger = { error: (_fields: object, message: string) => { lines.push(message) }, warn: say, info: say, debug: say, trace: say }
  const broken = new Error('the source broke')
  const stream = client({ logger }).createWriteStream('/a.bin', { size: BYTES.length })
  await t.rejects(pipeline(async function * () { yield BYTES.subarray(0, 3 * UNIT); throw broken }, stream), broken)
  if (!stream.closed) await new Promise(resolve => stream.once('close', resolve))
  t.equal(stream.remote, 'orphan')
  t.ok(lines.includes('Failed to cancel the upload session: it stays until it expires'), lines.join('; '))
  t.equal(cloud.state.sessions().length, 1)
})

t.test('A session is taken up again by another client from its stored URL', async t => {
  const { cloud, client } = await world(t)
  const stream = client().createWriteStream('/a.bin', { size: BYTES.length, keepSession: true })
  const source = async function * (): AsyncGenerator<Buffer> { yield BYTES.subarray(0, 3 * UNIT); throw new Error('power cut') }
  await t.rejects(pipeline(source, stream), /power cut/)
  const uploadUrl = stream.session?.uploadUrl.reveal() as string
  cloud.quirks.partialCommit = { probability: 0.5 }
  await client().uploadSession.resume(uploadUrl, start => chunks(BYTES.subarray(start)), { size: BYTES.length, item: '/a.bin' })
  t.ok((await buffer(cloud.state.read('/a.bin') as AsyncIterable<Buffer>)).equals(BYTES))
})

t.test('deferCommit and names taken meanwhile, on both kinds of drives', async t => {
  for (const flavour of FLAVOURS) {
    const { cloud, client } = await world(t, flavour)
    cloud.quirks.oneSessionPerName = false
    const deferred = client().createWriteStream('/deferred.bin', { size: BYTES.length, deferCommit: true, conflictBehavior: 'fail' })
    await pipeline(chunks(BYTES), deferred)
    t.match(deferred.result, { verification: 'verified', name: 'deferred.bin' }, flavour)
    for (const conflictBehavior of ['fail', 'rename'] as const) {
      const stream = client().createWriteStream(`/${conflictBehavior}.bin`, { size: BYTES.length, conflictBehavior })
      const taken = new Promise(resolve => stream.once('progress', () => { resolve(client().upload(`/${conflictBehavior}.bin`, 'mine')) }))
      const source = async function * (): AsyncGenerator<Buffer> { yield BYTES.subarray(0, 3 * UNIT); await taken; yield BYTES.subarray(3 * UNIT) }
      if (conflictBehavior === 'fail') {
        await t.rejects(pipeline(source, stream), { name: 'ConflictError' }, flavour)
        t.match(cloud.state.item('/fail.bin'), { size: 4 })
      } else {
        await pipeline(source, stream)
        t.match(stream.result, { name: 'rename 1.bin', verification: 'verified' }, flavour)
      }
    }
  }
})

t.test('Office files that SharePoint rewrites are said to be rewritten', async t => {
  const { cloud, client } = await world(t)
  cloud.quirks.enrichUploads = 'at-once'
  const written = await client().upload('/plan.docx', BYTES.subarray(0, 900))
  t.match(written, { verification: 'rewritten' })
  t.ok(written.size > 900)
})

t.test('A download whose URL expires again and again, and whose connection is cut ten times, is byte-exact', async t => {
  const { emulator, cloud, client } = await world(t)
  await client().upload('/a.bin', BYTES)
  for (const status of [401, 403, 404, 410] as const) {
    cloud.quirks.expiredDownload = status
    cloud.quirks.downloadRequests = 3
    // One that falls on a refused request cuts nothing.
    for (let cut = 0; cut < 14; cut++) emulator.faults.add({ operation: 'DownloadContent', skip: cut, reset: { responseByte: 30_000 } })
    const refused = emulator.requests.entries('DownloadContent').filter(entry => entry.status === status).length
    const stream = client().createReadStream('/a.bin', { rangeSize: 100_000, concurrency: 2 })
    let resumed = 0
    stream.on('resume', ({ cause }: Resumption) => { if (cause instanceof NetworkError) resumed++ })
    t.ok((await buffer(stream)).equals(BYTES), String(status))
    t.ok(emulator.requests.entries('DownloadContent').filter(entry => entry.status === status).length >= refused + 2)
    t.ok(resumed >= 10, `${resumed} cuts`)
    emulator.faults.clear()
  }
  cloud.quirks.ranges = 'ignore'
  cloud.quirks.downloadRequests = Infinity
  t.ok((await buffer(client().createReadStream('/a.bin', { rangeSize: 500_000 }))).equals(BYTES))
})

t.test('A file that is replaced while it is read is ObjectChangedError', async t => {
  const { cloud, client } = await world(t)
  await client().upload('/a.bin', BYTES)
  cloud.quirks.downloadRequests = 2
  const stream = client().createReadStream('/a.bin', { rangeSize: 100_000, concurrency: 2 })
  const reading = async (): Promise<void> => {
    let replaced = false
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      t.ok(chunk.length > 0)
      if (!replaced) await client().upload('/a.bin', randomBytes(BYTES.length))
      replaced = true
    }
  }
  await t.rejects(reading(), { name: 'ObjectChangedError' })
})

t.test('Parts of a batch are throttled each by itself', async t => {
  const { cloud, emulator, client } = await world(t)
  const onedrive = client()
  const paths = Array.from({ length: 30 }, (_, index) => `/d/${index}.txt`)
  for (const path of paths) await onedrive.upload(path, 'x')
  emulator.faults.add({ operation: 'DeleteItem', status: 429, retryAfter: 2, times: 7 })
  await pipeline(Readable.from(paths), onedrive.createDeleteStream())
  t.strictSame(cloud.state.items().map(({ path }) => path), ['/d'])
})

t.test('A revoked token and a claims challenge are answered once', async t => {
  const { cloud, client } = await world(t)
  const { clientId, clientSecret, tenantId, drive } = cloud.options()
  const onedrive = client({ clientId, clientSecret, tenantId, drive, accessToken: undefined as never })
  await onedrive.upload('/a', 'x')
  cloud.revokeTokens()
  await onedrive.get('/a')
  cloud.demandClaims('{"access_token":{"nbf":{"essential":true,"value":"1"}}}')
  await Promise.all(Array.from({ length: 5 }, () => onedrive.get('/a')))
  t.pass('all answered')
})

t.test('Moves that SharePoint ends later, and items that are not found at once', async t => {
  const { cloud, client } = await world(t)
  const onedrive = client()
  await onedrive.upload('/a', 'x')
  for (const moveAnswer of [204, 202] as const) {
    cloud.quirks.moveAnswer = moveAnswer
    t.match(await onedrive.move('/a', { name: `a${moveAnswer}` }), { name: `a${moveAnswer}` })
    await onedrive.move(`/a${moveAnswer}`, { name: 'a' })
  }
  cloud.quirks.copyDone = 303
  t.match(await (await onedrive.copy('/a', '/b')).wait(), { name: 'b' })
})

t.test('A recursive listing asks no more than its reader wants', async t => {
  const { emulator, client } = await world(t)
  const onedrive = client()
  for (let index = 0; index < 12; index++) await onedrive.upload(`/r/${index % 4}/${index}.txt`, 'x')
  const before = emulator.requests.count()
  let seen = 0
  for await (const item of onedrive.createListStream('/r', { recursive: true, pageSize: 2 }) as AsyncIterable<{ path: string }>) {
    t.ok(item.path.startsWith('/r/'))
    if (++seen === 3) break
  }
  t.ok(emulator.requests.count() - before <= 3)
  t.equal((await gather(onedrive.createListStream('/r', { recursive: true, pageSize: 2 }))).length, 16)
})
