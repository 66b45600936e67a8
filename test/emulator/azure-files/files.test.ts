import t from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { GiB, MiB, TiB } from '../../../lib/bytes/sizes.ts'
import { A, manualClock, outcome, startClient } from './client.ts'

const OLD = '2019-02-02'
const SMB = { 'x-ms-file-permission': 'inherit', 'x-ms-file-attributes': 'None', 'x-ms-file-creation-time': 'now', 'x-ms-file-last-write-time': 'now' }
const md5 = (bytes: string | Buffer): string => createHash('md5').update(bytes).digest('base64')

t.test('create makes a file of a size with zeros in it, and replaces what was there', async t => {
  const client = await startClient(t, { clock: manualClock() })
  const created = await client.create('f', 10, { 'x-ms-content-type': 'text/x', 'x-ms-meta-a': '1' })
  t.match(created, {
    status: 201,
    headers: {
      etag: /^"0x8DC[0-9A-F]+"$/,
      'last-modified': 'Fri, 01 Mar 2024 12:00:00 GMT',
      'x-ms-request-server-encrypted': 'true',
      'x-ms-file-attributes': 'Archive',
      'x-ms-file-creation-time': /^2024-03-01T12:00:00\.00000\d\dZ$/,
      'x-ms-file-id': /^\d{19,20}$/,
      'x-ms-file-parent-id': '0',
      'x-ms-file-permission-key': /^\d+\*\d+$/
    }
  })
  await client.putRange('f', 2, 'hello')
  t.same((await client.get('f')).bytes, Buffer.from('\0\0hello\0\0\0'))
  const replaced = await client.create('f', 3)
  t.not(replaced.headers['etag'], created.headers['etag'])
  const get = await client.get('f')
  t.same(get.bytes, Buffer.alloc(3))
  t.match(get.headers, { 'content-type': 'application/octet-stream', 'x-ms-type': 'File' })
  t.equal(get.headers['x-ms-meta-a'], undefined)
})

t.test('create: what it demands and refuses', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.send({ method: 'PUT', path: 'f', headers: { 'x-ms-content-length': '1' } })), '400 MissingRequiredHeader')
  t.equal(outcome(await client.send({ method: 'PUT', path: 'f', headers: { 'x-ms-type': 'file' } })), '400 MissingRequiredHeader')
  t.equal(outcome(await client.create('f', 0, { 'x-ms-type': 'blob' })), '400 InvalidHeaderValue')
  t.equal(outcome(await client.create('f', 4 * TiB + 1)), '400 InvalidHeaderValue')
  t.equal(outcome(await client.create('f', 0, {}, { body: 'x' })), '400 InvalidHeaderValue')
  t.equal(outcome(await client.create('a/f', 0)), '404 ParentNotFound')
  t.equal(outcome(await client.create('f', 0, {}, { share: 'nowhere' })), '404 ShareNotFound')
  await client.mkdir('d')
  t.equal(outcome(await client.create('D', 0)), '409 ResourceTypeMismatch')
  t.equal(outcome(await client.get('d')), '409 ResourceTypeMismatch')
})

t.test('SMB headers are required from 2019-02-02 to 2021-04-10', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.create('f', 0, {}, { version: '2018-11-09' })), '201')
  t.equal(outcome(await client.create('f', 0, {}, { version: OLD })), '400 MissingRequiredHeader')
  t.equal(outcome(await client.create('f', 0, SMB, { version: OLD })), '201')
  t.equal(outcome(await client.create('f', 0, {}, { version: '2021-06-08' })), '201')
  t.equal(outcome(await client.send({ method: 'PUT', path: 'f', query: { comp: 'properties' }, version: OLD })), '400 MissingRequiredHeader')
})

