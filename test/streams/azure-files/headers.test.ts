import t from 'tap'
import { contentHeaders, fileTime, metadataHeaders, pickContentHeaders, readMetadata } from '../../../streams/azure-files/headers.ts'
import { start } from './support/client.ts'

t.test('contentHeaders() has the names of Azure Files and takes printable ASCII alone', async t => {
  t.strictSame(contentHeaders({ contentType: 'text/plain', cacheControl: 'no-cache', contentDisposition: 'attachment', contentEncoding: 'gzip', contentLanguage: 'de', contentMd5: 'x==' }), {
    'x-ms-content-type': 'text/plain',
    'x-ms-cache-control': 'no-cache',
    'x-ms-content-disposition': 'attachment',
    'x-ms-content-encoding': 'gzip',
    'x-ms-content-language': 'de',
    'x-ms-content-md5': 'x=='
  })
  for (const value of ['', ' a', 'ü', 'a\r\nb: c', 'a\u0000']) t.throws(() => contentHeaders({ contentType: value }), { name: 'TypeError' })
})

t.test('metadataHeaders() takes identifiers in lower case and refuses what could not be sent or told apart', async t => {
  t.strictSame(metadataHeaders({ Owner: 'ann', _x: '' }), { 'x-ms-meta-owner': 'ann', 'x-ms-meta-_x': '' })
  for (const metadata of [{ 'a-b': '1' }, { '1a': '1' }, { a: 'ä' }, { a: 'x\r\ny' }, { a: '1', A: '2' }, { '': '1' }, { a: 7 as unknown as string }]) {
    t.throws(() => metadataHeaders(metadata), { name: 'TypeError' })
  }
  t.throws(() => metadataHeaders({ a: 'x'.repeat(8192) }), { name: 'RangeError' })
  t.strictSame(readMetadata({ 'x-ms-meta-owner': 'ann', etag: '1' }), { owner: 'ann' })
})

t.test('fileTime() has the seven decimals of the file system', async t => {
  t.equal(fileTime('lastWrittenAt', new Date('2024-03-01T12:00:00.123Z')), '2024-03-01T12:00:00.1230000Z')
  t.throws(() => fileTime('lastWrittenAt', new Date(NaN)), { name: 'TypeError' })
})

t.test('setHttpHeaders() keeps the headers that are not given, which the service would clear', async t => {
  const { service, azure } = start()
  service.put('/share/a', 'x', { 'content-type': 'text/plain', 'cache-control': 'no-cache', 'content-md5': 'abc=', 'x-ms-meta-a': '1' })
  await azure.files.setHttpHeaders({ path: 'a', contentType: 'text/html' })
  t.strictSame(service.files.get('/share/a')?.headers, { 'x-ms-meta-a': '1', 'content-type': 'text/html', 'content-md5': 'abc=', 'cache-control': 'no-cache' })
  await azure.files.setHttpHeaders({ path: 'a', contentType: 'text/css', replace: true })
  t.strictSame(service.files.get('/share/a')?.headers, { 'x-ms-meta-a': '1', 'content-type': 'text/css' })
})

t.test('pickContentHeaders() leaves the rest behind', async t => {
  t.strictSame(pickContentHeaders({ contentType: 'a', contentMd5: undefined, ...{ size: 7 } }), { contentType: 'a' })
})
