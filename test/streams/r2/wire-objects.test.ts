import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import type { SealedBody } from '../../../streams/r2/integrity.ts'
import { copyObject, copySource, deleteObject, deleteObjects, getObject, headObject, putObject } from '../../../streams/r2/wire-objects.ts'
import { answer, errorXml, xml } from './support/answers.ts'

const TARGET = { bucket: 'b', key: 'dir/k ü' }
const SEALED: SealedBody = { bytes: Buffer.from('hello'), payloadHash: 'hash', headers: { 'content-md5': 'md5' } }
const LABELS = { bucket: 'b', key: 'dir/k ü', labels: { bucket: 'b' }, subject: { bucket: 'b', key: 'dir/k ü' } }

t.test('putObject() sends the body with its properties, conditions and digest', async t => {
  const operation = putObject(TARGET, SEALED, { contentType: 'text/plain', metadata: { a: 'b' }, ifNoneMatch: '*' })
  t.match(operation, {
    method: 'PUT',
    ...LABELS,
    action: 'put "dir/k ü"',
    headers: { 'content-type': 'text/plain', 'x-amz-meta-a': 'b', 'if-none-match': '*', 'content-md5': 'md5' },
    body: SEALED.bytes,
    payloadHash: 'hash',
    missingCode: 'NoSuchBucket'
  })
  t.equal(operation.query, undefined)
  t.same(await operation.read(answer('', { etag: '"e"', 'x-amz-version-id': 'v' })), { etag: '"e"', versionId: 'v' })
})

t.test('putObject() says what the bytes are when the caller does not, and takes a bare etag', async t => {
  const operation = putObject(TARGET, { ...SEALED, headers: {} }, {})
  t.same(operation.headers, { 'content-type': 'application/octet-stream' })
  t.same(await operation.read(answer('', { etag: 'e' })), { etag: '"e"', versionId: undefined })
})

const RANGES: Array<[options: { start?: number, end?: number }, range: string | undefined, action: string]> = [
  [{}, undefined, 'get "dir/k ü"'],
  [{ start: 0 }, undefined, 'get "dir/k ü"'],
  [{ start: 5 }, 'bytes=5-', 'get bytes 5- of "dir/k ü"'],
  [{ end: 9 }, 'bytes=0-9', 'get bytes 0-9 of "dir/k ü"'],
  [{ start: 0, end: 0 }, 'bytes=0-0', 'get bytes 0-0 of "dir/k ü"']
]

t.test('getObject() asks for a range only when there is one', t => {
  for (const [options, range, action] of RANGES) {
    const operation = getObject(TARGET, options)
    t.match(operation, { method: 'GET', ...LABELS, action, streams: true })
    t.equal(operation.headers?.['range'], range)
  }
  t.end()
})

t.test('getObject() says which coding it takes, and sends its conditions', t => {
  t.same(getObject(TARGET, { ifMatch: '"e"', ifModifiedSince: new Date(0) }).headers, {
    'accept-encoding': 'identity', 'x-amz-checksum-mode': 'ENABLED', 'if-match': '"e"', 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT'
  })
  t.equal(getObject(TARGET, { acceptEncoding: 'gzip' }).headers?.['accept-encoding'], 'gzip')
  t.end()
})

const HEADERS = {
  'content-length': '5',
  etag: '"e"',
  'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
  'content-type': 'text/plain',
  'cache-control': 'no-transform',
  'content-disposition': 'inline',
  'content-encoding': 'gzip',
  'content-language': 'de',
  expires: 'Sat, 03 Jan 2026 03:04:05 GMT',
  'x-amz-storage-class': 'STANDARD_IA',
  'x-amz-version-id': 'v',
  'x-amz-meta-a': '=?UTF-8?B?w7w=?=',
  'x-amz-checksum-crc64nvme': 'rosUhgp5mIg=',
  'x-amz-checksum-type': 'FULL_OBJECT',
  'x-amz-something-new': 'ignored'
}

