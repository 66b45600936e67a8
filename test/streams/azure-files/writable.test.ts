import { createHash } from 'node:crypto'
import { createGzip, gunzipSync } from 'node:zlib'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { AbortError, AuthenticationError, ConflictError, SizeMismatchError } from '../../../lib/errors.ts'
import { EtagMismatchError, LeaseError } from '../../../streams/azure-files/index.ts'
import type { AzureRangeWritable } from '../../../streams/azure-files/index.ts'
import { StandingClock, start } from './support/client.ts'
import { failure } from './support/tiny-azure.ts'

const LEASE = '11111111-1111-1111-1111-111111111111'
const OTHER = '22222222-2222-2222-2222-222222222222'

/** The error of a pipeline, when all is over. */
async function failed (source: Readable, stream: AzureRangeWritable): Promise<unknown> {
  const closed = new Promise(resolve => stream.once('close', resolve))
  const error = await pipeline(source, stream).catch((error: unknown) => error)
  await closed
  return error
}

const chunks = (...sizes: number[]): Readable => Readable.from(sizes.map((size, index) => Buffer.alloc(size, 'abcdefgh'[index])))

t.test('AzureRangeWritable creates with the size that is declared, writes ranges and looks at the end', async t => {
  const { service, azure } = start()
  const stream = azure.createWriteStream('a.bin', { size: 10, rangeSize: 4, concurrency: 1 })
  await pipeline(chunks(3, 3, 4), stream)
  t.strictSame(service.trace, ['CreateFile a.bin 10', 'Range a.bin bytes=0-3', 'Range a.bin bytes=4-7', 'Range a.bin bytes=8-9', 'Head a.bin'])
  t.equal(service.text('/share/a.bin'), 'aaabbbcccc')
  t.match(stream.result, { share: 'share', path: 'a.bin', size: 10, etag: service.files.get('/share/a.bin')?.etag, parts: 3, attempts: 5, reconciled: false })
})

t.test('AzureRangeWritable grows a file of unknown length by doubling and cuts it to its length', async t => {
  const { service, azure } = start()
  await pipeline(chunks(5, 5, 3), azure.createWriteStream('a.bin', { rangeSize: 4, concurrency: 1 }))
  t.strictSame(service.trace, [
    'CreateFile a.bin 0', 'SetProperties a.bin 4', 'Range a.bin bytes=0-3', 'SetProperties a.bin 8', 'Range a.bin bytes=4-7',
    'SetProperties a.bin 16', 'Range a.bin bytes=8-11', 'Range a.bin bytes=12-12', 'SetProperties a.bin 13'
  ])
  t.equal(service.text('/share/a.bin'), 'aaaaabbbbbccc')
})

t.test('AzureRangeWritable takes two requests for what fits one range, and one for nothing', async t => {
  const { service, azure } = start()
  const small = azure.createWriteStream('small')
  await pipeline(chunks(3), small)
  const empty = azure.createWriteStream('empty')
  await pipeline(Readable.from([]), empty)
  t.strictSame(service.trace, ['CreateFile small 3', 'Range small bytes=0-2', 'CreateFile empty 0'])
  t.match(small.result, { size: 3, parts: 1, etag: service.files.get('/share/small')?.etag })
  t.match(empty.result, { size: 0, parts: 0, etag: service.files.get('/share/empty')?.etag })
})

t.test('AzureRangeWritable stores a gzip stream of unknown length', async t => {
  const { service, azure } = start()
  const text = 'of no known length '.repeat(5000)
  await pipeline(Readable.from([text]), createGzip(), azure.createWriteStream('a.gz', { rangeSize: 100, publish: 'rename' }))
  t.equal(gunzipSync(service.files.get('/share/a.gz')?.bytes ?? '').toString(), text)
})

t.test('AzureRangeWritable keeps as many ranges in flight as it may', async t => {
  const { service, azure } = start()
  await pipeline(Readable.from([Buffer.alloc(64)]), azure.createWriteStream('a', { size: 64, rangeSize: 4, concurrency: 3 }))
  t.equal(service.maxInFlight, 3)
})

