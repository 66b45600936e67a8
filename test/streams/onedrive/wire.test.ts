import t from 'tap'
import { StorageError } from '../../../lib/errors.ts'
import { Secret } from '../../../lib/secret.ts'
import { resolveItem } from '../../../streams/onedrive/addressing.ts'
import type { GraphOperation } from '../../../streams/onedrive/wire.ts'
import { downloadByRedirect, downloadFrom, putContent } from '../../../streams/onedrive/wire-content.ts'
import { copyItem, getCopyStatus, readCopyStatus } from '../../../streams/onedrive/wire-copy.ts'
import {
  createFolder, deleteItem, getItem, listChildren, listDelta, searchItems, updateItem
} from '../../../streams/onedrive/wire-items.ts'
import { listVersions, restoreVersion } from '../../../streams/onedrive/wire-versions.ts'
import { FILE, FOLDER, answer } from './support/answers.ts'

const at = (path: string): ReturnType<typeof resolveItem> => resolveItem(path, 'me')

/** What goes out: method, path or link, headers, body. */
function sent ({ method, where, headers, body }: GraphOperation<unknown>): unknown[] {
  const place = where.kind === 'graph' ? where.path : where.kind === 'page' ? where.link : where.link.reveal()
  return [`${method} ${place}`, headers ?? {}, body === undefined || body.byteLength === 0 ? undefined : JSON.parse(Buffer.from(body).toString())]
}

t.test('getItem() asks for all properties, as a selection would lose the download URL', async t => {
  t.strictSame(sent(getItem(at('/a#b'), { ifNoneMatch: '"c:1"' })), ['GET /me/drive/root:/a%23b', { 'if-none-match': '"c:1"' }, undefined])
  t.match(await getItem(at('/docs/plan.txt')).read(answer(FILE)), { id: '01ABC', path: '/docs/plan.txt' })
  await t.rejects(async () => getItem(at('/a')).read(answer({})), { code: 'MalformedAnswer', message: 'Cannot get "/a": the answer holds no item' })
  await t.rejects(async () => getItem(at('/a')).read(answer('<html>')), { code: 'MalformedAnswer' })
})

t.test('listChildren() takes the next link byte for byte', async t => {
  const odd = "https://graph.microsoft.com/v1.0/me/drive/items('a')/children?$skiptoken=MjAx%252F&$top=200"
  t.strictSame(sent(listChildren(at('/'), { pageSize: 200, orderBy: 'name desc' })), ['GET /me/drive/root/children?$top=200&$orderby=name%20desc', {}, undefined])
  t.strictSame(sent(listChildren(at('/'), {}, odd)), [`GET ${odd}`, {}, undefined])
  const page = await listChildren(at('/')).read(answer({ value: [FILE, FOLDER], '@odata.nextLink': odd }))
  t.strictSame([page.entries.map(({ name }) => name), page.next], [['plan.txt', 'docs'], odd])
  t.strictSame(await listChildren(at('/')).read(answer({ value: [], '@odata.nextLink': odd })), { entries: [], next: odd }, 'an empty page is not the end')
  t.strictSame(await listChildren(at('/')).read(answer({})), { entries: [], next: undefined })
})

t.test('listDelta() begins at the start, at a token, or at a link as it is', async t => {
  t.strictSame(sent(listDelta(at('/')))[0], 'GET /me/drive/root/delta')
  t.strictSame(sent(listDelta(at('/'), 'latest'))[0], 'GET /me/drive/root/delta?token=latest')
  t.strictSame(sent(listDelta(at('/'), '2024-03-01T10:00:00Z', 10))[0], 'GET /me/drive/root/delta?token=2024-03-01T10%3A00%3A00Z&$top=10')
  t.strictSame(sent(listDelta(at('/'), "https://g/delta(token='x')"))[0], "GET https://g/delta(token='x')")
  const page = await listDelta(at('/')).read(answer({ value: [{ id: 'x', deleted: {} }], '@odata.deltaLink': 'https://g/delta?token=T' }))
  t.match(page, { entries: [{ id: 'x', deleted: true }], next: undefined, deltaLink: 'https://g/delta?token=T' })
})

