import t from 'tap'
import { type GraphClient, type Json, namesIn, outcome, type Reply, SetClock, startGraph } from './client.ts'

t.test('an item of a business drive, whole', async t => {
  const client = await startGraph(t, {}, { clock: new SetClock() })
  await client.put('/docs/plan%201.txt', 'hello world')
  const { json } = await client.get('/me/drive/root:/docs/plan%201.txt')
  const by = { user: { id: client.oneDrive.userId, displayName: 'Ana', email: 'ana@contoso.onmicrosoft.com' } }
  t.match(json, {
    '@odata.context': /\/onedrive\/v1\.0\/\$metadata#drives\('b%21[\w-]+'\)\/items\/\$entity$/,
    '@microsoft.graph.downloadUrl': /^http/,
    id: /^01[A-Z2-7]{32}$/,
    name: 'plan 1.txt',
    size: 11,
    createdDateTime: '2026-03-01T10:00:00Z',
    lastModifiedDateTime: '2026-03-01T10:00:00Z',
    webUrl: /\/docs\/plan%201\.txt$/,
    createdBy: by,
    lastModifiedBy: by,
    parentReference: { driveType: 'business', driveId: client.oneDrive.driveId, name: 'docs', path: `/drives/${client.oneDrive.driveId}/root:/docs` },
    file: { mimeType: 'text/plain', hashes: { quickXorHash: 'aCgDG9jwBhDc4Q1yawMZAAAAAAA=' } },
    fileSystemInfo: { createdDateTime: '2026-03-01T10:00:00Z', lastModifiedDateTime: '2026-03-01T10:00:00Z' }
  })
  const folder = (await client.get('/me/drive/root:/docs')).json
  t.match(folder, { size: 11, folder: { childCount: 1 }, eTag: String })
  t.same([folder['cTag'], folder['@microsoft.graph.downloadUrl']], [undefined, undefined])
  t.match((await client.get('/me/drive/root')).json, { name: 'root', root: {}, size: 11 })
})

t.test('an item of a personal drive', async t => {
  const client = await startGraph(t, { flavour: 'personal', driveId: '00ab34cd5678ef01' }, { clock: new SetClock() })
  const { json } = await client.put('/a.txt', 'x')
  t.match(json, { id: /^00AB34CD5678EF01!\d+$/, createdDateTime: '2026-03-01T10:00:00.123Z', parentReference: { driveType: 'personal', driveId: '00ab34cd5678ef01' } })
  t.type((await client.get('/me/drive/root')).json['cTag'], 'string', 'folders have a cTag too')
  client.oneDrive.quirks.mixedDriveIds = true
  t.match((await client.get('/drives/AB34CD5678EF01/root:/a.txt')).json, { parentReference: { driveId: 'AB34CD5678EF01' } })
})

