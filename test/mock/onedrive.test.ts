import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { MiB } from '../../lib/bytes/sizes.ts'
import { OneDrive } from '../../streams/onedrive/index.ts'

t.test('OneDrive.mock() is the client itself, and needs nothing', async t => {
  await using mock = OneDrive.mock().withFile('/docs/a.txt', 'hello').withFolder('/x/y')
  t.ok(mock instanceof OneDrive)
  t.equal((await mock.download('/docs/a.txt')).bytes.toString(), 'hello')
  const paths: Array<string | undefined> = []
  for await (const { path } of mock.createListStream('/', { recursive: true })) paths.push(path)
  t.same(paths, ['/docs', '/docs/a.txt', '/x', '/x/y'])
  t.equal(mock.requests.count('Token'), 0)
})

t.test('expectations meet what was done by paths, ids, sessions and batches', async t => {
  await using mock = OneDrive.mock({ fragmentSize: 5 * MiB }).withFile('/docs/a.txt', 'hello').withFile('/docs/c.txt', 'c')
    .expectUpload('/new/B.bin', { times: 1 }).expectUpload('small.txt', { times: 1 }).expectDownload('/docs/a.txt').expectDelete('/docs/a.txt').expectCreateFolder('/f')
    .expectList('/docs').expectMove('/small.txt').expectCopy('/docs/c.txt').expectDelete('/docs/c.txt', { times: 0 })
  const body = randomBytes(11 * MiB)
  await pipeline(Readable.from([body]), mock.createWriteStream('/new/b.bin', { size: body.length }))
  await mock.upload('small.txt', 'x')
  const { id } = await mock.get('/docs/a.txt')
  t.equal((await mock.download({ id })).bytes.toString(), 'hello')
  await mock.createFolder('/f')
  for await (const item of mock.createListStream('/', { recursive: true })) t.ok(item.name)
  await mock.move('/small.txt', '/f/moved.txt')
  await (await mock.copy('/docs/c.txt', '/f/c.txt')).wait()
  await pipeline(Readable.from([{ id }]), mock.createDeleteStream())
  mock.verify()
  t.ok((await mock.download('/new/b.bin')).bytes.equals(body))
  t.equal((await mock.download('/f/c.txt')).bytes.toString(), 'c')
})

t.test('verify() lists what did not happen, and what was seen instead', async t => {
  await using mock = OneDrive.mock().withFile('/a.txt', 'x').expectUpload('/b.txt').expectDownload('/a.txt', { times: 2 })
  await mock.upload('/c.txt', 'x')
  await mock.download('/a.txt')
  t.throws(() => mock.verify(), {
    message: [
      'Cannot confirm 2 of 2 expectations of the mock:',
      '- upload "/b.txt": expected at least once, happened never; seen instead: PutContent "/c.txt" (201)',
      '- download "/a.txt": expected 2 times, happened once'
    ].join('\n')
  })
})

t.test('an upload session survives its troubles, and waits take no time', async t => {
  await using mock = OneDrive.mock({ fragmentSize: 5 * MiB }).expectUpload('/a.bin', { times: 1 })
  mock.faults.add({ operation: 'UploadFragment', skip: 1, status: 503, retryAfter: 600 })
  mock.faults.add({ operation: 'UploadFragment', reset: { requestByte: 1_000_000 } })
  const body = randomBytes(12 * MiB)
  const upload = mock.createWriteStream('/a.bin')
  await pipeline(Readable.from([body]), upload)
  t.match(upload.result, { size: body.length })
  t.ok((await mock.download('/a.bin')).bytes.equals(body))
  mock.verify()
  mock.faults.verify()
})

t.test('personal drives, and drives by their id, can be mocked as well', async t => {
  await using personal = OneDrive.mock({ emulator: { flavour: 'personal' } }).withFile('/a', 'x')
  t.equal((await personal.download('/a')).bytes.toString(), 'x')
  await using other = OneDrive.mock({ drive: { driveId: 'b!own' } }).withFile('/a', 'y')
  t.equal((await other.download('/a')).bytes.toString(), 'y')
})