t.test('an old version takes the etag from the time of the last write that it is told', async t => {
  const client = await startClient(t)
  const headers = { ...SMB, 'x-ms-file-last-write-time': '2019-05-09T01:34:31.1234567Z' }
  const [first, second] = [await client.create('f', 0, headers, { version: OLD }), await client.create('f', 0, headers, { version: OLD })]
  t.equal(first.headers['etag'], '"0x8D6D41E7BD60407"')
  t.equal(second.headers['etag'], first.headers['etag'])
  t.match(first.headers, { 'last-modified': 'Thu, 09 May 2019 01:34:31 GMT', 'x-ms-file-change-time': '2019-05-09T01:34:31.1234567Z' })
  const later = await client.create('f', 0, headers)
  t.not(later.headers['etag'], first.headers['etag'])
  t.equal(later.headers['x-ms-file-last-write-time'], '2019-05-09T01:34:31.1234567Z')
})

t.test('ranges are answered with 206, cut at the end, and 416 past it', async t => {
  const client = await startClient(t)
  await client.put('f', '0123456789')
  await client.create('empty', 0)
  const cases: Array<[Record<string, string>, string, string | undefined]> = [
    [{}, '200 0123456789', undefined],
    [{ 'x-ms-range': 'bytes=0-' }, '206 0123456789', 'bytes 0-9/10'],
    [{ 'x-ms-range': 'bytes=3-5' }, '206 345', 'bytes 3-5/10'],
    [{ range: 'bytes=8-33554431' }, '206 89', 'bytes 8-9/10'],
    [{ range: 'bytes=0-1', 'x-ms-range': 'bytes=9-9' }, '206 9', 'bytes 9-9/10']
  ]
  for (const [headers, expected, contentRange] of cases) {
    const { status, text, headers: answered } = await client.get('f', headers)
    t.same([`${status} ${text}`, answered['content-range'], answered['accept-ranges']], [expected, contentRange, 'bytes'])
  }
  const past = await client.get('f', { 'x-ms-range': 'bytes=10-' })
  t.same([outcome(past), past.headers['content-range']], ['416 InvalidRange', 'bytes */10'])
  const none = await client.get('empty', { 'x-ms-range': 'bytes=0-0' })
  t.same([outcome(none), none.headers['content-range']], ['416 InvalidRange', 'bytes */0'])
  t.match(await client.get('empty'), { status: 200, text: '', headers: { 'content-length': '0' } })
  for (const range of ['bytes=-5', 'bytes=5-3', 'bytes=0-1,3-4', 'lines=0-1']) t.equal(outcome(await client.get('f', { 'x-ms-range': range })), '400 InvalidHeaderValue', range)
})

t.test('MD5: of the range when asked for, of the whole file as it was stored', async t => {
  const client = await startClient(t)
  const body = randomBytes(5 * MiB)
  const stored = md5(body)
  await client.create('f', body.length, { 'x-ms-content-md5': stored })
  await client.putRange('f', 0, body.subarray(0, 4 * MiB))
  await client.putRange('f', 4 * MiB, body.subarray(4 * MiB))
  const whole = await client.get('f')
  t.equal(whole.headers['content-md5'], stored)
  t.ok(whole.bytes.equals(body))
  const part = await client.get('f', { 'x-ms-range': 'bytes=100-1099', 'x-ms-range-get-content-md5': 'true' })
  t.match(part.headers, { 'content-md5': md5(body.subarray(100, 1100)), 'x-ms-content-md5': stored })
  t.equal(outcome(await client.get('f', { 'x-ms-range': 'bytes=0-', 'x-ms-range-get-content-md5': 'true' })), '400 OutOfRangeInput')
  t.equal(outcome(await client.create('g', 0, { 'x-ms-content-md5': 'abc' })), '400 InvalidMd5')
})

