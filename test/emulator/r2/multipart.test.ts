import t from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { MiB } from '../../../lib/bytes/sizes.ts'
import { type Client, element, elements, errorXml, outcome, startClient } from '../client.ts'

const small = { r2: { strict: { minPartSize: 4 } } }
const md5 = (bytes: Buffer | string): Buffer => createHash('md5').update(bytes).digest()

/** Uploads bodies as parts 1, 2, … and gives their numbers and etags. */
async function putParts (client: Client, uploadId: string, bodies: ReadonlyArray<string | Buffer>): Promise<Array<[number, string]>> {
  const replies = await Promise.all(bodies.map((body, index) => client.putPart('k', uploadId, index + 1, body)))
  return replies.map((reply, index) => [index + 1, reply.headers['etag'] ?? outcome(reply)])
}

async function uploadOf (client: Client, bodies: ReadonlyArray<string | Buffer>): Promise<{ uploadId: string, parts: Array<[number, string]> }> {
  const uploadId = await client.createUpload('k')
  return { uploadId, parts: await putParts(client, uploadId, bodies) }
}

t.test('parts become an object with a composite etag', async t => {
  const client = await startClient(t)
  const bodies = [randomBytes(5 * MiB), randomBytes(5 * MiB), randomBytes(17)]
  const uploadId = await client.createUpload('k', { 'content-type': 'text/x', 'x-amz-meta-a': '1' })
  t.match(uploadId, /^[A-Za-z0-9+/]{300,}=+$/)
  const parts = await putParts(client, uploadId, bodies)
  t.same(parts.map(part => part[1]), bodies.map(body => `"${md5(body).toString('hex')}"`))
  const reply = await client.complete('k', uploadId, parts)
  const etag = `"${md5(Buffer.concat(bodies.map(md5))).toString('hex')}-3"`
  t.equal(reply.text, '<?xml version="1.0" encoding="UTF-8"?><CompleteMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `<Location>${client.emulator.r2.endpoint}/sluice/k</Location><Bucket>sluice</Bucket><Key>k</Key><ETag>${etag.replaceAll('"', '&quot;')}</ETag></CompleteMultipartUploadResult>`)
  const get = await client.get('k')
  t.ok(get.bytes.equals(Buffer.concat(bodies)))
  t.match(get.headers, { etag, 'content-type': 'text/x', 'x-amz-meta-a': '1' })
  t.same([client.emulator.r2.state.uploads(), client.emulator.r2.state.objects()[0]?.partSizes], [[], bodies.map(body => body.length)])
})

t.test('the facts\' own etag of two parts', async t => {
  t.equal(createHash('md5').update(Buffer.from('bce6bf66aeb76c7040fdd5f4eccb78e68165449fc15bbf43d3b674595cbcc406', 'hex')).digest('hex'), 'f77dc0eecdebcd774a2a22cb393ad2ff')
})

t.test('sizes are checked at Complete, and not before', async t => {
  const client = await startClient(t, small)
  const tryParts = async (...bodies: string[]): Promise<string> => {
    const { uploadId, parts } = await uploadOf(client, bodies)
    const reply = await client.complete('k', uploadId, parts)
    return reply.status === 200 ? '200' : `${outcome(reply)}: ${element(reply.text, 'Message')}`
  }
  const unequal = '400 InvalidPart: All non-trailing parts must have the same length.'
  const tooSmall = '400 EntityTooSmall: Your proposed upload is smaller than the minimum allowed object size.'
  t.equal(await tryParts('aaaa', 'bbbb', 'c'), '200')
  t.equal(await tryParts('aaaa', 'bbbb'), '200')
  t.equal(await tryParts('aaaa', ''), '200')
  t.equal(await tryParts('a'), '200')
  t.equal(await tryParts('aaaa', 'bbbbb', 'c'), unequal)
  t.equal(await tryParts('aaaa', 'bbbbb'), unequal, 'the last is larger')
  t.equal(await tryParts('aaa', 'bbbb'), tooSmall)
  t.equal(await tryParts('aaaaa', 'bbb', 'c'), tooSmall, 'the minimum comes before equality')
  const lenient = await startClient(t, { r2: { strict: { minPartSize: 1, equalParts: false } } })
  const { uploadId, parts } = await uploadOf(lenient, ['a', 'bbb', 'cc'])
  t.equal(outcome(await lenient.complete('k', uploadId, parts)), '200')
})

t.test('the answer for unequal parts has R2\'s 145 bytes', async t => {
  const client = await startClient(t, small)
  const { uploadId, parts } = await uploadOf(client, ['aaaa', 'bbbbb'])
  const reply = await client.complete('k', uploadId, parts)
  t.equal(reply.text, errorXml('InvalidPart', 'All non-trailing parts must have the same length.'))
  t.equal(reply.headers['content-length'], '145')
})

t.test('the list of parts is checked', async t => {
  const client = await startClient(t, small)
  const { uploadId, parts: [one, two] } = await uploadOf(client, ['aaaa', 'bbbb'])
  const complete = async (...parts: Array<readonly [number, string] | undefined>): Promise<string> => {
    const reply = await client.complete('k', uploadId, parts.filter(part => part !== undefined))
    return `${outcome(reply)}: ${element(reply.text, 'Message')}`
  }
  const notFound = '400 InvalidPart: One or more of the specified parts could not be found.'
  t.equal(await complete(one, [3, '"x"']), notFound)
  t.equal(await complete(one, [2, '"0123456789abcdef0123456789abcdef"']), notFound)
  t.equal(await complete([0, '"x"']), notFound)
  t.equal(await complete([10_001, '"x"']), notFound)
  t.equal(await complete(one, one), '400 InvalidPart: There was a problem with the multipart upload.')
  t.match(await complete(), '400 MalformedXML')
  t.match(await complete([1.5, '"x"']), '400 MalformedXML')
  t.match(await complete([NaN, '"x"']), '400 MalformedXML')
  t.equal(client.emulator.r2.state.uploads().length, 1, 'none of it ends the upload')
  t.match(await complete(two, [1, one?.[1].replaceAll('"', '') ?? '']), '200', 'in any order, etags bare or quoted')
})

t.test('parts that are not listed are dropped', async t => {
  const client = await startClient(t, small)
  const { uploadId, parts } = await uploadOf(client, ['aaaa', 'bbbb', 'cccc'])
  await client.complete('k', uploadId, [parts[0], parts[2]].filter(part => part !== undefined))
  t.equal((await client.get('k')).text, 'aaaacccc')
  t.equal(client.emulator.r2.state.blobs, 2)
})

t.test('a part sent again replaces the first', async t => {
  const client = await startClient(t, small)
  const { uploadId, parts } = await uploadOf(client, ['aaaa', 'bb'])
  const again = await client.putPart('k', uploadId, 1, 'AAAA')
  t.equal(outcome(await client.complete('k', uploadId, parts)), '400 InvalidPart')
  await client.complete('k', uploadId, [[1, again.headers['etag'] as string], parts[1] as [number, string]])
  t.equal((await client.get('k')).text, 'AAAAbb')
})

t.test('an upload that has ended is gone', async t => {
  const client = await startClient(t, small)
  const completed = await uploadOf(client, ['aaaa'])
  await client.complete('k', completed.uploadId, completed.parts)
  t.equal(outcome(await client.complete('k', completed.uploadId, completed.parts)), '404 NoSuchUpload')
  t.equal(outcome(await client.putPart('k', completed.uploadId, 1, 'x')), '404 NoSuchUpload')
  const aborted = await uploadOf(client, ['aaaa'])
  t.equal(outcome(await client.abort('k', aborted.uploadId)), '204')
  t.equal(outcome(await client.abort('k', aborted.uploadId)), '204', 'aborting again is fine')
  t.equal(outcome(await client.abort('k', 'never/was==')), '404 NoSuchUpload')
  t.equal(outcome(await client.putPart('k', aborted.uploadId, 1, 'x')), '404 NoSuchUpload')
  const other = await client.createUpload('k')
  t.equal(outcome(await client.putPart('another key', other, 1, 'x')), '404 NoSuchUpload')
  t.equal(client.emulator.r2.state.blobs, 1)
})

t.test('a conditional Complete that fails ends the upload', async t => {
  const client = await startClient(t, small)
  const etag = (await client.put('k', 'there')).headers['etag'] as string
  const { uploadId, parts } = await uploadOf(client, ['aaaa'])
  t.equal(outcome(await client.complete('k', uploadId, parts, { 'if-none-match': '*' })), '412 PreconditionFailed')
  t.equal(outcome(await client.complete('k', uploadId, parts)), '404 NoSuchUpload')
  t.same(client.emulator.r2.state.uploads(), [])
  const second = await uploadOf(client, ['aaaa'])
  t.equal(outcome(await client.complete('k', second.uploadId, second.parts, { 'if-match': etag })), '200')
})

t.test('conditions are also tested at creation', async t => {
  const client = await startClient(t)
  await client.put('k', 'there')
  t.equal(outcome(await client.send({ method: 'POST', key: 'k', query: [['uploads', '']], headers: { 'if-none-match': '*' } })), '412 PreconditionFailed')
})

t.test('part numbers', async t => {
  const client = await startClient(t)
  const uploadId = await client.createUpload('k')
  const put = async (partNumber: string): Promise<string> =>
    outcome(await client.send({ method: 'PUT', key: 'k', body: 'x', query: [['uploadId', uploadId], ['partNumber', partNumber]] }))
  for (const good of ['1', '10000', '01', ' 2']) t.equal(await put(good), '200', good)
  for (const bad of ['0', '10001', '-1', '']) t.equal(await put(bad), '400 InvalidArgument', bad)
  for (const strange of ['1.0', 'one']) t.equal(await put(strange), '404 RouteNotFound', strange)
})

t.test('PUT with an upload id and no part number is a plain PutObject', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.send({ method: 'PUT', key: 'k', body: 'plain', query: [['uploadId', 'x']] })), '200')
  t.equal((await client.get('k')).text, 'plain')
})

