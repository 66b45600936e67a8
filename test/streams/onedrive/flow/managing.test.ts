import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { FILE, FOLDER, errorBody } from '../support/answers.ts'
import { LoopbackGraph } from '../support/server.ts'
import type { Received, Reply } from '../support/server.ts'

type Test = { teardown (end: () => Promise<void>): void }

async function gather<T> (stream: AsyncIterable<T>): Promise<T[]> {
  const entries: T[] = []
  for await (const entry of stream) entries.push(entry)
  return entries
}

/** Answers by method and path, the first of a list once; what nobody expects is a 404. */
async function scripted (t: Test, script: Record<string, Reply | Reply[]>): Promise<LoopbackGraph> {
  const graph: LoopbackGraph = await LoopbackGraph.start(t, ({ method, url }) => {
    const reply = script[`${method} ${url.replace(/^\/v1\.0/, '')}`]
    const next = Array.isArray(reply) ? reply.length > 1 ? reply.shift() : reply[0] : reply
    const body = typeof next?.body === 'object' ? JSON.stringify(next.body).replaceAll('{origin}', graph.origin) : next?.body
    const headers = Object.fromEntries(Object.entries(next?.headers ?? {}).map(([name, value]) => [name, value.replaceAll('{origin}', graph.origin)]))
    return next === undefined ? { status: 404, body: errorBody(['itemNotFound']) } : { ...next, headers, ...(body === undefined ? {} : { body }) }
  })
  return graph
}

const folder = (id: string, name: string): object => ({ id, name, folder: { childCount: 1 }, parentReference: { driveId: 'd' } })
const file = (id: string, name: string): object => ({ id, name, file: {} })

t.test('createListStream() follows next links as they are, over empty pages, and not ahead of the reader', async t => {
  const graph = await scripted(t, {
    'GET /me/drive/root/children?$top=2': { body: { value: [file('1', 'a'), file('2', 'b')], '@odata.nextLink': "{origin}/v1.0/p?$skiptoken='x%252F'" } },
    "GET /p?$skiptoken='x%252F'": { body: { value: [], '@odata.nextLink': '{origin}/v1.0/q' } },
    'GET /q': { body: { value: [file('3', 'c')] } }
  })
  const stream = graph.client().createListStream('/', { pageSize: 2 })
  t.equal(graph.requests.length, 0)
  const seen: string[] = []
  for await (const item of stream as AsyncIterable<{ path: string }>) {
    seen.push(item.path)
    if (seen.length < 2) t.equal(graph.requests.length, 1, 'the next page is not asked for yet')
  }
  t.strictSame(seen, ['/a', '/b', '/c'])
  t.ok(graph.requests.every(({ headers }) => headers.authorization === 'Bearer token'))
})

t.test('The token is not sent to another host, whatever a link names', async t => {
  const other = await LoopbackGraph.start(t, () => ({ body: { value: [file('9', 'z')] } }))
  const graph = await scripted(t, { 'GET /me/drive/root/children?$top=999': { body: { value: [], '@odata.nextLink': `${other.origin}/v1.0/next` } } })
  t.match(await gather(graph.client().createListStream()), [{ name: 'z' }])
  t.equal(other.requests[0]?.headers.authorization, undefined)
})

t.test('createListStream({ recursive }) is depth-first, with paths, and lists a folder when the item after it is read', async t => {
  const graph = await scripted(t, {
    'GET /me/drive/root:/top:/children?$top=999': { body: { value: [folder('A', 'a'), file('1', 'x'), { id: 'N', name: 'notes', package: {} }] } },
    'GET /me/drive/items/A/children?$top=999': { body: { value: [folder('B', 'b'), file('2', 'y')] } },
    'GET /me/drive/items/B/children?$top=999': { body: { value: [] } }
  })
  const stream = graph.client().createListStream('top', { recursive: true })
  const seen: string[] = []
  for await (const item of stream as AsyncIterable<{ path: string }>) {
    seen.push(`${item.path} ${graph.requests.length}`)
  }
  t.strictSame(seen, ['/top/a 1', '/top/a/b 2', '/top/a/y 3', '/top/x 3', '/top/notes 3'])
})

t.test('A consumer that stops early stops the requests', async t => {
  const graph = await LoopbackGraph.start(t, ({ url }) => ({ body: { value: [folder(`f${url.length}`, 'x')] } }))
  for await (const item of graph.client().createListStream('/', { recursive: true }) as AsyncIterable<{ name: string }>) {
    if (item.name === 'x' && graph.requests.length === 3) break
  }
  await new Promise(resolve => setImmediate(resolve))
  t.equal(graph.requests.length, 3)
})

