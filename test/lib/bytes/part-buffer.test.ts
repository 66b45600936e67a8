import fc from 'fast-check'
import t from 'tap'
import { PartBuffer } from '../../../lib/bytes/part-buffer.ts'

t.test('PartBuffer takes what fits and says how much that was', t => {
  const part = PartBuffer.small(5, 0)
  t.same([part.append(Buffer.from('abc')), part.append(Buffer.from('def')), part.append(Buffer.from('g'))], [3, 2, 0])
  t.same([part.bytes().toString(), part.length, part.room], ['abcde', 5, 0])
  t.end()
})

t.test('PartBuffer copies: a chunk may change afterwards', t => {
  const part = PartBuffer.whole(10)
  const chunk = Buffer.from('abc')
  part.append(chunk)
  chunk.fill('x')
  t.same(part.bytes().toString(), 'abc')
  t.end()
})

t.test('PartBuffer starts small and doubles up to the size of a part', t => {
  const grown: number[] = []
  const part = PartBuffer.small(300_000, 0, bytes => grown.push(bytes))
  t.same(part.capacity, 65_536)
  for (let count = 0; count < 300; count++) part.append(Buffer.alloc(1000, count))
  t.same([part.capacity, grown], [300_000, [65_536, 131_072, 37_856]])
  t.same([part.bytes()[0], part.bytes()[299_999]], [0, 299 % 256])
  t.end()
})

t.test('PartBuffer takes no more memory than a part, nor less than its first chunk', t => {
  t.same([PartBuffer.small(100, 0).capacity, PartBuffer.small(100, 500).capacity], [100, 100])
  t.same(PartBuffer.small(10_000_000, 100_000).capacity, 100_000)
  t.end()
})

t.test('PartBuffer is used again after clear', t => {
  const part = PartBuffer.whole(4)
  part.append(Buffer.from('abcd'))
  part.clear()
  part.append(Buffer.from('ef'))
  t.same([part.bytes().toString(), part.capacity], ['ef', 4])
  t.end()
})

t.test('PartBuffer holds the concatenation of any chunks', t => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), chunks => {
    const part = new PartBuffer({ partSize: 200, memory: Buffer.alloc(1) })
    const taken = chunks.map(chunk => part.append(chunk)).reduce((sum, bytes) => sum + bytes, 0)
    const all = Buffer.concat(chunks).subarray(0, 200)
    // Once a chunk was cut the part is full, so what it holds is a prefix of all.
    return taken === part.length && part.bytes().equals(all)
  }), { seed: 3 })
  t.pass()
  t.end()
})
