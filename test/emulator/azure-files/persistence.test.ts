import t from 'tap'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmulator } from '../../../emulator/index.ts'
import { A, Client, outcome } from './client.ts'

async function session<T> (folder: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(await startEmulator({ folder, azureFiles: { accountKey: Buffer.alloc(64).toString('base64') } }))
  try {
    return await work(client)
  } finally {
    await client.agent.destroy()
    await client.emulator.close()
  }
}

t.test('a defect of the emulator itself is answered, and says what it is', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  await session(folder, async client => {
    await client.create('f', 10)
    rmSync(join(folder, 'blobs'), { recursive: true })
    const reply = await client.putRange('f', 0, 'hello')
    t.equal(outcome(reply), '500 InternalError')
    t.match(reply.text, /Emulator defect: Error: ENOENT/)
  })
})

t.test('a folder of the user\'s keeps shares, trees, bytes, leases and snapshots over a restart', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const body = randomBytes(300_000)
  const { before, snapshot, head } = await session(folder, async client => {
    await client.mkdir('d', { 'x-ms-meta-k': 'v' })
    await client.mkdir('d/e')
    await client.create('d/e/f', 1_000_000, { 'x-ms-content-type': 'text/x' })
    await client.putRange('d/e/f', 500_000, body)
    await client.putRange('d/e/f', 600_000, 'inside')
    await client.clear('d/e/f', 512_000, 513_023)
    await client.lease('d/e/f', 'acquire', { 'x-ms-proposed-lease-id': A })
    await client.put('gone', randomBytes(100_000))
    await client.delete('gone')
    await client.share('PUT', 'second', {}, { 'x-ms-share-quota': '3' })
    const snapshot = (await client.share('PUT', 'sluice', { comp: 'snapshot' })).headers['x-ms-snapshot'] ?? ''
    await client.send({ method: 'PUT', path: 'd/moved', query: { restype: 'directory', comp: 'rename' }, headers: { 'x-ms-file-rename-source': client.url('d/e') } })
    const { 'x-ms-request-id': _id, date: _date, ...head } = (await client.head('d/moved/f')).headers
    return { before: client.emulator.azureFiles.state.entries(), snapshot, head }
  })
  await session(folder, async client => {
    t.same(client.emulator.azureFiles.state.entries(), before)
    t.same(client.emulator.azureFiles.state.shares(), ['second', 'sluice'])
    t.match((await client.head('d/moved/f')).headers, head)
    const expected = Buffer.alloc(1_000_000)
    body.copy(expected, 500_000)
    expected.write('inside', 600_000)
    expected.fill(0, 512_000, 513_024)
    t.ok((await client.get('d/moved/f')).bytes.equals(expected))
    t.equal(outcome(await client.putRange('d/moved/f', 0, 'x')), '412 LeaseIdMissing')
    t.match(client.emulator.azureFiles.state.leases, [{ path: 'd/moved/f', leaseId: A, ended: undefined }])
    t.ok((await client.send({ path: 'd/e/f', query: { sharesnapshot: snapshot } })).bytes.equals(expected), 'the snapshot has the old path')
    const made = await client.create('new', 0)
    t.ok(client.emulator.azureFiles.state.entries().every(entry => entry.path === 'new' || (entry.id !== made.headers['x-ms-file-id'] && entry.etag < (made.headers['etag'] ?? ''))))
    for (const name of ['sluice', 'second']) await client.share('DELETE', name, {}, { 'x-ms-delete-snapshots': 'include' })
  })
  await session(folder, async client => {
    t.same(client.emulator.azureFiles.state.entries(), [], 'the share of the start is new')
    t.same(readdirSync(join(folder, 'blobs')), [], 'and nothing stays of what was deleted')
  })
})