t.test('UploadPartCopy copies all or a range', async t => {
  const client = await startClient(t, small)
  await client.put('source', '0123456789')
  const uploadId = await client.createUpload('k')
  const copy = (partNumber: number, headers: Record<string, string>): ReturnType<Client['putPart']> =>
    client.putPart('k', uploadId, partNumber, undefined, { 'x-amz-copy-source': '/sluice/source', ...headers })
  const first = await copy(1, { 'x-amz-copy-source-range': 'bytes=0-5' })
  t.match(first.text, /^<\?xml version="1.0" encoding="UTF-8"\?><CopyPartResult xmlns="[^"]+"><ETag>&quot;[0-9a-f]{32}&quot;<\/ETag><LastModified>\S+Z<\/LastModified><\/CopyPartResult>$/)
  const second = await copy(2, { 'x-amz-copy-source-range': 'bytes=6-99' })
  const range = async (text: string): Promise<string> => outcome(await copy(3, { 'x-amz-copy-source-range': text }))
  t.equal(await range('bytes=5-4'), '400 InvalidArgument')
  t.equal(await range('bytes=5-'), '400 InvalidArgument')
  t.equal(await range('bytes=10-11'), '416 InvalidRange')
  t.equal(outcome(await copy(3, { 'x-amz-copy-source-if-match': '*' })), '501 NotImplemented')
  await client.complete('k', uploadId, [[1, element(first.text, 'ETag') as string], [2, element(second.text, 'ETag') as string]])
  t.equal((await client.get('k')).text, '0123456789')
  t.equal(client.emulator.r2.state.blobs, 1, 'by reference')
  await client.send({ method: 'DELETE', key: 'source' })
  t.equal((await client.get('k')).text, '0123456789')
})

