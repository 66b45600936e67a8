import t from 'tap'
import { A, type Client, elements, manualClock, outcome, startClient } from './client.ts'

async function listed (client: Client, query: Record<string, string> = {}): Promise<string> {
  return (await client.send({ rawPath: `/${client.emulator.azureFiles.accountName}/`, query: { comp: 'list', ...query } })).text
}

t.test('create, properties, metadata, delete, and the name that stays taken for a while', async t => {
  const clock = manualClock()
  const client = await startClient(t, { clock })
  t.match(await client.share('PUT', 'mine', {}, { 'x-ms-meta-a': '1', 'x-ms-share-quota': '7', 'x-ms-access-tier': 'Hot' }), { status: 201, headers: { etag: String, 'last-modified': String } })
  t.equal(outcome(await client.share('PUT', 'mine')), '409 ShareAlreadyExists')
  t.match((await client.share('GET', 'mine')).headers, {
    'x-ms-meta-a': '1', 'x-ms-share-quota': '7', 'x-ms-access-tier': 'Hot', 'x-ms-lease-state': 'available', 'x-ms-lease-status': 'unlocked', 'x-ms-enabled-protocols': 'SMB'
  })
  t.equal(outcome(await client.share('PUT', 'mine', { comp: 'properties' }, { 'x-ms-share-quota': '9', 'x-ms-access-tier': 'Cool' })), '200')
  t.equal(outcome(await client.share('PUT', 'mine', { comp: 'metadata' }, { 'x-ms-meta-b': '2' })), '200')
  const metadata = await client.share('HEAD', 'mine', { comp: 'metadata' })
  t.same([metadata.headers['x-ms-meta-a'], metadata.headers['x-ms-meta-b']], [undefined, '2'])
  t.match((await client.share('HEAD', 'mine')).headers, { 'x-ms-share-quota': '9', 'x-ms-access-tier': 'Cool' })
  t.equal(outcome(await client.share('DELETE', 'mine')), '202')
  t.equal(outcome(await client.share('GET', 'mine')), '404 ShareNotFound')
  t.equal(outcome(await client.share('PUT', 'mine')), '409 ShareBeingDeleted')
  clock.time += 30_000
  t.equal(outcome(await client.share('PUT', 'mine')), '201')
})

t.test('what a share cannot be called or have', async t => {
  const client = await startClient(t)
  for (const name of ['ab', 'Upper', 'under_score', 'two--dashes', '-dash', 'dash-', 'x'.repeat(64)]) {
    t.equal(outcome(await client.share('PUT', name)), '400 InvalidResourceName', name)
  }
  for (const headers of [{ 'x-ms-share-quota': '0' }, { 'x-ms-share-quota': '102401' }, { 'x-ms-access-tier': 'Warm' }, { 'x-ms-enabled-protocols': 'NFS' }]) {
    t.equal(outcome(await client.share('PUT', 'fine', {}, headers)), '400 InvalidHeaderValue', JSON.stringify(headers))
  }
})

t.test('deleting a share takes its files along, whatever leases they have', async t => {
  const client = await startClient(t)
  await client.mkdir('d')
  await client.put('d/f', Buffer.alloc(100_000, 1))
  await client.lease('d/f', 'acquire', { 'x-ms-proposed-lease-id': A })
  t.equal(outcome(await client.share('DELETE', 'sluice')), '202')
  t.equal(outcome(await client.get('d/f')), '404 ShareNotFound')
  t.same([client.emulator.azureFiles.state.blobs, client.emulator.azureFiles.state.leases[0]?.end], [0, 'gone'])
})

t.test('statistics add up the sizes', async t => {
  const client = await startClient(t)
  await client.create('a', 11)
  await client.create('b', 1000)
  await client.set('b', 'properties', { 'x-ms-content-length': '100' })
  const { text } = await client.share('GET', 'sluice', { comp: 'stats' })
  t.equal(text, '\uFEFF<?xml version="1.0" encoding="utf-8"?><ShareStats><ShareUsageBytes>111</ShareUsageBytes></ShareStats>')
})

t.test('shares are listed by name, page by page, with metadata when it is asked for', async t => {
  const client = await startClient(t, { azureFiles: { shares: ['bbb', 'aaa', 'abc', 'ccc'] } })
  await client.share('PUT', 'aaa', { comp: 'metadata' }, { 'x-ms-meta-k': '<v>' })
  t.same(elements(await listed(client), 'Name'), ['aaa', 'abc', 'bbb', 'ccc'])
  t.same(elements(await listed(client, { prefix: 'a' }), 'Name'), ['aaa', 'abc'])
  const names: string[][] = []
  let marker = ''
  do {
    const page = await listed(client, { maxresults: '3', ...(marker === '' ? {} : { marker }) })
    names.push(elements(page, 'Name'))
    marker = elements(page, 'NextMarker')[0] ?? ''
  } while (marker !== '')
  t.same(names, [['aaa', 'abc', 'bbb'], ['ccc']])
  const full = await listed(client, { include: 'metadata', prefix: 'aaa' })
  t.match(full, /<Properties><Last-Modified>[^<]+GMT<\/Last-Modified><Etag>&quot;0x[0-9A-F]+&quot;<\/Etag><Quota>5120<\/Quota><AccessTier>TransactionOptimized<\/AccessTier>/)
  t.match(full, '<Metadata><k>&lt;v&gt;</k></Metadata>')
  t.match(full, `ServiceEndpoint="${client.emulator.azureFiles.endpoint}/"`)
})

