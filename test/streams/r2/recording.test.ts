import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startEmulator } from '../../../emulator/index.ts'
import { MiB } from '../../../lib/bytes/sizes.ts'
import { SimulationRecorder } from '../../../lib/simulation/recorder.ts'
import { SimulationReplayer } from '../../../lib/simulation/replayer.ts'
import { R2 } from '../../../streams/r2/client.ts'
import type { R2Recorder, R2Replayer } from '../../../streams/r2/index.ts'
import { NoNetwork, SpyingAgent, everythingIn, readInteractions, temporaryFolder } from '../../lib/simulation/support/recordings.ts'

const LARGE = randomBytes(11 * MiB)

/** What a caller sees of most operations. */
async function everything (r2: R2): Promise<unknown> {
  const put = await r2.put('a/b c & d.txt', 'hello', { contentType: 'text/plain', metadata: { owner: 'Zoë' } })
  const upload = r2.createWriteStream('large', { partSize: 5 * MiB })
  await pipeline(Readable.from([LARGE]), upload)
  const large = await r2.get('large')
  const part = await r2.get('large', { start: 100, end: 299 })
  const copied = await r2.copy('a/b c & d.txt', 'copy.txt')
  const head = await r2.head('copy.txt')
  const keys: string[] = []
  for await (const entry of r2.createListStream({ pageSize: 1 })) keys.push(entry.key)
  const deleted = await r2.deleteMany(['copy.txt', 'nothing'])
  const missing = await r2.head('copy.txt').catch((error: Error) => error.name)
  await r2.delete('large')
  return {
    put: put.etag,
    upload: upload.result?.etag,
    large: large.bytes.equals(LARGE),
    part: part.bytes.toString('hex'),
    copied: [copied.etag, copied.lastModified],
    head: [head.size, head.contentType, head.metadata],
    keys,
    deleted: deleted.map(result => result.deleted),
    missing
  }
}

t.test('What was recorded of R2 replays for other credentials, another host and another account, without network', async t => {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator({ r2: { sessionToken: 'temporary-session-token' } })
  const spy = new SpyingAgent()
  const options = emulator.r2.options()
  const recording = new R2({ ...options, dispatcher: spy, simulation: { record: folder } })
  t.equal(recording.simulation.mode, 'recording')
  const outcome = await everything(recording)
  await recording.close()
  await spy.close()
  await emulator.close()

  for (const access of [{ accessKeyId: 'other', secretAccessKey: 'other' }, {}]) {
    const replaying = new R2({ ...access, endpoint: 'http://127.0.0.1:1/other', bucket: options.bucket, dispatcher: new NoNetwork(), simulation: { replay: folder } })
    t.strictSame(await everything(replaying), outcome)
    replaying.simulation.verify({ exhausted: true })
    await replaying.close()
  }

  const written = await everythingIn(folder)
  t.ok(spy.secrets.size > 5)
  const secrets = [...spy.secrets, options.accessKeyId, options.secretAccessKey, 'temporary-session-token', new URL(options.endpoint).host]
  t.same(secrets.filter(secret => written.includes(secret)), [])
})

t.test('A recording of R2 has the names and the form of the documents', async t => {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const r2 = new R2({ ...emulator.r2.options(), simulation: { record: folder } })
  await r2.put('key', 'bytes')
  await r2.get('key')
  await r2.close()
  const { metadata, interactions } = await readInteractions(folder)
  t.match(metadata, { version: '1.0', created: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/ })
  const [put, get] = interactions
  t.match(put, {
    id: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    timestamp: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
    service: 'r2',
    operation: 'put_object',
    latency_ms: Number,
    request: { method: 'PUT', path: `/${emulator.r2.options().bucket}/key`, query: '', content_hash: 'sha256:277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9', content_length: 5 },
    response: { status: 200, headers: { etag: /^"[0-9a-f]{32}"$/ } }
  })
  t.match(get, { operation: 'get_object', request: { method: 'GET' }, response: { status: 206, content_hash: put?.request.content_hash, content_length: 5 } })
})

