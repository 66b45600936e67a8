import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import type { BatchRunner, BatchWritableOptions } from '../../../lib/flow/batch-writable.ts'
import { BatchWritable } from '../../../lib/flow/batch-writable.ts'
import type { StepOptions } from './support/steps.ts'
import { Steps } from './support/steps.ts'
import { closed, idle } from './support/streams.ts'

interface Outcome { item: number, error?: Error }

/** Items that are negative fail alone; a batch is a step named after its first item. */
class Batches extends Steps implements BatchRunner<number, Outcome> {
  async runBatch (items: number[], signal: AbortSignal): Promise<Outcome[]> {
    await this.run(`run ${items[0]}`, items.slice(1).map(item => ` ${item}`).join(''), signal)
    return items.map(item => item < 0 ? { item, error: new Error(`${item} failed`) } : { item })
  }

  failureOf ({ error }: Outcome): Error | undefined {
    return error
  }
}

function open (batches: Batches, options: Partial<BatchWritableOptions> = {}): BatchWritable<number, Outcome> {
  return new BatchWritable(batches, { batchSize: 2, ...options })
}

async function run (items: number[], stream: BatchWritable<number, Outcome>): Promise<number[]> {
  const results: number[] = []
  stream.on('result', ({ item }: Outcome) => results.push(item))
  await pipeline(Readable.from(items), stream)
  return results
}

t.test('BatchWritable gathers items into batches, the last one smaller', async t => {
  const batches = new Batches()
  const stream = open(batches)
  t.same(await run([1, 2, 3, 4, 5], stream), [1, 2, 3, 4, 5])
  t.same(batches.calls, ['run 1 2', 'run 3 4', 'run 5'])
  t.same([stream.succeeded, stream.failed, batches.mostAtOnce], [5, 0, 1])
})

t.test('BatchWritable runs nothing for no items', async t => {
  const batches = new Batches()
  t.same(await run([], open(batches)), [])
  t.same(batches.calls, [])
})

t.test('BatchWritable runs as many batches at once as it may, and reports in the order of completion', async t => {
  const batches = new Batches({ hold: ['run 1', 'run 3', 'run 5'] } satisfies StepOptions)
  const third = batches.reached('run 5')
  const second = batches.reached('run 3')
  const results = run([1, 2, 3, 4, 5, 6], open(batches, { concurrency: 2 }))
  await second
  await idle()
  t.same(batches.calls, ['run 1 2', 'run 3 4'])
  batches.release('run 3')
  await third
  batches.release('run 5')
  await idle()
  batches.release('run 1')
  t.same(await results, [3, 4, 5, 6, 1, 2])
  t.same(batches.mostAtOnce, 2)
})

t.test('BatchWritable does all other items before it fails for some', async t => {
  const batches = new Batches()
  const stream = open(batches, { subject: 'delete from "backups"' })
  await t.rejects(run([-1, 2, 3, -4, 5], stream), {
    name: 'BatchIncompleteError',
    code: 'BatchIncomplete',
    message: 'Cannot delete from "backups": 2 of 5 items failed, first: -1 failed',
    failures: [{ message: '-1 failed' }, { message: '-4 failed' }],
    succeeded: 3,
    failed: 2
  })
  t.same(batches.calls, ['run -1 2', 'run 3 -4', 'run 5'])
})

t.test('BatchWritable ends well with failures that are tolerated', async t => {
  const stream = open(new Batches(), { tolerateFailures: true })
  t.same(await run([-1, 2], stream), [-1, 2])
  t.same([stream.succeeded, stream.failed], [1, 1])
})

t.test('BatchWritable keeps the first thousand failures and counts all', async t => {
  const items = Array.from({ length: 1500 }, (_, index) => -index - 1)
  const stream = open(new Batches(), { batchSize: 100 })
  const error = await run(items, stream).then(() => undefined, error => error)
  t.same([error.failures.length, error.failed], [1000, 1500])
})

t.test('BatchWritable fails at once when a batch is rejected, and waits for those beside it', async t => {
  const batches = new Batches({ hold: ['run 1'], fail: { 'run 3': 'service down' } })
  await t.rejects(run([1, 2, 3, 4, 5, 6], open(batches, { concurrency: 2 })), { message: 'service down' })
  t.same(batches.calls, ['run 1 2', 'run 3 4', 'run 1 aborted'])
})

t.test('BatchWritable aborts what is in flight when it is destroyed', async t => {
  const batches = new Batches({ hold: ['run 1'] })
  const stream = open(batches)
  const running = batches.reached('run 1')
  stream.write(1)
  stream.write(2)
  await running
  await stream[Symbol.asyncDispose]()
  t.same(batches.calls, ['run 1 2', 'run 1 aborted'])
})

t.test('BatchWritable closes only after a batch that does not hear the signal', async t => {
  const batches = new Batches({ hold: ['run 1'], deaf: true })
  const stream = open(batches, { batchSize: 1 })
  const running = batches.reached('run 1')
  stream.write(1)
  await running
  stream.destroy()
  await idle()
  t.notOk(stream.closed)
  batches.release('run 1')
  await closed(stream)
  t.same(stream.succeeded, 1)
})

t.test('BatchWritable aborts with the reason of its signal, and sends nothing where that came first', async t => {
  const batches = new Batches()
  const stream = open(batches, { signal: AbortSignal.abort('gone') })
  const end = closed(stream)
  stream.write(1)
  stream.write(2)
  t.match(await end, { name: 'AbortError', cause: 'gone' })
  t.same(batches.calls, [])
})

t.test('BatchWritable refuses sizes out of range', t => {
  t.throws(() => open(new Batches(), { batchSize: 0 }), RangeError)
  t.throws(() => open(new Batches(), { concurrency: 0 }), RangeError)
  t.end()
})
