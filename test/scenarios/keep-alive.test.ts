/** Metadata is asked for by HEAD, whose answers have a length and no body: the next request must find the socket open. */
import { channel } from 'node:diagnostics_channel'
import t from 'tap'
import { startEmulator } from '../../emulator/index.ts'
import type { Emulator } from '../../emulator/index.ts'
import { NotFoundError } from '../../lib/errors.ts'
import { AzureFiles, OneDrive, R2 } from '../../streams/index.ts'

interface Test { teardown (done: () => unknown): void }

/** Counts the connections that undici makes until the test ends. */
function countConnections (t: Test): { count: number } {
  const connected = channel('undici:client:connected')
  const made = { count: 0 }
  const add = (): void => { made.count++ }
  connected.subscribe(add)
  t.teardown(() => connected.unsubscribe(add))
  return made
}

async function start (t: Test): Promise<Emulator> {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  return emulator
}

/** undici takes a second socket when the first is asked for in the very turn in which it became free. */
const MOST_OPENED = 1

t.test('R2 keeps its socket over heads of objects that are there and that are not', async t => {
  const emulator = await start(t)
  await using r2 = new R2(emulator.r2.options())
  await r2.put('there', Buffer.alloc(100_000))
  const connections = countConnections(t)
  for (let round = 0; round < 10; round++) {
    t.equal((await r2.head('there')).size, 100_000)
    await t.rejects(r2.head('absent'), NotFoundError)
  }
  t.equal((await r2.get('there')).bytes.length, 100_000)
  t.ok(connections.count <= MOST_OPENED)
})

t.test('Azure Files keeps its socket over properties of files that are there and that are not', async t => {
  const emulator = await start(t)
  await using azure = new AzureFiles(emulator.azureFiles.options())
  await azure.files.write({ path: 'there', data: Buffer.alloc(100_000) })
  const connections = countConnections(t)
  for (let round = 0; round < 10; round++) {
    t.equal((await azure.files.getProperties({ path: 'there' })).size, 100_000)
    await t.rejects(azure.files.getProperties({ path: 'absent' }), NotFoundError)
  }
  t.equal((await azure.files.read({ path: 'there' })).data.length, 100_000)
  t.ok(connections.count <= MOST_OPENED)
})

t.test('OneDrive keeps its socket over items that are there and that are not', async t => {
  const emulator = await start(t)
  await using oneDrive = new OneDrive(emulator.oneDrive.options())
  await oneDrive.upload('/there', Buffer.alloc(100_000))
  const connections = countConnections(t)
  for (let round = 0; round < 10; round++) {
    t.equal((await oneDrive.get('/there')).size, 100_000)
    await t.rejects(oneDrive.get('/absent'), NotFoundError)
  }
  t.ok(connections.count <= MOST_OPENED)
})
