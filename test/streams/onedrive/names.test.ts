import t from 'tap'
import {
  MAX_FILE_BYTES, MAX_FRAGMENT_BYTES, checkConcurrency, checkConflictBehavior, checkFileSize, checkFragmentSize, checkNewName, checkPageSize,
  checkSimpleUploadLimit, splitNewPath, splitPath
} from '../../../streams/onedrive/names.ts'

t.test('splitPath() gives the segments and leaves the slashes at the ends', async t => {
  t.strictSame(splitPath('/'), [])
  t.strictSame(splitPath(''), [])
  t.strictSame(splitPath('/a/b c/'), ['a', 'b c'])
  t.strictSame(splitPath('a%2Fb/#1/100%/😀'), ['a%2Fb', '#1', '100%', '😀'])
  t.strictSame(splitPath('/desktop.ini'), ['desktop.ini'], 'what exists can be read, whatever its name')
})

t.test('splitPath() refuses what would address another item', async t => {
  const refused: Array<[path: string, message: string]> = [
    ['/a//b', 'Cannot address "/a//b" as a segment of it is empty'],
    ['/a/../b', 'Cannot address "/a/../b" as "." and ".." cannot be segments of it'],
    ['./a', 'Cannot address "./a" as "." and ".." cannot be segments of it'],
    ['/a:b', 'Cannot address "/a:b" as names cannot hold ":"'],
    ['/a?b', 'Cannot address "/a?b" as names cannot hold "?"'],
    ['/a\\b', 'Cannot address "/a\\\\b" as names cannot hold "\\\\"'],
    ['/a\r\nb', 'Cannot address "/a\\r\\nb" as names cannot hold control characters'],
    ['/a\ud800', 'Cannot address "/a\\ud800" as it holds half a surrogate pair'],
    ['x'.repeat(431), 'Cannot address an item as its path has 431 characters: OneDrive takes at most 430']
  ]
  for (const [path, message] of refused) t.throws(() => splitPath(path), new RangeError(message))
  t.throws(() => splitPath(7), new TypeError('Cannot address an item as its path must be a string: received number'))
})

t.test('checkNewName() refuses names that OneDrive or SharePoint would refuse', async t => {
  const forbidden = ['', ' a', 'a ', 'a.', '~$a.docx', 'a_vti_b', '.lock', 'CON', 'prn', 'AUX', 'nul', 'COM0', 'com9', 'LPT1', 'desktop.ini', 'Desktop.INI', '.', '..']
  for (const name of [...forbidden, 'a"b', 'a*b', 'a:b', 'a<b', 'a>b', 'a?b', 'a/b', 'a\\b', 'a|b']) {
    t.throws(() => checkNewName(name), RangeError, JSON.stringify(name))
  }
  t.throws(() => checkNewName(undefined), TypeError)
  for (const name of ['a', '#', '%', 'a%20b', 'CON.txt', 'com10', '.gitignore', 'a b', '😀', "it's", '~a', 'forms']) {
    t.doesNotThrow(() => checkNewName(name), name)
  }
})

t.test('splitNewPath() checks each segment', async t => {
  t.strictSame(splitNewPath('/a/b'), ['a', 'b'])
  t.throws(() => splitNewPath('/a./b'), new RangeError('Cannot name an item "a." as names cannot end with "."'))
})

t.test('checkFragmentSize() takes multiples of 320 KiB below 60 MiB', async t => {
  for (const size of [327_680, 10_485_760, MAX_FRAGMENT_BYTES]) t.doesNotThrow(() => checkFragmentSize(size))
  t.equal(MAX_FRAGMENT_BYTES, 62_586_880)
  t.throws(() => checkFragmentSize(1_000_000), new RangeError('Cannot open an upload session as fragmentSize must be a multiple of 327680: received 1000000'))
  t.throws(() => checkFragmentSize(62_914_560), new RangeError('Cannot open an upload session as fragmentSize must be below 60 MiB, at most 62586880: received 62914560'))
  t.throws(() => checkFragmentSize(0), RangeError)
  t.throws(() => checkFragmentSize('10' as never), TypeError)
})

t.test('The other limits are the service\'s', async t => {
  t.doesNotThrow(() => checkFileSize(MAX_FILE_BYTES))
  t.throws(() => checkFileSize(MAX_FILE_BYTES + 1), RangeError)
  t.throws(() => checkFileSize(-1), RangeError)
  t.throws(() => checkFileSize('1' as never), TypeError)
  t.throws(() => checkSimpleUploadLimit(262_144_001), RangeError)
  for (const size of [1, 1000]) t.doesNotThrow(() => checkPageSize(size))
  for (const size of [0, 1001, 1.5]) t.throws(() => checkPageSize(size), RangeError)
  for (const count of [0, 17, 1.5]) t.throws(() => checkConcurrency(count), RangeError)
  t.throws(() => checkConflictBehavior('overwrite'), new RangeError('Cannot use conflictBehavior "overwrite" as it must be one of fail, replace, rename'))
})
