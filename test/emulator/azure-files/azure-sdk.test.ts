/** The official SDK as a judge: what works for it against Azure Files works for it here. */
import t from 'tap'
import {
  AccountSASPermissions, FileSASPermissions, generateFileSASQueryParameters, RestError, ShareClient, type ShareDirectoryClient, ShareFileClient, ShareSASPermissions,
  ShareServiceClient, StorageSharedKeyCredential
} from '@azure/storage-file-share'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { MiB } from '../../../lib/bytes/sizes.ts'
import { accountSas, serviceSas } from '../../../streams/azure-files/sas.ts'
import { type Emulator, type EmulatorOptions, startEmulator } from '../../../emulator/index.ts'
import { A, B } from './client.ts'

interface Test {
  teardown (work: () => void | Promise<void>): void
}

interface Session {
  emulator: Emulator
  service: ShareServiceClient
  share: ShareClient
  root: ShareDirectoryClient
}

const noRetry = { retryOptions: { maxTries: 1 } }

async function startSession (t: Test, options: EmulatorOptions = {}): Promise<Session> {
  const emulator = await startEmulator(options)
  t.teardown(() => emulator.close())
  const { endpoint, accountName, accountKey, share: name } = emulator.azureFiles
  const service = new ShareServiceClient(endpoint, new StorageSharedKeyCredential(accountName, accountKey), noRetry)
  const share = service.getShareClient(name)
  return { emulator, service, share, root: share.rootDirectoryClient }
}

async function failure (work: Promise<unknown>): Promise<unknown> {
  return work.then(() => 'no error', (error: unknown) => error instanceof RestError ? `${error.statusCode} ${error.code ?? codeOf(error)}` : error)
}

/** Of an answer without a body, where the SDK looks at the header but does not call it the code. */
function codeOf ({ details }: RestError): unknown {
  return (details as { errorCode?: unknown } | undefined)?.errorCode
}

