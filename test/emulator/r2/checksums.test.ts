import t from 'tap'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Client, element, outcome, startClient } from '../client.ts'

/** Of `123456789`, from the facts. */
const CHECK_VALUES = {
  crc64nvme: 'rosUhgp5mIg=',
  crc32: 'y/Q5Jg==',
  crc32c: '4waSgw==',
  sha1: '98O8HYCOBHMq32eZZczDTKeuNEE=',
  sha256: 'FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU='
} as const

const crc32Base64 = (bytes: Buffer | string): string => {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32BE(crc32(bytes))
  return buffer.toString('base64')
}

t.test('each checksum is verified, stored and told on request, but not on ranges', async t => {
  const client = await startClient(t)
  for (const [algorithm, value] of Object.entries(CHECK_VALUES)) {
    const header = `x-amz-checksum-${algorithm}`
    const put = await client.put('k', '123456789', { [header]: value })
    t.match(put, { status: 200, headers: { [header]: value } }, algorithm)
    t.match((await client.get('k', { 'x-amz-checksum-mode': 'ENABLED' })).headers, { [header]: value, 'x-amz-checksum-type': 'FULL_OBJECT' }, algorithm)
    t.equal((await client.head('k', { 'x-amz-checksum-mode': 'ENABLED' })).headers[header], value, algorithm)
    t.equal((await client.get('k')).headers[header], undefined, `${algorithm} unasked`)
    t.equal((await client.get('k', { 'x-amz-checksum-mode': 'ENABLED', range: 'bytes=0-8' })).headers[header], undefined, `${algorithm} on 206`)
    t.equal(outcome(await client.put('k', '12345678', { [header]: value })), '400 BadDigest', algorithm)
    t.equal(outcome(await client.put('k', '123456789', { [header]: 'rubbish' })), '400 InvalidDigest', algorithm)
  }
})

t.test('two checksums in one request are refused', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.put('k', '123456789', { 'x-amz-checksum-crc32': CHECK_VALUES.crc32, 'x-amz-checksum-sha1': CHECK_VALUES.sha1 })), '400 InvalidRequest')
})

async function uploadTwoParts (client: Client, headers: Record<string, string>, algorithm: keyof typeof CHECK_VALUES): Promise<string> {
  const uploadId = await client.createUpload('k', headers)
  const parts: Array<[number, string]> = []
  for (const [index, body] of ['12345', '6789'].entries()) {
    const reply = await client.putPart('k', uploadId, index + 1, body)
    t.type(reply.headers[`x-amz-checksum-${algorithm}`], 'string')
    parts.push([index + 1, reply.headers['etag'] as string])
  }
  return (await client.complete('k', uploadId, parts)).text
}

t.test('multipart: CRC64NVME of the whole, the others of the parts', async t => {
  const client = await startClient(t, { r2: { strict: { minPartSize: 1 } } })
  const whole = await uploadTwoParts(client, { 'x-amz-checksum-algorithm': 'CRC64NVME' }, 'crc64nvme')
  t.same([element(whole, 'ChecksumCRC64NVME'), element(whole, 'ChecksumType')], [CHECK_VALUES.crc64nvme, 'FULL_OBJECT'])
  const composite = await uploadTwoParts(client, { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'COMPOSITE' }, 'crc32')
  const joined = crc32Base64(Buffer.concat(['12345', '6789'].map(body => Buffer.from(crc32Base64(body), 'base64'))))
  t.same([element(composite, 'ChecksumCRC32'), element(composite, 'ChecksumType')], [`${joined}-2`, 'COMPOSITE'])
  t.equal((await client.head('k', { 'x-amz-checksum-mode': 'ENABLED' })).headers['x-amz-checksum-crc32'], `${joined}-2`)
})

t.test('multipart: pairs that R2 does not offer', async t => {
  const client = await startClient(t)
  const create = async (algorithm: string, type: string): Promise<string> => {
    const reply = await client.send({ method: 'POST', key: 'k', query: [['uploads', '']], headers: { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': type } })
    return reply.status === 200 ? '200' : `${reply.status} ${element(reply.text, 'Message')}`
  }
  t.equal(await create('CRC32', 'FULL_OBJECT'), "501 Header 'x-amz-checksum-type' with value 'FULL_OBJECT' not implemented")
  t.equal(await create('CRC64NVME', 'COMPOSITE'), "501 Header 'x-amz-checksum-type' with value 'COMPOSITE' not implemented")
  t.equal(await create('MD5', 'COMPOSITE'), "501 Header 'x-amz-checksum-algorithm' with value 'MD5' not implemented")
  t.equal(await create('SHA256', 'COMPOSITE'), '200')
})

t.test('multipart: a part of another algorithm, and a wrong one in the list', async t => {
  const client = await startClient(t)
  const uploadId = await client.createUpload('k', { 'x-amz-checksum-algorithm': 'CRC32' })
  t.equal(outcome(await client.putPart('k', uploadId, 1, '123456789', { 'x-amz-checksum-sha1': CHECK_VALUES.sha1 })), '400 InvalidRequest')
  const part = await client.putPart('k', uploadId, 1, '123456789', { 'x-amz-checksum-crc32': CHECK_VALUES.crc32 })
  const complete = async (value: string): Promise<string> => outcome(await client.send({
    method: 'POST',
    key: 'k',
    query: [['uploadId', uploadId]],
    body: `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers['etag']}</ETag><ChecksumCRC32>${value}</ChecksumCRC32></Part></CompleteMultipartUpload>`
  }))
  t.equal(await complete('AAAAAA=='), '400 BadDigest')
  t.equal(await complete(CHECK_VALUES.crc32), '200')
})

t.test('aws-chunked bodies are decoded when the switch says so', async t => {
  const client = await startClient(t, { r2: { strict: { streamingPayloads: 'decode' } } })
  const payloadHash = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
  const put = async (body: string, headers: Record<string, string> = {}): Promise<string> => outcome(await client.send({
    method: 'PUT',
    key: 'k',
    body,
    payloadHash,
    headers: { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': '9', 'x-amz-trailer': 'x-amz-checksum-crc32', ...headers }
  }))
  t.equal(await put('5\r\n12345\r\n4\r\n6789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n'), '200')
  t.equal((await client.get('k')).text, '123456789')
  t.equal((await client.head('k')).headers['content-encoding'], undefined)
  t.equal((await client.head('k', { 'x-amz-checksum-mode': 'ENABLED' })).headers['x-amz-checksum-crc32'], 'y/Q5Jg==')
  t.equal(await put('9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n'), '400 BadDigest')
  t.equal(await put('9\r\n123456789\r\n0\r\n\r\n', { 'x-amz-decoded-content-length': '10' }), '400 IncompleteBody')
  t.equal(await put('9\r\n12345'), '400 IncompleteBody')
  t.equal(await put('not chunked at all'), '400 IncompleteBody')
  t.equal(client.emulator.r2.state.blobs, 1)
})

t.test('opaque etags tell nothing of the content', async t => {
  const client = await startClient(t, { r2: { strict: { etags: 'opaque' } } })
  const put = await client.put('k', 'hello')
  t.match(put.headers['etag'], /^"[0-9a-f]{32}"$/)
  t.not(put.headers['etag'], `"${createHash('md5').update('hello').digest('hex')}"`)
})
