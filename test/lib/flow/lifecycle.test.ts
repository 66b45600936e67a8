import { getMaxListeners } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { dispose, onAbort, toError } from '../../../lib/flow/lifecycle.ts'
import { idle } from './support/streams.ts'

t.test('onAbort() calls once with the reason, and not after it was stopped', async t => {
  const controller = new AbortController()
  const heard: unknown[] = []
  onAbort(controller.signal, reason => heard.push(`kept: ${reason}`))
  const stop = onAbort(controller.signal, reason => heard.push(`stopped: ${reason}`))
  stop()
  controller.abort('why')
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
  t.same(getMaxListeners(signal), limit + 2)
  for (const stop of [...stops, ...stops]) stop()
  t.same(getMaxListeners(signal), limit)
  onAbort(undefined, () => undefined)()
  t.end()
})

t.test('dispose() resolves when the stream is closed, also one that failed', async t => {
  const failed = new PassThrough()
  failed.destroy(new Error('failed'))
  await dispose(failed)
  await dispose(failed)
  t.ok(failed.closed)
})

t.test('toError() keeps errors and wraps anything else', t => {
  const error = new TypeError('wrong')
  t.equal(toError(error), error)
  t.match(toError('text'), { message: 'text', cause: 'text' })
  t.end()
})
