import t from 'tap'
import { fullJitter, Patience } from '../../../lib/flow/patience.ts'
import { QuickClock } from './support/memory-object.ts'

t.test('fullJitter() doubles the step with each failure up to its limit', t => {
  t.same([1, 2, 3, 8].map(failures => fullJitter(failures, 200, 10_000, 0.5)), [100, 200, 400, 5000])
  t.same(fullJitter(3, 200, 10_000, 0), 0)
  t.end()
})

t.test('Patience grants as many attempts in a row as it was given', t => {
  const patience = new Patience({ attempts: 2 }, new QuickClock())
  t.same([patience.fail(), patience.fail(), patience.fail()], [true, true, false])
  patience.progress()
  t.same([patience.fail(), patience.failures], [true, 1])
  t.end()
})

t.test('Patience waits at least as long as the service asks', async t => {
  const clock = new QuickClock()
  const patience = new Patience({}, clock)
  patience.fail()
  await patience.wait(0, new AbortController().signal)
  await patience.wait(3000, new AbortController().signal)
  t.same(clock.waits, [100, 3000])
})
