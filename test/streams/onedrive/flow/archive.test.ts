/** A folder as tar through gzip into a file: nobody knows its size, and nothing is left behind however it ends. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, readdir, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import t from 'tap'
import { extract, pack } from 'tar-stream'
import type { Pack } from 'tar-stream'
import { startEmulator } from '../../../../emulator/index.ts'
import type { Emulator } from '../../../../emulator/index.ts'
import { OneDrive } from '../../../../streams/onedrive/client.ts'
import { TestClock } from '../support/clock.ts'

const UNIT = 327_680
const NAMES = ['a.bin', 'b.bin', 'c.bin', 'd.bin']

interface World {
  emulator: Emulator
  onedrive: OneDrive
  /** What is packed. */
  source: string
  /** Where the temporary file is made. */
  spool: { memory: number, directory: string }
}

async function world (t: { teardown (end: () => Promise<void>): void }): Promise<World> {
  const emulator = await startEmulator()
  const { endpoint } = emulator.oneDrive.options()
  const onedrive = new OneDrive({ endpoint, accessToken: () => emulator.oneDrive.accessToken(), clock: new TestClock(), fragmentSize: UNIT })
  const home = await mkdtemp(join(tmpdir(), 'onedrive-archive-'))
  const [source, directory] = await Promise.all(['source-', 'spool-'].map(name => mkdtemp(join(home, name)))) as [string, string]
  for (const name of NAMES) await writeFile(join(source, name), randomBytes(400_000))
  t.teardown(async () => {
    await onedrive.close()
    await emulator.close()
    await rm(home, { recursive: true })
  })
  return { emulator, onedrive, source, spool: { memory: 1000, directory } }
}

/** `broken` throws after the first file. */
function archive (folder: string, broken?: Error): Pack {
  const tar = pack()
  const fill = async (): Promise<void> => {
    for (const name of await readdir(folder)) {
      if (broken !== undefined && name !== NAMES[0]) throw broken
      await pipeline(createReadStream(join(folder, name)), tar.entry({ name, size: (await stat(join(folder, name))).size }))
    }
    tar.finalize()
  }
  fill().catch((error: Error) => tar.destroy(error))
  return tar
}

/** Files of a process in that folder, with a name or without one, as Linux shows them. */
async function spoolsOf (pid: number, directory: string): Promise<string[]> {
  if (process.platform !== 'linux') return await readdir(directory)
  const links = (await readdir(`/proc/${pid}/fd`)).map(fd => readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''))
  return [...await readdir(directory), ...(await Promise.all(links)).filter(target => target.startsWith(directory))]
}

async function unpacked (bytes: AsyncIterable<Buffer>): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  const tar = extract()
  const unpacking = pipeline(Readable.from(bytes), createGunzip(), tar)
  for await (const entry of tar) {
    const chunks: Buffer[] = []
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk)
    files.set(entry.header.name, Buffer.concat(chunks))
  }
  await unpacking
  return files
}

t.test('An archive is stored whole, and its temporary file is gone', async t => {
  const { onedrive, source, spool } = await world(t)
  const writable = onedrive.createWriteStream('/a.tar.gz', { spool })
  let seen: string[] = []
  await pipeline(archive(source), createGzip(), async function * (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      yield chunk
      seen = await spoolsOf(process.pid, spool.directory)
    }
  }, writable)
  t.equal(seen.length, 1)
  t.strictSame(await spoolsOf(process.pid, spool.directory), [])
  t.match(writable.result, { verification: 'verified', attempts: writable.result?.parts as number + 1 })
  const files = await unpacked(onedrive.createReadStream('/a.tar.gz'))
  for (const name of NAMES) t.ok(files.get(name)?.equals(await readFile(join(source, name))), name)
})

