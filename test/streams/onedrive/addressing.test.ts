import t from 'tap'
import { childOf, drivePath, itemPath, odataText, parentOf, resolveItem } from '../../../streams/onedrive/addressing.ts'
import type { DriveRef, ItemRef } from '../../../streams/onedrive/addressing.ts'

t.test('drivePath() of each kind of drive', async t => {
  const table: Array<[drive: DriveRef, path: string]> = [
    ['me', '/me/drive'],
    [{ driveId: 'b!x_-Y' }, '/drives/b!x_-Y'],
    [{ userId: 'ana@contoso.com' }, '/users/ana%40contoso.com/drive'],
    [{ groupId: 'g1' }, '/groups/g1/drive'],
    [{ siteId: 'contoso.sharepoint.com,2C71,2D22' }, '/sites/contoso.sharepoint.com,2C71,2D22/drive']
  ]
  for (const [drive, path] of table) t.equal(drivePath(drive), path)
  t.throws(() => drivePath({} as never), TypeError)
  t.throws(() => drivePath('you' as never), /must be 'me' or one of/)
  t.throws(() => drivePath({ driveId: '' }), new TypeError('Cannot address an item as driveId must be a text that is not empty: received ""'))
  t.throws(() => drivePath({ driveId: '..' }), RangeError)
})

t.test('itemPath() of each kind of item, with and without what follows', async t => {
  const table: Array<[item: ItemRef, itself: string, content: string]> = [
    ['/', '/me/drive/root', '/me/drive/root/content'],
    ['/a/b.txt', '/me/drive/root:/a/b.txt', '/me/drive/root:/a/b.txt:/content'],
    ['a', '/me/drive/root:/a', '/me/drive/root:/a:/content'],
    [{ path: 'a', driveId: 'D' }, '/drives/D/root:/a', '/drives/D/root:/a:/content'],
    [{ id: '01ABC' }, '/me/drive/items/01ABC', '/me/drive/items/01ABC/content'],
    [{ id: 'CID!12', driveId: 'CID' }, '/drives/CID/items/CID!12', '/drives/CID/items/CID!12/content'],
    [{ id: '01ABC', relativePath: 'x/y z' }, '/me/drive/items/01ABC:/x/y%20z', '/me/drive/items/01ABC:/x/y%20z:/content'],
    [{ special: 'approot', path: 'a.txt' }, '/me/drive/special/approot:/a.txt', '/me/drive/special/approot:/a.txt:/content'],
    [{ special: 'photos' }, '/me/drive/special/photos', '/me/drive/special/photos/content']
  ]
  for (const [item, itself, content] of table) {
    t.equal(itemPath(resolveItem(item, 'me')), itself)
    t.equal(itemPath(resolveItem(item, 'me'), '/content'), content)
  }
})

t.test('itemPath() escapes each segment once and exactly', async t => {
  const table: Array<[path: string, escaped: string]> = [
    ['a b', 'a%20b'],
    ['#1', '%231'],
    ['100%', '100%25'],
    ['a%2Fb', 'a%252Fb'],
    ['a%20b', 'a%2520b'],
    ['a+b&c=d;e', 'a%2Bb%26c%3Dd%3Be'],
    ["it's (1)!", "it's%20(1)!"],
    ['é', '%C3%A9'],
    ['😀/日本', '%F0%9F%98%80/%E6%97%A5%E6%9C%AC'],
    ['[x]{y}^`', '%5Bx%5D%7By%7D%5E%60']
  ]
  for (const [path, escaped] of table) t.equal(itemPath(resolveItem(path, 'me')), `/me/drive/root:/${escaped}`)
})

t.test('resolveItem() says what it was given', async t => {
  t.equal(resolveItem('a/b', 'me').name, '"/a/b"')
  t.equal(resolveItem({ id: '01' }, 'me').name, 'item "01"')
  t.equal(resolveItem({ id: '01', relativePath: 'a' }, 'me').name, '"a" below item "01"')
  t.throws(() => resolveItem(undefined as never, 'me'), TypeError)
  t.throws(() => resolveItem({} as never, 'me'), new TypeError('Cannot address an item without its path or id'))
  t.throws(() => resolveItem({ id: 7 as never }, 'me'), TypeError)
})

t.test('parentOf() and childOf() go up and down', async t => {
  const address = resolveItem('/a/b', 'me')
  t.equal(itemPath(parentOf(address)?.folder ?? address, '/children'), '/me/drive/root:/a:/children')
  t.equal(parentOf(address)?.name, 'b')
  t.equal(parentOf(resolveItem('/', 'me')), undefined)
  t.equal(itemPath(childOf(resolveItem({ id: '1' }, 'me'), 'x')), '/me/drive/items/1:/x')
})

t.test('odataText() doubles quotes before it encodes', async t => {
  t.equal(odataText("it's 100%"), "it''s%20100%25")
})