t.test('The client of the document takes a replayer, an account "test" and credentials "key" and "secret"', async t => {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator()
  const r2 = new R2({ ...emulator.r2.options(), simulation: { record: folder } })
  const { etag } = await r2.put('key', 'bytes')
  await r2.close()
  await emulator.close()
  const replayer = SimulationReplayer.fromFile(folder)
  const { bucket } = emulator.r2.options()
  for (let client = 0; client < 2; client++) {
    const replaying = new R2({ accountId: 'test', accessKeyId: 'key', secretAccessKey: 'secret', bucket, simulation: { replay: replayer } })
    t.equal((await replaying.put('key', 'bytes')).etag, etag)
    t.equal(replaying.config.endpoint.host, 'test.r2.cloudflarestorage.com')
  }
})

t.test('In replay a provider of credentials is not asked', async t => {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator()
  const { bucket } = emulator.r2.options()
  const r2 = new R2({ ...emulator.r2.options(), simulation: { record: folder } })
  await r2.put('key', 'bytes')
  await r2.close()
  await emulator.close()
  const replaying = new R2({ credentials: () => { throw new Error('asked') }, bucket, simulation: { replay: folder } })
  await replaying.put('key', 'bytes')
})

t.test('The recorder and the replayer of the document take an operation, a bucket and a key', async t => {
  const folder = await temporaryFolder(t)
  const { endpoint } = new R2({ accountId: '0'.repeat(32), accessKeyId: '0'.repeat(32), secretAccessKey: '0'.repeat(64) }).config
  const { RECORDING } = await import('../../../streams/r2/recording.ts')
  const recorder = new SimulationRecorder(new NoNetwork(), { record: folder, service: { profile: RECORDING, endpoint } })
  const asDocumented: R2Recorder = recorder
  asDocumented.recordRequest('get_object', 'bucket', 'a b')
  await asDocumented.recordResponse('get_object', 'bucket', 'a b', { status: 200, headers: { ETag: '"1"' }, body: Buffer.from('bytes') }, 12)
  asDocumented.recordRequest('get_object', 'bucket', 'a b')
  await asDocumented.recordResponse('get_object', 'bucket', 'a b', { status: 404, body: '<Error/>' }, 3)
  await t.rejects(recorder.recordResponse('get_object', 'bucket', 'other', { status: 200 }, 1), { code: 'RecordingFailed', message: 'Cannot record the answer to get_object of "bucket/other": no such request was recorded' })
  await recorder.close()

  const replayer: R2Replayer = SimulationReplayer.fromFile(folder)
  t.match(replayer.replayResponse('get_object', 'bucket', 'a b'), { status: 200, headers: { etag: '"1"' }, content_length: 5 })
  t.match(replayer.replayResponse('get_object', 'bucket', 'a b'), { status: 404, body: '<Error/>' })
  t.match(replayer.replayResponse('get_object', 'bucket', 'a b'), { status: 404 })
  t.throws(() => replayer.replayResponse('put_object', 'bucket', 'a b'), { name: 'ReplayError', message: 'Cannot replay put_object of "/bucket/a%20b": the recording holds no answer to it' })
  t.equal((await readInteractions(folder)).interactions[0]?.latency_ms, 12)

  const r2 = new R2({ bucket: 'bucket', simulation: { replay: folder } })
  t.equal((await r2.get('a b', { verify: false })).bytes.toString(), 'bytes')
})

t.test('What a mock does is recorded as what a service does', async t => {
  const folder = await temporaryFolder(t)
  const mock = R2.mock({ simulation: { record: folder } }).withObject('in.txt', 'hello')
  await mock.get('in.txt')
  await mock.put('out.txt', 'bye')
  await mock.close()
  const r2 = new R2({ bucket: mock.config.bucket ?? '', simulation: { replay: folder } })
  t.equal((await r2.get('in.txt')).bytes.toString(), 'hello')
  await r2.put('out.txt', 'bye')
  r2.simulation.verify({ exhausted: true })
})
