import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import type { Test } from 'tap'
import { startEmulator } from '../../../emulator/index.ts'
import type { Emulator } from '../../../emulator/index.ts'
import { SimulationReplayer } from '../../../lib/simulation/replayer.ts'
import type { SimulationOptions } from '../../../lib/simulation/simulation-options.ts'
import { OneDrive } from '../../../streams/onedrive/client.ts'
import { R2 } from '../../../streams/r2/client.ts'
import { readInteractions, temporaryFolder } from './support/recordings.ts'

async function emulated (t: Test): Promise<{ folder: string, emulator: Emulator, open: (simulation: SimulationOptions) => R2, replay: () => R2 }> {
  const folder = await temporaryFolder(t)
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const { bucket } = emulator.r2.options()
  return {
    folder,
    emulator,
    open: simulation => new R2({ ...emulator.r2.options(), simulation }),
    replay: () => new R2({ bucket, simulation: { replay: folder } })
  }
}

t.test('A folder that holds a recording is refused, unless it is to be replaced or gone on with', async t => {
  const { folder, open, replay } = await emulated(t)
  const first = open({ record: folder })
  await first.put('a', 'one')
  await first.close()
  await writeFile(join(folder, 'content', 'notes.txt'), 'of the user')
  t.throws(() => open({ record: folder }), { name: 'ConfigurationError', message: `Cannot record into "${folder}" as it holds a recording: set overwrite or append, or name another folder` })

  const appending = open({ record: folder, append: true })
  await appending.put('b', 'two')
  await appending.close()
  t.equal(new Set((await readInteractions(folder)).interactions.map(({ id }) => id)).size, 2)
  const replaying = replay()
  await replaying.put('a', 'one')
  await replaying.put('b', 'two')

  const overwriting = open({ record: folder, overwrite: true })
  await overwriting.put('c', 'three')
  await overwriting.close()
  t.same((await readInteractions(folder)).interactions.map(({ request }) => request.path), ['/sluice/c'])
  t.equal((await readdir(join(folder, 'content'))).length, 2)
})

t.test('Clients that record into one folder at a time share the recording, which is whole with the last of them', async t => {
  const { folder, emulator, open, replay } = await emulated(t)
  const clients = [open({ record: folder }), open({ record: folder })]
  const onedrive = new OneDrive({ ...emulator.oneDrive.options(), simulation: { record: folder } })
  await Promise.all([
    ...clients.flatMap((r2, client) => Array.from({ length: 20 }, (_, index) => r2.put(`${client}/${index}`, `bytes ${index}`))),
    onedrive.upload('/a.txt', 'bytes 0')
  ])
  for (const r2 of clients) await r2.close()
  t.throws(() => SimulationReplayer.fromFile(join(folder, 'interactions.json')), { code: 'Configuration' })
  await onedrive.close()
  const { interactions, unfinished } = await readInteractions(folder)
  t.equal(interactions.length, 41)
  t.equal(new Set(interactions.map(({ id }) => id)).size, 41)
  t.equal(unfinished, undefined)
  t.equal((await readdir(join(folder, 'content'))).length, 20) // Equal contents once.

  const replaying = replay()
  await Promise.all(Array.from({ length: 20 }, (_, index) => replaying.put(`1/${index}`, `bytes ${index}`)))
  const drive = new OneDrive({ drive: emulator.oneDrive.options().drive, simulation: { replay: folder } })
  t.equal((await drive.upload('/a.txt', 'bytes 0')).item?.name, 'a.txt')
  drive.simulation.verify({ exhausted: true })
})

for (const ending of ['kill', 'kill-writing', 'exit'] as const) {
  t.test(`What was recorded before a process ended by ${ending} replays, and what it waited for is told`, async t => {
    const { folder, emulator, replay } = await emulated(t)
    emulator.faults.add({ operation: 'PutObject', key: 'slow', stall: 'response' })
    const { endpoint, accessKeyId, secretAccessKey } = emulator.r2.options()
    const child = spawn(process.execPath, [join(import.meta.dirname, 'support/killed-recorder.js'), folder, endpoint, accessKeyId, secretAccessKey, ending], { stdio: 'inherit' })
    const [code, signal] = await once(child, 'exit') as [number | null, string | null]
    t.same([code, signal], ending === 'exit' ? [0, null] : [null, 'SIGKILL'])
    t.equal((await readdir(folder)).includes('interactions.json'), ending === 'exit')

    const r2 = replay()
    await r2.put('first', 'one')
    t.equal((await r2.get('first')).bytes.toString(), 'one')
    await r2.put('second', 'two')
    await t.rejects(r2.put('slow', 'never answered'), { name: 'ReplayError', message: /^Cannot put "slow": the recording broke off before the answer to it \(put_object PUT \/sluice\/slow, begun as [0-9a-f-]{36}\)$/ })
    r2.simulation.verify({ exhausted: true })
    t.equal(SimulationReplayer.fromFile(folder).recording.unfinished?.length, 1)
  })
}

