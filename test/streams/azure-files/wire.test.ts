import t from 'tap'
import type { AzureOperation } from '../../../streams/azure-files/wire.ts'
import { abortCopyFile, copyFile, rename } from '../../../streams/azure-files/wire-copy.ts'
import {
  createDirectory, deleteDirectory, getDirectoryProperties, listDirectory, setDirectoryMetadata
} from '../../../streams/azure-files/wire-directories.ts'
import { createFile, deleteFile, getFile, getFileProperties, setFileMetadata, setFileProperties } from '../../../streams/azure-files/wire-files.ts'
import { acquireLease, breakLease, changeLease, releaseLease, renewLease } from '../../../streams/azure-files/wire-lease.ts'
import { clearRange, listRanges, putRange } from '../../../streams/azure-files/wire-ranges.ts'
import { getShareProperties, listShares } from '../../../streams/azure-files/wire-shares.ts'
import { answer, textOf } from './support/exchange.ts'

const FILE = { share: 'share', path: 'dir/a.txt' }
const DIRECTORY = { share: 'share', path: 'dir' }
const LEASE = '11111111-1111-1111-1111-111111111111'
const DOT = { 'x-ms-allow-trailing-dot': 'true' }
const BOTH_DOTS = { ...DOT, 'x-ms-source-allow-trailing-dot': 'true' }
const range = { start: 0, end: 3 }
const SEALED = { body: Buffer.from('abcd'), headers: { 'content-md5': 'x' }, md5: 'x' }

type Expected = [method: string, query: Record<string, string>, headers: Record<string, string>, timeoutMs: number, span: string]