t.test('AzureRangeWritable publishes under a temporary name, in one rename', async t => {
  const { service, azure } = start()
  service.put('/share/dir.txt', 'old')
  const stream = azure.createWriteStream('dir.txt', { publish: 'rename', rangeSize: 4, concurrency: 1 })
  const seen: Array<string | undefined> = []
  stream.on('progress', () => seen.push(service.text('/share/dir.txt')))
  await pipeline(chunks(4, 4), stream)
  t.strictSame(seen, ['old', 'old'])
  t.equal(service.text('/share/dir.txt'), 'aaaabbbb')
  t.strictSame(service.names(), ['/share/dir.txt'])
  t.equal(service.trace.at(-1), 'Rename dir.txt')
  t.equal(stream.result?.etag, service.files.get('/share/dir.txt')?.etag)
})

t.test('AzureRangeWritable makes missing directories, from the top', async t => {
  const { service, azure } = start()
  await pipeline(chunks(1), azure.createWriteStream('a/b/c.txt'))
  t.strictSame(service.trace, ['CreateFile c.txt 1', 'CreateDirectory b', 'CreateDirectory a', 'CreateDirectory b', 'CreateFile c.txt 1', 'Range c.txt bytes=0-0'])
})

t.test('AzureRangeWritable publishes nothing when the stream is not as long as declared', async t => {
  for (const publish of ['direct', 'rename'] as const) {
    for (const [size, found] of [[20, 10], [5, 10]] as const) {
      const { service, azure } = start({ clock: new StandingClock() })
      const error = await failed(chunks(4, 6), azure.createWriteStream('a', { size, rangeSize: 4, publish }))
      t.match(error, { name: 'SizeMismatchError', expected: size, found, remote: 'clean' }, `${publish} ${size}`)
      t.ok(error instanceof SizeMismatchError)
      t.strictSame(service.names(), [])
    }
  }
})

t.test('AzureRangeWritable removes the file when the source fails, and passes its error on', async t => {
  const { service, azure } = start({ clock: new StandingClock() })
  const source = Readable.from((function * (): Generator<Buffer> {
    yield Buffer.alloc(10)
    throw new Error('the disk is gone')
  })())
  const stream = azure.createWriteStream('a', { rangeSize: 4 })
  t.match(await failed(source, stream), { message: 'the disk is gone' })
  t.strictSame(service.names(), [])
  t.equal(stream.remote, 'clean')
})

t.test('AzureRangeWritable keeps an unfinished file where that was asked for', async t => {
  const { service, azure } = start({ clock: new StandingClock() })
  const stream = azure.createWriteStream('a', { rangeSize: 4, size: 99, onFailure: 'keep' })
  t.ok(await failed(chunks(8), stream) instanceof SizeMismatchError)
  t.strictSame(service.names(), ['/share/a'])
  t.equal(stream.remote, 'orphan')
})

t.test('AzureRangeWritable stops at an abort and cleans up', async t => {
  const { service, azure } = start({ clock: new StandingClock() })
  const controller = new AbortController()
  const stream: AzureRangeWritable = azure.createWriteStream('a', { rangeSize: 4, signal: controller.signal })
  stream.on('progress', () => controller.abort(new Error('enough')))
  const endless = Readable.from((function * (): Generator<Buffer> { for (;;) yield Buffer.alloc(3) })())
  const error = await failed(endless, stream)
  t.ok(error instanceof AbortError)
  t.match(error, { cause: { message: 'enough' }, remote: 'clean' })
  t.strictSame(service.names(), [])
})

t.test('AzureRangeWritable writes a range again whose answer was lost', async t => {
  const { service, azure } = start()
  let lost = 0
  service.trouble = (_request, operation) => operation === 'Range' && lost++ === 0 ? 'lose' : undefined
  const stream = azure.createWriteStream('a', { size: 8, rangeSize: 4, concurrency: 1 })
  await pipeline(chunks(8), stream)
  t.equal(service.text('/share/a'), 'aaaaaaaa')
  t.strictSame(service.trace.filter(line => line.startsWith('Range')), ['Range a bytes=0-3', 'Range a bytes=0-3', 'Range a bytes=4-7'])
  t.equal(stream.result?.attempts, 5)
})

