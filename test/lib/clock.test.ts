import t from 'tap'
import { systemClock } from '../../lib/clock.ts'

t.test('systemClock tells the time of the system and chance below 1', t => {
  t.ok(Math.abs(systemClock.now() - Date.now()) < 1000)
  const random = systemClock.random()
  t.ok(random >= 0 && random < 1)
  t.end()
})

t.test('systemClock.sleep() resolves, and rejects at once with the reason of its signal', async t => {
  t.equal(await systemClock.sleep(1), undefined)
  const abort = new AbortController()
  const reason = new Error('enough')
  const sleep = systemClock.sleep(3_600_000, abort.signal)
  abort.abort(reason)
  await t.rejects(sleep, { name: 'AbortError', cause: reason })
  await t.rejects(systemClock.sleep(3_600_000, AbortSignal.abort(reason)), { name: 'AbortError', cause: reason })
})
