import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { MiB } from '../../lib/bytes/sizes.ts'
import { MockR2, R2 } from '../../streams/r2/index.ts'

t.test('R2.mock() is the client itself, and needs nothing', async t => {
  await using mock = R2.mock()
  t.ok(mock instanceof R2)
  t.ok(mock instanceof MockR2)
  t.equal((await mock.put('a/b.txt', 'hello')).size, 5)
  t.equal((await mock.get('a/b.txt')).bytes.toString(), 'hello')
  t.same((await mock.list()).entries.map(entry => entry.type === 'object' && entry.key), ['a/b.txt'])
  t.same(mock.requests.operations(), ['PutObject', 'GetObject', 'ListObjectsV2'])
})

t.test('withObject() stores before the first request, without a trace in the log', async t => {
  await using mock = R2.mock({ bucket: 'photos' })
    .withObject('a.txt', 'one', { contentType: 'text/plain', metadata: { by: 'me' } })
    .withObject('b.bin', Buffer.from([1, 2, 3]), { bucket: 'others' })
    .withBucket('empty')
  const { contentType, metadata, size } = await mock.head('a.txt')
  t.match({ contentType, metadata, size }, { contentType: 'text/plain', metadata: { by: 'me' }, size: 3 })
  t.same((await mock.get('b.bin', { bucket: 'others' })).bytes, Buffer.from([1, 2, 3]))
  t.same((await mock.buckets.list()).map(({ name }) => name), ['empty', 'others', 'photos'])
  t.same(mock.requests.operations(), ['HeadObject', 'GetObject', 'ListBuckets'])
})

t.test('withObject() keeps the bytes as they were, and works between requests too', async t => {
  await using mock = R2.mock()
  const bytes = Buffer.from('before')
  mock.withObject('a', bytes)
  bytes.fill('x')
  t.equal((await mock.get('a')).bytes.toString(), 'before')
  mock.withObject('a', 'after')
  t.equal((await mock.get('a')).bytes.toString(), 'after')
})

t.test('presets of a wrong shape are refused at once', async t => {
  await using mock = R2.mock()
  t.throws(() => mock.withObject('', 'x'), { name: 'RangeError', message: 'Cannot address an object as its key is empty' })
  t.throws(() => mock.withObject('a', 7 as unknown as string), { name: 'TypeError', message: 'Cannot preset a body as it must be bytes or a string: received number' })
  t.throws(() => mock.withBucket('No Bucket'), { name: 'RangeError' })
  t.throws(() => mock.expectPut('a', { times: -1 }), { message: 'Cannot expect put "a" in bucket "mock" as times must be a whole number of 0 or more: received -1' })
})

t.test('verify() is content when all that was expected happened', async t => {
  await using mock = R2.mock().withObject('a', 'x').withObject('c', 'x')
    .expectPut('b').expectGet('a').expectHead('b', { times: 2 }).expectList('p/').expectDelete('a').expectDelete('c').expectCopy('d').expectPut('e', { times: 0 })
  await mock.get('a')
  await mock.put('b', 'x')
  await mock.head('b')
  await mock.head('b')
  await mock.list({ prefix: 'p/' })
  await mock.copy('a', 'd')
  await mock.delete('a')
  await mock.deleteMany(['c', 'd'])
  mock.verify()
  t.equal(mock.requests.count('DeleteObjects'), 1, 'a key of many counts as one alone')
})

t.test('verify() lists each expectation that was not met, and what was seen instead', async t => {
  await using mock = R2.mock().withObject('a', 'x')
    .expectPut('b').expectGet('a').expectGet('a', { times: 3 }).expectPut('c', { times: 0 }).expectList().expectDelete('a', { bucket: 'others' })
  await mock.get('a')
  await mock.put('c', 'x')
  await mock.delete('a')
  t.throws(() => mock.verify(), {
    message: [
      'Cannot confirm 5 of 6 expectations of the mock:',
      '- put "b" in bucket "mock": expected at least once, happened never; seen instead: PutObject "c" (200)',
      '- get "a" in bucket "mock": expected 3 times, happened once',
      '- put "c" in bucket "mock": expected never, happened once',
      '- list "" in bucket "mock": expected at least once, happened never; seen instead: GetObject "a" (206), PutObject "c" (200), DeleteObject "a" (204)',
      '- delete "a" in bucket "others": expected at least once, happened never; seen instead: DeleteObject "a" (204)'
    ].join('\n')
  })
})