t.test('partNumber reads one part', async t => {
  const client = await startClient(t, small)
  const { uploadId, parts } = await uploadOf(client, ['aaaa', 'bb'])
  await client.complete('k', uploadId, parts)
  const part = (number: string, headers: Record<string, string> = {}): ReturnType<Client['send']> =>
    client.send({ key: 'k', query: [['partNumber', number]], headers })
  t.match(await part('2'), { status: 206, text: 'bb', headers: { 'content-range': 'bytes 4-5/6', 'x-amz-mp-parts-count': '2' } })
  t.equal(outcome(await part('3')), '416 InvalidPartNumber')
  t.equal(outcome(await part('1', { range: 'bytes=0-1' })), '400 InvalidRequest')
})

t.test('ListParts pages', async t => {
  const client = await startClient(t)
  const { uploadId } = await uploadOf(client, ['a', 'bb', 'ccc'])
  const list = (parameters: Record<string, string>): ReturnType<Client['send']> =>
    client.send({ key: 'k', query: [['uploadId', uploadId], ...Object.entries(parameters)] })
  const first = await list({ 'max-parts': '2' })
  t.same([elements(first.text, 'PartNumber'), elements(first.text, 'Size'), element(first.text, 'IsTruncated'), element(first.text, 'NextPartNumberMarker')],
    [['1', '2'], ['1', '2'], 'true', '2'])
  const second = await list({ 'part-number-marker': '2' })
  t.same([elements(second.text, 'PartNumber'), element(second.text, 'IsTruncated'), element(second.text, 'UploadId')], [['3'], 'false', uploadId])
})