t.test('addresses: owners, drives, ids, paths, special folders', async t => {
  const client = await startGraph(t)
  const { driveId, libraryId, userId, groupId, siteId } = client.oneDrive
  const { json } = await client.put('/docs/a.txt', 'x')
  const id = String(json['id'])
  const docs = String((json['parentReference'] as Json)['id'])
  const found = async (path: string): Promise<string> => outcome(await client.get(path)).replace(/^200$/, String((await client.get(path)).json['id']))
  for (const drive of ['/drive', '/me/drive', `/drives/${driveId}`, `/me/drives/${driveId}`, `/users/${userId}/drive`, '/users/ana@contoso.onmicrosoft.com/drive', `/drives('${driveId}')`]) {
    t.equal(await found(drive), driveId, drive)
    t.equal(await found(`${drive}/root:/docs/a.txt`), id)
  }
  for (const path of [`items/${id}`, `items('${id}')`, `items/${docs}:/a.txt`, `items/${docs}:/a.txt:`, 'root:/docs/a.txt:', 'root:/docs//a.txt', 'root:/docs%2Fa.txt', `items/${docs}/children/a.txt`]) {
    t.equal(await found(`/me/drive/${path}`), id, path)
  }
  for (const drive of [`/groups/${groupId}/drive`, `/sites/${siteId}/drive`, '/sites/root/drive', '/sites/contoso.sharepoint.com:/sites/team:/drive']) {
    t.match((await client.get(drive)).json, { id: libraryId, driveType: 'documentLibrary' }, drive)
  }
  t.match((await client.get(`/sites/${siteId}/drives`)).json, { value: [{ id: libraryId }] })
  t.match((await client.get('/sites/contoso.sharepoint.com:/sites/team')).json, { id: siteId })
  t.match((await client.get('/me')).json, { id: userId })
  t.match((await client.get('/me/drive/special/approot')).json, { name: 'Sluice', folder: {} })
  t.match(await client.graph('PUT', '/me/drive/special/documents:/x.txt:/content', { body: 'x' }), { status: 201 })
  t.equal(client.oneDrive.state.item('/Documents/x.txt')?.size, 1)
  t.same(await Promise.all(['/me/drive/items/none', '/me/drive/root:/docs/none', '/me/drive/root:/docs/a.txt:/b', '/drives/none', '/users/none/drive', '/sites/none', '/me/drive/special/none', '/me/drive/root:/docs/a.txt/b'].map(found)),
    ['404 itemNotFound', '404 itemNotFound', '400 BadRequest', '404 itemNotFound', '404 itemNotFound', '404 itemNotFound', '404 itemNotFound', '404 itemNotFound'])
})

t.test('escaping: each segment once, and what happens when it is wrong', async t => {
  const client = await startGraph(t)
  const names = ['a#b.txt', '50% off.txt', 'a%2Fb.txt', 'ümläut ☃ 🎉.txt', "it's & + =.txt", 'a;b,c@d!$().txt']
  for (const name of names) t.match(await client.put(`/${encodeURIComponent(name)}`, 'x'), { status: 201, json: { name } })
  t.same(new Set(client.oneDrive.state.items().map(item => item.path.slice(1))), new Set(names))
  await client.put('/a/b.txt', 'x')
  t.equal((await client.get('/me/drive/root:/a%2Fb.txt')).json['name'], 'b.txt', 'a slash, encoded once, is a slash')
  t.equal((await client.get('/me/drive/root:/a%252Fb.txt')).json['name'], 'a%2Fb.txt')
  t.equal(outcome(await client.get('/me/drive/root:/%zz')), '400 invalidRequest')
  t.equal(outcome(await client.get('/me/drive/root:/a:b')), '400 invalidRequest/invalidPath')
})

t.test('names that a drive does not take', async t => {
  const refused = ['a*b', 'a:b', 'a<b', 'a>b', 'a?b', 'a|b', 'a"b', 'a\\b', ' a', 'a ', 'a.', 'CON', 'com0', 'lpt9', '.lock', 'desktop.ini', '~$a', 'x_vti_y', '..']
  const client = await startGraph(t)
  for (const name of refused) t.equal(outcome(await client.put(`/d/${encodeURIComponent(name)}`, 'x')), '400 invalidRequest/invalidPath', name)
  const create = async (path: string, name: string, target = client): Promise<string> => outcome(await target.graph('POST', `/me/drive/${path}/children`, { json: { name, folder: {} } }))
  t.equal(await create('root', 'Forms'), '400 invalidRequest/invalidPath')
  t.equal(await create('root', '~x'), '400 invalidRequest/invalidPath')
  t.equal(await create('root', 'x/y'), '400 invalidRequest/invalidPath')
  await client.folder('root', 'dir')
  t.equal(await create('root:/dir:', 'Forms'), '201')
  const personal = await startGraph(t, { flavour: 'personal' })
  t.equal(await create('root', 'Forms', personal), '201')
  const segment = 'x'.repeat(99)
  const long = [segment, segment, segment, segment].join('/') // 399
  t.equal((await client.put(`/${long}y`, 'x')).status, 201)
  t.equal(outcome(await client.put(`/${long}yz`, 'x')), '400 invalidRequest/pathIsTooLong')
  t.equal((await personal.put(`/${long}${'y'.repeat(31)}`, 'x')).status, 201)
  t.equal(outcome(await personal.put(`/${long}${'y'.repeat(32)}`, 'x')), '400 invalidRequest/pathIsTooLong')
})

