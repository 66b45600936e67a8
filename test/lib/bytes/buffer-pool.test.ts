import t from 'tap'
import { BufferPool } from '../../../lib/bytes/buffer-pool.ts'

t.test('BufferPool gives memory of the same size out again, the last one first', t => {
  const pool = new BufferPool()
  const [one, two] = [pool.take(10), pool.take(10)]
  pool.giveBack(one)
  pool.giveBack(two)
  t.equal(pool.take(10).buffer, two.buffer)
  t.equal(pool.take(10).buffer, one.buffer)
  t.not(pool.take(10).buffer, one.buffer)
  t.end()
})

t.test('BufferPool gives no memory of another size', t => {
  const pool = new BufferPool()
  const one = pool.take(10)
  pool.giveBack(one)
  const other = pool.take(11)
  t.same([other.length, other.buffer === one.buffer], [11, false])
  t.end()
})
