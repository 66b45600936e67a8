import t from 'tap'
import { watch } from '../../../lib/clock.ts'
import { SkippingClock } from '../../../lib/simulation/skipping-clock.ts'

const HOUR = 3_600_000

t.test('SkippingClock.sleep() ends at once, and it is as late as if it had been slept', async t => {
  const clock = new SkippingClock()
  const started = clock.now()
  await clock.sleep(HOUR)
  await clock.sleep(HOUR)
  const passed = clock.now() - started
  t.ok(passed >= 2 * HOUR && passed < 3 * HOUR)
})

t.test('sleeps side by side pass together', async t => {
  const clock = new SkippingClock()
  const started = clock.now()
  await Promise.all([clock.sleep(HOUR), clock.sleep(HOUR), clock.sleep(HOUR / 2)])
  t.ok(clock.now() - started < 2 * HOUR)
})

t.test('a sleep is cut short by its signal, with the reason', async t => {
  const clock = new SkippingClock()
  const reason = new Error('enough')
  await t.rejects(clock.sleep(HOUR, AbortSignal.abort(reason)), { name: 'AbortError', cause: reason })
})

t.test('a heartbeat beside the work is not skipped', async t => {
  const clock = new SkippingClock()
  const stop = new AbortController()
  let beaten = false
  const beat = watch(clock, HOUR, stop.signal).then(() => { beaten = true })
  await clock.sleep(HOUR)
  t.equal(beaten, false)
  stop.abort()
  await t.rejects(beat, { name: 'AbortError' })
})