t.test('verify() before any request says that none was seen', async t => {
  await using mock = R2.mock().expectPut('a')
  t.throws(() => mock.verify(), { message: 'Cannot confirm 1 of 1 expectations of the mock:\n- put "a" in bucket "mock": expected at least once, happened never; no request was seen' })
})

t.test('what the service refused meets no expectation', async t => {
  await using mock = R2.mock().withObject('a', 'x').expectPut('a')
  await t.rejects(mock.put('a', 'y', { ifNoneMatch: '*' }), { name: 'PreconditionFailedError' })
  t.throws(() => mock.verify(), { message: /put "a" .* happened never; seen instead: PutObject "a" \(412\)$/ })
})

t.test('an upload in parts counts as one put, and reads back', async t => {
  await using mock = R2.mock({ partSize: 5 * MiB }).expectPut('big', { times: 1 })
  const body = randomBytes(12 * MiB)
  const upload = mock.createWriteStream('big')
  await pipeline(Readable.from([body.subarray(0, 7_000_001), body.subarray(7_000_001)]), upload)
  t.match(upload.result, { size: body.length, parts: 3 })
  t.ok(Buffer.concat(await mock.createReadStream('big', { rangeSize: 5 * MiB }).toArray()).equals(body))
  mock.verify()
})

t.test('retries are real, and their waits are skipped', async t => {
  await using mock = R2.mock().withObject('a', 'x')
  mock.faults.add({ operation: 'PutObject', status: 503, retryAfter: 3600, times: 2 })
  const before = Date.now()
  t.match(await mock.put('b', 'y'), { attempts: 3 })
  t.ok(Date.now() - before < 60_000, 'nobody has waited for the two hours that the service asked for')
  mock.faults.verify()
})

t.test('downloads heal: resets, stalls and cuts on the way', async t => {
  const body = randomBytes(3 * MiB)
  await using mock = R2.mock().withObject('a', body)
  mock.faults.add({ operation: 'GetObject', reset: { responseByte: 1_000_000 } })
  mock.faults.add({ operation: 'GetObject', stall: { responseByte: 300_000 } })
  mock.faults.add({ operation: 'GetObject', truncate: { responseByte: 500_000 } })
  mock.faults.add({ operation: 'GetObject', stall: 'response' })
  t.ok(Buffer.concat(await mock.createReadStream('a').toArray()).equals(body))
  mock.faults.verify()
})

t.test('an answer that was lost is looked up', async t => {
  await using mock = R2.mock({ retry: false }).expectPut('a', { times: 1 })
  mock.faults.add({ operation: 'PutObject', loseAnswer: true })
  t.match(await mock.put('a', 'x'), { reconciled: true })
  mock.verify()
})

t.test('a flipped bit is found out', async t => {
  await using mock = R2.mock().withObject('a', 'hello')
  mock.faults.add({ operation: 'GetObject', flipBit: { at: 1 }, times: Infinity })
  await t.rejects(mock.get('a'), { name: 'DigestMismatchError' })
})

t.test('habits of the service are switches of the mock too', async t => {
  await using mock = R2.mock({ emulator: { strict: { keyWriteRate: 1 } }, retry: false })
  await mock.put('a', 'x')
  await t.rejects(mock.put('a', 'y'), { name: 'ThrottledError' })
})

t.test('after close() nothing is sent any more', async t => {
  const mock = R2.mock({ retry: false })
  await mock.put('a', 'x')
  await mock.close()
  await t.rejects(mock.put('b', 'x'), { name: 'NetworkError' })
})