t.test('createDeltaStream() yields changes, does not stop at an empty page, and ends with the link to go on from', async t => {
  const graph = await scripted(t, {
    'GET /me/drive/root/delta': { body: { value: [file('1', 'a')], '@odata.nextLink': '{origin}/v1.0/d2' } },
    'GET /d2': { body: { value: [], '@odata.nextLink': '{origin}/v1.0/d3' } },
    'GET /d3': { body: { value: [{ id: '2', deleted: { state: 'deleted' } }], '@odata.deltaLink': '{origin}/v1.0/since?token=T' } },
    'GET /since?token=T': { body: { value: [], '@odata.deltaLink': '{origin}/v1.0/since?token=U' } }
  })
  const stream = graph.client().createDeltaStream()
  t.match(await gather(stream), [{ type: 'updated', item: { id: '1' } }, { type: 'deleted', item: { id: '2' } }])
  t.equal(stream.deltaLink, `${graph.origin}/v1.0/since?token=T`)
  const next = graph.client().createDeltaStream({ since: stream.deltaLink as string })
  t.strictSame(await gather(next), [])
  t.equal(next.deltaLink, `${graph.origin}/v1.0/since?token=U`)
})

t.test('createDeltaStream() lists all anew when the token is forgotten, and says so first', async t => {
  const script = {
    'GET /me/drive/root/delta?token=old': { status: 410, headers: { location: '{origin}/v1.0/fresh' }, body: errorBody(['resyncRequired', 'resyncUploadDifferences']) },
    'GET /fresh': { body: { value: [file('1', 'a')], '@odata.deltaLink': '{origin}/v1.0/l' } }
  }
  const graph = await scripted(t, script)
  const stream = graph.client().createDeltaStream({ since: 'old' })
  const events: unknown[] = []
  stream.on('resync', event => events.push(event)).on('data', entry => events.push(entry))
  await new Promise(resolve => stream.once('end', resolve))
  t.match(events, [{ kind: 'uploadDifferences' }, { type: 'updated' }])
  await t.rejects(gather(graph.client().createDeltaStream({ since: 'old', resync: 'fail' })), { name: 'ResyncRequiredError', kind: 'uploadDifferences', link: `${graph.origin}/v1.0/fresh` })
})

t.test('createSearchStream() pages through what was found', async t => {
  const graph = await scripted(t, { "GET /me/drive/root:/docs:/search(q='it''s')": { body: { value: [FILE] } } })
  t.match(await gather(graph.client().createSearchStream("it's", { folder: 'docs' })), [{ name: 'plan.txt' }])
  t.throws(() => graph.client().createSearchStream(''), RangeError)
})

t.test('get() answers with the item, and refuses with what the service says', async t => {
  const graph = await scripted(t, { 'GET /drives/b!x/items/01': { body: FILE } })
  t.match(await graph.client({ drive: { driveId: 'b!x' } }).get({ id: '01' }), { id: '01ABC' })
  await t.rejects(graph.client().get('/none'), { name: 'NotFoundError', message: 'Cannot get "/none": 404 itemNotFound', operation: 'GetItem', attempts: 1 })
})

t.test('createFolder() makes parents as wanted, and is content with a folder that is there', async t => {
  const made = new Set(['a'])
  const graph = await LoopbackGraph.start(t, ({ method, url, body }) => {
    const path = decodeURIComponent(/root:\/(.*?)(:\/children)?$/.exec(url)?.[1] ?? '')
    if (method === 'GET') return made.has(path) ? { body: folder(path, path) } : { status: 404, body: errorBody(['itemNotFound']) }
    if (path !== '' && !made.has(path)) return { status: 404, body: errorBody(['itemNotFound']) }
    const { name } = JSON.parse(body.toString())
    const whole = path === '' ? name : `${path}/${name}`
    if (made.has(whole)) return { status: 409, body: errorBody(['nameAlreadyExists']) }
    made.add(whole)
    return { status: 201, body: folder(whole, name) }
  })
  const onedrive = graph.client()
  t.match(await onedrive.createFolder('/a/b/c', { parents: true }), { id: 'a/b/c' })
  t.match(await onedrive.createFolder('/a/b/c', { parents: true }), { id: 'a/b/c' })
  t.strictSame([...made], ['a', 'a/b', 'a/b/c'])
  await t.rejects(onedrive.createFolder('/a/b'), { name: 'ConflictError' })
  await t.rejects(onedrive.createFolder('/x/y'), { name: 'NotFoundError' })
  await t.rejects(onedrive.createFolder('/'), RangeError)
  await t.rejects(onedrive.createFolder('/a/con'), RangeError)
})

