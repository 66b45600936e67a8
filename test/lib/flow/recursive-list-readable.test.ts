import t from 'tap'
import type { Page } from '../../../lib/flow/page-walk.ts'
import type { FolderSource } from '../../../lib/flow/recursive-list-readable.ts'
import { RecursiveListReadable } from '../../../lib/flow/recursive-list-readable.ts'
import { idle } from './support/streams.ts'

/** Folders by path, each entry on a page of its own when `pageSize` is 1. A path that ends in a slash is a folder. */
class Tree implements FolderSource<string, string, number> {
  readonly calls: string[] = []
  readonly #folders: Record<string, string[]>
  readonly #pageSize: number

  constructor (folders: Record<string, string[]>, pageSize = 10) {
    this.#folders = folders
    this.#pageSize = pageSize
  }

  async fetchPage (folder: string, cursor = 0): Promise<Page<string, number>> {
    this.calls.push(`${folder} ${cursor}`)
    const entries = this.#folders[folder] ?? []
    const next = cursor + this.#pageSize
    return { entries: entries.slice(cursor, next), next: next < entries.length ? next : undefined }
  }

  folderOf (entry: string): string | undefined {
    return entry.endsWith('/') ? entry : undefined
  }
}

const folders = { '/': ['/a/', '/b', '/c/'], '/a/': ['/a/d/', '/a/e'], '/a/d/': [], '/c/': ['/c/f'] }
const depthFirst = ['/a/', '/a/d/', '/a/e', '/b', '/c/', '/c/f']

t.test('RecursiveListReadable lists each folder right before what it holds', async t => {
  const tree = new Tree(folders)
  t.same(await new RecursiveListReadable(tree, '/').toArray(), depthFirst)
  t.same(tree.calls, ['/ 0', '/a/ 0', '/a/d/ 0', '/c/ 0'])
})

t.test('RecursiveListReadable goes on with a folder after the pages of those in it', async t => {
  const tree = new Tree(folders, 1)
  t.same(await new RecursiveListReadable(tree, '/').toArray(), depthFirst)
  t.same(tree.calls, ['/ 0', '/a/ 0', '/a/d/ 0', '/a/ 1', '/ 1', '/ 2', '/c/ 0'])
})

t.test('RecursiveListReadable requests lazily', async t => {
  const tree = new Tree(folders)
  const stream = new RecursiveListReadable(tree, '/')
  await idle()
  t.same(tree.calls, [])
  stream.once('readable', () => undefined)
  await idle()
  t.same(tree.calls, ['/ 0'], 'one entry waits, its folder is not entered yet')
  for await (const entry of stream) if (entry === '/a/') break
  t.notOk(tree.calls.includes('/c/ 0'))
})

t.test('RecursiveListReadable holds one page a level in a tree of a thousand levels', async t => {
  const tree = { fetchPage: async (depth: number) => ({ entries: depth < 1000 ? [depth + 1] : [], next: undefined }), folderOf: (depth: number) => depth }
  t.same((await new RecursiveListReadable(tree, 0).toArray()).length, 1000)
})

t.test('RecursiveListReadable ends for an empty root and fails with the error of a page', async t => {
  t.same(await new RecursiveListReadable(new Tree({}), '/').toArray(), [])
  const failing = { fetchPage: async () => { throw new Error('page failed') }, folderOf: () => undefined }
  await t.rejects(new RecursiveListReadable(failing, '/').toArray(), { message: 'page failed' })
})

t.test('RecursiveListReadable fails where a folder answers with the cursor it was given', async t => {
  const tree = { fetchPage: async () => ({ entries: ['/x'], next: 'same' }), folderOf: () => undefined }
  await t.rejects(new RecursiveListReadable(tree, '/').toArray(), { code: 'EndlessListing' })
})
