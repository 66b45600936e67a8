import { PassThrough } from 'node:stream'
import t from 'tap'
import { dispose, toError } from '../../../lib/flow/lifecycle.ts'

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