t.test('move() renames and moves by id, with a condition', async t => {
  const graph = await scripted(t, {
    'GET /me/drive/root:/a': { body: { ...FILE, id: '1' } },
    'GET /me/drive/root:/docs': { body: { ...FOLDER, id: 'P' } },
    'PATCH /me/drive/items/1': { body: { ...FILE, name: 'b' } }
  })
  t.match(await graph.client().move('/a', '/docs/b', { ifMatch: '"{G},4"' }), { name: 'b' })
  const { headers, body } = graph.requests.at(-1) as Received
  t.equal(headers['if-match'], '"{G},4"')
  t.strictSame(JSON.parse(body.toString()), { name: 'b', parentReference: { id: 'P' } })
  await graph.client().move('/a', { name: 'c' })
  t.strictSame(JSON.parse(String(graph.requests.at(-1)?.body)), { name: 'c' })
  await t.rejects(graph.client().move('/a', {}), TypeError)
  await t.rejects(graph.client().move('/a', { name: 'a:b' }), RangeError)
})

t.test('move() takes the other ways in which the service ends it', async t => {
  const graph = await scripted(t, {
    'GET /me/drive/items/1': { body: { ...FILE, id: '1', name: 'b' } },
    'PATCH /me/drive/items/1': [{ status: 204 }, { status: 202, headers: { location: '{origin}/monitor' } }, { cut: true }, { status: 412, body: errorBody(['resourceModified']) }],
    'GET /monitor': { body: { status: 'completed', resourceId: '1' } }
  })
  for (const way of ['204', 'monitor', 'lost answer']) t.match(await graph.client().move({ id: '1' }, { name: 'b' }), { name: 'b' }, way)
  await t.rejects(graph.client().move({ id: '1' }, { name: 'other' }), { name: 'PreconditionFailedError' })
})

t.test('move() to another drive is refused with the way to do it', async t => {
  const graph = await scripted(t, {
    'GET /me/drive/root:/a': { body: { id: '1', name: 'a', file: {}, parentReference: { driveId: 'd' } } },
    'GET /drives/e/items/P': { body: { id: 'P', name: 'p', folder: {}, parentReference: { driveId: 'e' } } }
  })
  await t.rejects(graph.client().move('/a', { folder: { id: 'P', driveId: 'e' } }), { code: 'CrossDriveMove', message: /copy it and delete it here/ })
})

const COPY = {
  'GET /me/drive/root:/docs': { body: { ...FOLDER, id: 'P' } },
  'POST /me/drive/root:/a:/copy?%40microsoft.graph.conflictBehavior=fail': { status: 400 },
  'POST /me/drive/root:/a:/copy?@microsoft.graph.conflictBehavior=fail': { status: 202, headers: { location: "{origin}/monitor('1')?t=x" } }
}

t.test('copy() starts, tells how far it is, and gives the new item; the monitor gets no token', async t => {
  const graph = await scripted(t, {
    ...COPY,
    "GET /monitor('1')?t=x": [{ status: 202, body: { status: 'notStarted' } }, { status: 202, headers: { 'retry-after': '3' }, body: { status: 'inProgress', percentageComplete: 40 } }, { body: { status: 'completed', resourceId: 'NEW' } }],
    'GET /drives/b!x/items/NEW': [{ status: 404, body: errorBody(['itemNotFound']) }, { body: { ...FILE, id: 'NEW' } }]
  })
  const copying = await graph.client().copy('/a', '/docs/c.txt')
  const heard: unknown[] = []
  t.match(await copying.wait({ onProgress: ({ state, percentageComplete }) => heard.push([state, percentageComplete]) }), { id: 'NEW' })
  t.strictSame(heard, [['running', undefined], ['running', 40], ['completed', undefined]])
  t.strictSame(graph.clock.sleeps.slice(0, 2), [500, 3000])
  t.ok(graph.requests.filter(({ url }) => url.startsWith('/monitor')).every(({ headers }) => headers.authorization === undefined))
  t.strictSame(JSON.parse(String(graph.requests[1]?.body)), { parentReference: { id: 'P', driveId: 'b!x' }, name: 'c.txt' })
})

