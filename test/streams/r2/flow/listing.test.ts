import t from 'tap'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { NotFoundError, ServerError, StorageError } from '../../../../lib/errors.ts'
import { R2 } from '../../../../streams/r2/index.ts'
import type { ListedUpload, ListStreamOptions, R2ListEntry } from '../../../../streams/r2/index.ts'
import { failureOf, start, trace, until } from './support.ts'
import type { Bench } from './support.ts'

const KEYS = Array.from({ length: 2500 }, (_, index) => `logs/${String(index % 25).padStart(2, '0')}/${String(index).padStart(4, '0')}`).sort()

async function seeded (): Promise<Bench> {
  const bench = await start(t)
  await Promise.all(KEYS.map(key => bench.r2.put(key, key, { integrity: 'unsigned' })))
  return bench
}

async function names (entries: AsyncIterable<R2ListEntry>): Promise<string[]> {
  const all: string[] = []
  for await (const entry of entries) all.push(entry.type === 'object' ? entry.key : entry.prefix)
  return all
}

const shared = seeded()

async function listed (options: ListStreamOptions): Promise<{ names: string[], requests: string[] }> {
  const { emulator, r2 } = await shared
  emulator.requests.clear()
  const all = await names(r2.createListStream(options))
  return { names: all, requests: trace(emulator) }
}

t.test('createListStream() lists 2,500 keys in their order, in three pages', async t => {
  const { names, requests } = await listed({})
  t.same(names, KEYS)
  t.same(requests, ['ListObjectsV2 200', 'ListObjectsV2 200', 'ListObjectsV2 200'])
})

t.test('createListStream() tells what each object is', async t => {
  const { r2 } = await shared
  for await (const entry of r2.createListStream({ prefix: KEYS[7] as string })) {
    t.match(entry, { type: 'object', key: KEYS[7], size: 12, etag: /^"[0-9a-f]{32}"$/, storageClass: 'STANDARD', lastModified: Date })
  }
})

t.test('createListStream() with a delimiter lists one level', async t => {
  t.same((await listed({ delimiter: '/' })).names, ['logs/'])
  const { names, requests } = await listed({ delimiter: '/', prefix: 'logs/', pageSize: 10 })
  t.same(names, Array.from({ length: 25 }, (_, index) => `logs/${String(index).padStart(2, '0')}/`))
  t.equal(requests.length, 3)
})

t.test('createListStream() with a delimiter keeps objects and prefixes in one order', async t => {
  const { r2 } = await start(t)
  for (const key of ['a/1', 'b', 'c/1', 'c/2', 'd', 'e/1']) await r2.put(key, '')
  for (const pageSize of [1, 2, 3, 1000]) t.same(await names(r2.createListStream({ delimiter: '/', pageSize })), ['a/', 'b', 'c/', 'd', 'e/'], `pages of ${pageSize}`)
})

t.test('createListStream() below a prefix and after a key', async t => {
  const below = KEYS.filter(key => key.startsWith('logs/07/'))
  t.same((await listed({ prefix: 'logs/07/' })).names, below)
  t.same((await listed({ prefix: 'logs/07/', startAfter: below[49] as string, pageSize: 20 })).names, below.slice(50))
  t.same((await listed({ startAfter: 'logs/24' })).names.length, 100)
  t.same((await listed({ prefix: 'none' })).names, [])
})

t.test('createListStream() requests nothing before the first read, and a page only when the one before is read', async t => {
  const { emulator, r2 } = await shared
  emulator.requests.clear()
  const stream = r2.createListStream({ pageSize: 100 })
  for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate)
  t.equal(emulator.requests.count(), 0)
  let read = 0
  for await (const entry of stream) {
    t.equal(entry.type, 'object')
    if (++read === 150) break
  }
  t.equal(emulator.requests.count(), 2, 'and stopping early stops the requests')
})

t.test('createListStream() destroyed while a page is under way frees the socket', async () => {
  const { emulator, r2 } = await shared
  emulator.faults.add({ operation: 'ListObjectsV2', stall: 'response' })
  const stream = r2.createListStream()
  stream.on('error', () => undefined).resume()
  await until(() => emulator.requests.inFlight('ListObjectsV2') === 1)
  stream.destroy()
  await until(() => emulator.requests.inFlight('ListObjectsV2') === 0)
})

t.test('createListStream() tries a page again, also one that breaks off, and gives up with its error', async t => {
  const { emulator } = await shared
  emulator.faults.add({ operation: 'ListObjectsV2', skip: 1, status: 503 })
  emulator.faults.add({ operation: 'ListObjectsV2', skip: 2, truncate: { responseByte: 5000 } })
  emulator.faults.add({ operation: 'ListObjectsV2', skip: 2, reset: 'after-headers' })
  t.same((await listed({})).names, KEYS)
  emulator.faults.verify()
  emulator.faults.clear()
  emulator.faults.add({ operation: 'ListObjectsV2', skip: 1, status: 500, times: 4 })
  const error = await failureOf(listed({}))
  t.ok(error instanceof ServerError)
  t.match(error, { operation: 'ListObjectsV2', attempts: 4 })
})

