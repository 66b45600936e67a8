import { createHash, randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startEmulator } from '../../../emulator/index.ts'
import { SimulationReplayer } from '../../../lib/simulation/replayer.ts'
import { OneDrive } from '../../../streams/onedrive/client.ts'
import { NoNetwork, SpyingAgent, everythingIn, readInteractions, temporaryFolder } from '../../lib/simulation/support/recordings.ts'

const LARGE = randomBytes(5_000_000)

/** What a caller sees of most operations. */
async function everything (onedrive: OneDrive): Promise<unknown> {
  await onedrive.upload('/reports/a.txt', 'first')
  const small = await onedrive.upload('/reports/a.txt', 'second')
  const upload = onedrive.createWriteStream('/large.bin', { size: LARGE.length, fragmentSize: 327_680 * 8 })
  await pipeline(Readable.from([LARGE]), upload)
  const large = await onedrive.download('/large.bin')
  const part = await onedrive.download('/large.bin', { start: 1000, end: 1999, verify: false })
  const versions = await onedrive.versions.list('/reports/a.txt')
  const [, older] = versions
  const old = await onedrive.download('/reports/a.txt', { version: older?.id ?? '' })
  const names: string[] = []
  for await (const item of onedrive.createListStream('/', { recursive: true, pageSize: 1 })) names.push(item.path ?? '')
  const changed: string[] = []
  const delta = onedrive.createDeltaStream()
  for await (const item of delta) changed.push(item.name)
  const copy = await onedrive.copy('/reports/a.txt', '/copy.txt')
  await copy.wait()
  const moved = await onedrive.move('/copy.txt', '/reports/moved.txt')
  const session = await onedrive.uploadSession.create('/never.bin')
  await onedrive.uploadSession.cancel(session.uploadUrl)
  const batch = await onedrive.batch([{ method: 'GET', url: '/me/drive/root:/nothing' }])
  await onedrive.delete('/reports')
  const missing = await onedrive.get('/reports').catch((error: Error) => error.name)
  return {
    small: [small.item?.id, small.size],
    upload: [upload.result?.item?.id, upload.result?.size],
    large: large.bytes.equals(LARGE),
    part: part.bytes.equals(LARGE.subarray(1000, 2000)),
    versions: versions.length,
    old: old.bytes.toString(),
    names,
    changed,
    moved: [moved.id, moved.name],
    batch: batch.map(({ status }) => status),
    missing
  }
}

t.test('What was recorded of OneDrive replays without credentials and network, and no token is asked for', async t => {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator()
  const spy = new SpyingAgent()
  const options = emulator.oneDrive.options()
  const recording = new OneDrive({ ...options, dispatcher: spy, simulation: { record: folder } })
  const outcome = await everything(recording)
  await recording.close()
  await spy.close()
  await emulator.close()

  const asked = (): never => { throw new Error('a token was asked for') }
  for (const access of [{}, { credential: { getToken: asked } }, { accessToken: asked }]) {
    const replaying = new OneDrive({ ...access, endpoint: 'http://127.0.0.1:1/graph', drive: options.drive, dispatcher: new NoNetwork(), simulation: { replay: folder } })
    t.strictSame(await everything(replaying), outcome)
    replaying.simulation.verify({ exhausted: true })
    await replaying.close()
  }

  const written = await everythingIn(folder)
  t.ok(spy.secrets.size > 4)
  const secrets = [...spy.secrets, options.clientSecret, 'Bearer', new URL(options.endpoint).host]
  t.same(secrets.filter(secret => written.includes(secret)), [])
  const recorded = await readInteractions(folder)
  t.equal(recorded.metadata.drive_id, options.drive.driveId)
  t.ok(recorded.interactions.every(({ response }) => response?.status !== 302))
  const operations = new Set(recorded.interactions.map(({ operation }) => operation))
  for (const name of ['upload_small', 'create_upload_session', 'upload_fragment', 'download', 'list_children', 'list_versions', 'copy', 'move_item', 'delete', 'batch']) t.ok(operations.has(name), name)
})

t.test('A download is one operation on the item, with status 200 or 206, whoever serves it', async t => {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const onedrive = new OneDrive({ ...emulator.oneDrive.options(), simulation: { record: folder } })
  await onedrive.upload('/a.txt', 'first')
  await onedrive.upload('/a.txt', 'second')
  const { item } = await onedrive.download('/a.txt')
  const [, older] = await onedrive.versions.list('/a.txt')
  await onedrive.download('/a.txt', { version: older?.id ?? '' })
  await onedrive.close()
  const { interactions } = await readInteractions(folder)
  const { driveId } = emulator.oneDrive.options().drive
  const downloads = interactions.filter(({ operation }) => operation === 'download')
  t.match(downloads.map(({ request, response }) => [request.path, request.by_link, response?.status]), [
    [`/drives/${driveId}/items/${item.id}/content`, true, 206],
    [`/drives/${driveId}/root:/a.txt:/versions/${older?.id ?? ''}/content`, true, 200]
  ])
  t.equal(downloads[1]?.response?.content_hash, `sha256:${createHash('sha256').update('first').digest('hex')}`)
})