t.test('copy() fails by the word of its monitor, and follows one that leads to the item', async t => {
  const graph = await scripted(t, {
    ...COPY,
    "GET /monitor('1')?t=x": [{ body: { status: 'failed', error: { code: 'nameAlreadyExists', message: 'taken' } } }, { status: 303, headers: { location: '{origin}/items/NEW?tempauth=x' } }],
    'GET /items/NEW?tempauth=x': { body: { ...FILE, id: 'NEW' } }
  })
  const failing = await graph.client().copy('/a', '/docs/c.txt')
  await t.rejects(failing.wait(), { code: 'Conflict', serviceCode: 'nameAlreadyExists' })
  const leading = await graph.client().copy('/a', '/docs/c.txt')
  t.match(await leading.wait(), { id: 'NEW' })
  t.equal(graph.requests.at(-1)?.headers.authorization, undefined)
})

t.test('copy() is not sent again when nobody knows whether it was begun', async t => {
  const graph = await scripted(t, { ...COPY, 'POST /me/drive/root:/a:/copy?@microsoft.graph.conflictBehavior=fail': { cut: true } })
  await t.rejects(graph.client().copy('/a', '/docs/c.txt'), { name: 'NetworkError', attempts: 1 })
})

t.test('createCopyStream() and createMoveStream() answer in the order of the items, each folder looked up once', async t => {
  const graph = await LoopbackGraph.start(t, ({ method, url, body }) => {
    if (url.startsWith('/m/')) return { body: { status: 'completed', resourceId: url.slice(3) } }
    if (method === 'POST') return { status: 202, headers: { location: `${graph.origin}/m/${JSON.parse(body.toString()).name}` } }
    if (method === 'PATCH') return { body: { ...FILE, id: 'moved', name: JSON.parse(body.toString()).name } }
    if (url.endsWith('/docs')) return { body: { ...FOLDER, id: 'P' } }
    return { body: { ...FILE, id: url.split('/').at(-1) } }
  })
  const items = ['1', '2', '3'].map(id => ({ from: { id }, to: `/docs/c${id}` }))
  const copied: string[] = []
  await pipeline(Readable.from(items), graph.client().createCopyStream({ concurrency: 2 }), new Writable({ objectMode: true, write ({ item }, _encoding, done) { copied.push(item.id); done() } }))
  t.strictSame(copied, ['c1', 'c2', 'c3'])
  t.equal(graph.trace.filter(line => line.endsWith('/docs')).length, 1)
  const moved = await gather(Readable.from(items).pipe(graph.client().createMoveStream()))
  t.strictSame(moved.map(({ item }) => item.name), ['c1', 'c2', 'c3'])
})

t.test('delete() to the recycle bin or past it; a lost answer is no error', async t => {
  const graph = await scripted(t, {
    'DELETE /me/drive/root:/a': [{ status: 204 }, { cut: true }, { status: 404, body: errorBody(['itemNotFound']) }],
    'POST /me/drive/root:/a:/permanentDelete': { status: 204 }
  })
  await graph.client().delete('/a', { ifMatch: '"1"' })
  t.equal(graph.requests[0]?.headers['if-match'], '"1"')
  await graph.client().delete('/a')
  await graph.client().delete('/a', { permanent: true })
  await t.rejects(graph.client().delete('/a'), { name: 'NotFoundError' })
})

/** A `$batch` whose parts are answered by a function, out of order. */
async function batching (t: Test, part: (request: { id: string, method: string, url: string, dependsOn?: string[] }) => object): Promise<LoopbackGraph> {
  return await LoopbackGraph.start(t, ({ url, body }) => {
    if (url !== '/v1.0/$batch') return { status: 500 }
    const { requests } = JSON.parse(body.toString()) as { requests: Array<{ id: string, method: string, url: string }> }
    if (requests.length > 20) return { status: 400 }
    return { body: { responses: requests.map(request => ({ id: request.id, ...part(request) })).reverse() } }
  })
}

