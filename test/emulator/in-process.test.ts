import { setImmediate as turn } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Dispatcher } from 'undici'
import t from 'tap'
import { KiB, MiB } from '../../lib/bytes/sizes.ts'
import { startInProcess } from '../../emulator/index.ts'
import { AzureFiles, OneDrive, R2 } from '../../streams/index.ts'
import { SkippingClock } from '../../lib/simulation/skipping-clock.ts'

const ORIGIN = 'http://in-process.localhost'

t.test('all three clouds are reached by their options, and files go through them', async t => {
  await using emulator = await startInProcess()
  const [r2, drive, azure] = [new R2(emulator.r2.options()), new OneDrive(emulator.oneDrive.options()), new AzureFiles(emulator.azureFiles.options())]
  const body = Buffer.alloc(9 * MiB, 'abcdefg')
  await pipeline(Readable.from([body]), r2.createWriteStream('a'))
  await pipeline(r2.createReadStream('a'), drive.createWriteStream('/a'))
  await pipeline(drive.createReadStream('/a'), azure.createWriteStream('a'))
  t.ok((await azure.files.read({ path: 'a' })).data.equals(body))
  t.equal(emulator.requests.connections.open, 0)
})

t.test('the backdoor leads past faults and log', async t => {
  await using emulator = await startInProcess()
  emulator.faults.add({ operation: 'PutObject', status: 503, times: Infinity })
  const hidden = new R2({ ...emulator.r2.options(), dispatcher: emulator.backdoor })
  await hidden.put('a', 'x')
  t.equal(emulator.requests.count(), 0)
  t.equal((await new R2(emulator.r2.options()).get('a')).bytes.toString(), 'x')
})

t.test('undici\'s own request() is answered: status, headers, body, HEAD', async t => {
  await using emulator = await startInProcess()
  const { statusCode, body } = await emulator.dispatcher.request({ origin: ORIGIN, path: '/nobody', method: 'GET' })
  t.same([statusCode, await body.text()], [404, 'No service of the emulator owns "/nobody"\n'])
  const listed = await emulator.dispatcher.request({ origin: ORIGIN, path: '/r2/sluice', method: 'HEAD' })
  t.equal(listed.statusCode, 400, 'without a signature')
  t.equal(await listed.body.text(), '')
})

