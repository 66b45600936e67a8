/** How downloads heal or fail, over real sockets. */
import { Readable } from 'node:stream'
import t from 'tap'
import { ObjectChangedError } from '../../../../lib/errors.ts'
import { bytesOf, collect, start } from './support.ts'
import type { Bench } from './support.ts'

const all = bytesOf(200_000)
const OPTIONS = { rangeSize: 64_000 }

async function withFile (t: { teardown (done: () => unknown): void }): Promise<Bench> {
  const bench = await start(t)
  await bench.azure.files.write({ path: 'a', data: all })
  bench.emulator.requests.clear()
  return bench
}

t.test('a file is read whole and in parts, in order', async t => {
  const { azure } = await withFile(t)
  t.same(await collect(azure.createReadStream('a', OPTIONS)), all)
  t.same(await collect(azure.createReadStream('a', { concurrency: 1 })), all)
  t.same(await collect(azure.createReadStream('a', { ...OPTIONS, start: 63_999, end: 64_000 })), all.subarray(63_999, 64_001))
  t.same(await collect(azure.createReadStream('a', { ...OPTIONS, integrity: 'md5' })), all)
})

for (const [name, fault] of [
  ['is reset', { reset: { responseByte: 30_000 } }],
  ['ends early', { truncate: { responseByte: 30_000 } }],
  ['never starts', { reset: 'before' }],
  ['meets a busy service', { status: 503, code: 'ServerBusy' }],
  ['meets a busy service that says how long', { status: 503, code: 'ServerBusy', retryAfter: 1 }],
  ['meets an error of the service', { status: 500, code: 'InternalError' }]
] as const) {
  t.test(`a range that ${name} is asked for again`, async t => {
    const { azure, emulator } = await withFile(t)
    emulator.faults.add({ operation: 'GetFile', skip: 1, times: 2, ...fault })
    t.same(await collect(azure.createReadStream('a', OPTIONS)), all)
    emulator.faults.verify()
  })
}

t.test('a file that changes while it is read is an error, never two versions joined', async t => {
  for (const fault of [{ changeObject: true }, { changeObject: 'midway' }, { changeObject: 'midway', reset: { responseByte: 50_000 } }] as const) {
    for (const skip of [1, 3]) {
      const { azure, emulator } = await withFile(t)
      emulator.faults.add({ operation: 'GetFile', skip, ...fault })
      const error = await collect(azure.createReadStream('a', OPTIONS)).catch((error: unknown) => error)
      t.ok(error instanceof ObjectChangedError, `${JSON.stringify(fault)} ${skip}`)
    }
  }
})

t.test('a bit that flips on the way is noticed range by range, and asked for again', async t => {
  const { azure, emulator } = await withFile(t)
  emulator.faults.add({ operation: 'GetFile', skip: 2, flipBit: { at: 100 } })
  t.same(await collect(azure.createReadStream('a', { ...OPTIONS, integrity: 'md5' })), all)
  emulator.faults.verify()
})

t.test('a stored MD5 is compared with all bytes', async t => {
  const { azure, emulator } = await start(t)
  const stream = azure.createWriteStream('a', { digest: 'md5' })
  Readable.from([all]).pipe(stream)
  await new Promise(resolve => stream.once('close', resolve))
  t.same(await collect(azure.createReadStream('a', { concurrency: 1 })), all)
  emulator.faults.add({ operation: 'GetFile', flipBit: { at: 100 } })
  await t.rejects(collect(azure.createReadStream('a', { concurrency: 1 })), { name: 'DigestMismatchError', algorithm: 'md5' })
})

t.test('an empty file is an empty stream; beyond the end there is nothing', async t => {
  const { azure } = await withFile(t)
  await azure.files.create({ path: 'empty', size: 0 })
  t.equal((await collect(azure.createReadStream('empty'))).length, 0)
  await t.rejects(collect(azure.createReadStream('a', { start: 200_000 })), { name: 'InvalidRangeError', size: 200_000, start: 200_000 })
  await t.rejects(collect(azure.createReadStream('missing')), { name: 'NotFoundError', code: 'FileNotFound' })
})

t.test('a sparse file is read with its holes, which are not asked for', async t => {
  const { azure, emulator } = await start(t)
  await azure.files.create({ path: 'a', size: 1_000_000 })
  await azure.files.write({ path: 'a', data: 'begin', offset: 0 })
  await azure.files.write({ path: 'a', data: 'end', offset: 999_997 })
  emulator.requests.clear()
  const bytes = await collect(azure.createReadStream('a', { sparse: true, rangeSize: 50_000 }))
  const expected = Buffer.alloc(1_000_000)
  expected.write('begin')
  expected.write('end', 999_997)
  t.ok(bytes.equals(expected))
  t.equal(emulator.requests.count('GetFile'), 2)
})

t.test('destroying a stream frees its sockets', async t => {
  const { azure, emulator } = await withFile(t)
  const stream = azure.createReadStream('a', OPTIONS)
  await new Promise(resolve => stream.once('data', resolve))
  stream.destroy()
  await new Promise(resolve => stream.once('close', resolve))
  while (emulator.requests.inFlight('GetFile') > 0) await new Promise(setImmediate)
  t.pass()
})