/** ODA 7.2, word for word. */
const SAMPLE = `{
  "metadata": {
    "version": "1.0",
    "created": "2025-12-13T00:00:00Z",
    "drive_id": "b!xxxxx"
  },
  "interactions": [
    {
      "id": "uuid-1",
      "timestamp": "2025-12-13T00:00:01Z",
      "operation": "upload_small",
      "request": {
        "method": "PUT",
        "path": "/me/drive/root:/test.txt:/content",
        "content_hash": "sha256:abcd1234..."
      },
      "response": {
        "status": 201,
        "body": {
          "id": "item-id-123",
          "name": "test.txt",
          "size": 1024
        }
      }
    },
    {
      "id": "uuid-2",
      "operation": "download",
      "request": {
        "method": "GET",
        "path": "/me/drive/items/item-id-123/content"
      },
      "response": {
        "status": 200,
        "content_hash": "sha256:abcd1234..."
      }
    }
  ]
}`

const BYTES = randomBytes(1024)
const DIGEST = createHash('sha256').update(BYTES).digest('hex')

/** Of the client's requests, the sample lacks the one that looks at the item before its download. */
const LOOK = { id: 'uuid-3', operation: 'get_item', request: { method: 'GET', path: '/me/drive/items/item-id-123' }, response: { status: 200, body: { id: 'item-id-123', name: 'test.txt', size: 1024, file: {} } } }

t.test('The sample of the document loads and replays, also without a timestamp', async t => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'sample.json'), SAMPLE)
  const replayer = SimulationReplayer.fromFile(join(folder, 'sample.json'))
  t.equal(replayer.metadata.drive_id, 'b!xxxxx')
  const onedrive = new OneDrive({ simulation: { replay: replayer } })
  const { item } = await onedrive.upload('/test.txt', BYTES)
  t.match(item, { id: 'item-id-123', name: 'test.txt', size: 1024 })
  t.match(onedrive.simulation.path, /sample\.json$/)
})

t.test('The sample of the document, with the content that its hashes stand for, is downloaded through a redirection', async t => {
  const folder = await temporaryFolder(t)
  const sample = JSON.parse(SAMPLE.replaceAll('sha256:abcd1234...', `sha256:${DIGEST}`)) as { interactions: object[] }
  sample.interactions.push(LOOK)
  await mkdir(join(folder, 'content'))
  await writeFile(join(folder, 'content', DIGEST), BYTES)
  await writeFile(join(folder, 'interactions.json'), JSON.stringify(sample))
  const onedrive = new OneDrive({ simulation: { replay: folder } })
  await onedrive.upload('/test.txt', BYTES)
  const { bytes } = await onedrive.download({ id: 'item-id-123' })
  t.ok(bytes.equals(BYTES))
  onedrive.simulation.verify({ exhausted: true })
  t.equal(onedrive.sent.requests, 4) // The upload, the look, the redirection, and what followed it.
  await t.rejects(new OneDrive({ simulation: { replay: folder } }).upload('/test.txt', 'other bytes'), { name: 'ReplayError', message: new RegExp(`content: expected sha256:${DIGEST}, found 11 bytes sha256:`) })
})

t.test('The placeholder of the sample is no content to download', async t => {
  const folder = await temporaryFolder(t)
  const sample = JSON.parse(SAMPLE) as { interactions: object[] }
  sample.interactions.push(LOOK)
  await writeFile(join(folder, 'interactions.json'), JSON.stringify(sample))
  const onedrive = new OneDrive({ simulation: { replay: folder } })
  await t.rejects(onedrive.download({ id: 'item-id-123' }), { name: 'ReplayError', message: /the recording has no content sha256:abcd1234\.\.\./i })
})

t.test('A link that the caller brings is recorded as such, and any other takes its place in replay', async t => {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator()
  const options = emulator.oneDrive.options()
  const before = new OneDrive(options)
  const session = await before.uploadSession.create('/large.bin')
  await before.close()
  const onedrive = new OneDrive({ ...options, simulation: { record: folder } })
  const status = await onedrive.uploadSession.status(session.uploadUrl)
  await onedrive.uploadSession.cancel(session.uploadUrl)
  await onedrive.close()
  await emulator.close()
  const { interactions } = await readInteractions(folder)
  t.same(interactions.map(({ request }) => request.path), ['/given-links/1', '/given-links/1'])
  const replaying = new OneDrive({ drive: options.drive, simulation: { replay: folder } })
  t.same(await replaying.uploadSession.status('https://any.example/up/session'), status)
  await replaying.uploadSession.cancel('https://any.example/up/session')
  replaying.simulation.verify({ exhausted: true })
})
