import t from 'tap'
import { GiB, MiB, TiB } from '../../../lib/bytes/sizes.ts'
import {
  MAX_OBJECT_BYTES, MAX_PARTS, MAX_PUT_BYTES, MIN_PART_BYTES, checkBucket, checkConcurrency, checkKey, checkObjectSize, checkPartSize, partSizeFor
} from '../../../streams/r2/names.ts'

t.test('the limits are those of R2, to the byte', t => {
  t.same([MAX_PUT_BYTES, MAX_OBJECT_BYTES, MIN_PART_BYTES, MAX_PARTS], [5_363_466_240, 5_492_189_429_760, 5_242_880, 10_000])
  t.end()
})

t.test('checkBucket() takes names of R2, and of others where it is told so', t => {
  for (const name of ['abc', 'a-b', '0a0', 'a'.repeat(63)]) t.doesNotThrow(() => checkBucket(name, true))
  for (const name of ['a', 'My.Bucket_1', 'a'.repeat(255)]) t.doesNotThrow(() => checkBucket(name, false))
  const shape = '3 to 63 characters of a-z, 0-9 and "-", with a letter or digit at both ends'
  for (const name of ['', 'ab', 'a'.repeat(64), 'Abc', 'a.b', 'a_b', '-ab', 'ab-', 'a/b', 'abc\n', 'äbc']) {
    t.throws(() => checkBucket(name, true), new RangeError(`Cannot address bucket ${JSON.stringify(name)} as its name must have ${shape}`))
  }
  for (const name of ['', '.', '..', 'a/b', 'a b', 'a\n', '-a', 'ü', 'a?b', 'a#b', 'a%2Fb']) t.throws(() => checkBucket(name, false), RangeError)
  for (const name of [undefined, null, 7, {}]) t.throws(() => checkBucket(name, true), TypeError)
  t.end()
})

t.test('checkKey() takes any text of 1 to 1,024 bytes', t => {
  for (const key of ['a', '/a', 'a/', 'a//b', '...', 'a/...', '.hidden', 'a/..b/c', ' ', '\n', '%2e%2e', '\\', 'ü'.repeat(512), 'x'.repeat(1024), '😀']) t.doesNotThrow(() => checkKey(key))
  t.end()
})

const KEYS: Array<[key: unknown, error: Error]> = [
  [undefined, new TypeError('Cannot address an object as its key must be a string: received undefined')],
  [7, new TypeError('Cannot address an object as its key must be a string: received number')],
  ['', new RangeError('Cannot address an object as its key is empty')],
  ['x'.repeat(1025), new RangeError('Cannot address an object as its key has 1025 bytes: R2 takes at most 1024')],
  ['ü'.repeat(513), new RangeError('Cannot address an object as its key has 1026 bytes: R2 takes at most 1024')],
  ['a\ud800', new RangeError('Cannot address key "a\\ud800" as it holds half a surrogate pair')],
  ['a/../b', new RangeError('Cannot address key "a/../b" as "." and ".." cannot be segments of it')],
  ['..', new RangeError('Cannot address key ".." as "." and ".." cannot be segments of it')],
  ['./a', new RangeError('Cannot address key "./a" as "." and ".." cannot be segments of it')],
  ['a/.', new RangeError('Cannot address key "a/." as "." and ".." cannot be segments of it')]
]

t.test('checkKey() refuses what cannot be addressed', t => {
  for (const [key, error] of KEYS) t.throws(() => checkKey(key), error)
  t.end()
})

t.test('checkPartSize(), checkObjectSize() and checkConcurrency() keep to the limits', t => {
  for (const size of [MIN_PART_BYTES, MAX_PUT_BYTES]) t.doesNotThrow(() => checkPartSize(size))
  for (const size of [MIN_PART_BYTES - 1, MAX_PUT_BYTES + 1, 5_242_880.5, NaN]) {
    t.throws(() => checkPartSize(size), new RangeError(`Cannot upload in parts of ${size} bytes as R2 takes parts of 5242880 (5 MiB) to 5363466240 bytes`))
  }
  for (const size of [0, MAX_OBJECT_BYTES]) t.doesNotThrow(() => checkObjectSize(size))
  t.throws(() => checkObjectSize(MAX_OBJECT_BYTES + 1), new RangeError('Cannot upload 5492189429761 bytes as R2 stores objects of at most 5492189429760 bytes (5.0 TiB)'))
  for (const size of [-1, 1.5, NaN, Infinity]) t.throws(() => checkObjectSize(size), new RangeError(`Cannot upload as size must be a whole number of bytes: received ${size}`))
  for (const concurrency of [1, 16]) t.doesNotThrow(() => checkConcurrency(concurrency))
  for (const concurrency of [0, 17, 1.5, NaN]) {
    t.throws(() => checkConcurrency(concurrency), new RangeError(`Cannot keep ${concurrency} requests in flight as concurrency must be a whole number from 1 to 16`))
  }
  t.end()
})

t.test('partSizeFor() grows only where 10,000 parts would not hold the object', t => {
  t.equal(partSizeFor(undefined, 10 * MiB), 10 * MiB)
  t.equal(partSizeFor(100_000 * MiB, 10 * MiB), 10 * MiB)
  t.equal(partSizeFor(100_000 * MiB + 1, 10 * MiB), 11 * MiB)
  t.equal(partSizeFor(MAX_OBJECT_BYTES, 5 * MiB), 524 * MiB)
  for (const size of [0, 1, GiB, 97 * GiB, 98 * GiB, TiB, MAX_OBJECT_BYTES]) t.ok(partSizeFor(size, 5 * MiB) * MAX_PARTS >= size)
  t.end()
})
