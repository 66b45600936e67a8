import t from 'tap'
import {
  abortMultipartUpload, completeMultipartUpload, createMultipartUpload, listMultipartUploads, listParts, uploadPart, uploadPartCopy
} from '../../../streams/r2/wire-multipart.ts'
import { answer, errorXml, xml } from './support/answers.ts'

const TARGET = { bucket: 'b', key: 'k' }
const UPLOAD = { ...TARGET, uploadId: 'AB/c+d==' }

t.test('createMultipartUpload() brings the properties of the object and reads the id', async t => {
  const operation = createMultipartUpload(TARGET, { metadata: { a: '1' }, ifNoneMatch: '*' }, { 'x-amz-checksum-algorithm': 'CRC32' })
  t.match(operation, { method: 'POST', bucket: 'b', key: 'k', query: [['uploads', '']], action: 'create a multipart upload of "k"', missingCode: 'NoSuchBucket' })
  t.same(operation.headers, { 'content-type': 'application/octet-stream', 'x-amz-meta-a': '1', 'if-none-match': '*', 'x-amz-checksum-algorithm': 'CRC32' })
  t.notOk('body' in operation)
  t.equal(await operation.read(answer(xml('InitiateMultipartUploadResult', '<Bucket>b</Bucket><Key>k</Key><UploadId>AB/c+d==</UploadId><New/>'))), 'AB/c+d==')
  await t.rejects(async () => await operation.read(answer(xml('InitiateMultipartUploadResult', '<Bucket>b</Bucket>'))), { code: 'MalformedAnswer', operation: 'CreateMultipartUpload' })
})

t.test('uploadPart() sends its bytes under number and id, and reads the etag', async t => {
  const bytes = Buffer.from('part')
  const operation = uploadPart(UPLOAD, 7, { bytes, payloadHash: 'UNSIGNED-PAYLOAD', headers: { 'x-amz-checksum-crc32': 'y/Q5Jg==' } })
  t.match(operation, {
    method: 'PUT',
    query: [['partNumber', '7'], ['uploadId', 'AB/c+d==']],
    headers: { 'x-amz-checksum-crc32': 'y/Q5Jg==' },
    body: bytes,
    payloadHash: 'UNSIGNED-PAYLOAD',
    action: 'upload part 7 of "k"',
    subject: { bucket: 'b', key: 'k', part_number: 7 },
    missingCode: 'NoSuchUpload'
  })
  t.match(await operation.read(answer('', { etag: '"e"' })), { etag: '"e"' })
})

t.test('uploadPartCopy() names the source and its bytes, both ends inside', async t => {
  const operation = uploadPartCopy(UPLOAD, 2, { bucket: 'from', key: 'a b' }, 0, 5_242_879)
  t.match(operation, { method: 'PUT', query: [['partNumber', '2'], ['uploadId', 'AB/c+d==']], action: 'copy bytes 0-5242879 of "a b" into part 2 of "k"' })
  t.same(operation.headers, { 'x-amz-copy-source': '/from/a%20b', 'x-amz-copy-source-range': 'bytes=0-5242879' })
  t.same(await operation.read(answer(xml('CopyPartResult', '<ETag>"9e10"</ETag><LastModified>2026-01-02T03:04:05.678Z</LastModified>'))), {
    etag: '"9e10"', lastModified: new Date('2026-01-02T03:04:05.678Z')
  })
  await t.rejects(async () => await operation.read(answer(errorXml('InternalError'))), { name: 'ServerError', operation: 'UploadPartCopy' })
})

t.test('completeMultipartUpload() lists its parts by number, whatever order they ended in', async t => {
  const parts = [{ partNumber: 10, etag: '"e10"' }, { partNumber: 2, etag: '"e2"', checksum: ['ChecksumCRC32', 'y/Q5Jg=='] as const }, { partNumber: 1, etag: '"e1"' }]
  const operation = completeMultipartUpload(UPLOAD, parts, { ifMatch: '"old"', checksumHeaders: { 'x-amz-checksum-crc64nvme': 'rosUhgp5mIg=' } })
  t.match(operation, { method: 'POST', query: [['uploadId', 'AB/c+d==']], subject: { bucket: 'b', key: 'k', parts: 3 }, missingCode: 'NoSuchUpload' })
  t.same(operation.headers, { 'content-type': 'application/xml', 'if-match': '"old"', 'x-amz-checksum-crc64nvme': 'rosUhgp5mIg=' })
  t.equal(String(operation.body), '<?xml version="1.0" encoding="UTF-8"?><CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    '<Part><PartNumber>1</PartNumber><ETag>&quot;e1&quot;</ETag></Part>' +
    '<Part><PartNumber>2</PartNumber><ETag>&quot;e2&quot;</ETag><ChecksumCRC32>y/Q5Jg==</ChecksumCRC32></Part>' +
    '<Part><PartNumber>10</PartNumber><ETag>&quot;e10&quot;</ETag></Part></CompleteMultipartUpload>')
  t.same(parts.map(({ partNumber }) => partNumber), [10, 2, 1])
})