t.test('AzureRangeWritable finds out that a rename whose answer was lost was done', async t => {
  const { service, azure } = start()
  let lost = 0
  service.trouble = (_request, operation) => operation === 'Rename' && lost++ === 0 ? 'lose' : undefined
  const stream = azure.createWriteStream('a', { publish: 'rename' })
  await pipeline(chunks(8), stream)
  t.match(stream.result, { reconciled: true, size: 8, etag: service.files.get('/share/a')?.etag })
})

t.test('AzureRangeWritable keeps a lost rename apart from somebody else being first', async t => {
  const { service, azure } = start()
  service.put('/share/a', 'theirs')
  const error = await failed(chunks(8), azure.createWriteStream('a', { ifNoneMatch: '*' }))
  t.match(error, { code: 'FileAlreadyExists', remote: 'clean', operation: 'RenameFile' })
  t.ok(error instanceof ConflictError)
  t.strictSame(service.names(), ['/share/a'])
  t.equal(service.text('/share/a'), 'theirs')
})

t.test('AzureRangeWritable replaces only the version that ifMatch names', async t => {
  for (const publish of ['direct', 'rename'] as const) {
    const { service, azure } = start({ clock: new StandingClock() })
    service.put('/share/a', 'old')
    const etag = service.files.get('/share/a')?.etag ?? ''
    await t.rejects(pipeline(chunks(8), azure.createWriteStream('a', { ifMatch: '"0x1"', publish })), EtagMismatchError)
    t.equal(service.text('/share/a'), 'old')
    await pipeline(chunks(8), azure.createWriteStream('a', { ifMatch: etag, publish }))
    t.equal(service.text('/share/a'), 'aaaaaaaa', publish)
    t.equal(service.lease('/share/a'), undefined)
    t.notOk(service.requests.some(({ headers }) => 'if-match' in headers || 'if-none-match' in headers))
  }
})

t.test('AzureRangeWritable leases a file while it writes it, an old one and a new one', async t => {
  const { service, azure } = start({ clock: new StandingClock() })
  for (const path of ['old', 'new']) {
    if (path === 'old') service.put('/share/old', 'x')
    const stream = azure.createWriteStream(path, { lease: 'auto', rangeSize: 4 })
    const leases = new Set<string | undefined>()
    stream.on('progress', () => leases.add(service.lease(`/share/${path}`)))
    await pipeline(chunks(8), stream)
    t.equal(leases.size, 1)
    t.match([...leases][0], /^[0-9a-f-]{36}$/, path)
    t.equal(service.lease(`/share/${path}`), undefined)
  }
  t.strictSame(service.names(), ['/share/new', '/share/old'])
})

t.test('AzureRangeWritable writes under a lease that it is given, and does not take another one\'s file', async t => {
  const { service, azure } = start({ clock: new StandingClock() })
  service.put('/share/a', 'old')
  await azure.leases.acquire({ path: 'a', proposedLeaseId: LEASE })
  for (const lease of [undefined, 'auto', { leaseId: OTHER }] as const) {
    const error = await failed(chunks(8), azure.createWriteStream('a', lease === undefined ? {} : { lease }))
    t.ok(error instanceof LeaseError)
    t.match(error, { remote: 'clean' })
    t.equal(service.text('/share/a'), 'old')
  }
  await pipeline(chunks(8), azure.createWriteStream('a', { lease: { leaseId: LEASE }, rangeSize: 3 }))
  t.equal(service.text('/share/a'), 'aaaaaaaa')
  t.equal(service.lease('/share/a'), LEASE)
})

