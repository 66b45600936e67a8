import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import t from 'tap'
import { NotModifiedError, ObjectChangedError } from '../../../lib/errors.ts'
import { EtagMismatchError } from '../../../streams/azure-files/index.ts'
import { start } from './support/client.ts'
import { textOf } from './support/exchange.ts'
import { failure } from './support/tiny-azure.ts'

const TEXT = 'abcdefghijklmnopqrstuvwxyz'

t.test('AzureRangeReadable delivers ranges in order, and asks for nothing before it is read', async t => {
  const { service, azure } = start()
  service.put('/share/a', TEXT, { 'content-type': 'text/plain' })
  const stream = azure.createReadStream('a', { rangeSize: 10, concurrency: 3 })
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(service.trace, [])
  t.equal(await textOf(stream), TEXT)
  t.strictSame(service.trace, ['Get a bytes=0-9', 'Get a bytes=10-19', 'Get a bytes=20-25', 'Head a'])
  t.match(stream.info, { size: 26, contentType: 'text/plain', etag: service.files.get('/share/a')?.etag })
})

t.test('AzureRangeReadable reads from start to end, both inside, and all through one request', async t => {
  const { service, azure } = start()
  service.put('/share/a', TEXT)
  t.equal(await textOf(azure.createReadStream('a', { start: 3, end: 12, rangeSize: 4 })), 'defghijklm')
  t.equal(await textOf(azure.createReadStream('a', { start: 20 })), 'uvwxyz')
  t.equal(await textOf(azure.createReadStream('a', { end: 100, concurrency: 1 })), TEXT)
  service.trace.length = 0
  t.equal(await textOf(azure.createReadStream('a', { concurrency: 1 })), TEXT)
  t.strictSame(service.trace, ['Get a'])
})

t.test('AzureRangeReadable reads an empty file, of which any range is refused', async t => {
  const { service, azure } = start()
  service.put('/share/a', '')
  t.equal(await textOf(azure.createReadStream('a')), '')
  t.strictSame(service.trace, ['Get a bytes=0-4194303', 'Get a'])
  await t.rejects(textOf(azure.createReadStream('a', { start: 5 })), { name: 'InvalidRangeError', start: 5, size: 0 })
})

t.test('AzureRangeReadable goes on from the first missing byte when a range is cut', async t => {
  const { service, azure } = start()
  service.put('/share/a', TEXT)
  const etag = service.files.get('/share/a')?.etag ?? ''
  let cuts = 0
  service.trouble = ({ headers }) => headers['x-ms-range'] === 'bytes=10-19' && cuts++ === 0
    ? { status: 206, headers: { etag, 'content-range': 'bytes 10-19/26', 'content-length': '10' }, body: TEXT.slice(10, 20), cutAt: 4 }
    : undefined
  const stream = azure.createReadStream('a', { rangeSize: 10 })
  const resumed: unknown[] = []
  stream.on('resume', (event?: object) => { if (event !== undefined) resumed.push(event) }) // Node has an event of this name too.
  t.equal(await textOf(stream), TEXT)
  t.match(resumed, [{ offset: 14, attempt: 1 }])
  t.ok(service.trace.includes('Get a bytes=14-19'))
})

t.test('AzureRangeReadable never joins two versions: it compares etags itself, and sends no condition', async t => {
  const { service, azure } = start()
  service.put('/share/a', TEXT)
  service.trouble = ({ headers }) => {
    if (headers['x-ms-range'] === 'bytes=20-25') service.put('/share/a', TEXT.toUpperCase())
    return undefined
  }
  const first = service.files.get('/share/a')?.etag
  const error = await textOf(azure.createReadStream('a', { rangeSize: 10 })).catch((error: unknown) => error)
  t.ok(error instanceof ObjectChangedError)
  t.match(error, { expected: first, found: service.files.get('/share/a')?.etag })
  t.notOk(service.requests.some(({ headers }) => 'if-match' in headers))
})

t.test('AzureRangeReadable waits for a busy service, with and without Retry-After', async t => {
  const { service, azure, clock } = start()
  service.put('/share/a', TEXT)
  const answers = [failure(503, 'ServerBusy'), failure(503, 'ServerBusy', { 'retry-after': '2' })]
  service.trouble = () => answers.shift()
  t.equal(await textOf(azure.createReadStream('a')), TEXT)
  t.strictSame((clock as unknown as { waits: number[] }).waits, [1000, 2250])
})

