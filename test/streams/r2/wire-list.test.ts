import t from 'tap'
import { createBucket, deleteBucket, headBucket, listBuckets, listObjects } from '../../../streams/r2/wire-list.ts'
import type { ListOptions } from '../../../streams/r2/wire-list.ts'
import { answer, errorXml, xml } from './support/answers.ts'

const ALWAYS = [['list-type', '2'], ['encoding-type', 'url'], ['max-keys', '1000']]
const QUERIES: Array<[options: ListOptions, token: string | undefined, query: string[][]]> = [
  [{}, undefined, ALWAYS],
  [{ prefix: '', delimiter: '' }, undefined, ALWAYS],
  [{ prefix: 'a b/', delimiter: '/', pageSize: 7 }, undefined, [['list-type', '2'], ['encoding-type', 'url'], ['max-keys', '7'], ['prefix', 'a b/'], ['delimiter', '/']]],
  [{ startAfter: 'k' }, undefined, [...ALWAYS, ['start-after', 'k']]],
  [{ startAfter: 'k' }, 'opaque', [...ALWAYS, ['continuation-token', 'opaque']]]
]

t.test('listObjects() sends the parameters that R2 knows and no others', t => {
  for (const [options, token, query] of QUERIES) t.same(listObjects('b', options, token).query, query)
  t.match(listObjects('b'), { method: 'GET', bucket: 'b', action: 'list bucket "b"', labels: { bucket: 'b' }, missingCode: 'NoSuchBucket' })
  t.end()
})

const CONTENTS = '<Contents><Key>dir%2Fa%2Bb%20%C3%BC</Key><Size>3</Size><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;e&quot;</ETag><StorageClass>STANDARD</StorageClass><Owner><ID>x</ID></Owner></Contents>'
const OBJECT = { type: 'object', key: 'dir/a+b ü', size: 3, etag: '"e"', lastModified: new Date('2026-01-02T03:04:05.678Z'), storageClass: 'STANDARD' }

t.test('listObjects() reads objects, then prefixes, with their keys decoded', async t => {
  const page = xml('ListBucketResult', `<Name>b</Name>${CONTENTS}<IsTruncated>true</IsTruncated><CommonPrefixes><Prefix>dir%2Fsub%2F</Prefix></CommonPrefixes><Prefix>dir%2F</Prefix>` +
    '<NextContinuationToken>a+/=</NextContinuationToken><MaxKeys>1000</MaxKeys><KeyCount>2</KeyCount><EncodingType>url</EncodingType><Unheard>of</Unheard>')
  t.same(await listObjects('b').read(answer(page)), { entries: [OBJECT, { type: 'prefix', prefix: 'dir/sub/' }], next: 'a+/=' })
})

t.test('listObjects() leaves keys as they are when the answer does not say that they are encoded', async t => {
  const page = xml('ListBucketResult', '<Contents><Key>100%25+a&amp;b</Key><Size>0</Size><ETag>bare</ETag></Contents><IsTruncated>false</IsTruncated>')
  t.match(await listObjects('b').read(answer(page)), { entries: [{ key: '100%25+a&b', size: 0, etag: '"bare"', lastModified: undefined, storageClass: undefined }], next: undefined })
})

t.test('listObjects() reads an empty bucket', async t => {
  t.same(await listObjects('b').read(answer(xml('ListBucketResult', '<Name>b</Name><Prefix/><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>'))), { entries: [], next: undefined })
})

const BROKEN: Array<[name: string, body: string, error: RegExp]> = [
  ['truncated without a token', xml('ListBucketResult', `<IsTruncated>true</IsTruncated>${CONTENTS}`), /^StorageError: Cannot list bucket "b": the page is truncated but names no next one$/],
  ['with an empty token', xml('ListBucketResult', '<IsTruncated>true</IsTruncated><NextContinuationToken/>'), /names no next one$/],
  ['that is an error', errorXml('InternalError'), /^ServerError: Cannot list bucket "b": 200 InternalError$/],
  ['that breaks off', xml('ListBucketResult', CONTENTS).slice(0, -5), /^StorageError: The answer is not the XML that was expected: /],
  ['that is a page of HTML', '<!DOCTYPE html><html></html>', /^StorageError: The answer is not the XML that was expected: it declares a document type$/],
  ['of another kind', xml('ListPartsResult', ''), /^StorageError: Cannot list bucket "b": the answer is <ListPartsResult>, wanted <ListBucketResult>$/],
  ['with a key that is not UTF-8', xml('ListBucketResult', '<EncodingType>url</EncodingType><Contents><Key>%FF</Key></Contents>'), /^StorageError: The listing holds a key that is not percent-encoded UTF-8: %FF$/]
]

for (const [name, body, error] of BROKEN) {
  t.test(`listObjects() refuses a page ${name}`, async t => {
    const failure: unknown = await Promise.resolve(listObjects('b').read(answer(body))).catch((error: unknown) => error)
    t.match(String(failure), error)
  })
}

t.test('listBuckets() reads names and dates, and the next page from the headers of R2', async t => {
  const operation = listBuckets({ prefix: 'my-' }, 'token')
  t.match(operation, { method: 'GET', query: [['prefix', 'my-'], ['continuation-token', 'token']], action: 'list the buckets' })
  t.notOk('bucket' in operation)
  t.same(listBuckets().query, [])
  const body = xml('ListAllMyBucketsResult', '<Buckets><Bucket><Name>b</Name><CreationDate>2026-01-02T03:04:05.678Z</CreationDate></Bucket><Bucket><Name>c</Name></Bucket></Buckets><Owner><ID>acct</ID></Owner>')
  const entries = [{ name: 'b', created: new Date('2026-01-02T03:04:05.678Z') }, { name: 'c', created: undefined }]
  t.same(await operation.read(answer(body)), { entries, next: undefined })
  t.same(await operation.read(answer(body, { 'cf-is-truncated': 'true', 'cf-next-continuation-token': 'next' })), { entries, next: 'next' })
})

t.test('headBucket(), createBucket() and deleteBucket() are one request each', async t => {
  t.match(headBucket('b'), { method: 'HEAD', bucket: 'b', missingCode: 'NoSuchBucket' })
  t.same(await headBucket('b').read(answer('', { 'x-amz-bucket-region': 'auto' })), { region: 'auto' })
  t.match(deleteBucket('b'), { method: 'DELETE', bucket: 'b', missingCode: 'NoSuchBucket' })
  t.equal(await deleteBucket('b').read(answer('', {}, 204)), undefined)
  const create = createBucket('b', { locationHint: 'weur' })
  t.match(create, { method: 'PUT', bucket: 'b', headers: { 'content-type': 'application/xml' } })
  t.equal(String(create.body), '<?xml version="1.0" encoding="UTF-8"?><CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>weur</LocationConstraint></CreateBucketConfiguration>')
  t.match(String(createBucket('b').body), '<LocationConstraint>auto</LocationConstraint>')
})
