import fc from 'fast-check'
import t from 'tap'
import { createDigest, createResumableDigest, DIGEST_ALGORITHMS, DIGEST_SIZES, restoreDigest, type DigestAlgorithm, type SavedDigest } from '../../../lib/digest/digest.ts'

// Base64 of the digest of `123456789`. Cloudflare's and AWS's documentation of x-amz-checksum-*; md5 by md5sum.
const VECTORS: Record<DigestAlgorithm, string> = {
  sha256: 'FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=',
  sha1: '98O8HYCOBHMq32eZZczDTKeuNEE=',
  md5: 'JfnnlDI7RTiF9RgfG2JNCw==',
  crc32: 'y/Q5Jg==',
  crc32c: '4waSgw==',
  crc64nvme: 'rosUhgp5mIg='
}

t.test('createDigest() and createResumableDigest() give the published digest of "123456789"', async t => {
  for (const algorithm of DIGEST_ALGORITHMS) {
    for (const create of [createDigest, createResumableDigest]) {
      const digest = await create(algorithm)
      t.equal(digest.algorithm, algorithm)
      t.equal(digest.update(Buffer.from('1234')).update(Buffer.from('56789')).digest().toString('base64'), VECTORS[algorithm])
    }
  }
})

t.test('createDigest() of crc64nvme gives the value recorded from Azure Storage, bytes reversed', async t => {
  const digest = await createDigest('crc64nvme')
  const recorded = digest.update(Buffer.from('abcdefghijklmnop'.repeat(32))).digest().reverse()
  t.equal(recorded.toString('base64'), 'EZA9hgZaRrQ=')
})

t.test('createDigest() of nothing has the size of the algorithm', async t => {
  for (const algorithm of DIGEST_ALGORITHMS) {
    t.equal((await createDigest(algorithm)).digest().length, DIGEST_SIZES[algorithm], algorithm)
  }
  t.equal((await createDigest('crc64nvme')).digest().toString('hex'), '0000000000000000')
})

t.test('createDigest() keeps digests of one algorithm apart that run at the same time', async t => {
  const [a, b] = [await createDigest('crc64nvme'), await createDigest('crc64nvme')]
  a.update(Buffer.from('1234'))
  b.update(Buffer.from('other'))
  t.equal(a.update(Buffer.from('56789')).digest().toString('base64'), VECTORS.crc64nvme)
})

t.test('restoreDigest() goes on after JSON exactly where save() stood, wherever that was', async t => {
  const cut = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }))
  for (const algorithm of DIGEST_ALGORITHMS) {
    await fc.assert(fc.asyncProperty(cut, async ([first, second]) => {
      const interrupted = await createResumableDigest(algorithm)
      const saved: SavedDigest = JSON.parse(JSON.stringify(interrupted.update(first).save()))
      const resumed = (await restoreDigest(saved)).update(second)
      const whole = (await createDigest(algorithm)).update(first).update(second)
      return saved.size === first.length && resumed.save().size === first.length + second.length &&
        resumed.digest().equals(whole.digest())
    }), { seed: 20, numRuns: 30 })
  }
  t.pass('all algorithms')
})

t.test('save() leaves the digest running', async t => {
  for (const algorithm of DIGEST_ALGORITHMS) {
    const digest = await createResumableDigest(algorithm)
    digest.update(Buffer.from('12345')).save()
    t.equal(digest.update(Buffer.from('6789')).digest().toString('base64'), VECTORS[algorithm], algorithm)
  }
})

t.test('a digest that has ended refuses every call', async t => {
  for (const algorithm of DIGEST_ALGORITHMS) {
    const digest = await createDigest(algorithm)
    const resumable = await createResumableDigest(algorithm)
    for (const ended of [digest, resumable]) {
      ended.digest()
      t.throws(() => ended.update(Buffer.from('more')), algorithm)
      t.throws(() => ended.digest(), algorithm)
    }
    t.throws(() => resumable.save(), algorithm)
  }
})

t.test('restoreDigest() refuses a damaged state', async t => {
  const { state } = (await createResumableDigest('sha256')).save()
  const damaged = [
    { algorithm: 'sha256', size: 0, state: state.slice(4) },
    { algorithm: 'sha256', size: 0, state: `AAAA${state.slice(4)}` },
    { algorithm: 'crc64nvme', size: 0, state },
    { algorithm: 'crc32', size: 0, state }
  ] satisfies SavedDigest[]
  for (const saved of damaged) {
    await t.rejects(restoreDigest(saved), { name: 'RangeError', message: /^Cannot restore \w+ digest as its state is damaged/ })
  }
})

t.test('createDigest() refuses an algorithm it does not know', async t => {
  const message = 'Cannot create digest as algorithm must be one of sha256, sha1, md5, crc32, crc32c, crc64nvme: received "md4"'
  for (const create of [createDigest, createResumableDigest]) {
    await t.rejects(create('md4' as DigestAlgorithm), { name: 'RangeError', message })
  }
})
