/** Directories, listings, and what goes over many entries, over real sockets. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { BatchIncompleteError } from '../../../../lib/flow/batch-writable.ts'
import { start } from './support.ts'
import type { Bench } from './support.ts'

async function withTree (t: { teardown (done: () => unknown): void }): Promise<Bench> {
  const bench = await start(t)
  for (const path of ['a.txt', 'dir/b.txt', 'dir/c.txt', 'dir/sub/d.txt', 'dir/sub/deep/e.txt', 'z.txt']) await bench.azure.files.write({ path, data: path })
  await bench.azure.directories.create({ path: 'dir/empty' })
  bench.emulator.requests.clear()
  return bench
}

t.test('directories are created, read, told apart and deleted', async t => {
  const { azure } = await start(t)
  t.match(await azure.directories.create({ path: 'a', metadata: { owner: 'ann' } }), { share: 'sluice', path: 'a', metadata: { owner: 'ann' }, etag: /^"0x/ })
  await t.rejects(azure.directories.create({ path: 'a' }), { name: 'ConflictError', code: 'DirectoryAlreadyExists' })
  await t.rejects(azure.directories.create({ path: 'b/c' }), { name: 'NotFoundError', code: 'ParentNotFound' })
  await azure.directories.create({ path: 'b/c/d', recursive: true })
  await azure.directories.create({ path: 'b/c/d', recursive: true })
  t.match(await azure.directories.getProperties({ path: '/a/' }), { metadata: { owner: 'ann' } })
  await azure.directories.setMetadata({ path: 'a', metadata: { b: '2' } })
  t.match(await azure.directories.getProperties({ path: 'a' }), { metadata: { owner: undefined, b: '2' } })
  await t.rejects(azure.directories.delete({ path: 'b' }), { name: 'ConflictError', code: 'DirectoryNotEmpty' })
  await azure.directories.delete({ path: 'a' })
  await t.rejects(azure.directories.getProperties({ path: 'a' }), { name: 'NotFoundError', code: 'DirectoryNotFound' })
  await azure.files.write({ path: 'file', data: '' })
  await t.rejects(azure.directories.create({ path: 'file', recursive: true }), { code: 'DirectoryAlreadyExists' })
})

t.test('rename moves a directory with all that is in it', async t => {
  const { azure } = await withTree(t)
  await azure.directories.rename({ path: 'dir', to: 'new' })
  t.equal((await azure.files.read({ path: 'new/sub/deep/e.txt' })).data.toString(), 'dir/sub/deep/e.txt')
})

t.test('a listing is one sorted list, page by page and only as far as it is read', async t => {
  const { azure, emulator } = await withTree(t)
  t.strictSame((await azure.createListStream('').toArray()).map(({ type, path, ...entry }) => [type, path, 'size' in entry ? entry.size : undefined]), [
    ['file', 'a.txt', 5], ['directory', 'dir', undefined], ['file', 'z.txt', 5]
  ])
  emulator.requests.clear()
  const names: string[] = []
  for await (const { name } of azure.createListStream('dir', { pageSize: 1 })) {
    names.push(name)
    if (names.length === 2) break
  }
  t.strictSame(names, ['b.txt', 'c.txt'])
  t.ok(emulator.requests.count('ListDirectoriesAndFiles') <= 3)
  t.strictSame((await azure.createListStream('dir', { prefix: 'e' }).toArray()).map(({ name }) => name), ['empty'])
  const first = await azure.directories.list({ path: 'dir', pageSize: 3 })
  t.equal(first.entries.length, 3)
  t.strictSame((await azure.directories.list({ path: 'dir', ...(first.nextMarker === undefined ? {} : { marker: first.nextMarker }) })).entries.map(({ name }) => name), ['sub'])
  await t.rejects(azure.createListStream('missing').toArray(), { code: 'DirectoryNotFound' })
})

t.test('a recursive listing goes depth-first, each directory right before what it holds', async t => {
  const { azure } = await withTree(t)
  const paths: string[] = []
  for await (const entry of azure.createListStream('/', { recursive: true, pageSize: 2 })) paths.push((entry as { path: string }).path)
  t.strictSame(paths, [
    'a.txt', 'dir', 'dir/b.txt', 'dir/c.txt', 'dir/empty', 'dir/sub', 'dir/sub/d.txt', 'dir/sub/deep', 'dir/sub/deep/e.txt', 'z.txt'
  ])
  t.throws(() => azure.createListStream('', { recursive: true, prefix: 'a' }), { name: 'RangeError' })
})

t.test('deleteRecursive deletes children first, and goes on where an earlier run ended', async t => {
  const { azure, emulator, paths } = await withTree(t)
  emulator.faults.add({ operation: 'DeleteFile', key: 'dir/sub/d.txt', status: 403, code: 'AuthorizationFailure' })
  await t.rejects(azure.directories.deleteRecursive({ path: 'dir' }), { code: 'AuthorizationFailure' })
  const deleted: string[] = []
  await azure.directories.deleteRecursive({ path: 'dir', onDeleted: ({ path }) => deleted.push(path) })
  t.strictSame(paths(), ['a.txt', 'z.txt'])
  t.equal(deleted.at(-1), 'dir')
  t.ok(deleted.indexOf('dir/sub/deep/e.txt') < deleted.indexOf('dir/sub/deep'))
  await azure.directories.deleteRecursive({ path: 'dir' })
  await t.rejects(azure.directories.deleteRecursive({ path: '/' }), { name: 'RangeError' })
})

t.test('AzureDeleteWritable deletes paths and entries, and tells which ones it could not', async t => {
  const { azure, paths } = await withTree(t)
  const stream = azure.createDeleteStream()
  const results: unknown[] = []
  stream.on('result', result => results.push(result))
  const error = await pipeline(Readable.from(['a.txt', 'missing.txt', { type: 'directory', path: 'dir' }, { type: 'directory', path: 'dir/empty' }]), stream).catch((error: unknown) => error)
  t.ok(error instanceof BatchIncompleteError)
  t.match(error, { succeeded: 3, failed: 1, failures: [{ code: 'DirectoryNotEmpty' }] })
  t.equal(results.length, 4)
  await pipeline(Readable.from([{ type: 'directory', path: 'dir' }]), azure.createDeleteStream({ recursive: true }))
  await pipeline(azure.createListStream(''), azure.createDeleteStream())
  t.strictSame(paths(), [])
})

t.test('AzureCopyTransform copies each to its end, in order', async t => {
  const { azure, stored } = await withTree(t)
  const stream = azure.createCopyStream()
  for (const [from, to] of [['a.txt', 'copies/1'], ['dir/b.txt', 'copies/2']]) stream.write({ from, to })
  stream.end()
  t.match(await stream.toArray(), [{ from: 'a.txt', to: 'copies/1', size: 5, etag: /^"0x/ }, { from: 'dir/b.txt', to: 'copies/2', size: 9 }])
  t.equal(String(await stored('copies/2')), 'dir/b.txt')
  const failing = azure.createCopyStream({ onError: 'yield' })
  failing.end({ from: 'missing', to: 'x' })
  t.match(await failing.toArray(), [{ item: { from: 'missing' }, error: { name: 'NotFoundError' } }])
})

t.test('shares are listed page by page and read', async t => {
  const { azure } = await start(t, {}, { azureFiles: { shares: ['sluice', 'backups', 'photos'] } })
  t.strictSame((await azure.createShareListStream({ pageSize: 1 }).toArray()).map(({ name }) => name), ['backups', 'photos', 'sluice'])
  t.strictSame((await azure.shares.list({ prefix: 'p' })).entries.map(({ name }) => name), ['photos'])
  t.match(await azure.shares.getProperties({ share: 'photos' }), { share: 'photos', quota: Number, etag: /^"0x/ })
  await t.rejects(azure.shares.getProperties({ share: 'missing' }), { name: 'NotFoundError', code: 'ShareNotFound' })
})
