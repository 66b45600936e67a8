import t from 'tap'
import { seal } from '../../../streams/azure-files/integrity.ts'
import { crc64, frame, unframe } from '../../../streams/azure-files/structured-body.ts'

t.test('crc64() is the one that the service sends', async t => {
  // Captured from the real service: facts, section 1.
  t.equal((await crc64(Buffer.from('abcdefghijklmnop'.repeat(32)))).toString('base64'), 'EZA9hgZaRrQ=')
  t.equal((await crc64(Buffer.from('123456789'))).toString('hex'), 'ae8b14860a799888'.match(/../g)?.reverse().join(''))
})

t.test('frame() has header, segment and sums, and unframe() gives the payload back', async t => {
  const payload = Buffer.from('abcdefghijklmnop'.repeat(32))
  const framed = await frame(payload)
  t.equal(framed.length, 13 + 10 + 512 + 16)
  t.equal(framed.subarray(0, 23).toString('hex'), '01' + '2702000000000000' + '0100' + '0100' + '0100' + '0002000000000000')
  t.equal(framed.subarray(-8).toString('base64'), 'EZA9hgZaRrQ=')
  t.strictSame(await unframe(framed), payload)
})

t.test('unframe() notices every byte that is not as it was', async t => {
  const framed = await frame(Buffer.from('payload'))
  for (let at = 0; at < framed.length; at++) {
    const broken = Buffer.from(framed)
    broken[at] = (broken[at] ?? 0) ^ 1
    await t.rejects(unframe(broken), `${at}`)
  }
  await t.rejects(unframe(framed.subarray(0, -1)), { name: 'RangeError' })
  await t.rejects(unframe(Buffer.alloc(3)), { name: 'RangeError' })
})

t.test('seal() proves a range in three ways', async t => {
  const bytes = Buffer.from('abc')
  t.same(await seal(bytes, 'none'), { body: bytes, headers: {} })
  t.same(await seal(bytes, 'md5'), { body: bytes, headers: { 'content-md5': 'kAFQmDzST7DWlj99KOF/cg==' }, md5: 'kAFQmDzST7DWlj99KOF/cg==' })
  t.match(await seal(bytes, 'crc64'), { headers: { 'x-ms-structured-body': 'XSM/1.0; properties=crc64', 'x-ms-structured-content-length': '3' }, version: '2026-04-06' })
})
