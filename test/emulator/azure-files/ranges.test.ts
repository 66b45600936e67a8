import t from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { type Content, ContentStore } from '../../../emulator/content-store.ts'
import { SparseContent } from '../../../emulator/azure-files/sparse.ts'
import { seededRandom } from '../../../lib/seeded-random.ts'
import { GiB, MiB } from '../../../lib/bytes/sizes.ts'
import { crc64, frame, STRUCTURED_BODY, unframe } from '../../../streams/azure-files/structured-body.ts'
import { type Client, outcome, startClient } from './client.ts'

const md5 = (bytes: string | Buffer): string => createHash('md5').update(bytes).digest('base64')

async function rangesOf (client: Client, path: string, headers: Record<string, string> = {}, query: Record<string, string> = {}): Promise<string> {
  const { text } = await client.send({ path, query: { comp: 'rangelist', ...query }, headers })
  return [...text.matchAll(/<(Range|ClearRange)><Start>(\d+)<\/Start><End>(\d+)<\/End>/g)].map(match => `${match[1] === 'Range' ? '' : '-'}${match[2]}-${match[3]}`).join(' ')
}

t.test('PutRange answers with the MD5 and a new etag, and reads back', async t => {
  const client = await startClient(t)
  const { headers: { etag } } = await client.create('f', 10)
  const put = await client.putRange('f', 3, 'abc')
  t.match(put, { status: 201, headers: { 'content-md5': md5('abc'), 'x-ms-request-server-encrypted': 'true', 'last-modified': String } })
  t.ok((put.headers['etag'] ?? '') > (etag ?? ''))
  await client.putRange('f', 5, 'XYZ')
  t.same((await client.get('f')).bytes, Buffer.from('\0\0\0abXYZ\0\0'))
})

t.test('the MD5 of a range can be left out where nobody sent one', async t => {
  const client = await startClient(t, { azureFiles: { strict: { rangeMd5: 'when-sent' } } })
  await client.create('f', 3)
  t.equal((await client.putRange('f', 0, 'abc')).headers['content-md5'], undefined)
  t.equal((await client.putRange('f', 0, 'abc', { 'content-md5': md5('abc') })).headers['content-md5'], md5('abc'))
  t.equal(outcome(await client.putRange('f', 0, 'abc', { 'content-md5': md5('abd') })), '400 Md5Mismatch')
})

t.test('PutRange refuses what does not fit', async t => {
  const client = await startClient(t)
  await client.create('f', 8 * MiB)
  const put = async (body: string | Buffer, headers: Record<string, string> = {}): Promise<string> => outcome(await client.putRange('f', 0, body, headers))
  t.equal(await put('abc', { 'content-md5': md5('abc') }), '201')
  t.equal(await put('abc', { 'content-md5': md5('abd') }), '400 Md5Mismatch')
  t.equal(await put('abc', { 'content-md5': 'abc' }), '400 InvalidMd5')
  t.equal(await put('abc', { 'x-ms-range': 'bytes=0-3' }), '400 InvalidHeaderValue')
  t.equal(await put('abc', { 'x-ms-range': 'bytes=0-' }), '400 InvalidHeaderValue')
  t.equal(await put('abc', { 'x-ms-write': 'append' }), '400 InvalidHeaderValue')
  t.equal(await put(Buffer.alloc(4 * MiB + 1)), '413 RequestBodyTooLarge')
  t.equal(await put(Buffer.alloc(4 * MiB)), '201')
  const past = await client.putRange('f', 8 * MiB - 1, 'ab')
  t.same([outcome(past), past.headers['content-range']], ['416 InvalidRange', `bytes */${8 * MiB}`])
  t.equal(outcome(await client.putRange('missing', 0, 'a')), '404 ResourceNotFound')
  const chunked = await client.send({ method: 'PUT', path: 'f', query: { comp: 'range' }, headers: { 'x-ms-write': 'update', 'x-ms-range': 'bytes=0-2' }, body: Readable.from([Buffer.from('abc')]), edit: ({ 'content-length': _, ...headers }) => headers })
  t.equal(outcome(chunked), '411 MissingContentLengthHeader')
  t.equal(outcome(await client.send({ method: 'PUT', path: 'f', query: { comp: 'range' }, headers: { 'x-ms-range': 'bytes=0-0' }, body: 'a' })), '400 MissingRequiredHeader')
})

