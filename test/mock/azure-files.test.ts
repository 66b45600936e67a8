import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { MiB } from '../../lib/bytes/sizes.ts'
import { AzureFiles, LeaseError } from '../../streams/azure-files/index.ts'
import type { DirectoryService, FileService, LeaseService, MockAzureFiles, ShareService, StreamingService } from '../../streams/azure-files/index.ts'

t.test('test_lease_protected_update', async t => {
  await using mock = AzureFiles.mock()
    .withFile('myshare', 'config.json', Buffer.from('{"version": 1}'))
    .expectLeaseAcquire('myshare', 'config.json')
    .expectWrite('myshare', 'config.json')
  await mock.leases.withLock({ share: 'myshare', path: 'config.json' }, async guard => {
    const content = await mock.files.read({ share: 'myshare', path: 'config.json', leaseId: guard.id })
    t.equal(content.data.toString(), '{"version": 1}')
    await mock.files.write({ share: 'myshare', path: 'config.json', data: '{"version": 2}', leaseId: guard.id })
  })
  mock.verify()
  t.equal((await mock.files.read({ share: 'myshare', path: 'config.json' })).data.toString(), '{"version": 2}')
})

t.test('test_concurrent_lease_conflict', async t => {
  await using mock = AzureFiles.mock()
    .withFile('myshare', 'locked.txt', Buffer.from('data'))
    .withActiveLease('myshare', 'locked.txt', 'existing-lease-id')
    .expectLeaseAcquire('myshare', 'locked.txt', { times: 0 })
  const refused = await mock.leases.acquire({ share: 'myshare', path: 'locked.txt' }).catch((error: unknown) => error)
  t.ok(refused instanceof LeaseError)
  t.match(refused, { code: 'LeaseAlreadyPresent', status: 409 })
  mock.verify()
})

t.test('a mock has the services of the client, behind the same interfaces', async t => {
  await using mock: MockAzureFiles = AzureFiles.mock()
  // Assigned, not cast: the compiler is the judge.
  const services: { files: FileService, directories: DirectoryService, leases: LeaseService, shares: ShareService, streaming: StreamingService } = mock
  const real: typeof services = new AzureFiles({ accountName: 'account', accountKey: 'a2V5' })
  t.same(Object.keys(services).sort(), Object.keys(real).sort())
  const fake: FileService = { ...services.files, create: async () => { throw new Error('no') }, read: services.files.read, write: services.files.write, delete: services.files.delete, getProperties: services.files.getProperties }
  await t.rejects(fake.create({ path: 'a', size: 0 }), { message: 'no' })
})

t.test('presets: shares, directories, files with their parents and headers, leases', async t => {
  const id = randomUUID()
  await using mock = AzureFiles.mock({ share: 'own' })
    .withShare('empty').withDirectory('data', 'a/b').withFile('data', 'x/y/z.txt', 'zzz', { contentType: 'text/plain', metadata: { by: 'me' } })
    .withActiveLease('own', 'new.lock', id)
  t.same((await mock.shares.list()).entries.map(({ name }) => name), ['data', 'empty', 'own'])
  const paths: string[] = []
  for await (const { path } of mock.createListStream('', { recursive: true, share: 'data' })) paths.push(path)
  t.same(paths, ['a', 'a/b', 'x', 'x/y', 'x/y/z.txt'])
  t.match(await mock.files.getProperties({ share: 'data', path: 'x/y/z.txt' }), { size: 3, contentType: 'text/plain', metadata: { by: 'me' } })
  t.match(await mock.files.getProperties({ path: 'new.lock' }), { size: 0, leaseState: 'leased' })
  await mock.leases.release({ id, share: 'own', path: 'new.lock', acquiredAt: new Date() })
  t.equal(mock.requests.count('CreateFile'), 0, 'presets are not in the log')
})

