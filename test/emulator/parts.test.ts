/** The pieces that need no server. */
import t from 'tap'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { ContentStore } from '../../emulator/content-store.ts'
import { AwsChunkedDecoder } from '../../emulator/r2/aws-chunked.ts'
import { decodeWords, encodeWords } from '../../emulator/r2/encoded-words.ts'
import { childrenOf, document, leaf, parseDocument, textOf } from '../../emulator/r2/xml.ts'
import { seededRandom } from '../../lib/seeded-random.ts'
import { compareUtf8, SortedMap } from '../../emulator/sorted-map.ts'
import { deriveSigningKey } from '../../streams/r2/auth.ts'

async function bytesOf (source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

t.test('compareUtf8() orders as the bytes do', async () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) =>
    Math.sign(compareUtf8(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b))))
})

t.test('SortedMap walks like a sorted list', async () => {
  const text = fc.string({ maxLength: 3 })
  fc.assert(fc.property(fc.array(fc.tuple(text, fc.boolean())), text, (steps, probe) => {
    const map = new SortedMap<string>()
    const model = new Set<string>()
    for (const [key, isAdded] of steps) {
      if (isAdded) map.set(key, key)
      else map.delete(key)
      if (isAdded) model.add(key)
      else model.delete(key)
    }
    const sorted = [...model].sort(compareUtf8)
    return JSON.stringify(map.values()) === JSON.stringify(sorted) && map.size === sorted.length &&
      map.lowerBound(probe) === sorted.filter(key => compareUtf8(key, probe) < 0).length &&
      map.upperBound(probe) === sorted.filter(key => compareUtf8(key, probe) <= 0).length
  }))
})

t.test('encoded-words give any text back', async t => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), text => decodeWords(encodeWords(text)) === text || text.includes('=?')))
  for (const word of encodeWords('ü'.repeat(200)).split(' ')) t.ok(word.length <= 75)
  t.equal(decodeWords('=?no-such-charset?B?aGk=?= =?bad?X?y?='), '=?no-such-charset?B?aGk=?= =?bad?X?y?=')
})

t.test('XML: any text survives writing and parsing', async () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), text => {
    const parsed = parseDocument(document('Root', leaf('Key', text)), 'Root')
    return parsed !== undefined && textOf(parsed, 'Key') === text
  }))
})

t.test('XML: what is not what was asked for is refused', async t => {
  for (const text of ['', 'text', '<Other/>', '<Root>', '<Root/><Root/>', '<!DOCTYPE Root><Root/>', '<Root>&unclosed</Root', '<Root></Root>trailing']) {
    t.equal(parseDocument(text, 'Root'), undefined, text)
  }
  const prefixed = parseDocument('<?xml version="1.0"?><s3:Root xmlns:s3="x" a="b"><s3:K>1</s3:K><s3:K>2</s3:K></s3:Root>', 'Root')
  t.same(childrenOf(prefixed ?? '', 'K'), ['1', '2'])
  t.equal(textOf(parseDocument('<Root><toString>x</toString></Root>', 'Root') ?? '', 'constructor'), undefined)
})

t.test('seededRandom() repeats itself', async t => {
  const [first, again, other] = [1, 1, 2].map(seed => Array.from({ length: 5 }, seededRandom(seed)))
  t.same(first, again)
  t.notSame(first, other)
  t.ok(first?.every(value => value >= 0 && value < 1))
})

t.test('ContentStore joins, cuts and reads by reference, whatever the seams', async t => {
  const store = new ContentStore()
  t.teardown(() => store.close())
  const bodies = [Buffer.alloc(70_000, 'a'), Buffer.alloc(10, 'b'), Buffer.alloc(0), Buffer.alloc(300_000, 'c')]
  const parts = await Promise.all(bodies.map(body => store.write((async function * () {
    for (let start = 0; start < body.length; start += 7001) yield body.subarray(start, start + 7001)
  })())))
  const whole = store.join(parts)
  const expected = Buffer.concat(bodies)
  for (const [start, end] of [[0, expected.length], [69_999, 70_011], [70_010, 70_010], [5, 6], [200_000, 370_010]] as const) {
    t.ok((await bytesOf(store.read(whole, start, end))).equals(expected.subarray(start, end)), `read ${start}-${end}`)
    const cut = store.cut(whole, start, end)
    t.ok((await bytesOf(store.read(cut))).equals(expected.subarray(start, end)), `cut ${start}-${end}`)
    store.release(cut)
  }
  for (const part of parts) store.release(part)
  t.ok((await bytesOf(store.read(whole))).equals(expected), 'the whole keeps its parts')
  store.release(whole)
  t.equal(store.blobCount, 0)
})

t.test('ContentStore keeps nothing of a body that failed', async t => {
  const store = new ContentStore()
  t.teardown(() => store.close())
  const broken = (async function * () {
    for (let chunk = 0; chunk < 20; chunk++) yield Buffer.alloc(65_536)
    throw new Error('source failed')
  })()
  await t.rejects(store.write(broken), new Error('source failed'))
  t.equal(store.blobCount, 0)
  t.same((await import('node:fs')).readdirSync(store.folder ?? ''), [])
})

const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const SCOPE = { timestamp: '20130524T000000Z', scope: '20130524/us-east-1/s3/aws4_request', signingKey: deriveSigningKey(SECRET, '20130524', 'us-east-1') }

/** AWS's worked example, cut at odd places. */
async function decode (payloadHash: string, seed: string, signatures: readonly string[], end: string): Promise<{ bytes: Buffer, trailers: Record<string, string> }> {
  const chunks = [65_536, 1024, 0].map((size, index) =>
    `${size.toString(16)};chunk-signature=${signatures[index]}\r\n${size === 0 ? '' : `${'a'.repeat(size)}\r\n`}`)
  const wire = Buffer.from(chunks.join('') + end)
  const decoder = new AwsChunkedDecoder((async function * () {
    for (let start = 0; start < wire.length; start += 997) yield wire.subarray(start, start + 997)
  })(), { ...SCOPE, payloadHash, signature: seed })
  return { bytes: await bytesOf(decoder), trailers: decoder.trailers }
}

t.test('AwsChunkedDecoder verifies AWS\'s chunked vector', async t => {
  const seed = '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9'
  const signatures = [
    'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
    '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
    'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'
  ]
  const { bytes } = await decode('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', seed, signatures, '\r\n')
  t.equal(createHash('md5').update(bytes).digest('hex'), createHash('md5').update('a'.repeat(66_560)).digest('hex'))
  await t.rejects(decode('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', seed, [...signatures].reverse(), '\r\n'), { code: 'SignatureDoesNotMatch' })
})

t.test('AwsChunkedDecoder verifies AWS\'s trailer vector', async t => {
  const seed = '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e'
  const signatures = [
    'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
    '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
    '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992'
  ]
  const trailer = (signature: string): string => `x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:${signature}\r\n\r\n`
  const good = 'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435'
  const { trailers } = await decode('STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', seed, signatures, trailer(good))
  t.equal(trailers['x-amz-checksum-crc32c'], 'sOO8/Q==')
  await t.rejects(decode('STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', seed, signatures, trailer(seed)), { code: 'SignatureDoesNotMatch' })
})
