import t from 'tap'
import { type GraphClient, type Json, outcome, type Reply, SetClock, startGraph } from './client.ts'

async function copy (client: GraphClient, path: string, json: Json, query = ''): Promise<string> {
  const reply = await client.graph('POST', `/me/drive/${path}/copy${query}`, { json })
  return reply.headers['location'] ?? outcome(reply)
}

/** Asks until it is over. */
async function outcomeOf (client: GraphClient, monitor: string): Promise<Json> {
  for (;;) {
    const { json } = await client.send('GET', monitor)
    if (json['status'] === 'completed' || json['status'] === 'failed') return json
  }
}

t.test('a copy goes on behind its monitor, which takes no token', async t => {
  const client = await startGraph(t, { strict: { copyPolls: 2 } })
  await client.put('/a.txt', 'hello')
  const monitor = await copy(client, 'root:/a.txt:', { name: 'b.txt' })
  t.equal(outcome(await client.send('GET', monitor, { headers: { authorization: 'Bearer x' } })), '401 unauthenticated')
  t.equal(client.oneDrive.state.item('/b.txt'), undefined, 'not done yet')
  t.match(await client.send('GET', monitor), { status: 202, json: { operation: 'ItemCopy', status: 'notStarted', percentageComplete: 0 } })
  t.match(await client.send('GET', monitor), { status: 202, json: { status: 'inProgress', percentageComplete: 33 } })
  const done = await client.send('GET', monitor)
  t.match(done, { status: 200, json: { status: 'completed', percentageComplete: 100, resourceId: client.oneDrive.state.item('/b.txt')?.id } })
  t.match((await client.get(`/me/drive/items/${String(done.json['resourceId'])}`)).json, { name: 'b.txt', size: 5 })
  t.equal(client.oneDrive.state.blobs, 1, 'the body is shared')
  t.equal(outcome(await client.send('GET', `${monitor.split('?')[0] ?? ''}0`)), '404 itemNotFound')
})

t.test('a copy is done after a while though nobody asks, and may end in a redirect', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, { strict: { copyPolls: Infinity, copyDone: 303 } }, { clock })
  await client.put('/a.txt', 'hello')
  const monitor = await copy(client, 'root:/a.txt:', { name: 'b.txt' })
  t.equal((await client.get('/me/drive/root:/b.txt')).status, 404)
  clock.pass(1000)
  t.equal((await client.get('/me/drive/root:/b.txt')).status, 200)
  const done = await client.send('GET', monitor)
  t.equal(done.status, 303)
  t.match((await client.follow(done.headers['location'])).json, { name: 'b.txt' })
})

t.test('conflicts and other failures come from the monitor', async t => {
  const client = await startGraph(t)
  await client.put('/a.txt', 'new')
  await client.put('/dir/a.txt', 'old')
  await client.put('/dir/a.txt', 'older')
  const dir = client.oneDrive.state.item('/dir')?.id
  const into = async (query: string): Promise<Json> => outcomeOf(client, await copy(client, 'root:/a.txt:', { parentReference: { id: dir } }, query))
  t.match(await into(''), { status: 'failed', error: { code: 'nameAlreadyExists' } })
  t.match(await into('?@microsoft.graph.conflictBehavior=rename'), { status: 'completed' })
  t.match(await into('?@microsoft.graph.conflictBehavior=replace'), { status: 'completed' })
  t.same(client.oneDrive.state.items().map(item => [item.path, item.size, item.versions?.length]).filter(([path]) => String(path).startsWith('/dir/')),
    [['/dir/a 1.txt', 3, 1], ['/dir/a.txt', 3, 1]], 'and the history of what was replaced is gone')
  client.oneDrive.quirks.quota = 10
  t.match(await into('?@microsoft.graph.conflictBehavior=rename'), { status: 'failed', error: { code: 'quotaLimitReached' } })
  const personal = await startGraph(t, { flavour: 'personal' })
  await personal.put('/a.txt', 'x')
  t.match(await outcomeOf(personal, await copy(personal, 'root:/a.txt:', {}, '?@microsoft.graph.conflictBehavior=rename')), { status: 'failed' }, 'the query is not looked at')
})