t.test('AzureRangeReadable compares the whole file with the MD5 that is stored with it', async t => {
  const { service, azure } = start()
  const md5 = createHash('md5').update(TEXT).digest('base64')
  service.put('/share/a', TEXT, { 'content-md5': md5 })
  t.equal(await textOf(azure.createReadStream('a', { concurrency: 1 })), TEXT)
  service.put('/share/b', TEXT, { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' })
  await t.rejects(textOf(azure.createReadStream('b', { concurrency: 1 })), { name: 'DigestMismatchError', algorithm: 'md5', size: 26 })
  t.equal(await textOf(azure.createReadStream('b', { concurrency: 1, verify: false })), TEXT)
  t.equal(await textOf(azure.createReadStream('b', { concurrency: 1, end: 5 })), 'abcdef')
})

t.test('AzureRangeReadable compares each range with the service\'s MD5 before it delivers a byte, and asks again', async t => {
  const { service, azure } = start()
  service.put('/share/a', TEXT)
  const etag = service.files.get('/share/a')?.etag ?? ''
  const md5 = createHash('md5').update(TEXT.slice(10, 20)).digest('base64')
  let flips = 0
  service.trouble = ({ headers }) => headers['x-ms-range'] === 'bytes=10-19' && flips++ === 0
    ? { status: 206, headers: { etag, 'content-range': 'bytes 10-19/26', 'content-length': '10', 'content-md5': md5 }, body: 'klmnXpqrst' }
    : undefined
  t.equal(await textOf(azure.createReadStream('a', { rangeSize: 10, integrity: 'md5' })), TEXT)
  t.equal(service.requests.filter(({ headers }) => headers['x-ms-range-get-content-md5'] === 'true').length, 4)
  t.throws(() => azure.createReadStream('a', { integrity: 'md5', concurrency: 1 }), { name: 'RangeError' })
})

t.test('AzureRangeReadable asks for the written ranges of a sparse file alone', async t => {
  const { service, azure } = start()
  await azure.files.create({ path: 'a', size: 40 })
  await azure.files.write({ path: 'a', data: 'begin', offset: 0 })
  await azure.files.write({ path: 'a', data: 'end', offset: 37 })
  service.trace.length = 0
  const text = await textOf(azure.createReadStream('a', { sparse: true, rangeSize: 8 }))
  t.equal(text, `begin${'\0'.repeat(32)}end`)
  t.strictSame(service.trace, ['Get a bytes=0-7', 'RangeList a', 'Get a bytes=32-39', 'Head a'])
})

t.test('AzureRangeReadable compares etags for ifMatch and ifNoneMatch', async t => {
  const { service, azure } = start()
  service.put('/share/a', TEXT)
  const etag = service.files.get('/share/a')?.etag ?? ''
  t.equal(await textOf(azure.createReadStream('a', { ifMatch: etag, ifNoneMatch: '"0x1"' })), TEXT)
  t.ok(await textOf(azure.createReadStream('a', { ifMatch: '"0x1"' })).catch((error: unknown) => error) instanceof EtagMismatchError)
  t.ok(await textOf(azure.createReadStream('a', { ifNoneMatch: etag })).catch((error: unknown) => error) instanceof NotModifiedError)
})

t.test('AzureRangeReadable reads under a lease, and fails without it where one is named', async t => {
  const { service, azure } = start()
  service.put('/share/a', TEXT)
  const { id } = await azure.leases.acquire({ path: 'a' })
  t.equal(await textOf(azure.createReadStream('a', { leaseId: id })), TEXT)
  t.equal(await textOf(azure.createReadStream('a')), TEXT)
  await t.rejects(textOf(azure.createReadStream('a', { leaseId: '22222222-2222-2222-2222-222222222222' })), { name: 'LeaseError', code: 'LeaseIdMismatch' })
})

t.test('a missing file is a NotFoundError, of the file, its directory or the share', async t => {
  const { service, azure } = start()
  await t.rejects(textOf(azure.createReadStream('a')), { name: 'NotFoundError', code: 'FileNotFound' })
  await t.rejects(textOf(azure.createReadStream('b/a')), { name: 'NotFoundError', code: 'ParentNotFound' })
  service.trouble = () => failure(404, 'ShareNotFound')
  await t.rejects(textOf(azure.createReadStream('a')), { name: 'NotFoundError', code: 'ShareNotFound' })
})

t.test('streaming.* are the streams by the specification\'s names, web streams among them', async t => {
  const { azure } = start()
  const source = Readable.toWeb(Readable.from([Buffer.from(TEXT)])) as ReadableStream<Uint8Array>
  const info = await azure.streaming.uploadStream({ path: 'a', totalSize: 26, contentType: 'text/plain', metadata: { a: '1' } }, source as never)
  t.match(info, { share: 'share', path: 'a', size: 26, contentType: 'text/plain', metadata: { a: '1' } })
  t.equal(await textOf(await azure.streaming.downloadStream({ path: 'a', bufferSize: 8 })), TEXT)
  t.equal((await azure.streaming.downloadRange({ path: 'a', start: 1, end: 3 })).toString(), 'bcd')
  const web = Readable.toWeb(azure.createReadStream('a')) as ReadableStream<Uint8Array>
  const chunks: Uint8Array[] = []
  for await (const chunk of web as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk)
  t.equal(Buffer.concat(chunks).toString(), TEXT)
})
