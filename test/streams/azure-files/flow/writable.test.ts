/** How uploads end: each as the design says, over real sockets. */
import { createGzip, gunzipSync } from 'node:zlib'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { systemClock } from '../../../../lib/clock.ts'
import { AbortError, SizeMismatchError } from '../../../../lib/errors.ts'
import { LeaseError } from '../../../../streams/azure-files/index.ts'
import { bytesOf, collect, failed, inChunks, start } from './support.ts'

const KiB = 1024
const all = bytesOf(100 * KiB + 7)
const OPTIONS = { rangeSize: 16 * KiB, concurrency: 4 }

for (const publish of ['direct', 'rename'] as const) {
  t.test(`a stream of unknown length is stored whole, ${publish}`, async t => {
    const { azure, stored, paths } = await start(t)
    const stream = azure.createWriteStream('dir/a.bin', { ...OPTIONS, publish, contentType: 'application/x-thing', metadata: { owner: 'ann' } })
    await pipeline(inChunks(all, 1, 7000, 16 * KiB, 3), stream)
    t.same(await stored('dir/a.bin'), all)
    t.strictSame(paths(), ['dir/a.bin'])
    const properties = await azure.files.getProperties({ path: 'dir/a.bin' })
    t.match(properties, { size: all.length, contentType: 'application/x-thing', metadata: { owner: 'ann' } })
    t.match(stream.result, { size: all.length, etag: properties.etag, parts: 7, reconciled: false })
  })

  t.test(`a stream that is not as long as declared is an error, and nothing is published, ${publish}`, async t => {
    const { azure, paths } = await start(t, { clock: systemClock })
    for (const size of [all.length - 1, all.length + 1, 3 * all.length]) {
      const error = await failed(inChunks(all, 5000), azure.createWriteStream('a', { ...OPTIONS, publish, size }))
      t.ok(error instanceof SizeMismatchError)
      t.match(error, { expected: size, remote: 'clean' })
      t.strictSame(paths(), [])
    }
  })

  t.test(`an abort in the middle leaves nothing, ${publish}`, async t => {
    const { azure, emulator, paths } = await start(t, { clock: systemClock })
    const controller = new AbortController()
    const stream = azure.createWriteStream('a', { ...OPTIONS, publish, signal: controller.signal })
    stream.once('progress', () => controller.abort(new Error('enough')))
    const error = await failed(inChunks(bytesOf(512 * KiB), 10_000), stream)
    t.ok(error instanceof AbortError)
    t.match(error, { cause: { message: 'enough' }, remote: 'clean' })
    t.strictSame(paths(), [])
    t.equal(emulator.requests.inFlight('PutRange'), 0)
  })

  t.test(`a source that fails is that error, and leaves nothing, ${publish}`, async t => {
    const { azure, paths } = await start(t, { clock: systemClock })
    const source = Readable.from((function * (): Generator<Buffer> {
      yield all
      throw new Error('the tape is torn')
    })())
    const stream = azure.createWriteStream('a', { ...OPTIONS, publish })
    t.match(await failed(source, stream), { message: 'the tape is torn' })
    t.equal(stream.remote, 'clean')
    t.strictSame(paths(), [])
  })
}

t.test('a gzip stream is stored as it came', async t => {
  const { azure, stored } = await start(t)
  const text = 'compressed on its way, of a length that nobody knows. '.repeat(20_000)
  await pipeline(Readable.from([text]), createGzip(), azure.createWriteStream('a.gz', { rangeSize: 1000, contentEncoding: 'gzip' }))
  const bytes = await stored('a.gz') as Buffer
  t.equal(gunzipSync(bytes).toString(), text)
  t.same(await collect(azure.createReadStream('a.gz')), bytes, 'and comes back so')
})

t.test('sizes around one range and around nothing are exact', async t => {
  const { azure, stored } = await start(t)
  for (const size of [0, 1, 1023, 1024, 1025, 2048, 2049]) {
    await pipeline(inChunks(all.subarray(0, size), 700), azure.createWriteStream('a', { rangeSize: 1024 }))
    t.same(await stored('a'), all.subarray(0, size), `${size}`)
  }
})

t.test('a reader never sees half a file that is published by rename, nor its temporary name later', async t => {
  const { azure, stored, paths } = await start(t)
  await azure.files.write({ path: 'a', data: 'old' })
  const stream = azure.createWriteStream('a', { ...OPTIONS, publish: 'rename' })
  const seen: string[] = []
  stream.on('progress', () => { stored('a').then(bytes => seen.push(String(bytes)), t.error) })
  await pipeline(inChunks(all, 9000), stream)
  t.same(await stored('a'), all)
  t.ok(seen.length > 3 && seen.every(text => text === 'old'))
  t.strictSame(paths(), ['a'])
})

