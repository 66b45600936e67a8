import fc from 'fast-check'
import t from 'tap'
import { INTEGRITIES, multipartChecksumHeaders, seal, wholeChecksumHeaders } from '../../../streams/r2/integrity.ts'
import type { Integrity, PartReceipt, SealedBody } from '../../../streams/r2/integrity.ts'

const BYTES = Buffer.from('123456789')

/** The check values of the algorithms, as R2 wants them: hex in the signature, big-endian base64 in headers. */
const SEALED: Record<Integrity, Omit<SealedBody, 'bytes'>> = {
  sha256: { payloadHash: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225', headers: {} },
  crc32: { payloadHash: 'UNSIGNED-PAYLOAD', headers: { 'x-amz-checksum-crc32': 'y/Q5Jg==' }, checksum: ['ChecksumCRC32', 'y/Q5Jg=='] },
  crc64nvme: { payloadHash: 'UNSIGNED-PAYLOAD', headers: { 'x-amz-checksum-crc64nvme': 'rosUhgp5mIg=' }, checksum: ['ChecksumCRC64NVME', 'rosUhgp5mIg='] },
  md5: { payloadHash: 'UNSIGNED-PAYLOAD', headers: { 'content-md5': 'JfnnlDI7RTiF9RgfG2JNCw==' } },
  unsigned: { payloadHash: 'UNSIGNED-PAYLOAD', headers: {} }
}

for (const integrity of INTEGRITIES) {
  t.test(`seal() vouches for bytes by ${integrity}`, async t => {
    const sealed = await seal(BYTES, integrity)
    t.same(sealed, { bytes: BYTES, ...SEALED[integrity] })
    t.equal(sealed.bytes, BYTES)
    t.notMatch(Object.keys(sealed.headers).join(), /trailer|sdk-checksum/)
  })
}

t.test('seal() hashes a large body off the main thread to the same value', async t => {
  t.equal((await seal(Buffer.alloc(1024 * 1024), 'sha256')).payloadHash, '30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58')
})

t.test('multipartChecksumHeaders() announces what the parts will carry', t => {
  t.same(multipartChecksumHeaders('crc32'), { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'COMPOSITE' })
  t.same(multipartChecksumHeaders('crc64nvme'), { 'x-amz-checksum-algorithm': 'CRC64NVME', 'x-amz-checksum-type': 'FULL_OBJECT' })
  for (const integrity of ['sha256', 'md5', 'unsigned'] as const) t.same(multipartChecksumHeaders(integrity), {})
  t.end()
})

t.test('wholeChecksumHeaders() joins the CRC-64 of the parts, wherever they were cut', async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 300 }), async (bytes, partSize) => {
    const parts: PartReceipt[] = []
    for (let start = 0; start < bytes.length; start += partSize) {
      const part = bytes.subarray(start, start + partSize)
      const { checksum } = await seal(part, 'crc64nvme')
      parts.push({ partNumber: parts.length + 1, etag: '"e"', size: part.length, ...(checksum === undefined ? {} : { checksum }) })
    }
    const whole = await seal(bytes, 'crc64nvme')
    return wholeChecksumHeaders('crc64nvme', parts)['x-amz-checksum-crc64nvme'] === whole.checksum?.[1]
  }), { seed: 64, numRuns: 100 })
})

t.test('wholeChecksumHeaders() says nothing for the other ways, nor for nothing', t => {
  const parts: PartReceipt[] = [{ partNumber: 1, etag: '"e"', size: 1, checksum: ['ChecksumCRC32', 'y/Q5Jg=='] }]
  for (const integrity of ['sha256', 'crc32', 'md5', 'unsigned'] as const) t.same(wholeChecksumHeaders(integrity, parts), {})
  t.same(wholeChecksumHeaders('crc64nvme', []), {})
  t.end()
})
