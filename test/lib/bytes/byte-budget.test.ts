import t from 'tap'
import { ByteBudget, defaultBudget } from '../../../lib/bytes/byte-budget.ts'

t.test('ByteBudget lets claims wait until there is room, in order', async t => {
  const budget = new ByteBudget({ limit: 10 })
  const served: string[] = []
  const release = await budget.acquire(8)
  const large = budget.acquire(6).then(release => { served.push('large'); return release })
  const small = budget.acquire(1).then(release => { served.push('small'); return release })
  t.same([budget.inUse, budget.waiting], [8, 2])
  release()
  await Promise.all([large, small])
  t.same([served, budget.inUse, budget.waiting, budget.peak], [['large', 'small'], 7, 0, 8])
})

t.test('ByteBudget gives bytes back once', async t => {
  const budget = new ByteBudget({ limit: 10 })
  const release = await budget.acquire(4)
  await budget.acquire(5)
  release()
  release()
  t.same(budget.inUse, 5)
})

t.test('ByteBudget never lets a guaranteed claim wait', async t => {
  const budget = new ByteBudget({ limit: 10 })
  await budget.acquire(10)
  const release = await budget.acquire(30, { guaranteed: true })
  t.same([budget.inUse, budget.peak], [40, 40])
  release()
  t.same(budget.tryTake(1), undefined)
})

t.test('ByteBudget does not let a claim at once overtake those that wait', async t => {
  const budget = new ByteBudget({ limit: 10 })
  const release = budget.take(8)
  const waiting = budget.acquire(5)
  t.same(budget.tryTake(2), undefined)
  release()
  await waiting
  t.ok(budget.tryTake(2))
})

t.test('ByteBudget lets an aborted claim go and serves those behind it', async t => {
  const budget = new ByteBudget({ limit: 10 })
  budget.take(5)
  const controller = new AbortController()
  const large = budget.acquire(9, { signal: controller.signal })
  const small = budget.acquire(4)
  controller.abort('enough')
  await t.rejects(large, { name: 'AbortError', cause: 'enough' })
  await small
  t.same([budget.inUse, budget.waiting], [9, 0])
  await t.rejects(budget.acquire(1, { signal: controller.signal }), { name: 'AbortError' })
})

t.test('ByteBudget refuses claims that it could never grant', async t => {
  await t.rejects(new ByteBudget({ limit: 10 }).acquire(11), new RangeError('Cannot acquire 11 bytes from a budget of 10'))
  for (const limit of [0, -1, 1.5, NaN]) t.throws(() => new ByteBudget({ limit }), RangeError)
})

t.test('ByteBudget serves those that wait when its limit is raised', async t => {
  const budget = new ByteBudget({ limit: 10 })
  budget.take(10)
  const waiting = budget.acquire(5)
  budget.limit = 15
  await waiting
  t.same([budget.inUse, budget.pressed], [15, false])
})

t.test('ByteBudget lets nobody be held up by a claim that a lowered limit can never grant', async t => {
  const budget = new ByteBudget({ limit: 100 })
  const release = budget.take(100)
  const large = budget.acquire(90)
  const small = budget.acquire(10)
  budget.limit = 50
  t.ok(budget.pressed)
  release()
  await small
  await budget.acquire(20)
  t.same([budget.inUse, budget.waiting], [30, 1])
  budget.limit = 120
  await large
  t.same([budget.inUse, budget.waiting], [120, 0])
  for (const limit of [0, -1, 1.5, NaN]) t.throws(() => { budget.limit = limit }, RangeError)
})

t.test('the budget of the process has 256 MiB', t => {
  t.same([defaultBudget.limit, defaultBudget.inUse], [268_435_456, 0])
  t.end()
})
