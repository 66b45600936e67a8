import t from 'tap'
import { formatRange, parseContentRange, rangeLength, splitRange } from '../../../lib/bytes/byte-range.ts'

t.test('formatRange() writes both ends, or the start alone', t => {
  t.same([formatRange({ start: 0, end: 99 }), formatRange({ start: 100 })], ['bytes=0-99', 'bytes=100-'])
  t.end()
})

t.test('parseContentRange() reads ranges, with and without a size', t => {
  t.same(parseContentRange('bytes 0-9/100'), { kind: 'range', start: 0, end: 9, size: 100 })
  t.same(parseContentRange(' Bytes 5-5/* '), { kind: 'range', start: 5, end: 5, size: undefined })
  t.same(parseContentRange('bytes */100'), { kind: 'unsatisfied', size: 100 })
  t.end()
})

t.test('parseContentRange() knows what is no range', t => {
  for (const value of ['', 'bytes', 'bytes */*', 'bytes 9-0/100', 'bytes 0-100/100', 'bytes -9/100', 'items 0-9/100', 'bytes 0-9', 'bytes 0-9/1e3']) {
    t.same(parseContentRange(value), undefined, value)
  }
  t.end()
})

t.test('splitRange() covers a range in order, the last piece shorter', t => {
  t.same([...splitRange({ start: 5, end: 14 }, 4)], [{ start: 5, end: 8 }, { start: 9, end: 12 }, { start: 13, end: 14 }])
  t.same([...splitRange({ start: 0, end: 3 }, 4)], [{ start: 0, end: 3 }])
  t.same([...splitRange({ start: 0, end: -1 }, 4)], [])
  t.end()
})

t.test('rangeLength() counts both ends', t => {
  t.same([rangeLength({ start: 3, end: 3 }), rangeLength({ start: 0, end: -1 })], [1, 0])
  t.end()
})