t.test('createDeleteStream() deletes by twenties, and tries those again that were throttled', async t => {
  const tries: Record<string, number> = {}
  const graph = await batching(t, ({ url }) => {
    tries[url] = (tries[url] ?? 0) + 1
    if (url.endsWith('/7') && tries[url] === 1) return { status: 429, headers: { 'Retry-After': '9' }, body: { error: { code: 'activityLimitReached' } } }
    if (url.endsWith('/8')) return { status: 404, body: { error: { code: 'itemNotFound' } } }
    return { status: 204 }
  })
  const stream = graph.client().createDeleteStream()
  const results: Array<{ deleted: boolean, existed: boolean }> = []
  stream.on('result', result => results.push(result))
  await pipeline(Readable.from(Array.from({ length: 45 }, (_, id) => ({ id: String(id) }))), stream)
  t.equal(results.length, 45)
  t.equal(results.filter(({ existed }) => !existed).length, 1)
  t.equal(tries['/me/drive/items/7'], 2)
  t.equal(tries['/me/drive/items/6'], 1)
  t.ok(graph.clock.sleeps.includes(9000))
  t.equal(graph.requests.length, 4)
})

t.test('createDeleteStream() does the rest where single items fail', async t => {
  const graph = await batching(t, ({ url }) => url.includes('root:/1') ? { status: 423, body: { error: { code: 'resourceLocked' } } } : { status: 204 })
  const stream = graph.client().createDeleteStream({ permanent: true })
  await t.rejects(pipeline(Readable.from(['/0', '/1', '/2']), stream), { code: 'BatchIncomplete', succeeded: 2, failed: 1, failures: [{ code: 'Locked' }] })
  t.throws(() => graph.client().createDeleteStream({ batchSize: 21 }), RangeError)
})

t.test('batch() runs any number in order, and a dependency that was throttled together with what depends on it', async t => {
  let throttled = true
  const graph = await batching(t, ({ id, dependsOn = [] }) => {
    if (id === 'a' && throttled) { throttled = false; return { status: 503 } }
    if (id === 'b' && dependsOn.includes('a') && graph.requests.length === 1) return { status: 424 }
    return id === 'c' ? { status: 302, headers: { Location: 'https://h/x' } } : { status: 200, body: { id } }
  })
  const results = await graph.client().batch([
    { id: 'a', method: 'GET', url: '/me/drive' }, { id: 'b', method: 'GET', url: '/me/drive', dependsOn: ['a'] }, { id: 'c', method: 'GET', url: '/me/drive/items/1/content' }
  ])
  t.match(results, [{ done: true, id: 'a', body: { id: 'a' } }, { done: true, id: 'b' }, { done: true, id: 'c', status: 302, headers: { location: 'https://h/x' } }])
  t.strictSame(JSON.parse(String(graph.requests[1]?.body)).requests.map(({ id }: { id: string }) => id), ['a', 'b'])
  t.equal((await graph.client().batch(Array.from({ length: 41 }, () => ({ method: 'GET', url: '/me' })))).length, 41)
})

t.test('batch() refuses what cannot be, and tells of parts that are not answered', async t => {
  const graph = await LoopbackGraph.start(t, () => ({ body: { responses: [] } }))
  const onedrive = graph.client()
  t.match(await onedrive.batch([{ method: 'GET', url: '/me' }]), [{ done: false, error: { code: 'MalformedAnswer' } }])
  await t.rejects(onedrive.batch([{ id: '1', method: 'GET', url: '/a' }, { id: '1', method: 'GET', url: '/b' }]), RangeError)
  await t.rejects(onedrive.batch([{ method: 'GET', url: 'https://x' }]), RangeError)
  await t.rejects(onedrive.batch([{ method: 'GET', url: '/a', dependsOn: ['9'] }]), RangeError)
})

t.test('versions are listed, and restored by a request that is followed by a look', async t => {
  const graph = await scripted(t, {
    'GET /me/drive/root:/a:/versions': { body: { value: [{ id: '2.0', size: 2 }], '@odata.nextLink': '{origin}/v1.0/v2' } },
    'GET /v2': { body: { value: [{ id: '1.0', size: 1 }] } },
    'POST /me/drive/root:/a:/versions/1.0/restoreVersion': { status: 204 },
    'GET /me/drive/root:/a': { body: FILE }
  })
  const { versions } = graph.client()
  t.match(await versions.list('/a'), [{ id: '2.0' }, { id: '1.0' }])
  t.match(await versions.restore('/a', '1.0'), { id: '01ABC' })
})

t.test('list() gives one page and where the next one starts', async t => {
  const graph = await scripted(t, {
    'GET /me/drive/root/children?$top=1': { body: { value: [file('1', 'a')], '@odata.nextLink': '{origin}/v1.0/n' } },
    'GET /n': { body: { value: [file('2', 'b')] } }
  })
  const page = await graph.client().list('/', { pageSize: 1 })
  t.match(await graph.client().list('/', { next: page.next as string }), { entries: [{ name: 'b' }], next: undefined })
})