t.test('clearing frees whole blocks of 512 bytes and writes zeros at the edges', async t => {
  const client = await startClient(t)
  await client.put('f', Buffer.alloc(4096, 7))
  t.equal(await rangesOf(client, 'f'), '0-4095')
  const cleared = await client.clear('f', 512, 1023)
  t.same([outcome(cleared), cleared.headers['content-md5']], ['201', undefined])
  t.equal(await rangesOf(client, 'f'), '0-511 1024-4095')
  await client.clear('f', 1500, 3000)
  t.equal(await rangesOf(client, 'f'), '0-511 1024-1535 2560-4095')
  const expected = Buffer.alloc(4096, 7).fill(0, 512, 1024).fill(0, 1500, 3001)
  t.ok((await client.get('f')).bytes.equals(expected))
  await client.clear('f', 10, 20)
  t.equal(await rangesOf(client, 'f'), '0-511 1024-1535 2560-4095', 'less than a block stays written')
  t.equal(outcome(await client.clear('f', 0, 1, { 'content-md5': md5('') })), '400 UnsupportedHeader')
  t.equal(outcome(await client.clear('f', 4000, 4096)), '416 InvalidRange')
  await client.clear('f', 0, 4095)
  t.equal((await client.send({ path: 'f', query: { comp: 'rangelist' } })).text, '\uFEFF<?xml version="1.0" encoding="utf-8"?><Ranges />')
})

t.test('List Ranges joins neighbours, says the size, and looks through a window', async t => {
  const client = await startClient(t)
  await client.create('f', 10_000)
  for (const start of [0, 100, 200, 1000, 5000]) await client.putRange('f', start, Buffer.alloc(100, 1))
  t.equal(await rangesOf(client, 'f'), '0-299 1000-1099 5000-5099')
  t.equal(await rangesOf(client, 'f', { 'x-ms-range': 'bytes=250-5010' }), '250-299 1000-1099 5000-5010')
  const { headers } = await client.send({ path: 'f', query: { comp: 'rangelist' } })
  t.match(headers, { 'x-ms-content-length': '10000', 'content-type': 'application/xml', etag: String, 'transfer-encoding': 'chunked' })
})

t.test('List Ranges tells what changed since a snapshot', async t => {
  const client = await startClient(t)
  await client.put('f', Buffer.alloc(4096, 1))
  const { headers } = await client.share('PUT', 'sluice', { comp: 'snapshot' })
  await client.putRange('f', 1024, Buffer.alloc(512, 2))
  await client.clear('f', 2048, 3071)
  t.equal(await rangesOf(client, 'f', {}, { prevsharesnapshot: headers['x-ms-snapshot'] ?? '' }), '1024-1535 -2048-3071')
  t.equal(outcome(await client.send({ path: 'f', query: { comp: 'rangelist', prevsharesnapshot: '2020-01-01T00:00:00.0000000Z' } })), '409 PreviousSnapshotNotFound')
})

t.test('structured bodies are checked on their way in and framed on their way out', async t => {
  const client = await startClient(t)
  const version = '2026-04-06'
  const payload = randomBytes(300_000)
  await client.create('f', payload.length)
  const framed = await frame(payload)
  const headers = { 'x-ms-structured-body': STRUCTURED_BODY, 'x-ms-structured-content-length': String(payload.length), 'x-ms-range': `bytes=0-${payload.length - 1}` }
  t.equal(outcome(await client.putRange('f', 0, framed, headers, { version })), '201')
  t.ok((await client.get('f')).bytes.equals(payload))
  const got = await client.send({ path: 'f', version, headers: { 'x-ms-structured-body': STRUCTURED_BODY } })
  t.match(got.headers, { 'x-ms-structured-body': STRUCTURED_BODY, 'x-ms-structured-content-length': '300000', 'content-length': String(framed.length) })
  t.ok((await unframe(got.bytes)).equals(payload))
  const part = await client.send({ path: 'f', version, headers: { 'x-ms-structured-body': STRUCTURED_BODY, 'x-ms-range': 'bytes=10-19' } })
  t.same([part.status, await unframe(part.bytes)], [206, payload.subarray(10, 20)])
  const broken = Buffer.from(framed)
  broken[100] = (broken[100] as number) ^ 1
  t.equal(outcome(await client.putRange('f', 0, broken, headers, { version })), '400 Crc64Mismatch')
  t.equal(outcome(await client.putRange('f', 0, framed.subarray(0, -1), headers, { version })), '400 InvalidInput')
  t.equal(outcome(await client.putRange('f', 0, framed, headers)), '400 UnsupportedHeader', 'unknown before 2026-04-06')
})