t.test('folders: created, taken, numbered', async t => {
  const client = await startGraph(t)
  const create = (json: Json): Promise<Reply> => client.graph('POST', '/me/drive/root/children', { json })
  const first = await create({ name: 'New', folder: {} })
  t.match(first, { status: 201, json: { name: 'New', folder: { childCount: 0 }, size: 0 } })
  t.equal(outcome(await create({ name: 'NEW', folder: {} })), '409 nameAlreadyExists')
  t.match((await create({ name: 'New', folder: {}, '@microsoft.graph.conflictBehavior': 'rename' })).json, { name: 'New 1' })
  t.match(await create({ name: 'New', folder: {}, '@microsoft.graph.conflictBehavior': 'replace' }), { status: 200, json: { id: first.json['id'] } })
  t.equal(outcome(await create({ name: 'x' })), '400 invalidRequest')
  t.equal(outcome(await client.graph('POST', '/me/drive/root:/none:/children', { json: { name: 'x', folder: {} } })), '404 itemNotFound')
  t.equal(outcome(await client.graph('POST', '/me/drive/root/children', { body: '{"name":"x","folder":{}}' })), '400 BadRequest', 'without Content-Type')
  t.equal(outcome(await client.graph('POST', '/me/drive/root/children', { body: '{', headers: { 'content-type': 'application/json' } })), '400 BadRequest')
})

t.test('update: rename, move, times, preconditions', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, {}, { clock })
  const { json } = await client.put('/a.txt', 'hello')
  const id = String(json['id'])
  const folder = await client.folder('root', 'dir')
  const root = String((await client.get('/me/drive/root')).json['id'])
  const patch = (body: Json, headers: Record<string, string> = {}): Promise<Reply> => client.graph('PATCH', `/me/drive/items/${id}`, { json: body, headers })
  clock.pass(5000)
  t.match(await patch({ name: 'B.txt', parentReference: { id: folder } }, { 'if-match': json['eTag'] as string }), {
    status: 200, json: { id, name: 'B.txt', lastModifiedDateTime: '2026-03-01T10:00:05Z', cTag: json['cTag'], fileSystemInfo: { lastModifiedDateTime: '2026-03-01T10:00:00Z' } }
  })
  t.equal(outcome(await patch({ name: 'c' }, { 'if-match': json['eTag'] as string })), '412 resourceModified')
  t.equal((await patch({ name: 'b.TXT' }, { 'if-match': json['cTag'] as string })).json['name'], 'b.TXT', 'only the case')
  t.match([client.oneDrive.state.item('/dir')?.size, client.oneDrive.state.items().length], [5, 2])
  await client.put('/c.txt', 'x')
  t.equal(outcome(await patch({ name: 'C.txt', parentReference: { id: root } })), '409 nameAlreadyExists')
  t.equal((await patch({ name: 'C.txt', parentReference: { path: '/drive/root:' }, '@microsoft.graph.conflictBehavior': 'rename' })).json['name'], 'C 1.txt')
  t.equal(outcome(await patch({ parentReference: { id: 'root' } })), '400 invalidRequest', 'the alias is no id here')
  t.equal(outcome(await patch({ parentReference: { driveId: client.oneDrive.libraryId, id: 'x' } })), '400 invalidRequest')
  t.equal(outcome(await patch({ parentReference: { id: 'none' } })), '404 itemNotFound')
  t.equal(outcome(await client.graph('PATCH', '/me/drive/root', { json: { name: 'x' } })), '400 invalidRequest')
  const inner = await client.folder('root:/dir:', 'inner')
  t.equal(outcome(await client.graph('PATCH', `/me/drive/items/${folder}`, { json: { parentReference: { id: inner } } })), '400 invalidRequest')
})