t.test('a lost answer to Put Range, Create, Set Properties or Rename changes nothing', async t => {
  for (const operation of ['CreateFile', 'PutRange', 'SetFileProperties', 'RenameFile']) {
    const { azure, emulator, stored, paths } = await start(t)
    emulator.faults.add({ operation, loseAnswer: true })
    const stream = azure.createWriteStream('a', { ...OPTIONS, publish: 'rename' })
    await pipeline(inChunks(all, 9000), stream)
    t.same(await stored('a'), all, operation)
    t.strictSame(paths(), ['a'])
    t.equal(stream.result?.reconciled, operation === 'RenameFile')
    emulator.faults.verify()
  }
})

t.test('a busy service is waited for as long as it says, and else by the table', async t => {
  const { azure, emulator, clock, stored } = await start(t)
  emulator.faults.add({ operation: 'PutRange', status: 503, code: 'ServerBusy', retryAfter: 3 })
  emulator.faults.add({ operation: 'PutRange', status: 503, code: 'ServerBusy', times: 2 })
  await pipeline(inChunks(all, 9000), azure.createWriteStream('a', { ...OPTIONS, concurrency: 1, size: all.length }))
  t.same(await stored('a'), all)
  t.match(clock.waits, [3250, 2000, 4000])
})

t.test('a bit that flips on the way is noticed by both kinds of integrity, and sent again', async t => {
  for (const integrity of ['md5', 'crc64'] as const) {
    const { azure, emulator, stored } = await start(t)
    emulator.faults.add({ operation: 'PutRange', flipBit: { requestBody: 500 } })
    await pipeline(inChunks(all, 9000), azure.createWriteStream('a', { ...OPTIONS, integrity }))
    t.same(await stored('a'), all, integrity)
    emulator.faults.verify()
  }
})

t.test('ranges that are hashed ahead come no more than concurrency at once', async t => {
  const { azure, emulator, stored } = await start(t, { clock: systemClock })
  emulator.faults.add({ operation: 'PutRange', latencyMs: 20, times: Infinity })
  const bytes = bytesOf(3 * 1024 * KiB)
  await pipeline(inChunks(bytes, 64 * KiB), azure.createWriteStream('a', { rangeSize: 256 * KiB, concurrency: 2, integrity: 'md5' }))
  t.same(await stored('a'), bytes)
  t.equal(emulator.requests.peakInFlight('PutRange'), 2)
})

t.test('create-only: of two that publish at once, one wins', async t => {
  const { azure, stored, paths } = await start(t)
  const race = await Promise.allSettled(['one', 'two'].map(text => pipeline(Readable.from([text]), azure.createWriteStream('dir/a', { ifNoneMatch: '*' }))))
  t.equal(race.filter(({ status }) => status === 'fulfilled').length, 1)
  t.match(race.find(({ status }) => status === 'rejected'), { reason: { name: 'ConflictError', code: 'FileAlreadyExists', remote: 'clean' } })
  t.match(String(await stored('dir/a')), /^(one|two)$/)
  t.strictSame(paths(), ['dir/a'])
})

t.test('ifMatch: only the version that is named is replaced, and no condition is sent', async t => {
  for (const publish of ['direct', 'rename'] as const) {
    const { azure, emulator, stored } = await start(t, { clock: systemClock })
    const { etag } = await azure.files.write({ path: 'a', data: 'first' })
    await pipeline(Readable.from(['second']), azure.createWriteStream('a', { ifMatch: etag, publish }))
    t.match(await failed(Readable.from(['third']), azure.createWriteStream('a', { ifMatch: etag, publish })), { name: 'EtagMismatchError', expected: etag })
    t.equal(String(await stored('a')), 'second', publish)
    t.notOk(emulator.requests.entries().some(({ headers }) => 'if-match' in headers))
  }
})

t.test('lease auto: nobody else writes the file meanwhile, and it is free afterwards, failed or not', async t => {
  const { azure, emulator, stored } = await start(t, { clock: systemClock })
  await azure.files.write({ path: 'a', data: 'old' })
  const stream = azure.createWriteStream('a', { ...OPTIONS, lease: 'auto' })
  const refusals: unknown[] = []
  stream.once('progress', () => { azure.files.write({ path: 'a', data: 'mine' }).catch(error => refusals.push(error)) })
  await pipeline(inChunks(all, 9000), stream)
  t.same(await stored('a'), all)
  t.ok(refusals[0] instanceof LeaseError)
  await failed(inChunks(all, 9000), azure.createWriteStream('a', { lease: 'auto', size: 1 }))
  t.equal(emulator.azureFiles.state.file('a')?.leaseId, undefined)
  t.ok(emulator.azureFiles.state.leases.every(({ end }) => end === 'released' || end === 'gone'))
})

t.test('a hundred files at once', async t => {
  const { azure, emulator } = await start(t)
  await Promise.all(Array.from({ length: 100 }, (_, index) => azure.files.write({ path: `many/${index}`, data: `file ${index}` })))
  const read = await Promise.all(Array.from({ length: 100 }, async (_, index) => (await azure.files.read({ path: `many/${index}` })).data.toString()))
  t.ok(read.every((text, index) => text === `file ${index}`))
  t.ok(emulator.requests.connections.peak <= 20)
})
