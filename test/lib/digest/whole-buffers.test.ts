import { createHash } from 'node:crypto'
import t from 'tap'
import { crc32Base64, crc32cBase64, crc64nvmeBase64, md5Base64 } from '../../../lib/digest/part-digests.ts'
import { OFF_THREAD_MINIMUM, sha256Hex } from '../../../lib/digest/sha256-off-thread.ts'

t.test('sha256Hex() is the same on both sides of the threshold', async t => {
  for (const size of [0, 1, OFF_THREAD_MINIMUM - 1, OFF_THREAD_MINIMUM, OFF_THREAD_MINIMUM + 1]) {
    const bytes = Buffer.alloc(size, 'sluice')
    t.equal(await sha256Hex(bytes), createHash('sha256').update(bytes).digest('hex'), `${size} bytes`)
  }
})

t.test('sha256Hex() hashes the view and not the memory behind it', async t => {
  const memory = Buffer.alloc(3 * OFF_THREAD_MINIMUM, 'sluice')
  const view = memory.subarray(5, 5 + OFF_THREAD_MINIMUM)
  t.equal(await sha256Hex(view), createHash('sha256').update(view).digest('hex'))
})

t.test('sha256Hex() answers each of many callers with its own digest', async t => {
  const buffers = Array.from({ length: 12 }, (_, i) => Buffer.alloc(OFF_THREAD_MINIMUM + i, i))
  const digests = await Promise.all(buffers.map(sha256Hex))
  t.strictSame(digests, buffers.map(bytes => createHash('sha256').update(bytes).digest('hex')))
})

t.test('the digests of a part have the form of their headers', async t => {
  const bytes = Buffer.from('123456789')
  t.equal(md5Base64(bytes), 'JfnnlDI7RTiF9RgfG2JNCw==')
  t.equal(crc32Base64(bytes), 'y/Q5Jg==')
  t.equal(await crc32cBase64(bytes), '4waSgw==')
  t.equal(await crc64nvmeBase64(bytes), 'rosUhgp5mIg=')
})
