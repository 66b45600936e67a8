import t from 'tap'
import type { Page, PageReadableOptions, PageSource } from '../../../lib/flow/page-readable.ts'
import { PageReadable } from '../../../lib/flow/page-readable.ts'
import { closed, idle } from './support/streams.ts'

class Pages implements PageSource<string, string> {
  readonly calls: string[] = []
  readonly #pages: Record<string, Page<string, string>>
  signal: AbortSignal | undefined

  constructor (pages: Record<string, Page<string, string>>) { this.#pages = pages }

  async fetchPage (cursor: string | undefined, signal: AbortSignal): Promise<Page<string, string>> {
    this.calls.push(cursor ?? 'first')
    this.signal = signal
    const page = this.#pages[cursor ?? 'first']
    if (page === undefined) throw new Error('page failed')
    return page
  }
}

function open (pages: Pages, options?: PageReadableOptions): PageReadable<string> {
  return new PageReadable(pages, options)
}

const three = { first: { entries: ['a', 'b'], next: 'two' }, two: { entries: [], next: 'three' }, three: { entries: ['c'], next: undefined } }

t.test('PageReadable delivers the entries of all pages, and passes over empty ones', async t => {
  const pages = new Pages(three)
  t.same(await open(pages).toArray(), ['a', 'b', 'c'])
  t.same(pages.calls, ['first', 'two', 'three'])
})

t.test('PageReadable ends at once for an empty listing', async t => {
  t.same(await open(new Pages({ first: { entries: [], next: undefined } })).toArray(), [])
})

t.test('PageReadable requests a page only when the one before is read', async t => {
  const pages = new Pages(three)
  const stream = open(pages)
  await idle()
  t.same(pages.calls, [])
  const entries = stream[Symbol.asyncIterator]()
  t.same((await entries.next()).value, 'a')
  await idle()
  t.same(pages.calls, ['first'])
  await entries.next()
  t.same((await entries.next()).value, 'c')
  t.same(pages.calls, ['first', 'two', 'three'])
})

t.test('PageReadable reads ahead as far as highWaterMark says', async t => {
  const pages = new Pages(three)
  const stream = open(pages, { highWaterMark: 10 })
  stream.once('readable', () => undefined)
  await idle()
  t.same(pages.calls, ['first', 'two', 'three'])
  stream.destroy()
})

t.test('PageReadable fails where the service answers with the cursor it was given', async t => {
  const pages = new Pages({ first: { entries: ['a'], next: 'two' }, two: { entries: ['b'], next: 'two' } })
  await t.rejects(open(pages).toArray(), { name: 'StorageError', code: 'EndlessListing' })
  t.same(pages.calls, ['first', 'two'])
})

t.test('PageReadable compares cursors by what they hold', async t => {
  let calls = 0
  const fetchPage = async (): Promise<Page<string, { key: string }>> => ({ entries: ['a'], next: calls++ > 5 ? undefined : { key: 'a' } })
  await t.rejects(new PageReadable({ fetchPage }).toArray(), { code: 'EndlessListing' })
})

t.test('PageReadable fails with the error of a page', async t => {
  await t.rejects(open(new Pages({ first: { entries: ['a'], next: 'two' } })).toArray(), { message: 'page failed' })
})

t.test('PageReadable aborts its request when it is destroyed', async t => {
  const pages = new Pages(three)
  const stream = open(pages)
  stream.read()
  stream.destroy()
  t.same(await closed(stream), undefined)
  t.same([pages.calls, pages.signal?.aborted], [['first'], true])
})

t.test('PageReadable requests nothing with a signal that has aborted, and aborts with its reason', async t => {
  const pages = new Pages(three)
  await t.rejects(open(pages, { signal: AbortSignal.abort('gone') }).toArray(), { name: 'AbortError', cause: 'gone' })
  t.same(pages.calls, [])
  const controller = new AbortController()
  const stream = open(pages, { signal: controller.signal })
  stream.once('data', () => controller.abort('enough'))
  t.match(await closed(stream), { name: 'AbortError', cause: 'enough' })
})

t.test('PageReadable is disposed by leaving its scope', async t => {
  const stream = open(new Pages(three))
  await stream[Symbol.asyncDispose]()
  await stream[Symbol.asyncDispose]()
  t.ok(stream.closed)
})