t.test('setting one content header clears the others; a resize clears none', async t => {
  const client = await startClient(t)
  await client.create('f', 4, { 'x-ms-content-type': 'text/x', 'x-ms-cache-control': 'no-cache', 'x-ms-content-language': 'de' })
  t.equal(outcome(await client.set('f', 'properties', { 'x-ms-content-length': '9' })), '200')
  t.match((await client.head('f')).headers, { 'content-type': 'text/x', 'cache-control': 'no-cache', 'content-language': 'de', 'content-length': '9' })
  await client.set('f', 'properties', { 'x-ms-content-disposition': 'inline' })
  const { headers } = await client.head('f')
  t.match(headers, { 'content-disposition': 'inline', 'content-length': '9' })
  t.same([headers['content-type'], headers['cache-control'], headers['content-language']], [undefined, undefined, undefined])
})

t.test('shrinking drops the bytes above, growing shows zeros', async t => {
  const client = await startClient(t)
  await client.put('f', '0123456789')
  await client.set('f', 'properties', { 'x-ms-content-length': '4' })
  await client.set('f', 'properties', { 'x-ms-content-length': '8' })
  t.same((await client.get('f')).bytes, Buffer.from('0123\0\0\0\0'))
  t.same(client.emulator.azureFiles.state.file('f')?.ranges, [{ start: 0, end: 3 }])
})

t.test('times: kept, set, and moved by writes', async t => {
  const clock = manualClock()
  const client = await startClient(t, { clock })
  const times = async (): Promise<Array<string | undefined>> => {
    const { headers } = await client.head('f')
    return ['creation', 'last-write', 'change'].map(name => headers[`x-ms-file-${name}-time`]?.slice(11, 19))
  }
  await client.create('f', 4, { 'x-ms-file-creation-time': '2020-01-01T01:01:01Z', 'x-ms-file-last-write-time': '2020-01-01T02:02:02.1Z' })
  t.same(await times(), ['01:01:01', '02:02:02', '12:00:00'])
  clock.time += 60_000
  await client.putRange('f', 0, 'x', { 'x-ms-file-last-write-time': 'preserve' })
  t.same(await times(), ['01:01:01', '02:02:02', '12:01:00'])
  await client.putRange('f', 0, 'x')
  t.same(await times(), ['01:01:01', '12:01:00', '12:01:00'])
  await client.set('f', 'properties', { 'x-ms-file-last-write-time': '2020-01-01T03:03:03Z' })
  t.same(await times(), ['01:01:01', '03:03:03', '12:01:00'])
  clock.time += 60_000
  await client.set('f', 'properties', { 'x-ms-content-length': '5', 'x-ms-file-last-write-time': 'preserve' })
  t.same(await times(), ['01:01:01', '12:02:00', '12:02:00'], 'a resize is a write')
  t.equal(outcome(await client.set('f', 'properties', { 'x-ms-file-last-write-time': 'yesterday' })), '400 InvalidHeaderValue')
})

t.test('attributes and the read-only flag', async t => {
  const client = await startClient(t)
  await client.create('f', 1, { 'x-ms-file-attributes': 'Temporary|ReadOnly' })
  t.equal((await client.head('f')).headers['x-ms-file-attributes'], 'ReadOnly | Archive | Temporary')
  t.equal(outcome(await client.putRange('f', 0, 'x')), '409 ReadOnlyAttribute')
  t.equal(outcome(await client.delete('f')), '409 ReadOnlyAttribute')
  t.equal(outcome(await client.create('f', 1)), '409 ReadOnlyAttribute')
  t.equal(outcome(await client.set('f', 'properties', { 'x-ms-file-attributes': 'None' })), '200')
  t.equal(outcome(await client.putRange('f', 0, 'x')), '201')
  t.equal(outcome(await client.create('g', 1, { 'x-ms-file-attributes': 'Shiny' })), '400 InvalidHeaderValue')
})

