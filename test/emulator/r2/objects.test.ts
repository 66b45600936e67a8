import t from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { type Client, element, outcome, pathOf, startClient } from '../client.ts'

const md5 = (bytes: Buffer | string): string => createHash('md5').update(bytes).digest('hex')

t.test('PutObject answers with the MD5 as etag and GetObject gives the bytes back', async t => {
  const client = await startClient(t)
  for (const size of [0, 1, 64 * 1024, 64 * 1024 + 1, 3_000_001]) {
    const body = randomBytes(size)
    const put = await client.put(`k${size}`, body)
    t.match(put, { status: 200, text: '', headers: { etag: `"${md5(body)}"`, 'content-length': '0', 'x-amz-version-id': /^[0-9a-f]{32}$/ } })
    const get = await client.get(`k${size}`)
    t.ok(get.bytes.equals(body), `${size} bytes`)
    t.equal(get.headers['content-length'], String(size))
  }
})

t.test('GetObject has R2\'s headers, and no request id', async t => {
  const client = await startClient(t)
  await client.put('k', 'hello')
  const { headers } = await client.get('k')
  t.match(headers, {
    'accept-ranges': 'bytes',
    'cf-ray': /^[0-9a-f]{16}-[A-Z]{3}$/,
    'content-type': 'application/octet-stream',
    'last-modified': /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/,
    server: 'cloudflare',
    vary: 'Accept-Encoding'
  })
  t.notOk(Object.keys(headers).some(name => name.startsWith('x-amz-')), 'nothing of AWS')
})

t.test('metadata goes in and comes out', async t => {
  const client = await startClient(t)
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-transform',
    'content-disposition': 'attachment; filename="a.txt"',
    'content-encoding': 'br',
    'content-language': 'de',
    expires: 'Wed, 21 Oct 2026 07:28:00 GMT',
    'x-amz-meta-color': 'blue',
    'x-amz-meta-name': '=?UTF-8?Q?Gr=C3=BC=C3=9Fe?= =?utf-8?b?IGF1cw==?=',
    'x-amz-meta-ascii': '=?UTF-8?B?cGxhaW4=?='
  }
  await client.put('k', 'x', headers)
  const head = await client.head('k')
  t.match(head.headers, {
    ...headers, 'x-amz-meta-name': `=?UTF-8?B?${Buffer.from('Grüße aus').toString('base64')}?=`, 'x-amz-meta-ascii': 'plain'
  })
  t.same(client.emulator.r2.state.objects()[0]?.customMetadata, { color: 'blue', name: 'Grüße aus', ascii: 'plain' })
})

t.test('header values that are not ASCII come back as they were sent', async t => {
  const client = await startClient(t)
  const latin1 = (text: string): string => Buffer.from(text).toString('latin1')
  const disposition = 'attachment; filename="€.txt"' // signed as text, sent as its UTF-8 bytes
  await client.send({
    method: 'PUT',
    key: 'k',
    body: 'x',
    headers: { 'content-disposition': disposition, 'x-amz-meta-line': '=?utf-8?q?a=0Ab?=' },
    edit: headers => ({ ...headers, 'content-disposition': latin1(disposition) })
  })
  const { headers } = await client.head('k')
  t.equal(headers['content-disposition'], latin1(disposition))
  t.equal(headers['x-amz-meta-line'], `=?UTF-8?B?${Buffer.from('a\nb').toString('base64')}?=`)
  const query: Array<readonly [string, string]> = [['response-content-type', 'text/x\r\nx-injected: 1']]
  t.equal((await client.send({ key: 'k', query })).headers['x-injected'], undefined)
})

t.test('metadata above 8192 bytes is refused', async t => {
  const client = await startClient(t)
  const put = async (size: number): Promise<string> => outcome(await client.put('k', 'x', { 'x-amz-meta-m': 'v'.repeat(size - 1) }))
  t.equal(await put(8192), '200')
  t.equal(await put(8193), '400 MetadataTooLarge')
})

t.test('PutObject wants a length, and no more than 5 GiB - 5 MiB', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.put('k', Readable.from(['a', 'b']))), '411 MissingContentLength')
  const lenient = await startClient(t, { r2: { strict: { contentLengthRequired: false } } })
  t.equal(outcome(await lenient.put('k', Readable.from(['a', 'b']))), '200')
  t.equal((await lenient.get('k')).text, 'ab')
  const huge = new Readable({ read () {} })
  huge.push('the beginning') // undici sends no headers before there is a body
  t.equal(outcome(await client.put('k', huge, { 'content-length': '5363466241' })), '400 EntityTooLarge')
  huge.destroy()
})