async function all<T> (items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

async function bytesOf (stream: NodeJS.ReadableStream | undefined): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

t.test('connection strings', async t => {
  const { emulator } = await startSession(t)
  const service = ShareServiceClient.fromConnectionString(emulator.azureFiles.connectionString, noRetry)
  t.same((await all(service.listShares())).map(share => share.name), ['sluice'])
  t.match(await new ShareClient(emulator.azureFiles.connectionString, 'sluice', noRetry).getProperties(), { quota: 5120, accessTier: 'TransactionOptimized' })
})

t.test('shares: create, properties, metadata, quota, statistics, policies, delete, listing by pages', async t => {
  const { service } = await startSession(t, { azureFiles: { strict: { shareDeletionMs: 0 } } })
  for (let number = 0; number < 5; number++) await service.createShare(`share-${number}`, { metadata: { number: String(number) }, quota: number + 1 })
  const share = service.getShareClient('share-3')
  t.match(await share.getProperties(), { quota: 4, metadata: { number: '3' }, leaseState: 'available' })
  await share.setQuota(9)
  await share.setMetadata({ other: 'x' })
  t.match(await share.getProperties(), { quota: 9, metadata: { other: 'x' } })
  t.match(await share.getStatistics(), { shareUsageBytes: 0 })
  await share.setAccessPolicy([{ id: 'policy', accessPolicy: { startsOn: new Date('2024-01-01T00:00:00Z'), expiresOn: new Date('2034-01-01T00:00:00Z'), permissions: 'rl' } }])
  t.match(await share.getAccessPolicy(), { signedIdentifiers: [{ id: 'policy', accessPolicy: { permissions: 'rl', expiresOn: new Date('2034-01-01T00:00:00Z') } }] })
  const pages = []
  for await (const page of service.listShares({ prefix: 'share-', includeMetadata: true }).byPage({ maxPageSize: 2 })) pages.push(page.shareItems?.map(item => [item.name, item.properties.quota, item.metadata]))
  t.same(pages, [
    [['share-0', 1, { number: '0' }], ['share-1', 2, { number: '1' }]],
    [['share-2', 3, { number: '2' }], ['share-3', 9, { other: 'x' }]],
    [['share-4', 5, { number: '4' }]]
  ])
  t.equal(await share.exists(), true)
  await share.delete()
  t.equal(await share.exists(), false)
  t.match(await share.createIfNotExists(), { succeeded: true })
  t.match(await share.createIfNotExists(), { succeeded: false, errorCode: 'ShareAlreadyExists' })
})

t.test('snapshots of a share', async t => {
  const { service, share, root } = await startSession(t)
  const file = root.getFileClient('f')
  await file.uploadData(Buffer.from('before'))
  const { snapshot = '' } = await share.createSnapshot()
  await file.uploadData(Buffer.from('after!'))
  t.equal((await share.withSnapshot(snapshot).rootDirectoryClient.getFileClient('f').downloadToBuffer()).toString(), 'before')
  t.same((await all(service.listShares({ includeSnapshots: true }))).map(item => item.snapshot), [snapshot, undefined])
  t.equal(await failure(share.delete()), '409 ShareHasSnapshots')
  await share.delete({ deleteSnapshots: 'include' })
})

t.test('directories and their listing by pages, with all details', async t => {
  const { share, root } = await startSession(t)
  const directory = share.getDirectoryClient('dir ü')
  await directory.create({ metadata: { a_b: '1', a1: '2', AB: '3' } })
  t.match(await directory.getProperties(), { metadata: { a_b: '1', a1: '2', ab: '3' }, fileAttributes: 'Directory' })
  t.equal(await failure(directory.create()), '409 ResourceAlreadyExists')
  t.match(await directory.createIfNotExists(), { succeeded: false })
  t.equal(await failure(share.getDirectoryClient('x/y').create()), '404 ParentNotFound')
  for (let number = 0; number < 7; number++) await directory.getFileClient(`file ${number}`).create(number * 10)
  await directory.createSubdirectory('Sub')
  const pages = []
  for await (const page of directory.listFilesAndDirectories({ includeTimestamps: true, includeEtag: true, includeAttributes: true, includePermissionKey: true }).byPage({ maxPageSize: 3 })) {
    pages.push([...page.segment.directoryItems, ...page.segment.fileItems].map(item => item.name))
  }
  t.same(pages, [['file 0', 'file 1', 'file 2'], ['file 3', 'file 4', 'file 5'], ['Sub', 'file 6']])
  const [first] = await all(directory.listFilesAndDirectories({ prefix: 'FILE 5', includeTimestamps: true, includeEtag: true, includeAttributes: true }))
  t.match(first, { kind: 'file', name: 'file 5', fileId: /^\d+$/, attributes: 'Archive', properties: { contentLength: 50, etag: /^"0x/, lastWriteTime: Date, changeTime: Date } })
  t.equal(await failure(directory.delete()), '409 DirectoryNotEmpty')
  await directory.setMetadata({ b: 'c' })
  await directory.setProperties()
  t.match(await directory.getProperties(), { metadata: { b: 'c' } })
  t.same((await all(root.listFilesAndDirectories())).map(item => [item.kind, item.name]), [['directory', 'dir ü']])
  t.same(await all(directory.listHandles()), [])
  t.match(await directory.forceCloseAllHandles(), { closedHandlesCount: 0 })
})

t.test('names of all kinds', async t => {
  const { root } = await startSession(t)
  const names = ['a b+c%41#&=~!@$()\'.txt', '日本語.bin', 'UPPER.lower', 'a\ufffeb', '..hidden']
  for (const name of names) await root.getFileClient(name).uploadData(Buffer.from(name))
  const listed = await all(root.listFilesAndDirectories())
  t.same(listed.map(item => item.name).sort(), [...names].sort())
  for (const name of names) t.equal((await root.getFileClient(name).downloadToBuffer()).toString(), name)
})

t.test('upload from a buffer, a stream and a file; download to all of them', async t => {
  const { root } = await startSession(t)
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const body = randomBytes(9 * MiB + 123)
  writeFileSync(join(folder, 'source'), body)
  await root.getFileClient('buffer').uploadData(body, { concurrency: 3, fileHttpHeaders: { fileContentType: 'text/x', fileCacheControl: 'no-cache' }, metadata: { k: 'v' } })
  await root.getFileClient('stream').uploadStream(Readable.from(body.buffer instanceof ArrayBuffer ? [body.subarray(0, 100), body.subarray(100)] : []), body.length, MiB, 3)
  await root.getFileClient('file').uploadFile(join(folder, 'source'))
  for (const name of ['buffer', 'stream', 'file']) t.ok((await root.getFileClient(name).downloadToBuffer()).equals(body), name)
  const download = await root.getFileClient('buffer').download()
  t.match(download, { contentLength: body.length, contentType: 'text/x', cacheControl: 'no-cache', metadata: { k: 'v' } })
  t.ok((await bytesOf(download.readableStreamBody)).equals(body))
  await root.getFileClient('buffer').downloadToFile(join(folder, 'target'))
  t.ok(readFileSync(join(folder, 'target')).equals(body))
  await root.getFileClient('empty').uploadData(Buffer.alloc(0))
  t.equal((await root.getFileClient('empty').getProperties()).contentLength, 0)
})

t.test('a download that was cut is an error to the SDK, and the bytes before are right', async t => {
  const { emulator, root } = await startSession(t)
  const body = randomBytes(2 * MiB)
  await root.getFileClient('f').uploadData(body)
  emulator.faults.add({ operation: 'GetFile', reset: { responseByte: 700_000 } })
  const download = await root.getFileClient('f').download(0, undefined, { maxRetryRequests: 3 })
  const chunks: Buffer[] = []
  const error = await (async () => {
    for await (const chunk of download.readableStreamBody ?? []) chunks.push(chunk as Buffer)
  })().catch((error: Error) => error)
  t.equal(error?.name, 'AbortError', 'it takes the reset for an abort and does not ask again')
  const received = Buffer.concat(chunks)
  t.ok(received.length <= 700_000 && received.equals(body.subarray(0, received.length)))
})

t.test('ranges: write, verify, read, clear, list, resize', async t => {
  const { root, share } = await startSession(t)
  const file = root.getFileClient('f')
  await file.create(4096)
  const body = randomBytes(1024)
  const md5 = createHash('md5').update(body).digest()
  t.match(await file.uploadRange(body, 512, 1024, { contentMD5: md5 }), { contentMD5: Uint8Array, etag: /^"0x/ })
  t.equal(await failure(file.uploadRange(body, 0, 1024, { contentMD5: Buffer.alloc(16) })), '400 Md5Mismatch')
  t.equal(await failure(file.uploadRange(body, 4000, 1024)), '416 InvalidRange')
  const part = await file.download(512, 100, { rangeGetContentMD5: true })
  t.equal(part.contentRange, 'bytes 512-611/4096')
  t.ok((await bytesOf(part.readableStreamBody)).equals(body.subarray(0, 100)))
  t.same((await file.getRangeList()).rangeList, [{ start: 512, end: 1535 }])
  await file.clearRange(512, 512)
  t.same((await file.getRangeList()).rangeList, [{ start: 1024, end: 1535 }])
  const { snapshot = '' } = await share.createSnapshot()
  await file.uploadRange('new', 0, 3)
  t.match(await file.getRangeListDiff(snapshot), { ranges: [{ start: 0, end: 2 }] })
  await file.resize(1100)
  t.same((await file.getRangeList()).rangeList, [{ start: 0, end: 2 }, { start: 1024, end: 1099 }])
  t.equal(await failure(file.download(1100)), '416 InvalidRange')
  const other = root.getFileClient('g')
  await other.create(100)
  t.match(await other.uploadRangeFromURL(file.url, 1024, 10, 50), { xMsContentCrc64: Uint8Array })
  t.ok((await other.downloadToBuffer(10, 50)).equals(body.subarray(512, 562)))
})

t.test('structured bodies with CRC64, both ways', async t => {
  const { emulator, root } = await startSession(t)
  const body = randomBytes(5 * MiB)
  const file = root.getFileClient('f')
  await file.uploadData(body, { contentChecksumAlgorithm: 'StorageCrc64' })
  t.match(emulator.requests.entries('PutRange')[0]?.headers, { 'x-ms-structured-body': 'XSM/1.0; properties=crc64' })
  const download = await file.download(0, undefined, { contentChecksumAlgorithm: 'StorageCrc64' })
  t.ok((await bytesOf(download.readableStreamBody)).equals(body))
  t.match(emulator.requests.entries('GetFile')[0]?.headers, { 'x-ms-structured-body': 'XSM/1.0; properties=crc64' })
})

t.test('properties, headers, metadata, permissions', async t => {
  const { share, root } = await startSession(t)
  const file = root.getFileClient('f')
  const { filePermissionKey } = await share.createPermission('O:SYG:SYD:(A;;FA;;;WD)')
  t.match(await share.getPermission(filePermissionKey ?? ''), { permission: 'O:SYG:SYD:(A;;FA;;;WD)' })
  await file.create(10, { filePermissionKey: filePermissionKey ?? '', creationTime: new Date('2020-01-02T03:04:05.678Z'), fileHttpHeaders: { fileContentType: 'a/b', fileContentLanguage: 'de' } })
  t.match(await file.getProperties(), { filePermissionKey, fileCreatedOn: new Date('2020-01-02T03:04:05.678Z'), contentType: 'a/b', contentLanguage: 'de', fileType: 'File' })
  await file.setHttpHeaders({ fileContentDisposition: 'inline' })
  const properties = await file.getProperties()
  t.match(properties, { contentDisposition: 'inline' })
  t.same([properties.contentType, properties.contentLanguage], [undefined, undefined])
  await file.setMetadata({ one: '1' })
  t.match(await file.getProperties(), { metadata: { one: '1' } })
  t.equal(await file.exists(), true)
  t.equal(await root.getFileClient('none').exists(), false)
  t.equal(await share.getDirectoryClient('no').getFileClient('none').exists(), false)
  t.match(await root.getFileClient('none').deleteIfExists(), { succeeded: false, errorCode: 'ResourceNotFound' })
  await file.delete()
  t.equal(await failure(file.getProperties()), '404 ResourceNotFound')
})

t.test('copies: at once, and pending with an abort', async t => {
  const { root } = await startSession(t)
  await root.getFileClient('a').uploadData(Buffer.from('hello'), { metadata: { k: 'v' } })
  t.match(await root.getFileClient('b').startCopyFromURL(root.getFileClient('a').url), { copyStatus: 'success', copyId: String })
  t.match(await root.getFileClient('b').getProperties(), { copyStatus: 'success', copyProgress: '5/5', metadata: { k: 'v' }, copyCompletedOn: Date })
  const waiting = await startSession(t, { azureFiles: { strict: { pendingCopies: { polls: Infinity } } } })
  await waiting.root.getFileClient('a').uploadData(Buffer.from('hello'))
  const target = waiting.root.getFileClient('b')
  const { copyId, copyStatus } = await target.startCopyFromURL(waiting.root.getFileClient('a').url)
  t.equal(copyStatus, 'pending')
  await target.abortCopyFromURL(copyId ?? '')
  t.match(await target.getProperties(), { copyStatus: 'aborted', contentLength: 0 })
})

t.test('renames of files and directories', async t => {
  const { share, root } = await startSession(t)
  const directory = share.getDirectoryClient('dir')
  await directory.create()
  await directory.getFileClient('a b').uploadData(Buffer.from('hello'))
  const { destinationFileClient } = await directory.getFileClient('a b').rename('dir/new name')
  t.equal(destinationFileClient.name, 'new name')
  t.equal((await directory.getFileClient('new name').downloadToBuffer()).toString(), 'hello')
  await root.getFileClient('other').create(0)
  t.equal(await failure(directory.getFileClient('new name').rename('other')), '409 ResourceAlreadyExists')
  await directory.getFileClient('new name').rename('other', { replaceIfExists: true })
  t.equal((await root.getFileClient('other').downloadToBuffer()).toString(), 'hello')
  await directory.rename('moved', { metadata: { k: 'v' } })
  t.match(await share.getDirectoryClient('moved').getProperties(), { metadata: { k: 'v' } })
})

t.test('leases of a file: infinite, changed, broken, released, and needed for writes', async t => {
  const { emulator, root } = await startSession(t)
  const file = root.getFileClient('f')
  await file.create(10)
  const lease = file.getShareLeaseClient(A)
  t.match(await lease.acquireLease(), { leaseId: A })
  t.match(await file.getProperties(), { leaseState: 'leased', leaseStatus: 'locked', leaseDuration: 'infinite' })
  t.equal(await failure(file.uploadRange('x', 0, 1)), '412 LeaseIdMissing')
  t.equal(await failure(file.uploadRange('x', 0, 1, { leaseAccessConditions: { leaseId: B } })), '412 LeaseIdMismatchWithFileOperation')
  await file.uploadRange('x', 0, 1, { leaseAccessConditions: { leaseId: A } })
  t.equal(await failure(file.getShareLeaseClient(B).acquireLease()), '409 LeaseAlreadyPresent')
  t.match(await lease.changeLease(B), { leaseId: B })
  await file.getShareLeaseClient().breakLease()
  t.match(await file.getProperties(), { leaseState: 'broken', leaseStatus: 'unlocked' })
  await file.getShareLeaseClient(B).releaseLease()
  t.match(await file.getProperties(), { leaseState: 'available' })
  t.same(emulator.azureFiles.state.leases.map(({ leaseId, end }) => [leaseId, end]), [[A, 'changed'], [B, 'broken']])
})

t.test('leases of a share are timed', async t => {
  const { share } = await startSession(t)
  const lease = share.getShareLeaseClient(A)
  await lease.acquireLease(15)
  t.match(await share.getProperties(), { leaseState: 'leased', leaseDuration: 'fixed' })
  t.equal(await failure(share.delete()), '412 LeaseIdMissing')
  await t.rejects(lease.renewLease(), RangeError, 'the SDK takes shares for files here, so that it never asks')
  t.match(await lease.breakLease(), { leaseTimeInSeconds: 15 })
  t.match(await share.getProperties(), { leaseState: 'breaking' })
})

t.test('signatures that the SDK makes', async t => {
  const { emulator, service, share, root } = await startSession(t)
  const { accountName, accountKey } = emulator.azureFiles
  await share.getDirectoryClient('d e').create()
  const file = share.getDirectoryClient('d e').getFileClient('f ü.txt')
  await file.uploadData(Buffer.from('hello'))
  const expiresOn = new Date(Date.now() + 600_000)
  const read = new ShareFileClient(file.generateSasUrl({ permissions: FileSASPermissions.parse('r'), expiresOn, contentType: 'a/b' }), undefined, noRetry)
  t.match(await read.getProperties(), { contentType: 'a/b', contentLength: 5 })
  t.equal((await read.downloadToBuffer()).toString(), 'hello')
  t.equal(await failure(read.delete()), '403 AuthorizationPermissionMismatch')
  const whole = new ShareClient(share.generateSasUrl({ permissions: ShareSASPermissions.parse('rcwdl'), expiresOn }), undefined, noRetry)
  t.same((await all(whole.rootDirectoryClient.listFilesAndDirectories())).map(item => item.name), ['d e'])
  await whole.rootDirectoryClient.getFileClient('new').uploadData(Buffer.from('x'))
  t.equal(await failure(whole.getProperties()), '403 AuthorizationFailure')
  const account = new ShareServiceClient(service.generateAccountSasUrl(expiresOn, AccountSASPermissions.parse('rl'), 'sco'), undefined, noRetry)
  t.same((await all(account.listShares())).map(item => item.name), ['sluice'])
  t.equal(await failure(account.createShare('other')), '403 AuthorizationPermissionMismatch')
  const policy = generateFileSASQueryParameters({ shareName: 'sluice', identifier: 'none' }, new StorageSharedKeyCredential(accountName, accountKey)).toString()
  t.equal(await failure(new ShareFileClient(`${root.getFileClient('new').url}?${policy}`, undefined, noRetry).download()), '403 AuthenticationFailed')
})

t.test('signatures that we make, in the hands of the SDK', async t => {
  const { emulator, root } = await startSession(t)
  const { accountName, accountKey, endpoint, share } = emulator.azureFiles
  await root.getFileClient('f').uploadData(Buffer.from('hello'))
  const expiresOn = new Date(Date.now() + 600_000).toISOString().replace(/\.\d+/, '')
  const account = accountSas({ accountName, services: 'f', resourceTypes: 'sco', permissions: 'rl', expiresOn }, accountKey)
  t.same((await all(new ShareServiceClient(`${endpoint}?${account}`, undefined, noRetry).listShares())).length, 1)
  const file = serviceSas({ accountName, share, path: 'f', permissions: 'r', expiresOn }, accountKey)
  t.equal((await new ShareFileClient(`${endpoint}/${share}/f?${file}`, undefined, noRetry).downloadToBuffer()).toString(), 'hello')
})

t.test('a busy service is asked again', async t => {
  const { emulator } = await startSession(t)
  const { endpoint, accountName, accountKey } = emulator.azureFiles
  const service = new ShareServiceClient(endpoint, new StorageSharedKeyCredential(accountName, accountKey), { retryOptions: { maxTries: 3, retryDelayInMs: 1 } })
  emulator.faults.add({ operation: 'CreateFile', status: 503, times: 2 })
  await service.getShareClient('sluice').rootDirectoryClient.getFileClient('f').create(3)
  t.equal(emulator.requests.count('CreateFile'), 3)
})