t.test('folders are copied with all below, or only that', async t => {
  const client = await startGraph(t)
  for (const path of ['/dir/a', '/dir/sub/b']) await client.put(path, 'x')
  await client.folder('root', 'to')
  const to = client.oneDrive.state.item('/to')?.id
  await outcomeOf(client, await copy(client, 'root:/dir:', { name: 'copy' }))
  await outcomeOf(client, await copy(client, 'root:/dir:', { parentReference: { id: to }, childrenOnly: true }))
  t.same(client.oneDrive.state.items().map(item => item.path).filter(path => !path.startsWith('/dir')),
    ['/copy', '/copy/a', '/copy/sub', '/copy/sub/b', '/to', '/to/a', '/to/sub', '/to/sub/b'])
  t.equal(await copy(client, 'root:/dir:', { name: 'x', childrenOnly: true }), '400 invalidRequest')
  t.equal(await copy(client, 'root', { name: 'x' }), '400 invalidRequest')
  t.equal(await copy(client, 'root:/dir:', { parentReference: { id: client.oneDrive.state.item('/dir/sub')?.id } }), '400 invalidRequest/cannotSnapshotTree')
  t.equal(await copy(client, 'root:/dir:', { parentReference: { id: 'none' } }), '404 itemNotFound')
  t.equal(await copy(client, 'root:/dir:', { name: 'a*b' }), '400 invalidRequest/invalidPath')
})

t.test('to another drive, with or without the history', async t => {
  const client = await startGraph(t)
  const { libraryId } = client.oneDrive
  for (const body of ['one', 'two']) await client.put('/a', body)
  const root = (await client.get(`/drives/${String(libraryId)}/root`)).json['id']
  const reference = { driveId: libraryId, id: root }
  await outcomeOf(client, await copy(client, 'root:/a:', { parentReference: reference, includeAllVersionHistory: true }))
  await outcomeOf(client, await copy(client, 'root:/a:', { parentReference: reference, name: 'b', includeAllVersionHistory: true }))
  t.same(client.oneDrive.state.items(libraryId).map(item => [item.path, item.versions?.length]), [['/a', 2], ['/b', 1]], 'which is lost with a name')
  t.equal(await copy(client, 'root:/a:', { parentReference: { driveId: 'none', id: 'x' } }), '404 itemNotFound')
})

t.test('versions: newest first, read, restored, deleted', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, {}, { clock })
  for (const body of ['1', '22', '333']) {
    await client.put('/a', body)
    clock.pass(1000)
  }
  const versions = async (): Promise<Json[]> => (await client.get('/me/drive/root:/a:/versions')).json['value'] as Json[]
  t.match(await versions(), [{ id: '3.0', size: 3, lastModifiedDateTime: '2026-03-01T10:00:02Z', lastModifiedBy: { user: {} } }, { id: '2.0' }, { id: '1.0' }])
  t.same(Object.keys((await versions())[0] ?? {}).sort(), ['id', 'lastModifiedBy', 'lastModifiedDateTime', 'size'], 'no hash, no URL')
  t.same((await client.pages('/me/drive/root:/a:/versions?$top=2')).map(page => page.map(version => version['id'])), [['3.0', '2.0'], ['1.0']])
  t.match((await client.get('/me/drive/root:/a:/versions/2.0')).json, { id: '2.0', size: 2 })
  const content = (id: string): Promise<Reply> => client.get(`/me/drive/root:/a:/versions/${id}/content`)
  const location = (await content('2.0')).headers['location'] as string
  t.match(await client.send('GET', location, { headers: { range: 'bytes=1-' } }), { status: 200, text: '22' }, 'Range is ignored')
  client.oneDrive.quirks.versionRanges = 'serve'
  t.match(await client.send('GET', location, { headers: { range: 'bytes=1-' } }), { status: 206, text: '2' })
  t.match((await content('3.0')).json, { error: { code: 'invalidRequest', message: 'You cannot get the content of the current version.' } })
  t.equal(outcome(await content('9.0')), '404 itemNotFound')
  const change = async (method: string, path: string): Promise<string> => outcome(await client.graph(method, `/me/drive/root:/a:/versions/${path}`))
  t.equal(await change('POST', '1.0/restoreVersion'), '204')
  t.match([(await versions()).map(version => version['id']), (await client.download('/a')).text], [['4.0', '3.0', '2.0', '1.0'], '1'])
  t.equal(await change('DELETE', '2.0'), '204')
  t.same([(await versions()).map(version => version['id']), client.oneDrive.state.used()], [['4.0', '3.0', '1.0'], 5])
  t.equal(await change('DELETE', '4.0'), '400 invalidRequest')
  t.equal(outcome(await client.send('GET', location)), '404 itemNotFound')
  const personal = await startGraph(t, { flavour: 'personal' })
  for (const body of ['1', '2']) await personal.put('/a', body)
  t.equal(outcome(await personal.graph('DELETE', '/me/drive/root:/a:/versions/1.0')), '501 notSupported')
})
