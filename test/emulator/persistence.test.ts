import t from 'tap'
import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Emulator, startEmulator } from '../../emulator/index.ts'
import { Client, outcome, startClient } from './client.ts'

function userFolder (t: { teardown (work: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs a session in the folder, as a process that starts, works and closes would. */
async function session<T> (folder: string, work: (client: Client) => Promise<T>): Promise<T> {
  const emulator = await startEmulator({ folder, r2: { strict: { minPartSize: 1 } } })
  const client = new Client(emulator)
  try {
    return await work(client)
  } finally {
    await client.agent.destroy()
    await emulator.close()
  }
}

t.test('a folder of the user\'s keeps all of it over a restart', async t => {
  const folder = userFolder(t)
  const body = randomBytes(200_000)
  const { uploadId, before } = await session(folder, async client => {
    await client.put('small', 'hello', { 'x-amz-meta-name': '=?utf-8?b?w7w=?=', 'content-type': 'text/x' })
    await client.put('large', body, { 'x-amz-checksum-sha256': createHash('sha256').update(body).digest('base64') })
    await client.put('gone', 'x')
    await client.send({ method: 'DELETE', key: 'gone' })
    await client.send({ method: 'PUT', key: 'copy', headers: { 'x-amz-copy-source': '/sluice/large' } })
    await client.send({ method: 'PUT', bucket: 'second' })
    const uploadId = await client.createUpload('joined')
    await client.putPart('joined', uploadId, 1, 'aaaa')
    await client.putPart('joined', uploadId, 2, 'old')
    await client.putPart('joined', uploadId, 2, 'bbbb')
    return { uploadId, before: client.emulator.r2.state.objects() }
  })
  await session(folder, async client => {
    t.same(client.emulator.r2.state.objects(), before)
    t.same(client.emulator.r2.state.buckets(), ['second', 'sluice'])
    t.ok((await client.get('copy')).bytes.equals(body))
    const parts = client.emulator.r2.state.uploads()[0]?.parts ?? []
    t.equal(outcome(await client.complete('joined', uploadId, parts.map(part => [part.number, part.etag] as const))), '200')
  })
  await session(folder, async client => {
    t.equal((await client.get('joined')).text, 'aaaabbbb')
    t.match((await client.head('small')).headers, { 'x-amz-meta-name': '=?UTF-8?B?w7w=?=', 'content-type': 'text/x' })
    t.ok((await client.head('large', { 'x-amz-checksum-mode': 'ENABLED' })).headers['x-amz-checksum-sha256'])
    t.same(client.emulator.r2.state.uploads(), [])
    for (const key of ['small', 'large', 'copy', 'joined']) await client.send({ method: 'DELETE', key })
  })
  await session(folder, async () => t.same(readdirSync(join(folder, 'blobs')), [], 'and nothing stays of what was deleted'))
})

t.test('bodies that a killed process left half written are swept out', async t => {
  const folder = userFolder(t)
  await session(folder, client => client.put('k', 'x'))
  writeFileSync(join(folder, 'blobs', 'f'.repeat(32)), 'half')
  writeFileSync(join(folder, 'records', 'r2', 'objects', 'x.json.123.new'), '{')
  await session(folder, async client => t.equal((await client.get('k')).text, 'x'))
  t.equal(readdirSync(join(folder, 'blobs')).length, 1)
  t.equal(readdirSync(join(folder, 'records', 'r2', 'objects')).length, 1)
})

t.test('small bodies stay in memory, large ones in a private folder that goes with close()', async t => {
  const temporary = userFolder(t)
  const before = process.env['TMPDIR']
  const listeners = (): number => ['SIGINT', 'SIGTERM', 'exit'].reduce((sum, event) => sum + process.listenerCount(event), 0)
  const listenersBefore = listeners()
  process.env['TMPDIR'] = temporary
  t.teardown(() => {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  })
  const emulator = await startEmulator()
  const client = new Client(emulator)
  await client.put('small', randomBytes(64 * 1024))
  t.same(readdirSync(temporary), [])
  await client.put('large', randomBytes(64 * 1024 + 1))
  const [folder = ''] = readdirSync(temporary)
  t.equal(statSync(join(temporary, folder)).mode & 0o777, 0o700)
  t.equal(readdirSync(join(temporary, folder)).length, 1)
  await client.agent.destroy()
  await emulator.close()
  t.same(readdirSync(temporary), [])
  t.equal(listeners(), listenersBefore)
})

/** Node by way of `env`, without the hooks that a test runner puts into all processes below it: they listen to signals. */
const node = (program: string): [string, string[]] => ['env', ['NODE_OPTIONS=', process.execPath, '--input-type=module', '-e', program]]

/** Stores a large body, says where, and waits. */
const PROGRAM = `
import { ContentStore } from ${JSON.stringify(new URL('../../emulator/content-store.js', import.meta.url).href)}
const store = new ContentStore()
await store.write((async function * () { yield Buffer.alloc(100_000) })())
console.log(store.folder)
`

t.test('the temporary folder goes when the process exits', async t => {
  const { stdout } = await promisify(execFile)(...node(PROGRAM))
  t.match(stdout, /sluice-emulator-/)
  t.notOk(existsSync(stdout.trim()))
})

t.test('the temporary folder goes with a signal, which still ends the process', async t => {
  const child = spawn(...node(`${PROGRAM}\nsetInterval(() => {}, 1000)`))
  const [line] = await once(child.stdout, 'data') as [Buffer]
  t.ok(existsSync(line.toString().trim()))
  child.kill('SIGTERM')
  t.same(await once(child, 'exit'), [null, 'SIGTERM'])
  t.notOk(existsSync(line.toString().trim()))
})

t.test('discarded bodies are counted and hashed, and read back as zeros', async t => {
  const client = await startClient(t, { bodies: 'discard' })
  const body = randomBytes(300_000)
  const put = await client.put('k', body)
  t.equal(put.headers['etag'], `"${createHash('md5').update(body).digest('hex')}"`)
  t.ok((await client.get('k')).bytes.equals(Buffer.alloc(300_000)))
})

t.test('a defect of the emulator itself is answered, and says what it is', async t => {
  const folder = userFolder(t)
  await session(folder, async client => {
    rmSync(join(folder, 'blobs'), { recursive: true })
    const reply = await client.put('k', randomBytes(100_000))
    t.equal(outcome(reply), '500 InternalError')
    t.match(reply.text, /Emulator defect: Error: ENOENT/)
  })
})

t.test('close() does not wait for what never ends, and leaves no folder behind', async t => {
  const emulator = await startEmulator()
  const client = new Client(emulator)
  emulator.faults.add({ operation: 'GetObject', stall: 'response' })
  emulator.faults.add({ operation: 'PutObject', bytesPerSecond: 1 })
  const asked = Promise.allSettled([client.get('k'), client.put('k', randomBytes(200_000))])
  while (emulator.requests.inFlight('GetObject') + emulator.requests.inFlight('PutObject') < 2) await new Promise(resolve => setImmediate(resolve))
  await emulator.close()
  t.same((await asked).map(result => result.status), ['rejected', 'rejected'])
  await client.agent.destroy()
})

t.test('only loopback addresses are served', async t => {
  await t.rejects(startEmulator({ host: '0.0.0.0' }), new RangeError('Cannot start the emulator as host must be a loopback address: received "0.0.0.0"'))
})

t.test('the emulator says how to reach it', async t => {
  const client = await startClient(t, { r2: { buckets: ['first', 'second'] } })
  const { r2 }: Emulator = client.emulator
  t.match(r2, { endpoint: /^http:\/\/127\.0\.0\.1:\d+\/r2$/, accountId: /^[0-9a-f]{32}$/, accessKeyId: /^[0-9a-f]{32}$/, secretAccessKey: /^[0-9a-f]{64}$/, bucket: 'first' })
  t.same(r2.options(), { endpoint: r2.endpoint, accessKeyId: r2.accessKeyId, secretAccessKey: r2.secretAccessKey, bucket: 'first' })
  t.match(client.emulator.env(), {
    R2_ENDPOINT: r2.endpoint, R2_ACCOUNT_ID: r2.accountId, R2_ACCESS_KEY_ID: r2.accessKeyId, R2_SECRET_ACCESS_KEY: r2.secretAccessKey, R2_BUCKET: 'first'
  })
  t.throws(() => r2.state.objects('nowhere'), RangeError)
})
