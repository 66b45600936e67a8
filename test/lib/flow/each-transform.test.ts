import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import type { EachTransformOptions } from '../../../lib/flow/each-transform.ts'
import { EachTransform } from '../../../lib/flow/each-transform.ts'
import { Steps } from './support/steps.ts'
import { closed, idle } from './support/streams.ts'

interface Head { size: number }

class Heads extends Steps {
  async runOne (item: number, signal: AbortSignal): Promise<Head> {
    await this.run(`head ${item}`, '', signal)
    return { size: item }
  }
}

function open (heads: Heads, options?: EachTransformOptions): EachTransform<number, Head> {
  return new EachTransform(heads, options)
}

t.test('EachTransform gives one result for each item', async t => {
  const heads = new Heads()
  t.same(await Readable.from([1, 2, 3]).pipe(open(heads)).toArray(), [{ size: 1 }, { size: 2 }, { size: 3 }])
  t.same(heads.calls, ['head 1', 'head 2', 'head 3'])
  t.same(await Readable.from([]).pipe(open(heads)).toArray(), [])
})

t.test('EachTransform keeps the order of the items while they end in another', async t => {
  const heads = new Heads({ hold: ['head 1', 'head 2'] })
  const third = heads.reached('head 3')
  const results = Readable.from([1, 2, 3]).pipe(open(heads, { concurrency: 3 })).toArray()
  await third
  heads.release('head 2')
  await idle()
  heads.release('head 1')
  t.same(await results, [{ size: 1 }, { size: 2 }, { size: 3 }])
  t.same(heads.mostAtOnce, 3)
})

t.test('EachTransform starts no more than it may, results that wait for their turn included', async t => {
  const heads = new Heads({ hold: ['head 1'] })
  const second = heads.reached('head 2')
  const results = Readable.from([1, 2, 3, 4]).pipe(open(heads, { concurrency: 2 })).toArray()
  await second
  await idle()
  t.same(heads.calls, ['head 1', 'head 2'])
  heads.release('head 1')
  t.same((await results).length, 4)
})

t.test('EachTransform stops when nobody reads its results', async t => {
  const heads = new Heads()
  const source = Readable.from(Array.from({ length: 1000 }, (_, index) => index))
  const stream = source.pipe(open(heads, { concurrency: 2 }))
  for (let turns = 0; turns < 50; turns++) await idle()
  t.ok(heads.calls.length <= 6, `${heads.calls.length} items were started`)
  t.same((await stream.toArray()).length, 1000)
})

t.test('EachTransform stops at the first error and aborts what is beside it', async t => {
  const heads = new Heads({ hold: ['head 1'], fail: { 'head 2': 'no such key' } })
  const stream = open(heads, { concurrency: 2 })
  stream.on('data', () => t.fail('has a result'))
  await t.rejects(pipeline(Readable.from([1, 2, 3]), stream), { message: 'no such key' })
  t.same(heads.calls, ['head 1', 'head 2', 'head 1 aborted'])
})

t.test('EachTransform yields errors in the place of results', async t => {
  const heads = new Heads({ fail: { 'head 2': 'no such key' } })
  const results = await Readable.from([1, 2, 3]).pipe(open(heads, { onError: 'yield' })).toArray()
  t.match(results, [{ size: 1 }, { item: 2, error: { message: 'no such key' } }, { size: 3 }])
})

t.test('EachTransform aborts what is in flight when it is destroyed, and waits for it', async t => {
  const heads = new Heads({ hold: ['head 1'] })
  const stream = open(heads)
  const running = heads.reached('head 1')
  stream.write(1)
  await running
  await stream[Symbol.asyncDispose]()
  t.same(heads.calls, ['head 1', 'head 1 aborted'])
})

t.test('EachTransform closes only after an item that does not hear the signal', async t => {
  const heads = new Heads({ hold: ['head 1'], deaf: true })
  const stream = open(heads)
  const running = heads.reached('head 1')
  stream.write(1)
  await running
  stream.destroy()
  await idle()
  t.notOk(stream.closed)
  heads.release('head 1')
  t.same(await closed(stream), undefined)
})

t.test('EachTransform runs nothing with a signal that has aborted', async t => {
  const heads = new Heads()
  const stream = open(heads, { signal: AbortSignal.abort('gone') })
  const end = closed(stream)
  stream.write(1)
  t.match(await end, { name: 'AbortError', cause: 'gone' })
  t.same(heads.calls, [])
})