t.test('a change of times is a version on business drives, and counts again', async t => {
  for (const flavour of ['business', 'personal'] as const) {
    const client = await startGraph(t, { flavour })
    const { json } = await client.put('/a', 'hello')
    const patched = await client.graph('PATCH', `/me/drive/items/${String(json['id'])}`, { json: { fileSystemInfo: { lastModifiedDateTime: '2020-01-01T00:00:00Z' } } })
    t.match(patched.json, { cTag: json['cTag'], fileSystemInfo: { lastModifiedDateTime: /^2020-01-01T00:00:00/ } })
    t.not(patched.json['eTag'], json['eTag'])
    t.same([client.oneDrive.state.item('/a')?.versions?.length, client.oneDrive.state.used()], flavour === 'business' ? [2, 10] : [1, 5])
    t.equal(outcome(await client.graph('PATCH', '/me/drive/root:/a', { json: { fileSystemInfo: { lastModifiedDateTime: 'yesterday' } } })), '400 invalidRequest')
  }
})

t.test('answers to a move, and what it does to times, by switch', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, { strict: { moveAnswer: 204 } }, { clock })
  await client.put('/a', 'x')
  const rename = (from: string, name: string): Promise<Reply> => client.graph('PATCH', `/me/drive/root:/${from}`, { json: { name } })
  t.equal((await rename('a', 'b')).status, 204)
  client.oneDrive.quirks.moveAnswer = 202
  const accepted = await rename('b', 'c')
  t.equal(accepted.status, 202)
  const monitor = accepted.headers['location'] as string
  await client.send('GET', monitor)
  t.match((await client.send('GET', monitor)).json, { operation: 'ItemMove', status: 'completed' })
  Object.assign(client.oneDrive.quirks, { moveAnswer: 200, moveResetsTimes: true })
  clock.pass(60_000)
  t.match((await rename('c', 'd')).json, { fileSystemInfo: { lastModifiedDateTime: '2026-03-01T10:01:00Z' } })
})

t.test('delete and permanentDelete', async t => {
  const client = await startGraph(t)
  await client.put('/dir/a.txt', 'hello')
  await client.put('/dir/b.txt', 'hello')
  const { json } = await client.put('/c', 'x')
  t.equal(outcome(await client.graph('DELETE', '/me/drive/root:/c', { headers: { 'if-match': '"other"' } })), '412 resourceModified')
  t.equal((await client.graph('DELETE', '/me/drive/root:/c', { headers: { 'if-match': json['eTag'] as string } })).status, 204)
  t.equal(outcome(await client.graph('DELETE', '/me/drive/root:/c')), '404 itemNotFound')
  t.equal((await client.graph('DELETE', '/me/drive/root:/dir')).status, 204)
  t.match((await client.get('/me/drive')).json, { quota: { deleted: 11, used: 0, state: 'normal' } })
  t.same([client.oneDrive.state.items(), client.oneDrive.state.blobs], [[], 0])
  await client.put('/d', 'x')
  t.equal((await client.graph('POST', '/me/drive/root:/d:/permanentDelete')).status, 204)
  t.match((await client.get('/me/drive')).json, { quota: { deleted: 11 } })
  t.equal(outcome(await client.graph('DELETE', '/me/drive/root')), '400 invalidRequest')
  client.oneDrive.quirks.deleteRefusesIfMatch = true
  const { json: { eTag } } = await client.put('/e', 'x')
  t.equal(outcome(await client.graph('DELETE', '/me/drive/root:/e', { headers: { 'if-match': String(eTag) } })), '412 resourceModified')
  const personal = await startGraph(t, { flavour: 'personal' })
  await personal.put('/d', 'x')
  t.equal(outcome(await personal.graph('POST', '/me/drive/root:/d:/permanentDelete')), '501 notSupported')
})