t.test('The temporary file is gone when the source breaks, and nothing was sent', async t => {
  const { emulator, onedrive, source, spool } = await world(t)
  const broken = new Error('the disk broke')
  const writable = onedrive.createWriteStream('/a.tar.gz', { spool })
  await t.rejects(pipeline(archive(source, broken), createGzip(), writable), broken)
  if (!writable.closed) await once(writable, 'close')
  t.strictSame(await spoolsOf(process.pid, spool.directory), [])
  t.equal(emulator.requests.count(), 0)
})

t.test('The temporary file and the session are gone when the service refuses, and after an abort', async t => {
  const { emulator, onedrive, source, spool } = await world(t)
  emulator.faults.add({ operation: 'UploadFragment', skip: 2, status: 507 })
  await t.rejects(pipeline(archive(source), createGzip(), onedrive.createWriteStream('/a.tar.gz', { spool })), { code: 'InsufficientStorage', remote: 'clean' })
  t.strictSame([await spoolsOf(process.pid, spool.directory), emulator.oneDrive.state.sessions()], [[], []])
  for (const operation of ['UploadFragment', undefined]) {
    const stop = new AbortController()
    const aborted = onedrive.createWriteStream('/a.tar.gz', { spool, signal: stop.signal })
    // While it is spooled it has no end, as it might be over before anybody looked.
    const endless = async function * (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      yield * chunks
      if (operation === undefined) await once(stop.signal, 'abort')
    }
    const ending = t.rejects(pipeline(archive(source), createGzip(), endless, aborted), { name: 'AbortError' })
    const wanted = emulator.requests.count('UploadFragment') + 2
    const far = async (): Promise<boolean> => operation === undefined ? (await spoolsOf(process.pid, spool.directory)).length > 0 : emulator.requests.count(operation) >= wanted
    while (!await far()) await new Promise(setImmediate)
    stop.abort()
    await ending
    if (!aborted.closed) await once(aborted, 'close')
    t.equal(aborted.remote, 'clean', 'told by the stream, whichever AbortError the pipeline passes on')
    t.strictSame([await spoolsOf(process.pid, spool.directory), emulator.oneDrive.state.sessions()], [[], []], operation ?? 'while it is spooled')
  }
  t.strictSame(emulator.oneDrive.state.items(), [])
})

for (const moment of ['spooling', 'uploading'] as const) {
  t.test(`The temporary file is gone when SIGTERM ends the process while it is ${moment}`, async t => {
    const { emulator, spool } = await world(t)
    // The last fragments wait, so that the process is still there to be ended.
    emulator.faults.add({ operation: 'UploadFragment', skip: 1, stall: 'response' })
    const script = `
      import { Readable } from 'node:stream'
      import { pipeline } from 'node:stream/promises'
      import { OneDrive } from ${JSON.stringify(new URL('../../../../streams/onedrive/client.js', import.meta.url).href)}
      const onedrive = OneDrive.fromEnv({ fragmentSize: ${UNIT} })
      async function * chunks () {
        for (let chunk = 0; chunk < 20; chunk++) yield Buffer.alloc(100_000, chunk)
        ${moment === 'spooling' ? 'setInterval(() => {}, 1000); await new Promise(() => {})' : ''}
      }
      await pipeline(Readable.from(chunks()), onedrive.createWriteStream('/a.bin', { spool: ${JSON.stringify(spool)} }))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...emulator.env() } })
    const exited = once(child, 'exit')
    const underWay = async (): Promise<boolean> => moment === 'spooling' ? (await spoolsOf(child.pid as number, spool.directory)).length > 0 : emulator.requests.inFlight('UploadFragment') > 0 && emulator.requests.count('UploadFragment') === 2
    while (!await underWay()) await new Promise(resolve => setTimeout(resolve, 10))
    t.equal((await spoolsOf(child.pid as number, spool.directory)).length, 1)
    child.kill('SIGTERM')
    t.strictSame(await exited, [null, 'SIGTERM'])
    t.strictSame(await readdir(spool.directory), [])
    t.strictSame(emulator.oneDrive.state.items(), [])
  })
}
