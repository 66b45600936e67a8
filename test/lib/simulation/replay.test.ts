import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { open, readdir, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import type { Dispatcher } from 'undici'
import { startEmulator } from '../../../emulator/index.ts'
import type { Emulator } from '../../../emulator/index.ts'
import { systemClock } from '../../../lib/clock.ts'
import { withAnswerLost, withSubject } from '../../../lib/simulation/dispatch-subject.ts'
import { SimulationReplayer } from '../../../lib/simulation/replayer.ts'
import type { ReplayOptions } from '../../../lib/simulation/simulation-options.ts'
import { R2 } from '../../../streams/r2/client.ts'
import type { R2Options } from '../../../streams/r2/config.ts'
import { NoNetwork, readInteractions, temporaryFolder } from './support/recordings.ts'

/** What `work` did, recorded, and clients that replay it. */
async function recorded (t: Test, work: (r2: R2, emulator: Emulator) => Promise<unknown>, options: R2Options = {}): Promise<{ folder: string, replay: (options?: Omit<ReplayOptions, 'replay'>, more?: R2Options) => R2 }> {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator(options.clock === undefined ? {} : { clock: options.clock })
  const r2 = new R2({ ...emulator.r2.options(), ...options, simulation: { record: folder } })
  await work(r2, emulator)
  await r2.close()
  await emulator.close()
  return {
    folder,
    replay: (options = {}, more = {}) => new R2({ bucket: 'sluice', dispatcher: new NoNetwork(), ...more, simulation: { replay: folder, ...options } })
  }
}

async function textOf (r2: R2, key: string): Promise<string> {
  return (await r2.get(key)).bytes.toString()
}

async function bytesOf (r2: R2, key: string, options: Parameters<R2['createReadStream']>[1] = {}): Promise<Buffer> {
  const chunks: Buffer[] = []
  await pipeline(r2.createReadStream(key, options), async source => { for await (const chunk of source as AsyncIterable<Buffer>) chunks.push(chunk) })
  return Buffer.concat(chunks)
}

/** And no more. */
async function firstChunk (r2: R2): Promise<Buffer> {
  const stream = r2.createReadStream('key', { concurrency: 1, rangeSize: 9_000_000 })
  const [chunk] = await once(stream, 'data') as [Buffer]
  stream.destroy()
  await once(stream, 'close')
  return chunk
}

t.test('Calls that are alike replay in the order in which they were recorded, for every client anew', async t => {
  const { replay } = await recorded(t, async r2 => {
    for (const text of ['one', 'two']) {
      await r2.put('key', text)
      await r2.get('key')
    }
  })
  for (let client = 0; client < 2; client++) {
    const r2 = replay()
    await r2.put('key', 'one')
    t.equal(await textOf(r2, 'key'), 'one')
    await r2.put('key', 'two')
    t.equal(await textOf(r2, 'key'), 'two')
    r2.simulation.verify({ exhausted: true })
  }
})

t.test('A read that is asked once more gets the last answer again, but not after a write', async t => {
  const { replay } = await recorded(t, async r2 => {
    await r2.head('key').catch(() => undefined)
    await r2.put('key', 'one')
    await r2.head('key')
    await r2.put('key', 'three')
  })
  const r2 = replay()
  await t.rejects(r2.head('key'), { name: 'NotFoundError' })
  await r2.put('key', 'one')
  for (let i = 0; i < 3; i++) t.equal((await r2.head('key')).size, 3)
  await r2.put('key', 'three')
  await t.rejects(r2.head('key'), { name: 'ReplayError', temporary: false, message: 'Cannot head "key": the recording holds 2 answers to head_object HEAD /sluice/key, and this is one request more' })
  await t.rejects(r2.put('key', 'one'), { name: 'ReplayError', message: 'Cannot put "key": the recording holds one answer to put_object PUT /sluice/key, and this is one request more' })
})

t.test('What was never recorded is refused, with the nearest request and the difference', async t => {
  const { folder, replay } = await recorded(t, async r2 => {
    await r2.put('photos/a.raw', 'bytes', { contentType: 'image/raw' })
    await r2.get('photos/a.raw', { start: 1, end: 2 })
    await r2.delete('other')
  })
  const [put, get] = (await readInteractions(folder)).interactions
  const r2 = replay()
  await t.rejects(r2.put('photos/b.raw', 'bytes', { contentType: 'image/raw' }), {
    name: 'ReplayError',
    code: 'Replay',
    attempts: 1,
    message: `Cannot put "photos/b.raw": the recording never saw put_object PUT /sluice/photos/b.raw, the nearest is put_object PUT /sluice/photos/a.raw (${put?.id ?? ''}) with path: expected /sluice/photos/a.raw, found /sluice/photos/b.raw`
  })
  await t.rejects(r2.put('photos/a.raw', 'bytes', { contentType: 'image/png' }), { message: /header content-type: expected image\/raw, found image\/png$/ })
  await t.rejects(r2.put('photos/a.raw', 'bytes', { contentType: 'image/raw', ifNoneMatch: '*' }), { message: /with header if-none-match: expected none, found \*$/ })
  await t.rejects(r2.put('photos/a.raw', 'other', { contentType: 'image/raw' }), { message: /with content: expected 5 bytes sha256:277089d9\w+, found 5 bytes sha256:d9298a10\w+$/ })
  await t.rejects(r2.get('photos/a.raw', { start: 1, end: 3 }), { message: new RegExp(`the nearest is get_object GET /sluice/photos/a\\.raw \\(${get?.id ?? ''}\\) with header range: expected bytes=1-2, found bytes=1-3$`) })
  await t.rejects(r2.list({ prefix: 'x' }), { message: /never saw list_objects_v2 GET \/sluice, the nearest is/ })
  t.equal(r2.sent.retries, 0)
})

t.test('A recording of another cloud holds nothing for this one', async t => {
  const { folder } = await recorded(t, async r2 => { await r2.put('key', 'one') })
  const { AzureFiles } = await import('../../../streams/azure-files/client.ts')
  const azure = new AzureFiles({ share: 'sluice', simulation: { replay: folder } })
  await t.rejects(azure.files.getProperties({ path: 'key' }), { message: 'Cannot get the properties of "key": the recording holds nothing of azure-files' })
})

t.test('A hundred replays are one and the same', async t => {
  const { folder } = await recorded(t, async r2 => {
    await r2.put('key', 'one', { metadata: { n: '1' } })
    await r2.get('key')
    await r2.list()
    await r2.head('nothing').catch(() => undefined)
  })
  const replayer = SimulationReplayer.fromFile(folder)
  const outcomes = new Set<string>()
  for (let run = 0; run < 100; run++) {
    const r2 = new R2({ bucket: 'sluice', simulation: { replay: replayer } })
    const results = [await r2.put('key', 'one', { metadata: { n: '1' } }), await r2.get('key'), await r2.list(), await r2.head('nothing').catch((error: Error) => String(error))]
    outcomes.add(JSON.stringify(results))
    r2.simulation.verify({ exhausted: true })
  }
  t.equal(outcomes.size, 1)
})

t.test('Latency is recorded by the clock of the client, and replayed by it: not, as recorded, or scaled', async t => {
  let now = Date.UTC(2026, 0, 1)
  const sleeps: number[] = []
  const clock = { ...systemClock, now: () => now, sleep: async (ms: number) => { sleeps.push(ms) } }
  const { folder, replay } = await recorded(t, async (r2, emulator) => {
    emulator.faults.add({ operation: 'PutObject', latencyMs: 250 })
    await r2.put('key', 'one')
  }, { clock: { ...clock, sleep: async ms => { now += ms } } })
  const { metadata, interactions: [put] } = await readInteractions(folder)
  t.equal(metadata.created, '2026-01-01T00:00:00.000Z')
  t.equal(put?.timestamp, '2026-01-01T00:00:00.000Z')
  t.equal(put?.latency_ms, 250)
  await replay({}, { clock }).put('key', 'one')
  t.same(sleeps, [])
  await replay({ latency: 'recorded' }, { clock }).put('key', 'one')
  await replay({ latency: 0.5 }, { clock }).put('key', 'one')
  t.same(sleeps, [250, 125])
})

t.test('Without a clock of its own a client replays at the time of the recording', async t => {
  const { folder, replay } = await recorded(t, async r2 => { await r2.put('key', 'one') }, { clock: { ...systemClock, now: () => Date.UTC(2001, 0, 1) } })
  const { interactions: [put] } = await readInteractions(folder)
  t.match(put?.timestamp, /^2001-01-01T00:00:00/)
  const r2 = replay()
  await r2.put('key', 'one')
  t.match((await r2.presign.get('key')).searchParams.get('X-Amz-Date'), /^20010101T0000/)
})

t.test('Content that was tampered with is refused', async t => {
  const bytes = randomBytes(300_000)
  const { folder, replay } = await recorded(t, async r2 => {
    await r2.put('key', bytes)
    await r2.get('key')
  })
  const [name = ''] = await readdir(join(folder, 'content'))
  const path = join(folder, 'content', name)
  const file = await open(path, 'r+')
  await file.write(Buffer.from([(bytes[150_000] ?? 0) ^ 1]), 0, 1, 150_000)
  await file.close()
  const tampered = new RegExp(`The content sha256:${name} was tampered with: its bytes have sha256:`)
  await t.rejects(bytesOf(replay(), 'key', { verify: false }), { name: 'ReplayError', message: tampered })
  await t.rejects(bytesOf(replay(), 'key', { verify: false, start: 10, end: 20 }), { name: 'ReplayError', message: tampered })
  await truncate(path, 299_999)
  await t.rejects(bytesOf(replay(), 'key', { verify: false }), { name: 'ReplayError', message: /it has 299999 bytes, wanted 300000/ })
})

t.test('A range that was not asked for is answered from the contents that hold it', async t => {
  const bytes = randomBytes(1_000_000)
  const { replay } = await recorded(t, async r2 => {
    await r2.put('key', bytes)
    await bytesOf(r2, 'key', { rangeSize: 300_000, concurrency: 2 })
  })
  t.ok((await bytesOf(replay(), 'key', { start: 100, end: 199, verify: false })).equals(bytes.subarray(100, 200)))
  t.ok((await bytesOf(replay(), 'key', { rangeSize: 130_000, concurrency: 4 })).equals(bytes), 'over the borders of what was recorded')
  t.ok((await bytesOf(replay(), 'key')).equals(bytes), 'whole')
  t.ok((await bytesOf(replay(), 'key', { start: 999_990, verify: false })).equals(bytes.subarray(999_990)), 'to the end')
  await t.rejects(replay().get('key', { ifMatch: '"another"' }), { name: 'ReplayError', message: /header if-match: expected none, found "another"/ })
})

t.test('A failure that was recorded replays: an answer with an error, one that broke off, and none at all', async t => {
  const bytes = randomBytes(400_000)
  const clock = { ...systemClock, sleep: () => Promise.resolve() }
  const { folder, replay } = await recorded(t, async (r2, emulator) => {
    emulator.faults.add({ operation: 'PutObject', status: 503, code: 'SlowDown' })
    emulator.faults.add({ operation: 'HeadObject', reset: 'before' })
    await r2.put('key', bytes)
    await r2.head('key')
    emulator.faults.add({ operation: 'GetObject', reset: { responseByte: 200_000 } })
    await bytesOf(r2, 'key')
  }, { clock })
  const { interactions } = await readInteractions(folder)
  t.ok(interactions.some(({ response }) => response?.status === 503))
  t.match(interactions.find(({ error }) => error !== undefined), { operation: 'head_object', error: { code: /^(UND_ERR_SOCKET|ECONNRESET)$/ } })
  t.match(interactions.find(({ response }) => response?.broken !== undefined), { operation: 'get_object', response: { broken: { error: { code: /^(UND_ERR_SOCKET|ECONNRESET)$/ } } } })
  const r2 = replay({}, { clock })
  t.equal((await r2.put('key', bytes)).attempts, 2)
  t.equal((await r2.head('key')).size, 400_000)
  t.ok((await bytesOf(r2, 'key')).equals(bytes))
  t.ok(r2.sent.retries >= 2)
})

t.test('What a reader left is replayed as far as it was read', async t => {
  const bytes = randomBytes(9_000_000)
  const { replay } = await recorded(t, async r2 => {
    await r2.put('key', bytes)
    await firstChunk(r2)
  })
  const r2 = replay()
  const chunk = await firstChunk(r2)
  t.ok(chunk.length > 0 && chunk.equals(bytes.subarray(0, chunk.length)))
  await t.rejects(bytesOf(replay(), 'key', { concurrency: 1, rangeSize: 9_000_000 }), { name: 'ReplayError', message: /The recording holds the first \d+ bytes only, as nobody read on when it was made/ })
})

t.test('An answer that nobody will hear is given again', async t => {
  const { folder } = await recorded(t, async r2 => { await r2.put('key', 'one') })
  const dispatcher = new R2({ bucket: 'sluice', simulation: { replay: folder } }).simulation.dispatcher
  const r2 = new R2({
    bucket: 'sluice',
    endpoint: 'https://replay.invalid',
    accessKeyId: 'a',
    secretAccessKey: 'b',
    dispatcher: dispatcher.compose(dispatch => (options, handler) => dispatch(lost++ === 0 ? withAnswerLost(options) : options, handler))
  })
  let lost = 0
  await r2.put('key', 'one')
  await r2.put('key', 'one')
  await t.rejects(r2.put('key', 'one'), { name: 'ReplayError' })
})

t.test('A reader that pauses pauses the replay', async t => {
  const { folder, replay } = await recorded(t, async r2 => {
    await r2.put('key', randomBytes(2_000_000))
    await r2.get('key')
  })
  const dispatcher = replay().simulation.dispatcher
  const { interactions: [, get] } = await readInteractions(folder)
  const subject = { service: 'r2', operation: 'get_object', action: 'get "key"' }
  const options = withSubject({ origin: 'https://replay.invalid', path: '/sluice/key', method: 'GET', headers: get?.request.headers ?? {} }, subject)
  const received: Buffer[] = []
  let controller: Dispatcher.DispatchController | undefined
  const ended = new Promise<void>((resolve, reject) => {
    dispatcher.dispatch(options, {
      onRequestStart: given => { controller = given },
      onResponseData: (given, chunk) => { received.push(chunk); given.pause() },
      onResponseEnd: () => { resolve() },
      onResponseError: (_, error) => { reject(error) }
    })
  })
  for (let turns = 0; received.length === 0; turns++) await setImmediate()
  for (let turns = 0; turns < 200; turns++) await setImmediate()
  t.equal(received.length, 1)
  const resuming = setInterval(() => controller?.resume(), 1)
  await ended
  clearInterval(resuming)
  t.equal(Buffer.concat(received).length, 2_000_000)
})

t.test('verify() tells what was recorded and not asked for', async t => {
  const { folder, replay } = await recorded(t, async r2 => {
    for (let i = 0; i < 13; i++) await r2.put(`key-${i}`, 'one')
  })
  const { interactions } = await readInteractions(folder)
  const r2 = replay()
  await r2.put('key-0', 'one')
  r2.simulation.verify()
  t.throws(() => { r2.simulation.verify({ exhausted: true }) }, {
    code: 'NotAsExpected',
    message: new RegExp(`^Cannot confirm the simulation as put_object PUT /sluice/key-1 \\(${interactions[1]?.id ?? ''}\\) was recorded and not asked for; .*; so were 2 more$`)
  })
})

t.test('Trouble by script meets a replay, and verify() tells which did not take place', async t => {
  const { replay } = await recorded(t, async r2 => { await r2.put('key', 'one') })
  const clock = { ...systemClock, sleep: () => Promise.resolve() }
  const r2 = replay({ mutations: [{ on: { operation: 'put_object' }, do: { status: 503 } }, { on: { operation: 'get_object' }, do: { status: 500 } }] }, { clock })
  t.equal((await r2.put('key', 'one')).attempts, 2)
  t.throws(() => { r2.simulation.verify() }, { message: /^Cannot confirm the simulation as .*get_object/ })
})

t.test('In replay there is no network for what is not simulated', async t => {
  const { folder } = await recorded(t, async r2 => { await r2.put('key', 'one') })
  const { dispatcher } = new R2({ bucket: 'sluice', simulation: { replay: folder } }).simulation
  await t.rejects(dispatcher.request({ origin: 'https://login.invalid', path: '/token', method: 'POST' }), { name: 'ReplayError', message: 'Cannot send POST https://login.invalid as there is no network in replay' })
})
