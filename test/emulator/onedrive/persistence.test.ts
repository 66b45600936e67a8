import t from 'tap'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KiB } from '../../../lib/bytes/sizes.ts'
import { quickXorBase64 } from '../../../lib/digest/quick-xor.ts'
import { type OneDriveOptions, startEmulator } from '../../../emulator/index.ts'
import { GraphClient, type Json, namesIn } from './client.ts'

const UNIT = 320 * KiB

function userFolder (t: { teardown (work: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs a session in the folder, as a process that starts, works and closes would. */
async function run<T> (folder: string, work: (client: GraphClient) => Promise<T>, oneDrive: OneDriveOptions = {}): Promise<T> {
  const client = new GraphClient(await startEmulator({ folder, oneDrive }))
  try {
    return await work(client)
  } finally {
    await client.agent.destroy()
    await client.emulator.close()
  }
}

/** The same path at the address of now. */
function moved (client: GraphClient, url: string): string {
  return url.replace(/^http:\/\/[^/]+/, new URL(client.oneDrive.endpoint).origin)
}

t.test('drives, items, versions, deletions and delta tokens outlive a restart', async t => {
  const folder = userFolder(t)
  const body = randomBytes(200_000)
  const before = await run(folder, async client => {
    await client.put('/dir/a.bin', 'first')
    await client.put('/dir/a.bin', body)
    await client.put('/dir/gone', 'x')
    const { json } = await client.get('/me/drive/root/delta?token=latest')
    await client.graph('DELETE', '/me/drive/root:/dir/gone')
    await client.graph('PATCH', '/me/drive/root:/dir', { json: { name: 'renamed' } })
    return { driveId: client.oneDrive.driveId, items: client.oneDrive.state.items(), used: client.oneDrive.state.used(), delta: json['@odata.deltaLink'] as string }
  })
  await run(folder, async client => {
    t.equal(client.oneDrive.driveId, before.driveId)
    t.same(client.oneDrive.state.items(), before.items)
    t.equal(client.oneDrive.state.used(), before.used)
    t.ok((await client.download('/renamed/a.bin')).bytes.equals(body))
    t.equal((await client.get('/me/drive/root')).json['size'], 200_000)
    const changes = await client.follow(moved(client, before.delta))
    t.same((changes.json['value'] as Json[]).map(item => item['name'] ?? item['deleted']), [{ state: 'deleted' }, 'root', 'renamed'])
    await client.put('/new', 'x')
    t.same(namesIn((await client.follow(changes.json['@odata.deltaLink'])).json), ['root', 'new'], 'and the log goes on')
    await client.graph('DELETE', '/me/drive/root:/renamed')
    await client.graph('DELETE', '/me/drive/root:/new')
  })
  await run(folder, async () => t.same(readdirSync(join(folder, 'blobs')), [], 'and nothing stays of what was deleted'))
})

t.test('an upload session goes on where it was', async t => {
  const folder = userFolder(t)
  const body = randomBytes(2 * UNIT + 17)
  const url = await run(folder, async client => {
    const url = await client.session('/a', { fileSystemInfo: { lastModifiedDateTime: '2020-01-01T00:00:00Z' } })
    await client.fragment(url, body.subarray(0, UNIT), 0, body.length)
    return url
  })
  await run(folder, async client => {
    const here = moved(client, url)
    t.same((await client.send('GET', here)).json['nextExpectedRanges'], [`${UNIT}-`])
    await client.fragment(here, body.subarray(UNIT, 2 * UNIT), UNIT, body.length)
  })
  await run(folder, async client => {
    const last = await client.fragment(moved(client, url), body.subarray(2 * UNIT), 2 * UNIT, body.length)
    t.match(last, { status: 201, json: { file: { hashes: { quickXorHash: quickXorBase64(body) } }, fileSystemInfo: { lastModifiedDateTime: '2020-01-01T00:00:00Z' } } })
    t.ok((await client.download('/a')).bytes.equals(body))
  })
  await run(folder, async client => {
    t.same(client.oneDrive.state.sessions(), [])
    t.equal(readdirSync(join(folder, 'records', 'onedrive', 'pieces')).length, 0)
    const url = await client.session('/b')
    await client.fragment(url, body.subarray(0, UNIT), 0, body.length)
    await client.send('DELETE', url)
    await client.graph('DELETE', '/me/drive/root:/a')
  })
  await run(folder, async () => t.same(readdirSync(join(folder, 'blobs')), []))
})

t.test('numbers of personal items are not given twice', async t => {
  const folder = userFolder(t)
  const options: OneDriveOptions = { flavour: 'personal', driveId: '00000000000000ab' }
  const first = await run(folder, async client => {
    await client.put('/gone', 'x')
    await client.graph('DELETE', '/me/drive/root:/gone')
    return (await client.put('/a', 'x')).json['id']
  }, options)
  const second = await run(folder, async client => (await client.put('/b', 'x')).json['id'], options)
  t.same([first, second], ['00000000000000AB!103', '00000000000000AB!104'])
})

t.test('a folder keeps one drive, and its flavour', async t => {
  const folder = userFolder(t)
  await run(folder, async client => client.put('/a', 'x'), { flavour: 'personal', driveId: '00000000000000ab' })
  await t.rejects(startEmulator({ folder, oneDrive: { flavour: 'business' } }), /flavour must be that of the drive in it, "personal": received "business"/)
  await t.rejects(startEmulator({ folder, oneDrive: { driveId: '00000000000000cd' } }), /driveId must be that of the drive in it/)
  await run(folder, async client => t.same([client.oneDrive.flavour, client.oneDrive.state.item('/a')?.size], ['personal', 1]))
})

t.test('the emulator says how to reach it', async t => {
  const emulator = await startEmulator({ oneDrive: { clientSecret: 'a secret', tenantId: 'tenant', clientId: 'client' } })
  t.teardown(() => emulator.close())
  const { oneDrive } = emulator
  t.match(oneDrive, { endpoint: /^http:\/\/127\.0\.0\.1:\d+\/onedrive\/v1\.0$/, authorityHost: /\/onedrive\/login$/, driveId: /^b![\w-]{64}$/, flavour: 'business' })
  t.same(oneDrive.options(), {
    endpoint: oneDrive.endpoint, authorityHost: oneDrive.authorityHost, tenantId: 'tenant', clientId: 'client', clientSecret: 'a secret', drive: { driveId: oneDrive.driveId }
  })
  t.match(emulator.env(), {
    ONEDRIVE_ENDPOINT: oneDrive.endpoint,
    AZURE_AUTHORITY_HOST: oneDrive.authorityHost,
    AZURE_TENANT_ID: 'tenant',
    AZURE_CLIENT_ID: 'client',
    AZURE_CLIENT_SECRET: 'a secret',
    ONEDRIVE_DEFAULT_DRIVE_ID: oneDrive.driveId
  })
  t.throws(() => oneDrive.state.items('nowhere'), RangeError)
  t.same([oneDrive.state.item('/none'), oneDrive.state.read('/')], [undefined, undefined])
})