t.test('metadata is replaced as a whole, and its names are identifiers', async t => {
  const client = await startClient(t)
  await client.create('f', 0, { 'x-ms-meta-one': 'a', 'x-ms-meta-two': 'b' })
  const before = await client.head('f')
  t.match(before.headers, { 'x-ms-meta-one': 'a', 'x-ms-meta-two': 'b' })
  const set = await client.set('f', 'metadata', { 'x-ms-meta-three': 'ü' })
  t.equal(outcome(set), '200')
  const { headers } = await client.send({ path: 'f', query: { comp: 'metadata' } })
  t.equal(Buffer.from(headers['x-ms-meta-three'] ?? '', 'latin1').toString(), 'ü')
  t.equal(headers['x-ms-meta-one'], undefined)
  t.ok((headers['etag'] ?? '') > (before.headers['etag'] ?? ''), 'a new etag')
  t.equal(outcome(await client.set('f', 'metadata', { 'x-ms-meta-a-b': '1' })), '400 InvalidMetadata')
  t.equal(outcome(await client.set('f', 'metadata', { 'x-ms-meta-1a': '1' })), '400 InvalidMetadata')
  t.equal(outcome(await client.set('f', 'metadata', { 'x-ms-meta-': '1' })), '400 EmptyMetadataKey')
  t.equal(outcome(await client.set('f', 'metadata', { 'x-ms-meta-a': 'x'.repeat(8192) })), '400 MetadataTooLarge')
})

t.test('delete', async t => {
  const client = await startClient(t)
  await client.put('f', randomBytes(100_000))
  t.equal(outcome(await client.delete('F')), '202')
  t.equal(outcome(await client.delete('f')), '404 ResourceNotFound')
  t.equal(outcome(await client.head('f')), '404 ResourceNotFound')
  t.equal(outcome(await client.head('a/f')), '404 ParentNotFound')
  t.equal(client.emulator.azureFiles.state.blobs, 0)
})

t.test('a quota stops growth, but not empty files', async t => {
  const client = await startClient(t)
  await client.share('PUT', 'tiny', {}, { 'x-ms-share-quota': '1' })
  const inTiny = { share: 'tiny' }
  t.equal(outcome(await client.create('f', GiB - 1, {}, inTiny)), '201')
  t.equal(outcome(await client.create('g', 2, {}, inTiny)), '403 ShareSizeLimitReached')
  t.equal(outcome(await client.create('g', 0, {}, inTiny)), '201')
  t.equal(outcome(await client.send({ method: 'PUT', path: 'g', share: 'tiny', query: { comp: 'properties' }, headers: { 'x-ms-content-length': '2' } })), '403 ShareSizeLimitReached')
  t.equal(outcome(await client.send({ method: 'PUT', path: 'g', share: 'tiny', query: { comp: 'properties' }, headers: { 'x-ms-content-length': '1' } })), '200')
  await client.send({ method: 'DELETE', path: 'f', share: 'tiny' })
  t.equal(outcome(await client.create('h', 1000, {}, inTiny)), '201')
})

t.test('since 2026-06-06 a file may come with its first bytes', async t => {
  const client = await startClient(t)
  const version = '2026-06-06'
  const created = await client.create('f', 8, { 'content-md5': md5('hello') }, { version, body: 'hello' })
  t.same([outcome(created), created.headers['content-md5']], ['201', md5('hello')])
  t.same((await client.get('f')).bytes, Buffer.from('hello\0\0\0'))
  t.equal(outcome(await client.create('f', 4, {}, { version, body: 'hello' })), '416 InvalidRange')
  t.equal(outcome(await client.create('f', 8, { 'content-md5': md5('other') }, { version, body: 'hello' })), '400 Md5Mismatch')
  t.same((await client.get('f')).bytes, Buffer.from('hello\0\0\0'), 'and nothing was changed')
})

t.test('an absent file and a lease id do not go together', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.create('f', 0, { 'x-ms-lease-id': A })), '412 LeaseNotPresentWithFileOperation')
  t.equal(outcome(await client.create('f', 0, { 'x-ms-lease-id': 'no guid' })), '400 InvalidHeaderValue')
})