t.test('a request that HTTP could not carry is refused', async t => {
  await using emulator = await startInProcess()
  const send = async (options: Partial<Dispatcher.RequestOptions>): Promise<unknown> => await emulator.dispatcher.request({ origin: ORIGIN, path: '/r2/sluice/a', method: 'PUT', ...options })
  await t.rejects(send({ body: 'four', headers: { 'content-length': '5' } }), { code: 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH' })
  emulator.faults.add({ operation: 'PutObject', status: 503, times: 2 }) // reads the body first
  await t.rejects(send({ body: Readable.from([Buffer.from('fo'), Buffer.from('ur')]), headers: { 'content-length': '3' } }), { code: 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH' })
  await t.rejects(send({ body: Readable.from([Buffer.from('fo')]), headers: { 'content-length': '3' } }), { code: 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH' })
  await t.rejects(send({ headers: { 'x-a': 'π' } }), { code: 'UND_ERR_INVALID_ARG' })
  await t.rejects(send({ origin: 'http://elsewhere.localhost' }), { message: 'Cannot send to "http://elsewhere.localhost" as this dispatcher answers for "http://in-process.localhost" only' })
})

t.test('a paused client holds the answer up, and going on brings the rest', async t => {
  await using emulator = await startInProcess()
  const r2 = new R2(emulator.r2.options())
  await r2.put('a', Buffer.alloc(8 * MiB, 'x'))
  emulator.requests.clear()
  const stream = r2.createReadStream('a', { concurrency: 1, rangeSize: 8 * MiB })
  stream.read(0)
  while (emulator.requests.entries('GetObject')[0]?.bytesOut === undefined || emulator.requests.entries('GetObject')[0]?.bytesOut === 0) await turn()
  for (let turns = 0; turns < 200; turns++) await turn()
  const held = emulator.requests.entries('GetObject')[0]?.bytesOut ?? 0
  t.ok(held < 2 * MiB, `${held} bytes went out although nobody reads`)
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) size += chunk.length
  t.equal(size, 8 * MiB)
})

t.test('an abort ends the exchange on both sides', async t => {
  await using emulator = await startInProcess()
  const r2 = new R2(emulator.r2.options())
  await r2.put('a', Buffer.alloc(8 * MiB, 'x'))
  const abort = new AbortController()
  const stream = r2.createReadStream('a', { signal: abort.signal })
  await t.rejects(async () => { for await (const chunk of stream) if (chunk !== undefined) abort.abort(new Error('enough')) }, { name: 'AbortError' })
  while (emulator.requests.connections.open > 0) await turn()
  t.equal(emulator.requests.inFlight('GetObject'), 0)
})

t.test('timeouts of the client are kept by the clock of the emulator', async t => {
  await using emulator = await startInProcess({ clock: new SkippingClock() })
  const r2 = new R2({ ...emulator.r2.options(), retry: false, timeouts: { headersMs: 1000, bodyIdleMs: 1000 } })
  emulator.faults.add({ operation: 'HeadObject', latencyMs: 5000 })
  await t.rejects(r2.head('a'), { name: 'TimeoutError', serviceCode: 'UND_ERR_HEADERS_TIMEOUT' })
  emulator.faults.add({ operation: 'HeadObject', stall: 'response' })
  await t.rejects(r2.head('a'), { name: 'TimeoutError', serviceCode: 'UND_ERR_HEADERS_TIMEOUT' })
})

t.test('a body shorter than promised, a reset and a cut are errors as on a socket', async t => {
  await using emulator = await startInProcess()
  const r2 = new R2({ ...emulator.r2.options(), retry: false })
  await r2.put('a', Buffer.alloc(100 * KiB))
  const got = async (): Promise<unknown> => await r2.head('a').then(() => 'well', (error: { serviceCode: string }) => error.serviceCode)
  emulator.faults.add({ operation: 'HeadObject', reset: 'before' })
  t.equal(await got(), 'ECONNRESET')
  emulator.faults.add({ operation: 'HeadObject', reset: 'after-headers' })
  t.equal(await got(), 'ECONNRESET')
  emulator.faults.add({ operation: 'GetObject', truncate: { responseByte: 1000 } })
  const lines: string[] = []
  const read = new R2({ ...emulator.r2.options(), logger: { trace () {}, debug () {}, info () {}, error () {}, warn: fields => lines.push(String((fields as { error?: string }).error)) } })
  t.equal((await read.get('a')).bytes.length, 100 * KiB, 'read on from there')
  t.match(lines.join(), /other side closed/)
})

t.test('a handler that throws ends its request, and no other', async t => {
  await using emulator = await startInProcess()
  const failed = await new Promise(resolve => emulator.dispatcher.dispatch({ origin: ORIGIN, path: '/nobody', method: 'GET' }, {
    onRequestStart () {},
    onResponseStart () { throw new Error('mine') },
    onResponseData () {},
    onResponseEnd () {},
    onResponseError: (_controller, error) => resolve(error)
  }))
  t.match(failed, { message: 'mine' })
  await new R2(emulator.r2.options()).put('a', 'x')
})

t.test('close() of the emulator ends what is in flight', async t => {
  const emulator = await startInProcess()
  const r2 = new R2({ ...emulator.r2.options(), retry: false })
  emulator.faults.add({ operation: 'HeadObject', latencyMs: 3_600_000 })
  const asked = r2.head('a').catch((error: unknown) => error)
  while (emulator.requests.inFlight('HeadObject') === 0) await turn()
  await emulator.close()
  t.match(await asked, { name: 'NetworkError', serviceCode: 'UND_ERR_DESTROYED' })
  t.match(await r2.head('a').catch((error: unknown) => error), { name: 'NetworkError', serviceCode: 'UND_ERR_CLOSED' })
})
