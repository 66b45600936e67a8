import { Readable } from 'node:stream'
import t from 'tap'
import { ByteBudget } from '../../../lib/bytes/byte-budget.ts'
import { RangeFeed } from '../../../lib/flow/range-feed.ts'
import type { RangeFeedOptions } from '../../../lib/flow/range-feed.ts'
import { idle } from './support/streams.ts'

interface Fed { feed: RangeFeed, trace: string[] }

/** Where the chunks come from, for whoever holds it back. */
const nowhere = (): Readable => new Readable({ read () {} })

/** A feed of the chunks `a` and `b`, with the trace of what came of them. */
function fed (options: Partial<RangeFeedOptions> = {}, turn = false): Fed {
  const trace: string[] = []
  const feed = new RangeFeed({
    bytes: 2,
    budget: undefined,
    read: async take => {
      for (const text of ['a', 'b']) take(Buffer.from(text), nowhere())
    },
    deliver: chunk => {
      trace.push(String(chunk))
      return true
    },
    onEnd: () => trace.push('end'),
    onFailure: error => trace.push(String(error)),
    ...options
  }, turn)
  return { feed, trace }
}

function shiftAll (feed: RangeFeed): string[] {
  const chunks: string[] = []
  for (let chunk = feed.shift(); chunk !== undefined; chunk = feed.shift()) chunks.push(String(chunk))
  return chunks
}

t.test('RangeFeed keeps what it reads before its turn, in order', async t => {
  const { feed, trace } = fed()
  await idle()
  t.same([feed.ended, shiftAll(feed), trace], [true, ['a', 'b'], []])
})

t.test('RangeFeed of the first range keeps nothing', async t => {
  const { feed, trace } = fed({}, true)
  await idle()
  t.same([shiftAll(feed), trace], [[], ['a', 'b', 'end']])
})

t.test('RangeFeed delivers what comes after its turn has come, behind what waits', async t => {
  let go = (): void => {}
  const more = new Promise<void>(resolve => { go = resolve })
  const body = nowhere()
  const { feed, trace } = fed({
    read: async take => {
      take(Buffer.from('a'), body)
      await more
      take(Buffer.from('b'), body)
      await idle()
      take(Buffer.from('c'), body)
    }
  })
  feed.takeTurn()
  go()
  await idle()
  t.same([shiftAll(feed), trace], [['a', 'b'], []])
  await idle()
  t.same([shiftAll(feed), trace], [[], ['c', 'end']])
})

t.test('RangeFeed holds the body back when no more is wanted, until more is', async t => {
  const body = nowhere().resume()
  const { feed } = fed({ deliver: () => false, read: async take => take(Buffer.from('a'), body) }, true)
  t.ok(body.isPaused())
  feed.resume()
  t.notOk(body.isPaused())
})

t.test('RangeFeed tells of a failure at once', async t => {
  const { trace } = fed({ read: () => { throw new Error('no such key') } })
  await idle()
  t.same(trace, ['Error: no such key'])
})

t.test('RangeFeed holds its bytes of the budget until it is closed', async t => {
  const budget = new ByteBudget({ limit: 2 })
  const { feed } = fed({ budget })
  await idle()
  t.same(budget.inUse, 2)
  feed.close()
  t.same([budget.inUse, feed.shift()], [0, undefined])
})

t.test('RangeFeed is read when the budget has room', async t => {
  const budget = new ByteBudget({ limit: 2 })
  const release = budget.take(2)
  const { feed } = fed({ budget })
  await idle()
  t.same([feed.ended, budget.waiting], [false, 1])
  release()
  await idle()
  t.same([feed.ended, budget.inUse, budget.waiting], [true, 2, 0])
})

t.test('RangeFeed is read without room in the budget once its turn has come', async t => {
  const budget = new ByteBudget({ limit: 2 })
  budget.take(2)
  const { feed, trace } = fed({ budget })
  feed.takeTurn()
  await idle()
  t.same([trace, budget.waiting], [['a', 'b', 'end'], 0])
})

t.test('RangeFeed larger than the budget waits for its turn', async t => {
  const { feed, trace } = fed({ budget: new ByteBudget({ limit: 1 }) })
  await idle()
  t.notOk(feed.ended)
  feed.takeTurn()
  await idle()
  t.same(trace, ['a', 'b', 'end'])
})

t.test('RangeFeed keeps nothing of a budget that was granted as its turn came', async t => {
  const budget = new ByteBudget({ limit: 2 })
  const release = budget.take(2)
  const { feed, trace } = fed({ budget })
  release()
  feed.takeTurn()
  await idle()
  t.same([budget.inUse, trace], [0, ['a', 'b', 'end']])
})

t.test('RangeFeed that is closed while it waits reads nothing and leaves the queue', async t => {
  const budget = new ByteBudget({ limit: 2 })
  const release = budget.take(2)
  const { feed } = fed({ budget })
  feed.close()
  release()
  await idle()
  t.same([feed.ended, budget.inUse, budget.waiting], [false, 0, 0])
})
