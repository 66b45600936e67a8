import t from 'tap'
import { ByteBudget } from '../../../lib/bytes/byte-budget.ts'
import { PartMemory } from '../../../lib/flow/part-memory.ts'

function plenty (): ByteBudget {
  return new ByteBudget({ limit: 1_000_000 })
}

t.test('PartMemory hands out as many buffers as it may, the first one small, and uses them again', t => {
  const memory = new PartMemory({ partSize: 100_000, buffers: 2, budget: plenty() })
  const first = memory.take(0)!
  t.same([first.capacity, memory.take(0)?.capacity, memory.take(0)], [65_536, 100_000, undefined])
  memory.giveBack(first)
  t.equal(memory.take(0), first)
  t.end()
})

t.test('PartMemory waits in the queue of its budget for another buffer', async t => {
  const budget = new ByteBudget({ limit: 100 })
  const release = budget.take(100)
  const memory = new PartMemory({ partSize: 50, buffers: 2, budget })
  t.same([memory.take(0)?.capacity, memory.take(0)], [50, undefined])
  const next = memory.next(0)
  t.same(budget.waiting, 1)
  release()
  t.same([(await next)?.capacity, budget.inUse], [50, 100])
  memory.close()
  t.same(budget.inUse, 0)
})

t.test('PartMemory hands what is given back to who waits, whether or not the budget has room', async t => {
  const budget = new ByteBudget({ limit: 50 })
  const memory = new PartMemory({ partSize: 50, buffers: 2, budget })
  const first = memory.take(0)!
  const next = memory.next(0)
  memory.giveBack(first)
  t.equal((await next)?.capacity, 50)
  t.same([budget.inUse, budget.peak], [50, 50])
  memory.close()
})

t.test('PartMemory of one upload gives way to another that waits', async t => {
  const budget = new ByteBudget({ limit: 150 })
  const rich = new PartMemory({ partSize: 50, buffers: 3, budget })
  const [one, two] = [rich.take(0)!, rich.take(0)!, rich.take(0)!]
  const poor = new PartMemory({ partSize: 50, buffers: 3, budget })
  poor.take(0)
  const next = poor.next(0)
  rich.giveBack(one)
  t.same(budget.inUse, 150) // The first of `poor` went over the limit: that has to come back before.
  rich.giveBack(two)
  t.equal((await next)?.capacity, 50)
  t.same([budget.inUse, budget.peak], [150, 200])
})

t.test('PartMemory keeps no more than one buffer that nobody fills', t => {
  const budget = plenty()
  const memory = new PartMemory({ partSize: 50, buffers: 3, budget })
  for (const buffer of [memory.take(0)!, memory.take(0)!, memory.take(0)!]) memory.giveBack(buffer)
  t.equal(budget.inUse, 50)
  t.end()
})

t.test('PartMemory gives back what was granted as it was closed', async t => {
  const budget = new ByteBudget({ limit: 100 })
  const release = budget.take(100)
  const memory = new PartMemory({ partSize: 50, buffers: 2, budget })
  memory.take(0)
  const next = memory.next(0)
  release()
  memory.close()
  t.equal(await next, undefined)
  t.same([budget.inUse, budget.waiting], [0, 0])
})

t.test('PartMemory leaves the queue when it is closed', async t => {
  const budget = new ByteBudget({ limit: 100 })
  budget.take(100)
  const memory = new PartMemory({ partSize: 50, buffers: 2, budget })
  memory.take(0)
  const next = memory.next(0)
  t.same(budget.waiting, 1)
  memory.close()
  t.equal(await next, undefined)
  t.same([budget.inUse, budget.waiting], [100, 0])
})

t.test('PartMemory asks no budget for more than that has altogether', async t => {
  const budget = new ByteBudget({ limit: 10 })
  const memory = new PartMemory({ partSize: 50, buffers: 2, budget })
  const first = memory.take(0)!
  const next = memory.next(0)
  t.same([budget.inUse, budget.waiting], [50, 0])
  memory.giveBack(first)
  t.equal((await next)?.capacity, 50)
})
