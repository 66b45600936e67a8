import t from 'tap'
import { ByteBudget } from '../../../lib/bytes/byte-budget.ts'
import { PartMemory } from '../../../lib/flow/part-memory.ts'

t.test('PartMemory hands out as many buffers as it may, the first one small, and uses them again', t => {
  const memory = new PartMemory({ partSize: 100_000, buffers: 2 })
  const first = memory.take(0)
  t.same([first?.capacity, memory.take(0)?.capacity, memory.take(0)], [65_536, 100_000, undefined])
  if (first !== undefined) memory.giveBack(first)
  t.equal(memory.take(0), first)
  t.end()
})

t.test('PartMemory waits in the queue of its budget for another buffer', async t => {
  const budget = new ByteBudget({ limit: 100 })
  const release = budget.take(100)
  const memory = new PartMemory({ partSize: 50, buffers: 2, budget })
  t.same([memory.take(0)?.capacity, memory.take(0)], [50, undefined])
  const granted = memory.granted()
  release()
  await granted
  t.same([memory.take(0)?.capacity, budget.inUse], [50, 100])
  memory.close()
  t.same(budget.inUse, 0)
})

t.test('PartMemory gives back what was granted as it was closed', async t => {
  const budget = new ByteBudget({ limit: 100 })
  const release = budget.take(100)
  const memory = new PartMemory({ partSize: 50, buffers: 2, budget })
  memory.take(0)
  const granted = memory.granted()
  release()
  memory.close()
  await granted
  t.same([budget.inUse, budget.waiting], [0, 0])
})

t.test('PartMemory leaves the queue when it is closed', async t => {
  const budget = new ByteBudget({ limit: 100 })
  budget.take(100)
  const memory = new PartMemory({ partSize: 50, buffers: 2, budget })
  memory.take(0)
  const granted = memory.granted()
  t.same(budget.waiting, 1)
  memory.close()
  await granted
  t.same([budget.inUse, budget.waiting], [100, 0])
})