t.test('A recording that broke off is gone on with, and ids stay unique', async t => {
  const { folder, emulator, open } = await emulated(t)
  const { endpoint, accessKeyId, secretAccessKey } = emulator.r2.options()
  const child = spawn(process.execPath, [join(import.meta.dirname, 'support/killed-recorder.js'), folder, endpoint, accessKeyId, secretAccessKey, 'kill'], { stdio: 'inherit' })
  await once(child, 'exit')
  t.throws(() => open({ record: folder }), { code: 'Configuration' })
  const r2 = open({ record: folder, append: true })
  await r2.put('third', 'three')
  await r2.close()
  const { interactions, unfinished = [] } = await readInteractions(folder)
  const ids = [...interactions, ...unfinished].map(({ id }) => id)
  t.equal(new Set(ids).size, ids.length)
  t.same((await readdir(folder)).sort(), ['content', 'interactions.json'])
  t.ok(interactions.some(({ request }) => request.path === '/sluice/third'))
})

t.test('While another process records into a folder nobody else does', async t => {
  const { folder, emulator, open } = await emulated(t)
  emulator.faults.add({ operation: 'PutObject', key: 'slow', stall: 'response' })
  const { endpoint, accessKeyId, secretAccessKey } = emulator.r2.options()
  const child = spawn(process.execPath, [join(import.meta.dirname, 'support/killed-recorder.js'), folder, endpoint, accessKeyId, secretAccessKey, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  for (const how of [{ append: true }, { overwrite: true }]) {
    t.throws(() => open({ record: folder, ...how }), { name: 'ConfigurationError', message: `Cannot record into "${folder}" while process ${child.pid ?? ''} does: name another folder` })
  }
  child.kill('SIGKILL')
  await once(child, 'exit')
  await open({ record: folder, append: true }).close()
  t.equal((await readInteractions(folder)).interactions.length, 3)
})

t.test('A recording that cannot be written fails the transfer, and says so', async t => {
  const { folder, open } = await emulated(t)
  const r2 = open({ record: folder, overwrite: true })
  await r2.put('before', 'the disk failed')
  // A file where the folder of the contents should be fails as any disk does.
  const contents = join(folder, 'content')
  await rm(contents, { recursive: true })
  await writeFile(contents, '')
  await t.rejects(r2.put('a', 'other bytes'), { name: 'StorageError', code: 'RecordingFailed', message: /^Cannot put "a": its recording failed: / })
  await t.rejects(pipeline(r2.createReadStream('before'), new Writable({ write: (_chunk, _encoding, done) => { done() } })), { code: 'RecordingFailed' })
  await r2.close()
  t.same((await readInteractions(folder)).interactions.map(({ request }) => request.path), ['/sluice/before'])
})

t.test('With requestContent "hash" bytes of requests are not kept, and still compared', async t => {
  const { folder, open, replay } = await emulated(t)
  const r2 = open({ record: folder, requestContent: 'hash' })
  await pipeline(Readable.from([Buffer.alloc(6_000_000, 'a')]), r2.createWriteStream('large', { partSize: 5_242_880 }))
  await r2.close()
  t.same(await readdir(folder), ['interactions.json'])
  await pipeline(Readable.from([Buffer.alloc(6_000_000, 'a')]), replay().createWriteStream('large', { partSize: 5_242_880 }))
  await t.rejects(pipeline(Readable.from([Buffer.alloc(6_000_000, 'b')]), replay().createWriteStream('large', { partSize: 5_242_880 })), { name: 'ReplayError' })
})

t.test('A damaged file is refused with the place of the damage', async t => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'interactions.json')
  const refused = async (content: unknown, message: RegExp): Promise<void> => {
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
    t.throws(() => SimulationReplayer.fromFile(path), { name: 'ReplayError', message })
  }
  const metadata = { version: '1.0', created: '2025-12-13T00:00:00Z' }
  const request = { method: 'GET', path: '/' }
  await refused('{"metadata"', /is no JSON/)
  await refused({ interactions: [] }, /it must have "metadata" and a list "interactions"/)
  await refused({ metadata: { ...metadata, version: '2.0' }, interactions: [] }, /its version is "2.0", wanted "1.0"/)
  await refused({ metadata, interactions: [7] }, /interactions\[0\] is no object/)
  await refused({ metadata, interactions: [{ id: '1', operation: 'get_object' }] }, /interactions\[0\] has no request/)
  await refused({ metadata, interactions: [{ id: '1', operation: 'get_object', request }] }, /interactions\[0\] has neither response nor error/)
  await refused({ metadata, interactions: [{ id: '1', operation: 'get_object', request, response: { status: '200' } }] }, /interactions\[0\]\.response\.status must be a number: it is "200"/)
  t.throws(() => SimulationReplayer.fromFile(join(folder, 'nothing')), { name: 'ConfigurationError' })
  await mkdir(join(folder, 'empty'))
  t.throws(() => SimulationReplayer.fromFile(join(folder, 'empty')), { message: `Cannot replay "${join(folder, 'empty')}" as it holds no recording: there is no interactions.json` })
})

t.test('A recording is readable: for its owner alone, and as text', async t => {
  const { folder, open } = await emulated(t)
  const r2 = open({ record: folder })
  await r2.put('a', 'one')
  await r2.close()
  const path = join(folder, 'interactions.json')
  if (process.platform !== 'win32') t.equal((await stat(path)).mode & 0o777, 0o600)
  t.match(await readFile(path, 'utf8'), /^\{\n {2}"metadata"/)
})
