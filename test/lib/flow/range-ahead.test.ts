import t from 'tap'
import { ByteBudget } from '../../../lib/bytes/byte-budget.ts'
import { RangeAhead } from '../../../lib/flow/range-ahead.ts'
import { idle } from './support/streams.ts'

async function * chunks (): AsyncGenerator<Buffer> {
  yield Buffer.from('a')
  yield Buffer.from('b')
}

function ahead (budget?: ByteBudget, read: () => AsyncIterable<Buffer> = chunks): { range: RangeAhead, failures: unknown[] } {
  const failures: unknown[] = []
  return { range: new RangeAhead({ bytes: 2, budget, read, onFailure: error => failures.push(error) }), failures }
}

t.test('RangeAhead reads before it is asked and keeps the order', async t => {
  const { range } = ahead()
  await idle()
  t.same([String(await range.next()), String(await range.next()), await range.next()], ['a', 'b', undefined])
})

t.test('RangeAhead tells of a failure at once', async t => {
  const { failures } = ahead(undefined, () => { throw new Error('no such key') })
  await idle()
  t.match(failures, [{ message: 'no such key' }])
})

t.test('RangeAhead holds its bytes of the budget until it is closed', async t => {
  const budget = new ByteBudget({ limit: 2 })
  const { range } = ahead(budget)
  await idle()
  t.same(budget.inUse, 2)
  range.close()
  t.same(budget.inUse, 0)
})

t.test('RangeAhead is read without room in the budget once its turn has come', async t => {
  const budget = new ByteBudget({ limit: 2 })
  budget.take(2)
  const { range } = ahead(budget)
  t.same(budget.waiting, 1)
  range.takeTurn()
  t.same([String(await range.next()), budget.waiting], ['a', 0])
})

t.test('RangeAhead keeps nothing of a budget that was granted as its turn came', async t => {
  const budget = new ByteBudget({ limit: 2 })
  const release = budget.take(2)
  const { range } = ahead(budget)
  release()
  range.takeTurn()
  await idle()
  t.same([budget.inUse, String(await range.next())], [0, 'a'])
})