t.test('searchItems() doubles the quotes of the text', async t => {
  t.equal(sent(searchItems(at('/docs'), "it's #1"))[0], "GET /me/drive/root:/docs:/search(q='it''s%20%231')")
  t.equal(sent(searchItems(at('/'), 'a', { pageSize: 5 }))[0], "GET /me/drive/root/search(q='a')?$top=5")
})

t.test('createFolder() says the conflict behaviour in the body', async t => {
  t.strictSame(sent(createFolder(at('/docs'), 'New', 'rename')), [
    'POST /me/drive/root:/docs:/children', { 'content-type': 'application/json' }, { name: 'New', folder: {}, '@microsoft.graph.conflictBehavior': 'rename' }
  ])
})

t.test('updateItem() sends what changes, and takes every way in which it ends', async t => {
  t.strictSame(sent(updateItem(at('/a'), { name: 'b', parentId: 'P' }, { ifMatch: '"{G},4"', conflictBehavior: 'fail' })), [
    'PATCH /me/drive/root:/a?@microsoft.graph.conflictBehavior=fail', { 'content-type': 'application/json', 'if-match': '"{G},4"' }, { name: 'b', parentReference: { id: 'P' } }
  ])
  t.strictSame(sent(updateItem(at('/a'), { fileTimes: { modified: new Date(0) } }))[2], { fileSystemInfo: { lastModifiedDateTime: '1970-01-01T00:00:00.000Z' } })
  t.match(await updateItem(at('/a'), {}).read(answer(FILE)), { kind: 'item', item: { id: '01ABC' } })
  t.strictSame(await updateItem(at('/a'), {}).read(answer('', 204)), { kind: 'done' })
  t.match(await updateItem(at('/a'), {}).read(answer('', 202, { location: 'https://m/1' })), { kind: 'monitor' })
})

t.test('deleteItem() to the recycle bin, or past it', async t => {
  t.strictSame(sent(deleteItem(at('/a'), { ifMatch: '"1"' })), ['DELETE /me/drive/root:/a', { 'if-match': '"1"' }, undefined])
  t.strictSame(sent(deleteItem(at('/a'), { permanent: true })), ['POST /me/drive/root:/a:/permanentDelete', {}, undefined])
})

t.test('putContent() says the conflict behaviour in the query', async t => {
  const operation = putContent(at('/n.txt'), Buffer.from('hello'), 'fail', { ifNoneMatch: '*' })
  t.equal(operation.where.kind === 'graph' && operation.where.path, '/me/drive/root:/n.txt:/content?@microsoft.graph.conflictBehavior=fail')
  t.match(operation, { method: 'PUT', headers: { 'content-type': 'application/octet-stream', 'if-none-match': '*' } })
  t.match(await operation.read(answer(FILE, 201)), { id: '01ABC' })
  t.equal(await operation.read(answer('', 201)), undefined)
})

t.test('downloadFrom() asks for a range and says what it got', async t => {
  const link = new Secret('https://h/d?tempauth=x')
  const operation = downloadFrom(link, '"/a"', { start: 5, end: 9 })
  t.match(operation, { action: 'read bytes 5-9 of "/a"', headers: { range: 'bytes=5-9' }, streams: true })
  t.match(await operation.read(answer('56789', 206, { 'content-range': 'bytes 5-9/100', etag: '"{G},1"' })), { start: 5, end: 9, size: 100, etag: '"{G},1"' })
  t.match(await operation.read(answer('0123456789', 200, { 'content-length': '10' })), { start: 0, end: 9, size: 10 }, 'the range was ignored')
  t.match(await operation.read(answer('01', 200)), { start: 0, end: undefined, size: undefined })
  const partial = async (): Promise<unknown> => await operation.read(answer('56789', 206, { 'content-range': 'garbage' }))
  await t.rejects(partial(), { code: 'MalformedAnswer', temporary: true, message: 'Cannot read "/a": the answer came with the Content-Range "garbage"' })
  t.notOk('range' in (downloadFrom(link, '"/a"', { start: 0, end: undefined }).headers ?? {}))
})