// The table of specification 4.1, and what stands in the facts beside it.
const REQUESTS: Array<[name: string, operation: AzureOperation<unknown>, expected: Expected]> = [
  ['List Shares', listShares(), ['GET', { comp: 'list', include: 'metadata' }, {}, 30_000, 'list']],
  ['List Shares, a page', listShares({ prefix: 'p', pageSize: 2, snapshots: true }, 'm'), ['GET', { comp: 'list', include: 'metadata,snapshots', prefix: 'p', maxresults: '2', marker: 'm' }, {}, 30_000, 'list']],
  ['Get Share Properties', getShareProperties({ share: 'share' }), ['GET', { restype: 'share' }, {}, 30_000, 'get_properties']],
  ['List Directories and Files', listDirectory(DIRECTORY), ['GET', { restype: 'directory', comp: 'list', include: 'Timestamps,Etag,Attributes' }, { ...DOT, 'x-ms-file-extended-info': 'true' }, 30_000, 'list']],
  ['List, no empty values', listDirectory(DIRECTORY, { prefix: '' }, ''), ['GET', { restype: 'directory', comp: 'list', include: 'Timestamps,Etag,Attributes' }, { ...DOT, 'x-ms-file-extended-info': 'true' }, 30_000, 'list']],
  ['Create Directory', createDirectory(DIRECTORY, { A: '1' }), ['PUT', { restype: 'directory' }, { ...DOT, 'x-ms-meta-a': '1' }, 30_000, 'create']],
  ['Delete Directory', deleteDirectory(DIRECTORY), ['DELETE', { restype: 'directory' }, DOT, 30_000, 'delete']],
  ['Get Directory Properties', getDirectoryProperties(DIRECTORY), ['HEAD', { restype: 'directory' }, DOT, 30_000, 'get_properties']],
  ['Set Directory Metadata', setDirectoryMetadata(DIRECTORY, {}), ['PUT', { restype: 'directory', comp: 'metadata' }, DOT, 30_000, 'set_metadata']],
  ['Create File', createFile(FILE, 7, { contentType: 'text/plain', metadata: { a: '1' }, leaseId: LEASE }), ['PUT', {}, { ...DOT, 'x-ms-type': 'file', 'x-ms-content-length': '7', 'x-ms-file-attributes': 'None', 'x-ms-content-type': 'text/plain', 'x-ms-meta-a': '1', 'x-ms-lease-id': LEASE }, 300_000, 'create']],
  ['Get File', getFile(FILE), ['GET', {}, DOT, 300_000, 'read']],
  ['Get Range, small', getFile(FILE, { start: 0, end: 4194302, leaseId: LEASE }), ['GET', {}, { ...DOT, 'x-ms-range': 'bytes=0-4194302', 'x-ms-lease-id': LEASE }, 30_000, 'read']],
  ['Get Range, large', getFile(FILE, { start: 1, end: 4194304, rangeMd5: true }), ['GET', {}, { ...DOT, 'x-ms-range': 'bytes=1-4194304', 'x-ms-range-get-content-md5': 'true' }, 300_000, 'read']],
  ['Get Range, open', getFile(FILE, { start: 5 }), ['GET', {}, { ...DOT, 'x-ms-range': 'bytes=5-' }, 300_000, 'read']],
  ['Get File Properties', getFileProperties(FILE), ['HEAD', {}, DOT, 30_000, 'get_properties']],
  ['Set File Properties, size alone', setFileProperties(FILE, { size: 5 }), ['PUT', { comp: 'properties' }, { ...DOT, 'x-ms-content-length': '5' }, 300_000, 'set_properties']],
  ['Set File Properties, headers', setFileProperties(FILE, { contentMd5: 'x', lastWrittenAt: new Date(0), leaseId: LEASE }), ['PUT', { comp: 'properties' }, { ...DOT, 'x-ms-content-md5': 'x', 'x-ms-file-last-write-time': '1970-01-01T00:00:00.0000000Z', 'x-ms-lease-id': LEASE }, 300_000, 'set_properties']],
  ['Set File Metadata', setFileMetadata(FILE, { a: '1' }), ['PUT', { comp: 'metadata' }, { ...DOT, 'x-ms-meta-a': '1' }, 30_000, 'set_metadata']],
  ['Delete File', deleteFile(FILE, { leaseId: LEASE }), ['DELETE', {}, { ...DOT, 'x-ms-lease-id': LEASE }, 30_000, 'delete']],
  ['Put Range', putRange(FILE, range, SEALED), ['PUT', { comp: 'range' }, { ...DOT, 'x-ms-write': 'update', 'x-ms-range': 'bytes=0-3', 'content-md5': 'x' }, 300_000, 'write']],
  ['Clear Range', clearRange(FILE, range, { leaseId: LEASE }), ['PUT', { comp: 'range' }, { ...DOT, 'x-ms-write': 'clear', 'x-ms-range': 'bytes=0-3', 'x-ms-lease-id': LEASE }, 300_000, 'write']],
  ['List Ranges', listRanges(FILE, { range }), ['GET', { comp: 'rangelist' }, { ...DOT, 'x-ms-range': 'bytes=0-3' }, 30_000, 'list']],
  ['Copy File', copyFile(DIRECTORY, FILE, { metadata: { a: '1' }, leaseId: LEASE }), ['PUT', {}, { ...BOTH_DOTS, 'x-ms-meta-a': '1', 'x-ms-lease-id': LEASE }, 300_000, 'copy']],
  ['Copy from a URL', copyFile(new URL('https://a.b/c?sig=1'), FILE), ['PUT', {}, { ...BOTH_DOTS, 'x-ms-copy-source': 'https://a.b/c?sig=1' }, 300_000, 'copy']],
  ['Abort Copy', abortCopyFile(FILE, 'id'), ['PUT', { comp: 'copy', copyid: 'id' }, { ...DOT, 'x-ms-copy-action': 'abort' }, 30_000, 'copy']],
  ['Rename File', rename('file', DIRECTORY, FILE), ['PUT', { comp: 'rename' }, { ...BOTH_DOTS, 'x-ms-file-rename-replace-if-exists': 'false' }, 300_000, 'rename']],
  ['Rename File, over another', rename('file', DIRECTORY, FILE, { replace: true, ignoreReadOnly: true, sourceLeaseId: 'a', destinationLeaseId: 'b' }), ['PUT', { comp: 'rename' }, { ...BOTH_DOTS, 'x-ms-file-rename-replace-if-exists': 'true', 'x-ms-file-rename-ignore-readonly': 'true', 'x-ms-source-lease-id': 'a', 'x-ms-destination-lease-id': 'b' }, 300_000, 'rename']],
  ['Rename Directory', rename('directory', DIRECTORY, DIRECTORY), ['PUT', { restype: 'directory', comp: 'rename' }, { ...BOTH_DOTS, 'x-ms-file-rename-replace-if-exists': 'false' }, 300_000, 'rename']],
  ['Lease File, acquire', acquireLease(FILE, LEASE), ['PUT', { comp: 'lease' }, { ...DOT, 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': '-1', 'x-ms-proposed-lease-id': LEASE }, 10_000, 'lease']],
  ['Lease File, change', changeLease(FILE, 'a', LEASE), ['PUT', { comp: 'lease' }, { ...DOT, 'x-ms-lease-action': 'change', 'x-ms-lease-id': 'a', 'x-ms-proposed-lease-id': LEASE }, 10_000, 'lease']],
  ['Lease File, release', releaseLease(FILE, LEASE), ['PUT', { comp: 'lease' }, { ...DOT, 'x-ms-lease-action': 'release', 'x-ms-lease-id': LEASE }, 10_000, 'lease']],
  ['Lease File, break', breakLease(FILE), ['PUT', { comp: 'lease' }, { ...DOT, 'x-ms-lease-action': 'break' }, 10_000, 'lease']],
  ['Lease Share, acquire', acquireLease({ share: 'share' }, LEASE, 30), ['PUT', { restype: 'share', comp: 'lease' }, { 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': '30', 'x-ms-proposed-lease-id': LEASE }, 10_000, 'lease']],
  ['Lease Share, renew', renewLease({ share: 'share' }, LEASE), ['PUT', { restype: 'share', comp: 'lease' }, { 'x-ms-lease-action': 'renew', 'x-ms-lease-id': LEASE }, 10_000, 'lease']],
  ['Lease Share, break', breakLease({ share: 'share' }, 5), ['PUT', { restype: 'share', comp: 'lease' }, { 'x-ms-lease-action': 'break', 'x-ms-lease-break-period': '5' }, 10_000, 'lease']]
]

for (const [name, operation, [method, query, headers, timeoutMs, span]] of REQUESTS) {
  t.test(`${name} is sent as the service wants it`, async t => {
    t.equal(operation.method, method)
    t.strictSame(Object.fromEntries(operation.query ?? []), query)
    t.strictSame(operation.headers ?? {}, headers)
    t.equal(operation.timeouts?.operationMs, timeoutMs)
    t.equal(operation.description.span, `azure_files.${span}`)
    if (operation.kind !== 'account') t.strictSame(operation.labels, { share: 'share' })
  })
}

t.test('spans name share, path, size and range', async t => {
  t.strictSame(putRange(FILE, range, SEALED).subject, { share: 'share', path: 'dir/a.txt', range: '0-3', size: 4 })
  t.strictSame(getFile(FILE, { start: 1, end: 2 }).subject, { share: 'share', path: 'dir/a.txt', range: '1-2' })
  t.strictSame(createFile(FILE, 7).subject, { share: 'share', path: 'dir/a.txt', size: 7 })
  t.strictSame(acquireLease(FILE, LEASE).subject, { share: 'share', path: 'dir/a.txt', action: 'acquire', lease_id: LEASE })
})

t.test('a file of this account is named as the source, to be addressed anew for each attempt', async t => {
  t.strictSame(copyFile(DIRECTORY, FILE).source, { header: 'x-ms-copy-source', target: DIRECTORY })
  t.strictSame(rename('file', DIRECTORY, FILE).source, { header: 'x-ms-file-rename-source', target: DIRECTORY })
})

const PROPERTIES = {
  etag: '"0x8D1"',
  'last-modified': 'Fri, 01 Mar 2024 12:00:00 GMT',
  'content-type': 'text/plain',
  'x-ms-meta-owner': 'ann',
  'x-ms-file-id': '42',
  'x-ms-lease-state': 'leased',
  'x-ms-file-attributes': 'Archive',
  'x-ms-file-change-time': '2024-03-01T12:00:00.1234567Z'
}

t.test('Get File reads any range as 206, with the size of the whole file', async t => {
  const file = await getFile(FILE, { start: 0, end: 9, rangeMd5: true }).read(answer(206, { ...PROPERTIES, 'content-range': 'bytes 0-3/4', 'content-length': '4', 'content-md5': 'range', 'x-ms-content-md5': 'whole' }, 'abcd'))
  t.match(file, { start: 0, end: 3, rangeMd5: 'range', properties: { share: 'share', path: 'dir/a.txt', size: 4, etag: '"0x8D1"', contentMd5: 'whole', metadata: { owner: 'ann' }, leaseState: 'leased', fileId: '42' } })
  t.equal(await textOf(file.body), 'abcd')
})

t.test('Get File reads a whole file, an empty one too', async t => {
  t.match(await getFile(FILE).read(answer(200, { ...PROPERTIES, 'content-length': '0', 'content-md5': 'whole' })), { start: 0, end: -1, properties: { size: 0, contentMd5: 'whole' } })
})

t.test('Get File takes no answer without a length or with a range that is none', async t => {
  await t.rejects(async () => await getFile(FILE).read(answer(200, PROPERTIES)), { code: 'MalformedAnswer' })
  await t.rejects(async () => await getFile(FILE, range).read(answer(206, { ...PROPERTIES, 'content-range': 'bytes 9-3/4' })), { code: 'MalformedAnswer' })
})

t.test('Get File Properties reads all that a file carries', async t => {
  t.match(await getFileProperties(FILE).read(answer(200, { ...PROPERTIES, 'content-length': '9', 'content-md5': 'x', 'x-ms-copy-id': 'c', 'x-ms-copy-status': 'pending', 'x-ms-copy-progress': '5/9' })), {
    size: 9,
    etag: '"0x8D1"',
    contentType: 'text/plain',
    contentMd5: 'x',
    attributes: 'Archive',
    lastModified: new Date('2024-03-01T12:00:00Z'),
    changedAt: new Date('2024-03-01T12:00:00.123Z'),
    copy: { id: 'c', status: 'pending', copied: 5, total: 9 }
  })
})

t.test('Put Range compares the MD5 of the answer with that of the bytes', async t => {
  t.match(await putRange(FILE, range, SEALED).read(answer(201, { etag: '0x1', 'content-md5': 'x' })), { etag: '"0x1"' })
  await t.rejects(async () => await putRange(FILE, range, SEALED).read(answer(201, { 'content-md5': 'y' })), { name: 'DigestMismatchError', expected: 'x', found: 'y', temporary: true })
})

t.test('List Ranges reads ranges, none, and the size', async t => {
  const headers = { etag: '"1"', 'x-ms-content-length': '2048' }
  t.strictSame(await listRanges(FILE).read(answer(200, headers, '\uFEFF<?xml version="1.0"?><Ranges><Range><Start>0</Start><End>511</End></Range><Range><Start>1024</Start><End>1535</End></Range></Ranges>')), {
    ranges: [{ start: 0, end: 511 }, { start: 1024, end: 1535 }], size: 2048, etag: '"1"'
  })
  t.strictSame(await listRanges(FILE).read(answer(200, headers, '\uFEFF<?xml version="1.0"?><Ranges />')), { ranges: [], size: 2048, etag: '"1"' })
})

t.test('Copy File reads the id and the state', async t => {
  t.match(await copyFile(DIRECTORY, FILE).read(answer(202, { etag: '"1"', 'x-ms-copy-id': 'c', 'x-ms-copy-status': 'pending' })), { copyId: 'c', status: 'pending' })
})

t.test('List reads entries with their paths from the root, the marker, and the service\'s clock', async t => {
  const body = '\uFEFF<?xml version="1.0"?><EnumerationResults><Entries><Directory><Name>b</Name><Properties /></Directory><File><FileId>7</FileId><Name>c.txt</Name><Properties><Content-Length>5</Content-Length><CreationTime>2024-03-01T12:00:00.0000000Z</CreationTime><Last-Modified>Fri, 01 Mar 2024 12:00:00 GMT</Last-Modified><Etag>"0x1"</Etag></Properties></File></Entries><NextMarker>n</NextMarker></EnumerationResults>'
  const page = await listDirectory(DIRECTORY).read(answer(200, { date: 'Fri, 01 Mar 2024 12:00:09 GMT' }, body))
  t.match(page, {
    next: 'n',
    listedAt: new Date('2024-03-01T12:00:09Z'),
    entries: [
      { type: 'directory', name: 'b', path: 'dir/b' },
      { type: 'file', name: 'c.txt', path: 'dir/c.txt', size: 5, etag: '"0x1"', fileId: '7', lastModified: new Date('2024-03-01T12:00:00Z') }
    ]
  })
  const last = await listDirectory({ share: 'share', path: '' }).read(answer(200, {}, body.replace('<NextMarker>n</NextMarker>', '<NextMarker />')))
  t.equal(last.next, undefined)
  t.equal(last.entries[0]?.path, 'b')
})

t.test('List Shares reads shares and snapshots', async t => {
  const body = '<EnumerationResults><Shares><Share><Name>a</Name><Snapshot>2019</Snapshot><Properties><Quota>5</Quota><Etag>"1"</Etag><LeaseState>available</LeaseState></Properties><Metadata><k>v</k></Metadata></Share></Shares><NextMarker /></EnumerationResults>'
  t.match(await listShares().read(answer(200, {}, body)), { next: undefined, entries: [{ name: 'a', snapshot: '2019', quota: 5, etag: '"1"', leaseState: 'available', metadata: { k: 'v' } }] })
})

t.test('a wrong root is no listing', async t => {
  await t.rejects(async () => await listShares().read(answer(200, {}, '<html></html>')), { code: 'MalformedAnswer' })
})

t.test('leases read their id, and a break the time that is left', async t => {
  t.equal(await acquireLease(FILE, LEASE).read(answer(201, { 'x-ms-lease-id': LEASE })), LEASE)
  t.equal(await breakLease(FILE).read(answer(202, { 'x-ms-lease-time': '0' })), 0)
})

t.test('Get Share Properties and Get Directory Properties read metadata', async t => {
  t.match(await getShareProperties({ share: 'share' }).read(answer(200, { ...PROPERTIES, 'x-ms-share-quota': '5' })), { share: 'share', quota: 5, etag: '"0x8D1"', metadata: { owner: 'ann' } })
  t.match(await getDirectoryProperties(DIRECTORY).read(answer(200, PROPERTIES)), { path: 'dir', etag: '"0x8D1"', metadata: { owner: 'ann' } })
})