const INFO = {
  key: 'dir/k ü',
  size: 5,
  etag: '"e"',
  lastModified: new Date('2026-01-02T03:04:05Z'),
  contentType: 'text/plain',
  cacheControl: 'no-transform',
  contentDisposition: 'inline',
  contentEncoding: 'gzip',
  contentLanguage: 'de',
  expires: new Date('2026-01-03T03:04:05Z'),
  storageClass: 'STANDARD_IA',
  versionId: 'v',
  metadata: { a: 'ü' },
  checksums: { crc64nvme: 'rosUhgp5mIg=' }
}

t.test('getObject() reads what the answer tells of the object, and leaves the body to flow', async t => {
  const { info, start, end, body } = await getObject(TARGET).read(answer('hello', HEADERS))
  t.same(info, INFO)
  t.same([start, end, String(await buffer(body))], [0, 4, 'hello'])
})

t.test('getObject() reads the size of the whole and the range that came from Content-Range', async t => {
  const { info, start, end } = await getObject(TARGET, { start: 2, end: 99 }).read(answer('llo', { ...HEADERS, 'content-length': '3', 'content-range': 'bytes 2-4/5' }, 206))
  t.same([info.size, start, end], [5, 2, 4])
})

t.test('getObject() takes no part for the whole: a 206 must say which bytes it has', async t => {
  for (const range of [{}, { 'content-range': 'bytes 0-1/9, bytes 7-8/9' }, { 'content-range': 'bytes 0-4/*' }]) {
    const read = async (): Promise<unknown> => await getObject(TARGET, { end: 4 }).read(answer('hello', { ...HEADERS, 'content-length': '5', ...range }, 206))
    await t.rejects(read(), { code: 'MalformedAnswer', temporary: true, message: /^Cannot get bytes 0-4 of "[^"]+": the answer came with the Content-Range/ })
  }
})

t.test('getObject() gives an empty object an end before its start, and an answer without a length no size', async t => {
  const empty = await getObject(TARGET).read(answer('', { 'content-length': '0', etag: '"e"' }))
  t.same([empty.info.size, empty.start, empty.end], [0, 0, -1])
  t.ok(Number.isNaN((await getObject(TARGET).read(answer('x', { etag: '"e"' }))).info.size))
})

t.test('headObject() asks for the properties as they are stored, and reads them all', async t => {
  const operation = headObject(TARGET, { ifMatch: '"e"' })
  t.match(operation, { method: 'HEAD', ...LABELS, action: 'head "dir/k ü"' })
  t.same(operation.headers, { 'accept-encoding': 'identity', 'x-amz-checksum-mode': 'ENABLED', 'if-match': '"e"' })
  t.notOk('range' in (operation.headers ?? {}))
  t.same(await operation.read(answer('', HEADERS)), INFO)
  t.same(headObject(TARGET, { partNumber: 1 }).query, [['partNumber', '1']])
})

t.test('headObject() leaves unknown what the answer does not say', async t => {
  const info = await headObject(TARGET).read(answer('', { expires: 'never', 'last-modified': '' }))
  t.ok(Number.isNaN(info.size))
  t.same([info.etag, info.lastModified, info.expires, info.contentType, info.metadata, info.checksums], ['', undefined, undefined, undefined, {}, {}])
})

t.test('deleteObject() sends no body and reads none', async t => {
  const operation = deleteObject(TARGET)
  t.match(operation, { method: 'DELETE', ...LABELS, action: 'delete "dir/k ü"', missingCode: 'NoSuchBucket' })
  t.notOk('body' in operation)
  t.equal(await operation.read(answer('', {}, 204)), undefined)
})

t.test('deleteObjects() sends its keys escaped, with their MD5', t => {
  const operation = deleteObjects('b', ['a & b', '<c>'])
  const body = '<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>false</Quiet>' +
    '<Object><Key>a &amp; b</Key></Object><Object><Key>&lt;c&gt;</Key></Object></Delete>'
  t.match(operation, { method: 'POST', bucket: 'b', query: [['delete', '']], action: 'delete 2 objects of bucket "b"', subject: { bucket: 'b', keys: 2 } })
  t.equal(String(operation.body), body)
  t.same(operation.headers, { 'content-type': 'application/xml', 'content-md5': createHash('md5').update(body).digest('base64') })
  t.notOk('key' in operation)
  t.end()
})

t.test('deleteObjects() gives a result for each key, in the order of the keys', async t => {
  const body = '<Deleted><Key>a &amp; b</Key></Deleted><Error><Key>x</Key><Code>InternalError</Code><Message>Try again</Message></Error><Error><Key>y</Key><Code>AccessDenied</Code></Error><Future>z</Future>'
  const results = await deleteObjects('b', ['y', 'x', 'a & b', 'unlisted']).read(answer(xml('DeleteResult', body)))
  t.match(results, [
    { key: 'y', deleted: false, error: { code: 'AccessDenied', temporary: false, operation: 'DeleteObjects' } },
    { key: 'x', deleted: false, error: { code: 'InternalError', serviceCode: 'InternalError', temporary: true, message: 'Cannot delete "x": InternalError (Try again)' } },
    { key: 'a & b', deleted: true },
    { key: 'unlisted', deleted: true }
  ])
})

t.test('copyObject() names its source, what becomes of the metadata, and conditions on both ends', async t => {
  const operation = copyObject({ bucket: 'from', key: "a b+c!'ü/x" }, TARGET, {
    metadataDirective: 'REPLACE', contentType: 'text/html', metadata: { a: '1' }, source: { ifMatch: '"s"' }, destination: { ifNoneMatch: '*' }
  })
  t.match(operation, { method: 'PUT', ...LABELS, action: 'copy "a b+c!\'ü/x" to "dir/k ü"' })
  t.same(operation.headers, {
    'x-amz-copy-source': '/from/a%20b%2Bc%21%27%C3%BC/x',
    'x-amz-metadata-directive': 'REPLACE',
    'content-type': 'text/html',
    'x-amz-meta-a': '1',
    'x-amz-copy-source-if-match': '"s"',
    'cf-copy-destination-if-none-match': '*'
  })
  t.same(copyObject(TARGET, TARGET).headers, { 'x-amz-copy-source': copySource(TARGET) })
  t.notOk('body' in operation)
  t.same(await operation.read(answer(xml('CopyObjectResult', '<LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;e&quot;</ETag><ChecksumCRC64NVME>x</ChecksumCRC64NVME>'))), {
    etag: '"e"', lastModified: new Date('2026-01-02T03:04:05.678Z')
  })
})

t.test('copyObject() takes a 200 that holds an error for the error, also after white space that kept the line alive', async t => {
  const read = async (body: string): Promise<unknown> => await copyObject(TARGET, TARGET).read(answer(body))
  await t.rejects(read(errorXml('InternalError', 'Oh')), { name: 'ServerError', code: 'InternalError', temporary: true, status: 200, operation: 'CopyObject', message: 'Cannot copy "dir/k ü" to "dir/k ü": 200 InternalError (Oh)' })
  await t.rejects(read(`\n\n   ${errorXml('SlowDown')}`), { name: 'ThrottledError', temporary: true })
  await t.rejects(read(errorXml('AccessDenied')), { name: 'StorageError', code: 'AccessDenied', temporary: false })
  await t.rejects(read(''), { code: 'MalformedAnswer', temporary: true })
  await t.rejects(read(xml('Surprise', '')), { code: 'MalformedAnswer', message: 'Cannot copy "dir/k ü" to "dir/k ü": the answer is <Surprise>, wanted <CopyObjectResult>' })
})

t.test('readXml() refuses a document of more than 8 MiB without reading on', async t => {
  const huge = answer(Buffer.alloc(8 * 1024 * 1024 + 1, ' '))
  await t.rejects(async () => await copyObject(TARGET, TARGET).read(huge), { code: 'AnswerTooLarge', message: 'The answer is larger than 8388608 bytes' })
})