t.test('ListMultipartUploads pages, filters and groups', async t => {
  const client = await startClient(t)
  for (const key of ['b', 'dir/1', 'dir/2', 'a', 'a']) await client.createUpload(key)
  const list = async (parameters: Record<string, string>): Promise<string> => (await client.list({ uploads: '', ...parameters })).text
  t.same(elements(await list({}), 'Key'), ['a', 'a', 'b', 'dir/1', 'dir/2'])
  t.same(elements(await list({ prefix: 'dir/' }), 'Key'), ['dir/1', 'dir/2'])
  const grouped = await list({ delimiter: '/' })
  t.same([elements(grouped, 'Key'), grouped.includes('<CommonPrefixes><Prefix>dir/</Prefix></CommonPrefixes>')], [['a', 'a', 'b'], true])
  const first = await list({ 'max-uploads': '1' })
  t.same([elements(first, 'Key'), element(first, 'IsTruncated')], [['a'], 'true'])
  const rest = await list({ 'key-marker': 'a', 'upload-id-marker': element(first, 'NextUploadIdMarker') as string })
  t.same(elements(rest, 'Key'), ['a', 'b', 'dir/1', 'dir/2'])
  t.same(elements(await list({ 'key-marker': 'a' }), 'Key'), ['b', 'dir/1', 'dir/2'])
})

t.test('uploads end after the seven days of the default rule', async t => {
  let now = Date.now()
  const client = await startClient(t, { clock: { now: () => now, sleep: async () => {}, random: () => 0 } })
  const created = await client.send({ method: 'POST', key: 'k', query: [['uploads', '']], time: now })
  t.match(created.headers, { 'x-amz-abort-rule-id': 'Default%20Multipart%20Abort%20Rule', 'x-amz-abort-date': new Date(now + 7 * 86_400_000).toUTCString() })
  now += 7 * 86_400_000
  const query: Array<readonly [string, string]> = [['uploadId', element(created.text, 'UploadId') as string], ['partNumber', '1']]
  t.equal(outcome(await client.send({ method: 'PUT', key: 'k', query, body: 'x', time: now })), '404 NoSuchUpload')
  t.same(client.emulator.r2.state.uploads(), [])
})

t.test('a part that arrives after the abort leaves nothing', async t => {
  const client = await startClient(t)
  const uploadId = await client.createUpload('k')
  client.emulator.faults.add({ operation: 'UploadPart', bytesPerSecond: 5_000_000 })
  const part = client.putPart('k', uploadId, 1, randomBytes(1_000_000))
  while (client.emulator.requests.inFlight('UploadPart') === 0) await new Promise(resolve => setImmediate(resolve))
  t.equal(outcome(await client.abort('k', uploadId)), '204')
  t.equal(outcome(await part), '404 NoSuchUpload')
  t.equal(client.emulator.r2.state.blobs, 0)
})

t.test('too many parts at once are refused with 500', async t => {
  const client = await startClient(t, { r2: { strict: { partConcurrency: 2 } } })
  const uploadId = await client.createUpload('k')
  client.emulator.faults.add({ operation: 'UploadPart', bytesPerSecond: 10_000_000, times: Infinity })
  const replies = await Promise.all([1, 2, 3].map(number => client.putPart('k', uploadId, number, randomBytes(1_000_000))))
  t.same(replies.map(outcome).sort(), ['200', '200', '500 InternalError'])
  t.equal(client.emulator.requests.peakInFlight('UploadPart'), 3)
})