t.test('AzureRangeWritable sends MD5 with each range and notices other bytes in the answer', async t => {
  const { service, azure } = start()
  service.trouble = (request, operation) => operation === 'Range' && request.headers['content-md5'] !== undefined
    ? { status: 201, headers: { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' } }
    : undefined
  const error = await failed(chunks(8), azure.createWriteStream('a', { integrity: 'md5' }))
  t.match(error, { name: 'DigestMismatchError', algorithm: 'md5', size: 8, attempts: 3, remote: 'clean' })
})

t.test('AzureRangeWritable sends no digest with a range unless it is asked to', async t => {
  const { service, azure } = start()
  await pipeline(chunks(8), azure.createWriteStream('a'))
  const [range] = service.requests.filter(({ query }) => query.get('comp') === 'range')
  t.strictSame([range?.headers['content-md5'], range?.headers['x-ms-structured-body']], [undefined, undefined])
})

t.test('AzureRangeWritable stores the MD5 of all bytes with the other headers, and the time after the bytes', async t => {
  const { service, azure } = start()
  const stream = azure.createWriteStream('a', { digest: 'md5', contentType: 'text/plain', metadata: { Owner: 'ann' }, lastWrittenAt: new Date('2020-01-02T03:04:05Z') })
  await pipeline(chunks(8), stream)
  const md5 = createHash('md5').update('aaaaaaaa')
  const base64 = md5.copy().digest('base64')
  t.match(service.files.get('/share/a')?.headers, { 'content-type': 'text/plain', 'content-md5': base64, 'x-ms-meta-owner': 'ann' })
  t.equal(service.trace.at(-1), 'SetProperties a')
  t.equal(service.requests.at(-1)?.headers['x-ms-file-last-write-time'], '2020-01-02T03:04:05.0000000Z')
  t.strictSame(stream.result?.digests, { md5: md5.digest('hex') })
})

t.test('AzureRangeWritable waits as often as the service is busy, and as long as it says', async t => {
  const { service, azure, clock } = start()
  const answers = [failure(503, 'ServerBusy'), failure(503, 'ServerBusy', { 'retry-after': '7' })]
  service.trouble = (_request, operation) => operation === 'Range' ? answers.shift() : undefined
  await pipeline(chunks(8), azure.createWriteStream('a'))
  t.strictSame((clock as unknown as { waits: number[] }).waits, [1000, 7250])
  t.equal(service.text('/share/a'), 'aaaaaaaa')
})

t.test('AzureRangeWritable says what is left when the clean-up fails too', async t => {
  const { service, azure } = start()
  service.trouble = (_request, operation) => operation === 'Range' || operation === 'Delete' ? failure(403, 'AuthorizationPermissionMismatch') : undefined
  const error = await failed(chunks(8), azure.createWriteStream('a'))
  t.match(error, { code: 'PermissionDenied', operation: 'PutRange', remote: 'orphan' })
  t.ok(error instanceof AuthenticationError)
})

t.test('AzureRangeWritable refuses at once what the service would refuse at the end', async t => {
  const { azure } = start()
  for (const [options, error] of [
    [{ rangeSize: 4194305 }, 'Cannot write ranges of 4194305 bytes as Azure Files takes 1 to 4194304 (4 MiB)'],
    [{ rangeSize: 0 }, 'Cannot write ranges of 0 bytes as Azure Files takes 1 to 4194304 (4 MiB)'],
    [{ concurrency: 17 }, 'Cannot keep 17 requests in flight as concurrency must be a whole number from 1 to 16'],
    [{ size: 5 * 2 ** 40 }, 'Cannot store 5497558138880 bytes as a file has at most 4398046511104 (4.0 TiB)'],
    [{ size: -1 }, 'Cannot store a file as its size must be a whole number of bytes: received -1'],
    [{ ifNoneMatch: '*', publish: 'direct' }, 'Cannot write with ifNoneMatch and publish "direct" as Azure Files creates a file only if it is absent by a rename'],
    [{ ifNoneMatch: '*', ifMatch: '"1"' }, 'Cannot write with ifMatch and ifNoneMatch together'],
    [{ lease: { leaseId: 'mine' } }, 'Cannot use lease id "mine" as it must be a GUID']
  ] as const) {
    t.throws(() => azure.createWriteStream('a', options), { name: 'RangeError', message: error })
  }
  t.throws(() => azure.createWriteStream('a', { metadata: { 'a-b': '1' } }), TypeError)
  t.throws(() => azure.createWriteStream('a', { contentType: 'text/plain\r\nx: y' }), TypeError)
  t.throws(() => azure.createWriteStream('a/../b'), { name: 'ConfigurationError', code: 'InvalidPath' })
})