t.test('completeMultipartUpload() reads what was stored, and an error in a 200', async t => {
  const { read } = completeMultipartUpload(UPLOAD, [{ partNumber: 1, etag: '"e"' }])
  const done = xml('CompleteMultipartUploadResult', '<Location>https://h/b/k</Location><Bucket>b</Bucket><Key>k</Key><ETag>&quot;9b2c-2&quot;</ETag><ChecksumCRC64NVME>x</ChecksumCRC64NVME>')
  t.match(await read(answer(`   \n${done}`, { 'x-amz-version-id': 'v' })), { etag: '"9b2c-2"', versionId: 'v', location: 'https://h/b/k' })
  await t.rejects(async () => await read(answer(errorXml('InternalError', 'x'))), { name: 'ServerError', temporary: true, message: 'Cannot complete the multipart upload of "k": 200 InternalError (x)' })
  await t.rejects(async () => await read(answer(done.slice(0, -1))), { code: 'MalformedAnswer' })
})

t.test('abortMultipartUpload() deletes the upload', async t => {
  const operation = abortMultipartUpload(UPLOAD)
  t.match(operation, { method: 'DELETE', query: [['uploadId', 'AB/c+d==']], missingCode: 'NoSuchUpload', action: 'abort the multipart upload of "k"' })
  t.equal(await operation.read(answer('', {}, 204)), undefined)
})

t.test('listParts() reads a page and where the next one starts', async t => {
  const operation = listParts(UPLOAD, 1)
  t.match(operation, { method: 'GET', query: [['uploadId', 'AB/c+d=='], ['max-parts', '1000'], ['part-number-marker', '1']] })
  t.same(listParts(UPLOAD).query, [['uploadId', 'AB/c+d=='], ['max-parts', '1000']])
  const part = '<Part><PartNumber>2</PartNumber><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>"e2"</ETag><Size>8388608</Size><ChecksumCRC32>x</ChecksumCRC32></Part>'
  const page = (rest: string): string => xml('ListPartsResult', `<Bucket>b</Bucket><Key>k</Key><UploadId>i</UploadId><MaxParts>1000</MaxParts>${rest}<StorageClass>STANDARD</StorageClass>${part}`)
  const entries = [{ partNumber: 2, etag: '"e2"', size: 8_388_608, lastModified: new Date('2026-01-02T03:04:05.678Z') }]
  t.same(await operation.read(answer(page('<IsTruncated>false</IsTruncated>'))), { entries, next: undefined })
  t.same(await operation.read(answer(page('<IsTruncated>true</IsTruncated><NextPartNumberMarker>2</NextPartNumberMarker>'))), { entries, next: 2 })
})

t.test('listParts() and listMultipartUploads() refuse a page that is truncated but names no next one', async t => {
  await t.rejects(async () => await listParts(UPLOAD).read(answer(xml('ListPartsResult', '<IsTruncated>true</IsTruncated>'))), {
    code: 'EndlessListing', message: 'Cannot list the parts of the upload of "k": the page is truncated but names no next one'
  })
  await t.rejects(async () => await listMultipartUploads('b', {}).read(answer(xml('ListMultipartUploadsResult', '<IsTruncated>true</IsTruncated><NextKeyMarker/>'))), {
    code: 'EndlessListing', message: 'Cannot list the multipart uploads of bucket "b": the page is truncated but names no next one'
  })
})

t.test('listMultipartUploads() asks for the page after a cursor', t => {
  t.match(listMultipartUploads('b', {}), { method: 'GET', bucket: 'b', query: [['uploads', ''], ['max-uploads', '1000'], ['encoding-type', 'url']] })
  t.same(listMultipartUploads('b', { prefix: 'a/' }, { keyMarker: 'k', uploadIdMarker: 'i+/=' }).query, [
    ['uploads', ''], ['max-uploads', '1000'], ['encoding-type', 'url'], ['prefix', 'a/'], ['key-marker', 'k'], ['upload-id-marker', 'i+/=']
  ])
  t.end()
})

t.test('listMultipartUploads() reads uploads with their keys decoded, whoever else stands in them', async t => {
  const owner = '<ID>acct</ID><DisplayName>acct</DisplayName>'
  const upload = `<Upload><Key>dir%2Fa%20b</Key><UploadId>i+/=</UploadId><Initiator>${owner}</Initiator><Owner>${owner}</Owner><StorageClass>STANDARD</StorageClass><Initiated>2026-01-02T03:04:05.678Z</Initiated></Upload>`
  const page = xml('ListMultipartUploadsResult', `<Bucket>b</Bucket><KeyMarker/><NextKeyMarker>dir%2Fa%20b</NextKeyMarker><NextUploadIdMarker>i+/=</NextUploadIdMarker><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>${upload}`)
  t.same(await listMultipartUploads('b', {}).read(answer(page)), {
    entries: [{ key: 'dir/a b', uploadId: 'i+/=', initiated: new Date('2026-01-02T03:04:05.678Z'), storageClass: 'STANDARD' }],
    next: { keyMarker: 'dir/a b', uploadIdMarker: 'i+/=' }
  })
})
