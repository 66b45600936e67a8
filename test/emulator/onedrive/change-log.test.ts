import t from 'tap'
import { ChangeLog } from '../../../emulator/onedrive/change-log.ts'

t.test('ChangeLog tells each item once, at its last change, however many there were', async t => {
  const log = new ChangeLog()
  for (let change = 1; change <= 5000; change++) log.add(`item ${change % 3}`, change * 10)
  t.equal(log.last, 5000)
  t.same([...log.after(0)].map(({ sequence, id }) => [sequence, id]), [[4998, 'item 0'], [4999, 'item 1'], [5000, 'item 2']])
  t.same([...log.after(4999)].map(({ id }) => id), ['item 2'])
  t.same([...log.after(5000)], [])
})

t.test('ChangeLog finds the place of a time', async t => {
  const log = new ChangeLog()
  for (const [id, time] of [['a', 100], ['b', 200], ['c', 200], ['d', 300]] as const) log.add(id, time)
  t.same([99, 100, 250, 1000].map(time => log.sequenceAt(time)), [0, 1, 3, 4])
})