t.test('snapshots: frozen, listed before their share, read by time, and in the way of a delete', async t => {
  const client = await startClient(t)
  await client.mkdir('d')
  await client.put('d/f', 'before')
  const taken = await client.share('PUT', 'sluice', { comp: 'snapshot' })
  const time = taken.headers['x-ms-snapshot'] ?? ''
  t.match([taken.status, time], [201, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/])
  await client.putRange('d/f', 0, 'after!')
  await client.create('g', 0)
  const at = { sharesnapshot: time }
  t.equal((await client.send({ path: 'd/f', query: at })).text, 'before')
  t.same(elements((await client.list('', at)).text, 'Name'), ['d'])
  t.equal(outcome(await client.send({ method: 'PUT', path: 'd/f', query: { comp: 'range', ...at }, headers: { 'x-ms-write': 'clear', 'x-ms-range': 'bytes=0-1' } })), '400 InvalidQueryParameterValue')
  t.equal(outcome(await client.send({ path: 'd/f', query: { sharesnapshot: '2020-01-01T00:00:00.0000000Z' } })), '404 ShareSnapshotNotFound')
  t.match(await listed(client, { include: 'snapshots' }), new RegExp(`<Name>sluice</Name><Snapshot>${time}</Snapshot>.*<Name>sluice</Name><Properties>`))
  t.equal(outcome(await client.share('DELETE', 'sluice')), '409 ShareHasSnapshots')
  t.equal(outcome(await client.share('DELETE', 'sluice', at)), '202')
  t.equal(outcome(await client.send({ path: 'd/f', query: at })), '404 ShareSnapshotNotFound')
  await client.share('PUT', 'sluice', { comp: 'snapshot' })
  t.equal(outcome(await client.share('DELETE', 'sluice', {}, { 'x-ms-delete-snapshots': 'include' })), '202')
  t.equal(client.emulator.azureFiles.state.blobs, 0)
})

t.test('permissions are kept under keys', async t => {
  const client = await startClient(t)
  const permission = 'O:SYG:SYD:(A;;FA;;;WD)'
  const created = await client.send({ method: 'PUT', query: { restype: 'share', comp: 'filepermission' }, body: JSON.stringify({ permission }) })
  const key = created.headers['x-ms-file-permission-key'] ?? ''
  t.match([created.status, key], [201, /^\d+\*\d+$/])
  const got = await client.send({ query: { restype: 'share', comp: 'filepermission' }, headers: { 'x-ms-file-permission-key': key } })
  t.same(JSON.parse(got.text), { permission })
  t.match(await client.create('f', 0, { 'x-ms-file-permission-key': key }), { headers: { 'x-ms-file-permission-key': key } })
  t.match(await client.create('g', 0, { 'x-ms-file-permission': permission }), { headers: { 'x-ms-file-permission-key': key } })
  t.equal(outcome(await client.create('h', 0, { 'x-ms-file-permission-key': '1*2' })), '400 InvalidHeaderValue')
  t.equal(outcome(await client.send({ method: 'PUT', query: { restype: 'share', comp: 'filepermission' }, body: '{}' })), '400 InvalidInput')
})

t.test('settings of the service are kept as they are put', async t => {
  const client = await startClient(t)
  const rawPath = '/sluicefiles/'
  const query = { restype: 'service', comp: 'properties' }
  t.match((await client.send({ rawPath, query })).text, '<StorageServiceProperties><HourMetrics>')
  const xml = '<StorageServiceProperties><Cors /></StorageServiceProperties>'
  t.equal(outcome(await client.send({ method: 'PUT', rawPath, query, body: xml })), '202')
  t.equal((await client.send({ rawPath, query })).text, xml)
})

t.test('names that no account or share can have are refused at the start', async t => {
  await t.rejects(startClient(t, { azureFiles: { accountName: 'No' } }), RangeError)
  await t.rejects(startClient(t, { azureFiles: { shares: ['No'] } }), RangeError)
})

t.test('the emulator says how to reach it', async t => {
  const client = await startClient(t, { azureFiles: { shares: ['one', 'two'].map(name => `share-${name}`) } })
  const { azureFiles } = client.emulator
  t.match(azureFiles, { endpoint: /^http:\/\/127\.0\.0\.1:\d+\/sluicefiles$/, accountName: 'sluicefiles', share: 'share-one' })
  t.equal(Buffer.from(azureFiles.accountKey, 'base64').length, 64)
  const { endpoint, accountName, accountKey, share, connectionString } = azureFiles
  t.same(azureFiles.options(), { endpoint, accountName, accountKey, share })
  t.equal(connectionString, `DefaultEndpointsProtocol=http;AccountName=sluicefiles;AccountKey=${accountKey};FileEndpoint=${endpoint};`)
  t.match(client.emulator.env(), {
    AZURE_STORAGE_ACCOUNT: accountName, AZURE_STORAGE_KEY: accountKey, AZURE_STORAGE_CONNECTION_STRING: connectionString, AZURE_FILES_ENDPOINT: endpoint, AZURE_FILES_SHARE: share
  })
  t.same(azureFiles.state.shares(), ['share-one', 'share-two'])
  t.throws(() => azureFiles.state.entries('nowhere'), RangeError)
})
