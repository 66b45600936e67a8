import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { FolderContentStore } from '../../../lib/simulation/content-store.ts'

const BYTES = Buffer.from('123456789')
const SHA256 = createHash('sha256').update(BYTES).digest('hex')

t.test('FolderContentStore keeps a content under its SHA-256', async t => {
  const folder = t.testdir()
  const store = new FolderContentStore(folder)
  const entry = store.create()
  await entry.write(BYTES.subarray(0, 4))
  await entry.write(BYTES.subarray(4))
  t.equal(await store.sizeOf(SHA256), undefined)
  await entry.commit(SHA256, 9)
  t.strictSame(await readdir(join(folder, 'content')), [SHA256])
  t.equal(await store.sizeOf(SHA256), 9)
  t.strictSame(await buffer(store.createReadStream(SHA256)), BYTES)
  t.strictSame(String(await buffer(store.createReadStream(SHA256, { start: 2, end: 4 }))), '345')
})

t.test('FolderContentStore keeps a content readable by its owner only', async t => {
  const folder = t.testdir()
  await keep(new FolderContentStore(folder))
  t.equal((await stat(join(folder, 'content', SHA256))).mode & 0o777, 0o600)
})

t.test('FolderContentStore stores equal contents once, and at the same time too', async t => {
  const folder = t.testdir()
  const store = new FolderContentStore(folder)
  await keep(store)
  const before = await stat(join(folder, 'content', SHA256))
  await Promise.all([keep(store), keep(store)])
  t.strictSame(await readdir(join(folder, 'content')), [SHA256])
  t.equal((await stat(join(folder, 'content', SHA256))).ino, before.ino)
})

t.test('FolderContentStore keeps the empty content', async t => {
  const store = new FolderContentStore(t.testdir())
  const sha256 = createHash('sha256').digest('hex')
  await store.create().commit(sha256, 0)
  t.equal(await store.sizeOf(sha256), 0)
})

t.test('FolderContentStore leaves nothing of a discarded content', async t => {
  const folder = t.testdir()
  const entry = new FolderContentStore(folder).create()
  await entry.write(BYTES)
  await entry.discard()
  t.strictSame(await readdir(join(folder, 'content')), [])
  await new FolderContentStore(join(folder, 'unused')).create().discard()
  t.strictSame(await readdir(folder), ['content'])
})

t.test('FolderContentStore refuses a size that was not written, and a name that is no SHA-256', async t => {
  const store = new FolderContentStore(t.testdir())
  const entry = store.create()
  await entry.write(BYTES)
  await t.rejects(entry.commit(SHA256, 10), { name: 'SizeMismatchError', expected: 10, found: 9 })
  await t.rejects(entry.commit('../escape', 9), { name: 'RangeError' })
  await t.rejects(store.sizeOf('../escape'), { name: 'RangeError' })
  t.throws(() => store.createReadStream(SHA256.toUpperCase()), RangeError)
  await entry.discard()
})

async function keep (store: FolderContentStore): Promise<void> {
  const entry = store.create()
  await entry.write(BYTES)
  await entry.commit(SHA256, 9)
}
