import fc from 'fast-check'
import t from 'tap'
import { combineCrc, type CrcAlgorithm } from '../../../lib/digest/crc-combine.ts'
import { createDigest } from '../../../lib/digest/digest.ts'

const ALGORITHMS: CrcAlgorithm[] = ['crc32', 'crc32c', 'crc64nvme']

t.test('combineCrc() of two halves is the CRC of the whole', async t => {
  for (const algorithm of ALGORITHMS) {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), fc.uint8Array({ maxLength: 500 }), async (a, b) => {
      const whole = await crc(algorithm, Buffer.concat([a, b]))
      return combineCrc(algorithm, await crc(algorithm, a), await crc(algorithm, b), b.length).equals(whole)
    }), { seed: 21, numRuns: 50 })
  }
  t.pass('all algorithms')
})

t.test('combineCrc() joins many parts of unequal length in order', async t => {
  const parts = [1, 511, 8192, 0, 70_001, 3].map((length, i) => Buffer.alloc(length, `part ${i}`))
  for (const algorithm of ALGORITHMS) {
    let combined = await crc(algorithm, Buffer.alloc(0))
    for (const part of parts) combined = combineCrc(algorithm, combined, await crc(algorithm, part), part.length)
    t.strictSame(combined, await crc(algorithm, Buffer.concat(parts)), algorithm)
  }
})

t.test('combineCrc() reaches beyond 4 GiB: 2^33 zeros appended at once or in two halves are the same', async t => {
  const empty = Buffer.alloc(8)
  const start = await crc('crc64nvme', Buffer.from('123456789'))
  const half = combineCrc('crc64nvme', start, empty, 2 ** 32)
  t.strictSame(combineCrc('crc64nvme', half, empty, 2 ** 32), combineCrc('crc64nvme', start, empty, 2 ** 33))
})

t.test('combineCrc() refuses lengths and digests that cannot be', t => {
  const four = Buffer.alloc(4)
  t.throws(() => combineCrc('crc32', four, four, -1), new RangeError('Cannot combine crc32 as secondLength must be a non-negative integer: received -1'))
  t.throws(() => combineCrc('crc32', four, four, 0.5), RangeError)
  t.throws(() => combineCrc('crc64nvme', four, four, 1), new RangeError('Cannot combine crc64nvme as a digest must have 8 bytes: received 4'))
  t.end()
})

async function crc (algorithm: CrcAlgorithm, bytes: Uint8Array): Promise<Buffer> {
  return (await createDigest(algorithm)).update(bytes).digest()
}
