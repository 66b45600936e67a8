import t from 'tap'
import { alignedChunker, FRAGMENT_MULTIPLE } from '../../streams/aligned-chunker.ts'

t.test('alignedChunker() cuts 10 MiB, which is 32 times 320 KiB', async t => {
  const cut = alignedChunker()
  cut.end(Buffer.alloc(21 * 1024 * 1024))
  t.strictSame((await cut.toArray()).map(chunk => chunk.length), [10485760, 10485760, 1048576])
  t.equal(cut.size, 32 * 327680)
  t.equal(FRAGMENT_MULTIPLE, 327680)
})

t.test('alignedChunker() takes another size and another multiple', async t => {
  const cut = alignedChunker({ multiple: 4, size: 8 })
  cut.end(Buffer.from('0123456789'))
  t.strictSame((await cut.toArray()).map(String), ['01234567', '89'])
  t.equal(alignedChunker({ multiple: 1_000_000 }).size, 10_000_000)
  t.equal(alignedChunker({ multiple: 20_000_000 }).size, 20_000_000)
})

t.test('alignedChunker() refuses a size that is not aligned', t => {
  const message = 'Cannot create alignedChunker as size must be a multiple of 327680: received 1000000'
  t.throws(() => alignedChunker({ size: 1_000_000 }), new RangeError(message))
  t.throws(() => alignedChunker({ size: 0 }), RangeError)
  t.throws(() => alignedChunker({ multiple: 0 }), RangeError)
  t.throws(() => alignedChunker({ multiple: '1' as unknown as number }), TypeError)
  t.end()
})