t.test('PutRangeFromUrl copies bytes of another file, if its sum is the one that is wanted', async t => {
  const client = await startClient(t)
  await client.put('source', '0123456789')
  await client.create('f', 10)
  const sum = (await crc64(Buffer.from('3456'))).toString('base64')
  const put = (headers: Record<string, string> = {}): ReturnType<Client['send']> => client.set('f', 'range', {
    'x-ms-write': 'update', 'x-ms-copy-source': client.url('source'), 'x-ms-source-range': 'bytes=3-6', 'x-ms-range': 'bytes=0-3', ...headers
  })
  t.match(await put({ 'x-ms-source-content-crc64': sum }), { status: 201, headers: { 'x-ms-content-crc64': sum } })
  t.same((await client.get('f')).bytes, Buffer.from('3456\0\0\0\0\0\0'))
  t.equal(outcome(await put({ 'x-ms-source-content-crc64': 'AAAAAAAAAAA=' })), '400 Crc64Mismatch')
  t.equal(outcome(await put({ 'x-ms-source-if-none-match-crc64': sum })), '412 ConditionNotMet')
  t.equal(outcome(await put({ 'x-ms-source-if-match-crc64': sum })), '201')
  t.equal(outcome(await put({ 'x-ms-source-range': 'bytes=8-11' })), '409 CannotVerifyCopySource')
  t.equal(outcome(await put({ 'x-ms-copy-source': client.url('none') })), '404 ResourceNotFound')
  t.equal(client.emulator.azureFiles.state.blobs, 1)
})

t.test('a file of 1 GiB costs what was written to it', async t => {
  const client = await startClient(t)
  await client.create('f', GiB)
  await client.putRange('f', GiB - 5, 'there')
  const middle = await client.get('f', { 'x-ms-range': `bytes=${GiB / 2}-${GiB / 2 + 99}` })
  t.ok(middle.bytes.equals(Buffer.alloc(100)))
  t.equal((await client.get('f', { 'x-ms-range': `bytes=${GiB - 7}-` })).text, '\0\0there')
  t.same([client.emulator.azureFiles.state.blobs, await rangesOf(client, 'f')], [1, `${GiB - 5}-${GiB - 1}`])
})

t.test('small ranges stay in memory up to a limit, and go to files from there on', async t => {
  const contents = new ContentStore({ memory: 1000 })
  t.teardown(() => contents.close())
  const put = async (byte: number): Promise<Content> => contents.write(Readable.from([Buffer.alloc(600, byte)]))
  const [first, second, third] = [await put(1), await put(2), await put(3)]
  t.same([first, second, third].map(content => content.slices[0]?.blob.memory !== undefined), [true, true, false])
  contents.release(first)
  contents.release(second)
  t.ok((await put(4)).slices[0]?.blob.memory, 'there is room again')
  const chunks: Buffer[] = []
  for await (const chunk of contents.read(third)) chunks.push(chunk)
  t.same(Buffer.concat(chunks), Buffer.alloc(600, 3))
})

t.test('a read sees the file as it was when it began', async t => {
  const client = await startClient(t)
  const before = randomBytes(2 * MiB)
  await client.put('f', before)
  client.emulator.faults.add({ operation: 'GetFile', changeObject: 'midway' })
  const first = await client.get('f')
  t.ok(first.bytes.equals(before))
  const second = await client.get('f')
  t.ok(second.bytes.equals(Buffer.alloc(2 * MiB, 0xee)))
  t.not(second.headers['etag'], first.headers['etag'])
})

t.test('SparseContent does what a buffer would, whatever comes in which order', async t => {
  const contents = new ContentStore()
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed)
    const sparse = new SparseContent(contents)
    let model = Buffer.alloc(3000)
    const upTo = (limit: number): number => Math.floor(random() * limit)
    for (let step = 0; step < 60; step++) {
      const start = upTo(model.length)
      const end = start + 1 + upTo(model.length - start)
      const kind = upTo(8)
      if (kind === 0) {
        const size = 1 + upTo(4000)
        if (size < model.length) sparse.truncate(size)
        model = Buffer.concat([model.subarray(0, size), Buffer.alloc(Math.max(0, size - model.length))])
      } else if (kind < 3) {
        sparse.clear({ start, end })
        model.fill(0, start, end)
      } else {
        sparse.write(start, contents.fill(end - start, 1 + upTo(255)))
        const [content] = [sparse.read({ start, end })]
        model.fill(content.slices[0]?.blob.fill ?? 0, start, end)
        contents.release(content)
      }
      if (!await reads(contents, sparse, model)) t.fail(`seed ${seed}, step ${step}`)
    }
    sparse.release()
  }
  t.equal(contents.blobCount, 0, 'every reference was given back')
})

async function reads (contents: ContentStore, sparse: SparseContent, model: Buffer): Promise<boolean> {
  const copy = sparse.clone()
  const content = copy.read({ start: 0, end: model.length })
  const chunks: Buffer[] = []
  for await (const chunk of contents.read(content)) chunks.push(chunk)
  contents.release(content)
  const holes = Buffer.concat(chunks)
  for (const { start, end } of copy.written({ start: 0, end: model.length })) holes.fill(0, start, end)
  copy.release()
  return Buffer.concat(chunks).equals(model) && holes.every(byte => byte === 0)
}
