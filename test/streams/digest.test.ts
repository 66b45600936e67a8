import { createHash } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import type { DigestAlgorithm } from '../../lib/digest/digest.ts'
import { DigestMismatchError } from '../../lib/errors.ts'
import { digest } from '../../streams/digest.ts'

const BYTES = Buffer.from('123456789')
const CRC64 = 'ae8b14860a799888'

t.test('digest() passes the bytes and knows their digests and size before end', async t => {
  const hash = digest(['md5', 'crc64nvme', 'md5'])
  const trace: string[] = []
  hash.on('digest', digests => trace.push(`digest ${digests.crc64nvme}`)).on('end', () => trace.push('end'))
  t.strictSame(hash.digests, {})
  t.strictSame(await buffer(Readable.from(['1234', '56789']).pipe(hash)), BYTES)
  t.strictSame(hash.digests, { md5: '25f9e794323b453885f5181f1b624d0b', crc64nvme: CRC64 })
  t.equal(hash.size, 9)
  t.strictSame(trace, [`digest ${CRC64}`, 'end'])
})

t.test('digest() of nothing is the digest of nothing', async t => {
  const hash = digest('sha256')
  hash.end()
  t.equal((await buffer(hash)).length, 0)
  t.equal(hash.digests.sha256, createHash('sha256').digest('hex'))
})

t.test('digest() hands on the very chunks it was given', async t => {
  const chunk = Buffer.alloc(100)
  const hash = digest('crc32')
  hash.end(chunk)
  t.equal((await hash.toArray())[0], chunk)
})

t.test('digest() ends when the digest is the expected one, in either case', async t => {
  const hash = digest(['sha256', 'crc64nvme'], { expected: { crc64nvme: CRC64.toUpperCase() } })
  await pipeline(Readable.from([BYTES]), hash, new PassThrough().resume())
  t.equal(hash.digests.crc64nvme, CRC64)
})

t.test('digest() fails instead of ending when the digest is another', async t => {
  const hash = digest('crc64nvme', { expected: { crc64nvme: '0'.repeat(16) } })
  const outcome = buffer(hash)
  hash.end(BYTES)
  const error = await outcome.catch(error => error)
  t.ok(error instanceof DigestMismatchError)
  t.match(error, { code: 'DigestMismatch', expected: '0'.repeat(16), found: CRC64, algorithm: 'crc64nvme', size: 9 })
  t.equal(error.message, `Cannot end stream as its crc64nvme must be ${'0'.repeat(16)}: found ${CRC64} after 9 bytes`)
  t.strictSame(hash.digests, {})
})

t.test('digest() that is destroyed midway has no digests', async t => {
  const hash = digest('sha256')
  hash.write(BYTES)
  const outcome = hash.toArray()
  hash.destroy(new Error('cut'))
  await t.rejects(outcome, { message: 'cut' })
  t.strictSame(hash.digests, {})
})

t.test('digest() ends with an AbortError when its signal aborts', async t => {
  await t.rejects(digest('crc32c', { signal: AbortSignal.abort() }).toArray(), { name: 'AbortError' })
})

t.test('digest() refuses bad options at once', t => {
  t.throws(() => digest([]), RangeError)
  t.throws(() => digest('md4' as DigestAlgorithm), /^Cannot create digest as algorithm must be one of sha256, /)
  const sha1 = 'a'.repeat(40)
  t.throws(() => digest('md5', { expected: { sha1 } }), new RangeError("Cannot create digest as expected must be of the algorithms md5: received 'sha1'"))
  t.throws(() => digest('crc32', { expected: { crc32: 'cbf439' } }), new RangeError("Cannot create digest as expected.crc32 must be 8 hex digits: received 'cbf439'"))
  t.throws(() => digest('crc32', { expected: { crc32: 'y/Q5Jg==' } }), RangeError)
  t.throws(() => digest('crc32', { expected: { crc32: 5 as unknown as string } }), TypeError)
  t.end()
})
