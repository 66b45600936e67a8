import { inspect } from 'node:util'
import t from 'tap'
import { fileSystemInfo, readItem } from '../../../streams/onedrive/item.ts'
import { FILE, FOLDER } from './support/answers.ts'

t.test('readItem() reads a file of SharePoint', async t => {
  const { downloadUrl, ...item } = readItem(FILE)
  t.equal(downloadUrl?.reveal(), FILE['@microsoft.graph.downloadUrl'])
  t.strictSame(item, {
    id: '01ABC',
    name: 'plan.txt',
    type: 'file',
    size: 11,
    etag: '"{6F1C0B2A-0000-4000-8000-00000000A001},2"',
    ctag: '"c:{6F1C0B2A-0000-4000-8000-00000000A001},1"',
    path: '/docs/plan.txt',
    driveId: 'b!x',
    driveType: 'documentLibrary',
    parentId: '01PARENT',
    createdAt: new Date('2024-03-01T10:00:00Z'),
    modifiedAt: new Date('2024-03-01T10:05:00Z'),
    fileTimes: { created: new Date('2024-03-01T10:00:00Z'), modified: new Date('2024-03-01T10:05:00Z') },
    mimeType: 'text/plain',
    hashes: { quickXor: 'aCgDG9jwBhDc4Q1yawMZAAAAAAA=' },
    childCount: undefined,
    webUrl: 'https://contoso.sharepoint.com/sites/t/Shared%20Documents/docs/plan.txt',
    root: false,
    deleted: false,
    malware: false
  })
})

t.test('readItem() prints no download URL', async t => {
  const item = readItem(FILE)
  t.notMatch(inspect(item, { depth: 9, showHidden: true }) + JSON.stringify(item), /tempauth/)
})

t.test('readItem() tells folders, roots, notebooks, shortcuts and deleted items apart', async t => {
  t.match(readItem(FOLDER), { type: 'folder', path: '/docs', childCount: 1, ctag: undefined, downloadUrl: undefined })
  t.match(readItem({ id: 'r', name: 'root', root: {}, folder: {} }), { type: 'folder', root: true, path: '/' })
  t.match(readItem({ id: 'n', name: 'Notes', package: { type: 'oneNote' } }), { type: 'package', path: undefined })
  t.match(readItem({ id: 's', name: 'Shared', remoteItem: { id: 'x', folder: {} } }), { type: 'remote' })
  t.match(readItem({ id: '01GONE', size: 0, file: {}, deleted: { state: 'deleted' }, parentReference: { driveId: 'b!x', id: '01FOLDER' } }), { deleted: true, path: undefined, parentId: '01FOLDER' })
  t.equal(readItem({ ...FILE, malware: { description: 'bad' } }).malware, true)
})

t.test('readItem() takes the forms that services differ in', async t => {
  t.equal(readItem({ ...FILE, '@microsoft.graph.downloadUrl': undefined, '@content.downloadUrl': 'https://x/y' }).downloadUrl?.reveal(), 'https://x/y')
  t.strictSame(readItem({ ...FILE, file: { hashes: {} } }).hashes, {}, 'empty files of SharePoint')
  t.equal(readItem({ id: 'p', name: 'c d', parentReference: { path: '/drive/root:/a%20b' } }).path, '/a b/c d')
  t.equal(readItem({ id: 'p', name: 'x', parentReference: { path: '/drive/root:/100%' } }).path, '/100%/x', 'a path that is not encoded')
  t.match(readItem({ id: 1, name: 2, size: 'big', createdDateTime: 'once', parentReference: [] } as never), { id: '', name: '', size: 0, createdAt: undefined }, 'values of other types count as absent')
})

t.test('fileSystemInfo() writes the times that are given', async t => {
  t.equal(fileSystemInfo(undefined), undefined)
  t.equal(fileSystemInfo({}), undefined)
  t.strictSame(fileSystemInfo({ modified: new Date('2024-03-01T10:00:00Z') }), { lastModifiedDateTime: '2024-03-01T10:00:00.000Z' })
  t.throws(() => fileSystemInfo({ created: new Date('never') }), new TypeError('Cannot use fileTimes.created as it must be a valid Date: received Invalid Date'))
})
