import t from 'tap'
import { median, quantile, slope } from '../../../bench/harness/statistics.ts'

t.test('median', async t => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.equal(median([7]), 7)
})

t.test('quantile', async t => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index)
  t.equal(quantile(values, 0.99), 100)
  t.equal(quantile(values, 0.5), 51)
  t.equal(quantile([5], 0.99), 5)
})

t.test('slope: of a line, of what is flat, of one point', async t => {
  t.equal(slope([[0, 1], [1, 3], [2, 5]]), 2)
  t.equal(slope([[1, 4], [2, 4], [9, 4]]), 0)
  t.equal(slope([[1, 4]]), 0)
})