t.test('keys end at 1024 bytes', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.put('ü'.repeat(512), 'x')), '200')
  t.equal(outcome(await client.put(`${'ü'.repeat(512)}a`, 'x')), '400 InvalidObjectName')
})

t.test('two spellings of one key are one object', async t => {
  const client = await startClient(t)
  await client.put('caf\u00e9', 'composed')
  await client.put('cafe\u0301', 'decomposed')
  t.equal((await client.get('caf\u00e9')).text, 'decomposed')
  t.same(client.emulator.r2.state.objects().map(object => object.key), ['cafe\u0301'])
  await client.send({ method: 'DELETE', key: 'caf\u00e9' })
  t.same(client.emulator.r2.state.objects(), [])
})

t.test('keys with dots, slashes and controls stay themselves', async t => {
  const client = await startClient(t)
  for (const key of ['a/../b', './x', '//', 'a//b', 'tab\there', '%2F', 'a?b#c', '+ ', '\u{1F600}']) {
    await client.put(key, key)
    t.equal((await client.get(key)).text, key)
  }
  t.equal(client.emulator.r2.state.objects().length, 9)
})

t.test('DeleteObject answers 204, also for what is not there', async t => {
  const client = await startClient(t)
  await client.put('k', randomBytes(100_000))
  for (let time = 0; time < 2; time++) t.match(await client.send({ method: 'DELETE', key: 'k' }), { status: 204, text: '' })
  t.equal(outcome(await client.get('k')), '404 NoSuchKey')
  t.equal(client.emulator.r2.state.blobs, 0)
})

t.test('ranges', async t => {
  const client = await startClient(t)
  await client.put('ten', '0123456789')
  await client.put('empty', '')
  const table: Array<[key: string, range: string, expected: string]> = [
    ['ten', 'bytes=0-0', '206 0 bytes 0-0/10'],
    ['ten', 'bytes=2-4', '206 234 bytes 2-4/10'],
    ['ten', 'bytes=7-', '206 789 bytes 7-9/10'],
    ['ten', 'bytes=-3', '206 789 bytes 7-9/10'],
    ['ten', 'bytes=-99', '206 0123456789 bytes 0-9/10'],
    ['ten', 'bytes=0-', '206 0123456789 bytes 0-9/10'],
    ['ten', 'bytes=5-99', '206 56789 bytes 5-9/10'],
    ['ten', 'bytes=10-', '416 InvalidRange'],
    ['ten', 'bytes=-0', '416 InvalidRange'],
    ['ten', 'bytes=4-2', '400 InvalidArgument'],
    ['ten', 'bytes=0-1,3-4', '400 InvalidArgument'],
    ['ten', 'bytes=', '400 InvalidArgument'],
    ['ten', 'bytes=-', '400 InvalidArgument'],
    ['ten', 'lines=0-1', '400 InvalidArgument'],
    ['empty', 'bytes=0-', '416 InvalidRange'],
    ['empty', 'bytes=-1', '416 InvalidRange']
  ]
  for (const [key, range, expected] of table) {
    const reply = await client.get(key, { range })
    t.equal(reply.status === 206 ? `206 ${reply.text} ${reply.headers['content-range']}` : outcome(reply), expected, `${key} ${range}`)
  }
  const head = await client.head('ten', { range: 'bytes=0-4' })
  t.match(head, { status: 206, text: '', headers: { 'content-range': 'bytes 0-4/10', 'content-length': '5' } })
})

t.test('ranges of a large object cross its reads', async t => {
  const client = await startClient(t)
  const body = randomBytes(1_000_003)
  await client.put('k', body)
  for (const [start, end] of [[0, 999_999], [262_143, 262_144], [262_144, 524_288], [999_999, 1_000_002]] as const) {
    const reply = await client.get('k', { range: `bytes=${start}-${end}` })
    t.ok(reply.bytes.equals(body.subarray(start, end + 1)), `${start}-${end}`)
  }
})

