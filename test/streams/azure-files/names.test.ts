import t from 'tap'
import { checkAccountName, checkShareName, directoryPath, encodePath, filePath, splitPath } from '../../../streams/azure-files/names.ts'

t.test('encodePath() encodes every segment once, as UTF-8', async t => {
  for (const [path, encoded] of [
    ['dir one/file.txt', 'dir%20one/file.txt'], ['100%/#1', '100%25/%231'], ['ä/日本', '%C3%A4/%E6%97%A5%E6%9C%AC'], ["it's(a)!", 'it%27s%28a%29%21'],
    ['a+b&c=d', 'a%2Bb%26c%3Dd'], ['%20', '%2520'], ['😀', '%F0%9F%98%80'], ['a.', 'a.']
  ] as const) t.equal(encodePath(path), encoded)
})

t.test('filePath() takes one leading slash off and refuses what the service would refuse or change', async t => {
  t.equal(filePath('/dir/a.txt'), 'dir/a.txt')
  t.equal(filePath('a'.repeat(255)), 'a'.repeat(255))
  for (const path of [
    '', '/', 'a//b', '//a', 'a/', './a', 'a/..', 'a/./b', 'a:b', 'a|b', 'a<b', 'a>b', 'a*b', 'a?b', 'a"b', 'a\\b', 'a\u0000', 'a\n', '\u0081', '\ud800',
    'con', 'COM1', 'lpt9', 'Nul', 'aux', 'prn', 'clock$', 'x'.repeat(256), `${'a/'.repeat(250)}a`, 'abcdefgh/'.repeat(228)
  ]) t.throws(() => filePath(path), { name: 'ConfigurationError', code: 'InvalidPath' }, JSON.stringify(path).slice(0, 20))
  t.throws(() => filePath(7), TypeError)
  for (const path of ['com', 'com10', 'console', 'a.con', '...', 'a ']) t.equal(filePath(path), path)
})

t.test('directoryPath() takes the slashes at both ends off', async t => {
  for (const [path, normal] of [['', ''], ['/', ''], ['/a/b/', 'a/b'], ['a', 'a']] as const) t.equal(directoryPath(path), normal)
  t.throws(() => directoryPath('///'), { code: 'InvalidPath' })
})

t.test('splitPath() parts a path at its last slash', async t => {
  t.strictSame(splitPath('a/b/c'), { parent: 'a/b', name: 'c' })
  t.strictSame(splitPath('c'), { parent: '', name: 'c' })
})

t.test('checkShareName() knows the rules of shares', async t => {
  for (const name of ['abc', 'a-b-c', '123', 'x'.repeat(63)]) t.doesNotThrow(() => checkShareName(name))
  for (const name of ['ab', 'ABC', 'a_b', '-abc', 'abc-', 'a--b', 'x'.repeat(64), 'a.b', '', '$root']) {
    t.throws(() => checkShareName(name), { name: 'ConfigurationError', code: 'InvalidShareName' }, name)
  }
  t.throws(() => checkShareName(undefined), TypeError)
})

t.test('checkAccountName() knows the rules of accounts', async t => {
  t.doesNotThrow(() => checkAccountName('devstoreaccount1'))
  for (const name of ['ab', 'Account', 'a-b', 'x'.repeat(25)]) t.throws(() => checkAccountName(name), { code: 'InvalidAccountName' }, name)
})
