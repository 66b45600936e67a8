import t from 'tap'
import { type Client, elements, manualClock, outcome, startClient } from './client.ts'

async function names (client: Client, path: string, query: Record<string, string> = {}): Promise<string[]> {
  return elements((await client.list(path, query)).text, 'Name')
}

t.test('directories: one level at a time, deleted when empty', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.mkdir('a/b')), '404 ParentNotFound')
  const created = await client.mkdir('a', { 'x-ms-meta-k': 'v', 'x-ms-file-attributes': 'None' })
  t.match(created, { status: 201, headers: { 'x-ms-file-attributes': 'Directory', 'x-ms-file-parent-id': '0', etag: String } })
  t.equal(outcome(await client.mkdir('A')), '409 ResourceAlreadyExists')
  await client.create('f', 0)
  t.equal(outcome(await client.mkdir('f')), '409 ResourceAlreadyExists')
  t.equal(outcome(await client.mkdir('f/x')), '404 ParentNotFound')
  await client.mkdir('a/b')
  const { headers } = await client.send({ path: 'a', query: { restype: 'directory' } })
  t.match(headers, { 'x-ms-meta-k': 'v', 'x-ms-file-id': created.headers['x-ms-file-id'], 'x-ms-server-encrypted': 'true' })
  t.equal(outcome(await client.send({ method: 'DELETE', path: 'a', query: { restype: 'directory' } })), '409 DirectoryNotEmpty')
  t.equal(outcome(await client.send({ method: 'DELETE', path: 'a/b', query: { restype: 'directory' } })), '202')
  t.equal(outcome(await client.send({ method: 'DELETE', path: 'a', query: { restype: 'directory' } })), '202')
  t.equal(outcome(await client.send({ method: 'DELETE', path: 'a', query: { restype: 'directory' } })), '404 ResourceNotFound')
  t.equal(outcome(await client.send({ path: 'f', query: { restype: 'directory' } })), '409 ResourceTypeMismatch')
})

t.test('directories: properties and metadata', async t => {
  const client = await startClient(t)
  await client.mkdir('d', { 'x-ms-meta-a': '1' })
  t.equal(outcome(await client.send({ method: 'PUT', path: 'd', query: { restype: 'directory', comp: 'metadata' }, headers: { 'x-ms-meta-b': '2' } })), '200')
  const metadata = await client.send({ method: 'HEAD', path: 'd', query: { restype: 'directory', comp: 'metadata' } })
  t.same([metadata.headers['x-ms-meta-a'], metadata.headers['x-ms-meta-b']], [undefined, '2'])
  const set = await client.send({ method: 'PUT', path: 'd', query: { restype: 'directory', comp: 'properties' }, headers: { 'x-ms-file-attributes': 'Hidden', 'x-ms-file-creation-time': '2020-01-01T00:00:00Z' } })
  t.match(set, { status: 200, headers: { 'x-ms-file-attributes': 'Hidden | Directory', 'x-ms-file-creation-time': '2020-01-01T00:00:00.0000000Z' } })
})

t.test('names keep their case and are found in any', async t => {
  const client = await startClient(t)
  await client.mkdir('Straße')
  await client.put('Straße/Größe.TXT', 'x')
  t.equal((await client.get('STRAßE/GRÖßE.txt')).text, 'x')
  t.equal(outcome(await client.get('Strasse/Größe.txt')), '404 ParentNotFound')
  t.same(await names(client, 'straße'), ['Größe.TXT'])
  await client.create('Straße/größe.txt', 0)
  t.same(await names(client, 'straße'), ['Größe.TXT'], 'an overwritten file keeps its name')
})

t.test('names that cannot be', async t => {
  const client = await startClient(t)
  for (const name of ['a:b', 'a|b', 'a*', 'a?', 'a"b', '<a>', 'a\\b', 'a\u0001', 'a\u0081', 'CON', 'lpt1', 'clock$']) {
    t.equal(outcome(await client.create(name, 0)), '400 InvalidResourceName', JSON.stringify(name))
  }
  t.equal(outcome(await client.create('x'.repeat(256), 0)), '400 InvalidFileOrDirectoryPathName')
  t.equal(outcome(await client.create(Array(251).fill('d').join('/'), 0)), '400 InvalidFileOrDirectoryPathName')
  t.equal(outcome(await client.send({ rawPath: '/sluicefiles/sluice/d/' })), '400 InvalidResourceName')
  t.equal(outcome(await client.send({ rawPath: '/sluicefiles/sluice/%ff' })), '400 InvalidUri')
  t.equal(outcome(await client.send({ rawPath: '/sluicefiles/sluice/a%2Fb' })), '400 InvalidResourceName')
  t.equal(outcome(await client.create('LPT10', 0)), '201')
  t.equal(outcome(await client.create('a b+c%#ü日本.txt', 0)), '201')
  t.same(await names(client, ''), ['a b+c%#ü日本.txt', 'LPT10'])
})

t.test('dots at the end are cut off unless they are to be kept', async t => {
  const client = await startClient(t)
  await client.put('a.', '1')
  t.same(await names(client, ''), ['a'])
  const keep = { 'x-ms-allow-trailing-dot': 'true' }
  t.equal(outcome(await client.get('a..', keep)), '404 ResourceNotFound')
  await client.create('b.', 0, keep)
  t.same(await names(client, ''), ['a', 'b.'])
  t.equal(outcome(await client.get('b.', keep)), '200')
  t.equal(outcome(await client.get('b.')), '404 ResourceNotFound')
  await client.create('c.', 0, keep, { version: '2021-12-02' })
  t.same(await names(client, ''), ['a', 'b.', 'c'], 'older versions do not know the header')
})