t.test('a preset that cannot be is told by the first request', async t => {
  await using mock = AzureFiles.mock().withDirectory('share', 'a').withFile('share', 'a', 'x')
  await t.rejects(mock.files.read({ share: 'share', path: 'a' }), { name: 'ConfigurationError', message: /^Cannot prepare the mock: Cannot resize "a"/ })
  t.throws(() => mock.withFile('No Share', 'a', 'x'), { name: 'ConfigurationError' })
})

t.test('verify() tells met expectations from unmet ones, with all that was seen', async t => {
  await using mock = AzureFiles.mock({ share: 'own' }).withFile('own', 'A.txt', 'x').withFile('own', 'b.txt', 'x')
    .expectRead('own', 'a.TXT').expectWrite('own', 'b.txt').expectDelete('own', 'b.txt').expectCopy('own', 'c.txt').expectRename('own', 'd.txt')
    .expectLeaseAcquire('own', 'a.txt').expectLeaseRelease('own', 'a.txt').expectList('own').expectCreate('own', 'e.txt')
  await mock.files.read({ path: 'a.txt' })
  t.throws(() => mock.verify(), { message: /^Cannot confirm 8 of 9 expectations of the mock:\n- write "b.txt" in share "own": expected at least once, happened never; seen instead: GetFile "a.txt" \(206\)/ })
  await mock.files.write({ path: 'b.txt', data: '' })
  await mock.files.copy({ sourcePath: 'b.txt', destPath: 'c.txt' })
  await mock.files.rename({ path: 'c.txt', to: 'd.txt' })
  await mock.files.delete({ path: 'b.txt' })
  await mock.leases.release(await mock.leases.acquire('a.txt'))
  await mock.directories.list()
  await mock.files.create({ path: 'e.txt', size: 1 })
  mock.verify()
})

t.test('a published file meets the expectation of its own name', async t => {
  await using mock = AzureFiles.mock({ share: 'own' }).expectWrite('own', 'a.bin', { times: 1 })
  await pipeline(Readable.from([Buffer.alloc(5 * MiB, 'x')]), mock.createWriteStream('a.bin', { publish: 'rename' }))
  t.equal((await mock.files.getProperties({ path: 'a.bin' })).size, 5 * MiB)
  mock.verify()
})

t.test('a write without the lease is refused, and meets no expectation', async t => {
  await using mock = AzureFiles.mock({ share: 'own' }).withFile('own', 'a', 'x').withActiveLease('own', 'a').expectWrite('own', 'a')
  await t.rejects(mock.files.write({ path: 'a', data: 'y' }), { name: 'LeaseError' })
  t.throws(() => mock.verify(), { message: /happened never; seen instead: SetFileProperties "a" \(412\)/ })
})

t.test('withLock() in two clients of one mock: the second waits, and waiting takes no time', async t => {
  await using mock = AzureFiles.mock({ share: 'own' }).withFile('own', 'a', '0')
  const add = async (): Promise<void> => mock.leases.withLock({ path: 'a' }, async ({ id }) => {
    const { data } = await mock.files.read({ path: 'a' })
    await mock.files.write({ path: 'a', data: String(Number(data.toString()) + 1), leaseId: id })
  })
  await Promise.all([add(), add(), add()])
  t.equal((await mock.files.read({ path: 'a' })).data.toString(), '3')
  mock.withActiveLease('own', 'b')
  await t.rejects(mock.leases.withLock({ path: 'b' }, () => 1), { code: 'LockTimeout' })
})

t.test('a lock that is held makes no requests by itself while time is skipped', async t => {
  await using mock = AzureFiles.mock({ share: 'own' }).withFile('own', 'a', 'x')
  await mock.leases.withLock({ path: 'a' }, async ({ signal }) => {
    mock.requests.clear()
    mock.faults.add({ operation: 'GetFileProperties', status: 503, retryAfter: 20, times: 1 })
    await mock.files.getProperties({ path: 'a' })
    t.equal(signal.aborted, false)
    t.same(mock.requests.operations(), ['GetFileProperties', 'GetFileProperties'])
  })
})