t.test('conditional reads', async t => {
  const client = await startClient(t, { clock: { now: () => Date.now() - 5000, sleep: async () => {}, random: () => 0 } })
  const etag = (await client.put('k', 'x')).headers['etag'] as string
  const modified = Date.parse((await client.head('k')).headers['last-modified'] as string)
  const date = (ms: number): string => new Date(modified + ms).toUTCString()
  const table: Array<[headers: Record<string, string>, status: number]> = [
    [{ 'if-match': etag }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': `"other", ${etag}` }, 200],
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-match': `W/${etag}` }, 412],
    [{ 'if-none-match': etag }, 304],
    [{ 'if-none-match': `W/${etag}` }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-modified-since': date(0) }, 304],
    [{ 'if-modified-since': date(-1000) }, 200],
    [{ 'if-unmodified-since': date(1000) }, 200],
    [{ 'if-unmodified-since': date(-1000) }, 412],
    [{ 'if-unmodified-since': 'no date' }, 200],
    [{ 'if-match': etag, 'if-unmodified-since': date(-1000) }, 200],
    [{ 'if-none-match': '"other"', 'if-modified-since': date(1000) }, 200],
    [{ 'if-match': '"other"', 'if-none-match': etag }, 412],
    [{ 'if-match': '"other"', range: 'bytes=9-' }, 412]
  ]
  for (const [headers, status] of table) {
    const what = JSON.stringify(headers)
    const get = await client.get('k', headers)
    t.equal(get.status, status, `GET ${what}`)
    if (status === 304) t.match(get, { text: '', headers: { etag } }, `GET ${what}`)
    t.equal((await client.head('k', headers)).status, status, `HEAD ${what}`)
  }
  t.equal(outcome(await client.get('missing', { 'if-match': '*' })), '404 NoSuchKey')
})

t.test('conditional writes', async t => {
  const client = await startClient(t)
  const etag = (await client.put('k', 'first', { 'if-none-match': '*' })).headers['etag'] as string
  const put = async (key: string, headers: Record<string, string>): Promise<string> => outcome(await client.put(key, 'again', headers))
  t.equal(await put('k', { 'if-none-match': '*' }), '412 PreconditionFailed')
  t.equal(await put('k', { 'if-match': '"other"' }), '412 PreconditionFailed')
  t.equal(await put('missing', { 'if-match': etag }), '412 PreconditionFailed')
  t.equal(await put('missing', { 'if-match': '*' }), '412 PreconditionFailed')
  t.equal(await put('k', { 'if-none-match': etag }), '412 PreconditionFailed')
  t.equal((await client.get('k')).text, 'first')
  t.equal(await put('k', { 'if-match': etag }), '200')
  t.same(client.emulator.r2.state.objects().map(object => object.key), ['k'])
  t.equal(client.emulator.r2.state.blobs, 1, 'refused bodies are gone')
})

t.test('of racing creates one wins', async t => {
  const client = await startClient(t)
  const replies = await Promise.all(Array.from({ length: 8 }, (_, index) => client.put('k', `writer ${index}`, { 'if-none-match': '*' })))
  t.same(replies.map(reply => reply.status).sort(), [200, 412, 412, 412, 412, 412, 412, 412])
})

t.test('Content-MD5 is compared and malformed ones are told apart', async t => {
  const client = await startClient(t)
  const put = async (digest: string): Promise<string> => outcome(await client.put('k', 'hello', { 'content-md5': digest }))
  t.equal(await put('XUFAKrxLKna5cZ2REBfFkg=='), '200')
  t.equal(await put('XUFAKrxLKna5cZ2REBfFkA=='), '400 BadDigest')
  t.equal(await put('XUFAKrxL'), '400 InvalidDigest')
  t.equal(await put('not base64!'), '400 InvalidDigest')
})

t.test('storage classes are kept', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.put('ia', 'x', { 'x-amz-storage-class': 'STANDARD_IA' })), '200')
  t.equal(outcome(await client.put('k', 'x', { 'x-amz-storage-class': 'GLACIER' })), '400 InvalidStorageClass')
  t.equal((await client.head('ia')).headers['x-amz-storage-class'], 'STANDARD_IA')
  t.equal(element((await client.list({ 'list-type': '2' })).text, 'StorageClass'), 'STANDARD_IA')
})

t.test('POST on a key is PutObject, and ignores a copy source', async t => {
  const client = await startClient(t)
  t.match(await client.send({ method: 'POST', key: 'k', body: 'posted', headers: { 'x-amz-copy-source': '/sluice/other' } }), { status: 200, text: '' })
  t.equal((await client.get('k')).text, 'posted')
})