t.test('downloadByRedirect() asks Graph, of the file or of a version', async t => {
  t.equal(sent(downloadByRedirect(at('/a'), undefined, () => undefined))[0], 'GET /me/drive/root:/a:/content')
  t.equal(sent(downloadByRedirect(at('/a'), undefined, () => undefined, '3.0'))[0], 'GET /me/drive/root:/a:/versions/3.0/content')
})

t.test('copyItem() says the conflict behaviour in the query, and gives the monitor', async t => {
  const operation = copyItem(at('/a'), { parent: { driveId: 'd2', id: 'p2' }, name: 'c.txt', conflictBehavior: 'rename' })
  t.strictSame(sent(operation), [
    'POST /me/drive/root:/a:/copy?@microsoft.graph.conflictBehavior=rename', { 'content-type': 'application/json', prefer: 'respond-async' },
    { parentReference: { driveId: 'd2', id: 'p2' }, name: 'c.txt' }
  ])
  t.equal((await operation.read(answer('', 202, { location: "https://m/monitor('1')?t=x" }))).link.reveal(), "https://m/monitor('1')?t=x")
  await t.rejects(async () => operation.read(answer('', 202)), { code: 'MalformedAnswer' })
})

t.test('readCopyStatus() knows every way in which a monitor answers', async t => {
  const read = (json: object | undefined, status = 200): object => readCopyStatus(json as never, status, '"/a"')
  t.match(read({ operation: 'ItemCopy', status: 'inProgress', percentageComplete: 40 }, 202), { state: 'running', percentageComplete: 40, error: undefined })
  for (const status of ['notStarted', 'waiting', 'updating', 'cancelPending', 'deletePending']) t.match(read({ status }), { state: 'running' }, status)
  t.match(read({ status: 'completed', resourceId: '01NEW' }), { state: 'completed', itemId: '01NEW' })
  t.match(read({ status: 'failed', error: { code: 'nameAlreadyExists', message: 'taken' } }), { state: 'failed', error: { code: 'Conflict', serviceCode: 'nameAlreadyExists', message: 'Cannot copy "/a": nameAlreadyExists (taken)' } })
  t.match(read({ status: 'failed', errorCode: 'AccessDenied_X' }), { state: 'failed', error: { code: 'CopyFailed', serviceCode: 'AccessDenied_X' } })
  t.match(read({ status: 'deleteFailed' }), { state: 'failed', error: StorageError })
  t.match(read({ status: 'cancelled' }), { state: 'cancelled' })
  t.match(read(FILE), { state: 'completed', itemId: '01ABC', item: { name: 'plan.txt' } }, 'the monitor is the item')
  t.match(read(undefined, 202), { state: 'running' })
  t.match(read(undefined, 200), { state: 'completed', itemId: undefined })
})

t.test('getCopyStatus() goes without the token and hears how long to wait', async t => {
  const operation = getCopyStatus({ link: new Secret('https://m/1') }, '"/a"', 0)
  t.match(operation.where, { kind: 'authorized', by: 'monitor' })
  t.equal((await operation.read(answer({ status: 'inProgress' }, 202, { 'retry-after': '3' }))).retryAfterMs, 3000)
})

t.test('listVersions() and restoreVersion()', async t => {
  t.equal(sent(listVersions(at('/a')))[0], 'GET /me/drive/root:/a:/versions')
  const page = await listVersions(at('/a')).read(answer({ value: [{ id: '2.0', size: 62, lastModifiedDateTime: '2024-03-01T10:00:00Z', lastModifiedBy: { user: { displayName: 'Ana' } } }] }))
  t.strictSame(page.entries, [{ id: '2.0', size: 62, modifiedAt: new Date('2024-03-01T10:00:00Z'), modifiedBy: 'Ana' }])
  t.equal(sent(restoreVersion(at('/a'), '1.0'))[0], 'POST /me/drive/root:/a:/versions/1.0/restoreVersion')
  t.equal(restoreVersion(at('/a'), '1.0').body?.byteLength, 0)
})