t.test('a listing, to the byte', async t => {
  const client = await startClient(t, { clock: manualClock() })
  await client.mkdir('d')
  await client.create('d/file & more', 12, { 'x-ms-file-attributes': 'Temporary' })
  await client.mkdir('d/Sub')
  const origin = client.emulator.azureFiles.endpoint
  const [file, directory] = [client.emulator.azureFiles.state.file('d/file & more'), client.emulator.azureFiles.state.entries().find(entry => entry.path === 'd')]
  const sub = client.emulator.azureFiles.state.entries().find(entry => entry.path === 'd/Sub')
  const plain = await client.list('d')
  t.match(plain, { status: 200, headers: { 'content-type': 'application/xml', 'transfer-encoding': 'chunked', 'content-length': undefined } })
  t.equal(plain.text, '\uFEFF<?xml version="1.0" encoding="utf-8"?>' +
    `<EnumerationResults ServiceEndpoint="${origin}/" ShareName="sluice" DirectoryPath="d"><DirectoryId>${directory?.id}</DirectoryId><Entries>` +
    `<File><FileId>${file?.id}</FileId><Name>file &amp; more</Name><Properties><Content-Length>12</Content-Length></Properties></File>` +
    `<Directory><FileId>${sub?.id}</FileId><Name>Sub</Name><Properties /></Directory></Entries><NextMarker /></EnumerationResults>`)
  const full = await client.list('d', { include: 'Timestamps,Etag,Attributes,PermissionKey', maxresults: '10', prefix: 'F' })
  t.match(full.text, '<Prefix>F</Prefix><MaxResults>10</MaxResults>')
  t.match(full.text, /<LastWriteTime>2024-03-01T12:00:00\.\d{7}Z<\/LastWriteTime><ChangeTime>2024-03-01T12:00:00\.\d{7}Z<\/ChangeTime><Last-Modified>Fri, 01 Mar 2024 12:00:00 GMT<\/Last-Modified><Etag>&quot;0x[0-9A-F]+&quot;<\/Etag><\/Properties><Attributes>Archive \| Temporary<\/Attributes><PermissionKey>\d+\*\d+<\/PermissionKey><\/File>/)
  t.notMatch(full.text, 'Sub')
  const old = await client.list('d', {}, { version: '2018-11-09' })
  t.notMatch(old.text, 'FileId')
})

t.test('names that XML cannot hold are encoded and say so', async t => {
  const client = await startClient(t)
  await client.mkdir('a\ufffe')
  await client.create('a\ufffe/b\uffff c', 0)
  t.match((await client.list('')).text, '<Name Encoded="true">a%EF%BF%BE</Name>')
  const inside = (await client.list('a\ufffe')).text
  t.match(inside, 'DirectoryPath="a%EF%BF%BE" Encoded="true"')
  t.match(inside, '<Name Encoded="true">b%EF%BF%BF%20c</Name>')
})

t.test('pages follow each other by markers, in one order for files and directories', async t => {
  const client = await startClient(t)
  for (const name of ['b', 'C', 'a', 'e']) await client.create(name, 0)
  await client.mkdir('D')
  const pages: string[][] = []
  let marker = ''
  do {
    const { text } = await client.list('', { maxresults: '2', ...(marker === '' ? {} : { marker }) })
    pages.push(elements(text, 'Name'))
    if (marker !== '') t.equal(elements(text, 'Marker')[0], marker)
    marker = elements(text, 'NextMarker')[0] ?? ''
  } while (marker !== '')
  t.same(pages, [['a', 'b'], ['C', 'D'], ['e']])
  const first = await client.list('', { maxresults: '2' })
  t.equal(elements(first.text, 'NextMarker')[0], `1!4!${Buffer.from('C').toString('base64')}`)
  await client.delete('C')
  t.same(await names(client, '', { marker: elements(first.text, 'NextMarker')[0] ?? '' }), ['D', 'e'], 'the next one may be gone')
})

t.test('listing parameters out of bounds', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.list('', { maxresults: '0' })), '400 OutOfRangeQueryParameterValue')
  t.equal(outcome(await client.list('', { maxresults: 'ten' })), '400 InvalidQueryParameterValue')
  t.equal(outcome(await client.list('', { maxresults: '9999' })), '200')
  t.equal(outcome(await client.list('', { marker: 'x' })), '400 InvalidQueryParameterValue')
  t.equal(outcome(await client.list('', { include: 'Everything' })), '400 InvalidQueryParameterValue')
  t.equal(outcome(await client.list('missing')), '404 ResourceNotFound')
  await client.create('f', 0)
  t.equal(outcome(await client.list('f')), '409 ResourceTypeMismatch')
})

t.test('handles: nobody has any', async t => {
  const client = await startClient(t)
  await client.mkdir('d')
  t.match((await client.send({ path: 'd', query: { comp: 'listhandles' } })).text, '<EnumerationResults><Entries /><NextMarker /></EnumerationResults>')
  t.match(await client.set('d', 'forceclosehandles', { 'x-ms-handle-id': '*' }), { status: 200, headers: { 'x-ms-number-of-handles-closed': '0' } })
  t.equal(outcome(await client.send({ path: 'e', query: { comp: 'listhandles' } })), '404 ResourceNotFound')
})