t.test('response-* parameters name headers of GET', async t => {
  const client = await startClient(t)
  await client.put('k', 'x')
  const query: Array<readonly [string, string]> = [['response-content-disposition', 'attachment'], ['response-content-type', 'text/x']]
  t.match((await client.send({ key: 'k', query })).headers, { 'content-disposition': 'attachment', 'content-type': 'text/x' })
  t.notMatch((await client.send({ method: 'HEAD', key: 'k', query })).headers, { 'content-disposition': 'attachment' })
})

t.test('cf-create-bucket-if-missing creates the bucket', async t => {
  const client = await startClient(t)
  const put = async (headers: Record<string, string>): Promise<string> =>
    outcome(await client.send({ method: 'PUT', bucket: 'fresh', key: 'k', body: 'x', headers }))
  t.equal(await put({}), '404 NoSuchBucket')
  t.equal(await put({ 'cf-create-bucket-if-missing': 'true' }), '200')
  t.same(client.emulator.r2.state.buckets(), ['fresh', 'sluice'])
})

t.test('the edge decompresses stored gzip for clients that do not accept it', async t => {
  const client = await startClient(t)
  const body = gzipSync('hello '.repeat(1000))
  const etag = (await client.put('k', body, { 'content-encoding': 'gzip' })).headers['etag'] as string
  await client.put('kept', body, { 'content-encoding': 'gzip', 'cache-control': 'no-transform' })
  await client.put('liar', 'not gzip', { 'content-encoding': 'gzip' })
  const plain = await client.get('k', { 'accept-encoding': 'identity' })
  t.equal(plain.text, 'hello '.repeat(1000))
  t.match([plain.headers['content-length'], plain.headers['content-encoding'], plain.headers['etag']], [undefined, undefined, `W/${etag}`])
  t.ok((await client.get('k', { 'accept-encoding': 'br, gzip' })).bytes.equals(body))
  t.ok((await client.get('kept')).bytes.equals(body))
  t.equal((await client.get('liar')).text, 'not gzip')
  t.equal((await client.get('k', { range: 'bytes=0-1' })).bytes.toString('hex'), '1f8b')
  const off = await startClient(t, { r2: { strict: { edgeGzip: false } } })
  await off.put('k', body, { 'content-encoding': 'gzip' })
  t.ok((await off.get('k')).bytes.equals(body))
})

t.test('HEAD that accepts gzip is not told the length', async t => {
  const client = await startClient(t)
  await client.put('k', 'hello')
  t.equal((await client.head('k')).headers['content-length'], '5')
  t.equal((await client.head('k', { 'accept-encoding': 'identity' })).headers['content-length'], '5')
  t.equal((await client.head('k', { 'accept-encoding': 'gzip, deflate' })).headers['content-length'], undefined)
})

t.test('a key may be written once a second when the rate is on', async t => {
  let now = Date.now()
  const client = await startClient(t, { clock: { now: () => now, sleep: async () => {}, random: () => 0 }, r2: { strict: { keyWriteRate: 1 } } })
  const put = (key: string): ReturnType<Client['put']> => client.send({ method: 'PUT', key, body: 'x', time: now })
  t.equal(outcome(await put('k')), '200')
  const refused = await put('k')
  t.equal(outcome(refused), '429 ServiceUnavailable')
  t.equal(refused.headers['retry-after'], '5')
  t.equal(outcome(await put('other')), '200')
  now += 1000
  t.equal(outcome(await put('k')), '200')
})