t.test('createListStream() of a missing bucket is NotFoundError', async t => {
  const { r2 } = await shared
  const error = await failureOf(names(r2.createListStream({ bucket: 'missing' })))
  t.ok(error instanceof NotFoundError)
  t.match(error, { code: 'NoSuchBucket' })
})

t.test('createListStream() gives keys of any text, in the order of their bytes', async t => {
  const { emulator, r2 } = await start(t)
  const keys = ['\u0001', '\t', ' a ', '!', '%2F', '&<>"\'', '+', 'a\nb', 'a\rb', 'ü', '世界', '\uff5e', '🎉', 'a//b', 'é'.normalize('NFC')]
  for (const key of keys) await r2.put(key, '')
  const inOrder = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  for (const pageSize of [1, 4, 1000]) t.same(await names(r2.createListStream({ pageSize })), inOrder)
  t.same(await names(r2.createListStream({ prefix: '&<' })), ['&<>"\''])
  t.same(await names(r2.createListStream({ startAfter: '\uff5e' })), ['🎉'])
  t.ok(emulator.requests.entries('ListObjectsV2').every(entry => entry.query.includes('encoding-type=url')))
})

t.test('list() gives one page and the token of the next', async t => {
  const { r2 } = await shared
  const first = await r2.list({ pageSize: 3 })
  t.same([first.entries.length, typeof first.next], [3, 'string'])
  const second = await r2.list({ pageSize: 3, ...(first.next === undefined ? {} : { token: first.next }) })
  t.match(second.entries[0], { key: KEYS[3] })
  t.equal((await r2.list({ prefix: KEYS[0] as string })).next, undefined)
})

/** A server that gives the same page to whoever asks. */
async function serverOf (test: { teardown (work: () => Promise<void>): void }, xml: string): Promise<{ r2: R2, asked: () => number }> {
  let asked = 0
  const server = createServer((_, response) => {
    asked++
    response.end(xml)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const r2 = new R2({ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, accessKeyId: 'a', secretAccessKey: 'b', bucket: 'k', retry: false })
  test.teardown(async () => {
    await r2.close()
    server.close()
  })
  return { r2, asked: () => asked }
}

function page (rest: string): string {
  return `<ListBucketResult><Name>k</Name><Contents><Key>a</Key><Size>1</Size></Contents>${rest}</ListBucketResult>`
}

t.test('createListStream() does not follow a listing without end', async t => {
  for (const rest of ['<IsTruncated>true</IsTruncated>', '<IsTruncated>true</IsTruncated><NextContinuationToken/>', '<IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken>']) {
    const { r2, asked } = await serverOf(t, page(rest))
    const error = await failureOf(names(r2.createListStream()))
    t.ok(error instanceof StorageError)
    t.equal(error['code'], 'EndlessListing')
    t.ok(asked() <= 2)
  }
})

t.test('createListStream() takes empty pages for what they are', async t => {
  const { r2, asked } = await serverOf(t, '<ListBucketResult><Name>k</Name><IsTruncated>false</IsTruncated></ListBucketResult>')
  t.same(await names(r2.createListStream()), [])
  t.equal(asked(), 1)
})

t.test('createListStream() does not take a page that is not one for an empty one', async t => {
  for (const answer of ['', '<html><body>hello</body></html>', '<ListBucketResult><IsTruncated>false</IsTruncated>']) {
    const { r2 } = await serverOf(t, answer)
    t.ok(await failureOf(names(r2.createListStream())) instanceof StorageError, answer)
  }
})

async function uploadsOf (entries: AsyncIterable<ListedUpload>): Promise<ListedUpload[]> {
  const all: ListedUpload[] = []
  for await (const upload of entries) all.push(upload)
  return all
}

t.test('createUploadListStream() lists more than one page of uploads, also many of one key', async t => {
  const { emulator, r2 } = await start(t)
  const keys = [...Array.from({ length: 1001 }, () => 'same key & <more>'), ...Array.from({ length: 5 }, (_, index) => `z/${index}`)]
  const created = await Promise.all(keys.map(key => r2.multipart.create(key)))
  emulator.requests.clear()
  const all = await uploadsOf(r2.createUploadListStream())
  t.same(all.map(upload => upload.uploadId).sort(), created.map(upload => upload.uploadId).sort())
  t.match(all[0], { key: 'same key & <more>', initiated: Date })
  t.equal(emulator.requests.count('ListMultipartUploads'), 2)
  t.same((await uploadsOf(r2.createUploadListStream({ prefix: 'z/' }))).map(upload => upload.key), ['z/0', 'z/1', 'z/2', 'z/3', 'z/4'])
})