t.test('$select loses the download URL as Graph does, $expand shows one page', async t => {
  const client = await startGraph(t)
  await client.put('/dir/a', 'x')
  const keys = async (query: string): Promise<string[]> => Object.keys((await client.get(`/me/drive/root:/dir/a?${query}`)).json).filter(key => key !== '@odata.context').sort()
  t.same(await keys('$select=id,name'), ['id', 'name'])
  t.same(await keys('$select=id,@microsoft.graph.downloadUrl'), ['id'])
  t.same(await keys('select=id,@microsoft.graph.downloadUrl'), ['@microsoft.graph.downloadUrl', 'id'])
  t.same(await keys('$select=id,content.downloadUrl'), ['@microsoft.graph.downloadUrl', 'id'])
  t.match((await client.get('/me/drive/root:/dir?$expand=children($select=id)')).json, { children: [{ name: 'a' }] })
  t.equal(outcome(await client.get('/me/drive/root:/dir?$expand=nothing')), '400 invalidRequest')
})

t.test('what was just created may not be found yet', async t => {
  const client = await startGraph(t, { strict: { notFoundAfterCreate: 2 } })
  await client.put('/a', 'x')
  const seen: number[] = []
  for (let request = 0; request < 4; request++) seen.push((await client.get('/me/drive/root:/a')).status)
  t.same(seen, [404, 404, 200, 200])
})

t.test('quota: 507, and the states of a drive', async t => {
  const client = await startGraph(t, { strict: { quota: 1000 } })
  const state = async (): Promise<unknown> => ((await client.get('/me/drive')).json['quota'] as Json)['state']
  await client.put('/a', Buffer.alloc(899))
  t.equal(await state(), 'normal')
  await client.put('/a', Buffer.alloc(50))
  t.equal(await state(), 'nearing', 'versions count')
  t.equal(outcome(await client.put('/b', Buffer.alloc(52))), '507 quotaLimitReached')
  await client.put('/b', Buffer.alloc(51))
  t.equal(await state(), 'exceeded')
  t.equal(client.oneDrive.state.blobs, 3)
})

t.test('a test may store files without requests', async t => {
  const client = await startGraph(t)
  const { state } = client.oneDrive
  await state.put('/new/dir/a.txt', 'hello')
  await state.put('/NEW/dir/A.txt', Buffer.from('hello world'))
  t.match(state.items().map(item => [item.path, item.size, item.versions?.length]), [['/new', 11, undefined], ['/new/dir', 11, undefined], ['/new/dir/a.txt', 11, 2]])
  t.equal((await client.download('/new/dir/a.txt')).text, 'hello world')
  await t.rejects(state.put('/', 'x'), RangeError)
  t.equal(client.emulator.requests.count('PutContent'), 0)
})

t.test('errors carry ids, in the headers and in the body', async t => {
  const client = await startGraph(t, {}, { clock: new SetClock() })
  const reply = await client.get('/me/drive/items/none', { 'client-request-id': 'mine' })
  const inner = (reply.json['error'] as Json)['innerError'] as Json
  t.match(inner, { date: '2026-03-01T10:00:00', 'request-id': reply.headers['request-id'], 'client-request-id': 'mine' })
  t.equal(reply.headers['client-request-id'], 'mine')
  t.match((await client.send('GET', `${await client.session('/a')}x`)).json, { error: { code: 'unauthenticated' } })
})

t.test('what is not served says so', async t => {
  const client: GraphClient = await startGraph(t)
  await client.put('/a', 'x')
  const ask = async (method: string, path: string): Promise<string> => outcome(await client.graph(method, path))
  t.equal(await ask('GET', '/me/drive/root:/a:/permissions'), '501 notSupported')
  t.equal(await ask('GET', '/me/drive/recent'), '501 notSupported')
  t.equal(await ask('GET', '/me/drive/root:/a:/nothing'), '400 BadRequest')
  t.equal(await ask('GET', '/nothing'), '400 BadRequest')
  t.equal(await ask('GET', '/groups/x'), '400 BadRequest')
  t.equal(await ask('POST', '/me/drive/root:/a:/content'), '405 invalidRequest')
  t.equal(await ask('PUT', '/me/drive/root:/a'), '501 notSupported')
  const { origin } = new URL(client.oneDrive.endpoint)
  t.equal(outcome(await client.send('GET', `${origin}/onedrive/v2.0/me`)), '400 BadRequest')
  t.same(namesIn((await client.get('/me/drive/root/children')).json), ['a'])
})