t.test('customer keys open what they closed', async t => {
  const client = await startClient(t)
  const customer = (byte: number, prefix = 'x-amz-'): Record<string, string> => {
    const key = Buffer.alloc(32, byte)
    return {
      [`${prefix}server-side-encryption-customer-algorithm`]: 'AES256',
      [`${prefix}server-side-encryption-customer-key`]: key.toString('base64'),
      [`${prefix}server-side-encryption-customer-key-md5`]: createHash('md5').update(key).digest('base64')
    }
  }
  const { 'x-amz-server-side-encryption-customer-key-md5': keyMd5, ...withoutMd5 } = customer(1)
  await client.put('plain', 'x')
  const put = await client.put('closed', 'secret', customer(1))
  t.not(put.headers['etag'], `"${md5('secret')}"`, 'the etag tells nothing of the content')
  t.equal(put.headers['x-amz-server-side-encryption-customer-key-md5'], keyMd5)
  t.equal((await client.get('closed', customer(1))).text, 'secret')
  t.equal(outcome(await client.get('closed')), '400 InvalidRequest')
  t.equal(outcome(await client.get('closed', customer(2))), '403 AccessDenied')
  t.equal(outcome(await client.get('plain', customer(1))), '400 InvalidRequest')
  t.equal(outcome(await client.get('closed', withoutMd5)), '400 InvalidArgument')
  t.equal(outcome(await client.get('closed', { ...customer(1), 'x-amz-server-side-encryption-customer-algorithm': 'DES' })), '400 InvalidEncryptionAlgorithmError')
  const copy = { method: 'PUT', key: 'copy', headers: { 'x-amz-copy-source': '/sluice/closed' } }
  t.equal(outcome(await client.send(copy)), '400 InvalidRequest')
  t.equal(outcome(await client.send({ ...copy, headers: { ...copy.headers, ...customer(1, 'x-amz-copy-source-') } })), '200')
  t.equal((await client.get('copy')).text, 'secret')
})

t.test('CopyObject keeps, replaces or merges metadata', async t => {
  const client = await startClient(t)
  await client.put('a b/ü', 'body', { 'content-type': 'text/a', 'x-amz-meta-a': '1', 'x-amz-meta-b': '1' })
  const source = pathOf('sluice', 'a b/ü').slice('/r2'.length)
  const copy = async (key: string, headers: Record<string, string>): Promise<string> =>
    outcome(await client.send({ method: 'PUT', key, headers: { 'x-amz-copy-source': source, ...headers } }))
  const metadata = (key: string): unknown => {
    const object = client.emulator.r2.state.objects().find(candidate => candidate.key === key)
    return [object?.httpMetadata, object?.customMetadata]
  }
  const changed = { 'content-language': 'de', 'x-amz-meta-b': '2' }
  t.equal(await copy('copy', changed), '200')
  t.same(metadata('copy'), [{ 'content-type': 'text/a' }, { a: '1', b: '1' }])
  t.equal(await copy('replace', { ...changed, 'x-amz-metadata-directive': 'REPLACE' }), '200')
  t.same(metadata('replace'), [{ 'content-language': 'de' }, { b: '2' }])
  t.equal(await copy('merge', { ...changed, 'x-amz-metadata-directive': 'MERGE' }), '200')
  t.same(metadata('merge'), [{ 'content-type': 'text/a', 'content-language': 'de' }, { a: '1', b: '2' }])
  t.equal(await copy('k', { 'x-amz-metadata-directive': 'WAT' }), '400 InvalidArgument')
  t.equal(await copy('a b/ü', {}), '200', 'onto itself')
  t.equal(client.emulator.r2.state.blobs, 1, 'all share one body')
})

t.test('CopyObject honours conditions of both sides', async t => {
  const client = await startClient(t)
  const etag = (await client.put('a', 'a')).headers['etag'] as string
  await client.put('b', 'b')
  const copy = async (headers: Record<string, string>, source = 'sluice/a', key = 'b'): Promise<string> =>
    outcome(await client.send({ method: 'PUT', key, headers: { 'x-amz-copy-source': source, ...headers } }))
  t.equal(await copy({ 'x-amz-copy-source-if-match': '"other"' }), '412 PreconditionFailed')
  t.equal(await copy({ 'x-amz-copy-source-if-none-match': etag }), '412 PreconditionFailed')
  t.equal(await copy({ 'cf-copy-destination-if-none-match': '*' }), '412 PreconditionFailed')
  t.equal(await copy({ 'cf-copy-destination-if-match': etag }), '412 PreconditionFailed')
  t.equal(await copy({ 'cf-copy-destination-if-none-match': '*' }, 'sluice/a', 'c'), '200')
  t.equal(await copy({ 'x-amz-copy-source-if-match': etag }), '200')
  t.equal(await copy({}, 'sluice/missing'), '404 NoSuchKey')
  t.equal(await copy({}, 'nowhere/a'), '404 NoSuchBucket')
  t.equal(await copy({}, 'sluice'), '400 InvalidArgument')
  t.equal(await copy({ 'x-amz-checksum-algorithm': 'CRC32' }), '501 NotImplemented')
})
