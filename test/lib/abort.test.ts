import { getMaxListeners, setMaxListeners } from 'node:events'
import t from 'tap'
import { aWhileAfter, onAbort } from '../../lib/abort.ts'
import { idle } from './flow/support/streams.ts'

t.test('onAbort() calls once with the reason on the next tick, and not after it was stopped', async t => {
  const controller = new AbortController()
  const heard: unknown[] = []
  onAbort(controller.signal, reason => heard.push(`kept: ${reason}`))
  const stopEarly = onAbort(controller.signal, reason => heard.push(`stopped early: ${reason}`))
  const stopLate = onAbort(controller.signal, reason => heard.push(`stopped late: ${reason}`))
  stopEarly()
  controller.abort('why')
  stopLate()
  t.same(heard, [])
  await idle()
  t.same(heard, ['kept: why'])
})

t.test('onAbort() calls on the next tick for a signal that has aborted', async t => {
  const heard: unknown[] = []
  onAbort(AbortSignal.abort('why'), reason => heard.push(reason))
  t.same(heard, [])
  await idle()
  t.same(heard, ['why'])
})

t.test('onAbort() leaves the listener limit of the signal as it found it', t => {
  const { signal } = new AbortController()
  const limit = getMaxListeners(signal)
  const stops = [onAbort(signal, () => undefined), onAbort(signal, () => undefined)]
  t.same(getMaxListeners(signal), limit === 0 ? 0 : limit + 2, 'newer Nodes set no limit')
  for (const stop of [...stops, ...stops]) stop()
  t.same(getMaxListeners(signal), limit)
  onAbort(undefined, () => undefined)()
  t.end()
})

t.test('onAbort() takes a signal whose limit of listeners was lifted', async t => {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  const heard: unknown[] = []
  onAbort(controller.signal, reason => heard.push(reason))
  onAbort(controller.signal, reason => heard.push(reason))()
  controller.abort('why')
  await idle()
  t.same(heard, ['why'])
})

t.test('aWhileAfter() follows an abort later, or not at all once it is stopped', async t => {
  for (const stopped of [false, true]) {
    const controller = new AbortController()
    const waits: number[] = []
    let end: () => void = () => undefined
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> => new Promise((resolve, reject) => {
      waits.push(ms)
      end = resolve
      signal?.addEventListener('abort', () => reject(new Error('stopped')))
    })
    const { signal, stop } = aWhileAfter(controller.signal, 50, { now: () => 0, random: () => 0, sleep })
    controller.abort('why')
    await idle()
    t.same([signal.aborted, waits], [false, [50]])
    if (stopped) stop()
    end()
    await idle()
    t.same([signal.aborted, signal.reason], stopped ? [false, undefined] : [true, 'why'])
  }
})
