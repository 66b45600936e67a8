import t from 'tap'
import { type GraphClient, type Json, outcome, SetClock, startGraph } from './client.ts'

interface Part {
  id: string
  status: number
  headers: Record<string, string>
  body?: Json | string
}

async function batch (client: GraphClient, requests: Json[]): Promise<Map<string, Part>> {
  const reply = await client.graph('POST', '/$batch', { json: { requests } })
  return new Map((reply.json['responses'] as Part[] | undefined ?? []).map(part => [part.id, part]))
}

async function refusal (client: GraphClient, requests: unknown): Promise<string> {
  return outcome(await client.graph('POST', '/$batch', { json: { requests } }))
}

function get (id: string, url: string, rest: Json = {}): Json {
  return { id, method: 'GET', url, ...rest }
}

t.test('parts are answered one by one: JSON, base64, redirects, errors', async t => {
  const client = await startGraph(t)
  await client.put('/a.txt', 'hello')
  const parts = await batch(client, [
    get('json', '/me/drive/root:/a.txt'),
    get('none', 'me/drive/root:/none'),
    get('content', '/me/drive/root:/a.txt:/content'),
    { id: 'put', method: 'PUT', url: '/me/drive/root:/b.txt:/content', headers: { 'Content-Type': 'text/plain' }, body: Buffer.from('from base64').toString('base64') },
    { id: 'folder', method: 'POST', url: '/me/drive/root/children', headers: { 'Content-Type': 'application/json' }, body: { name: 'new', folder: {} } },
    { id: 'delete', method: 'DELETE', url: '/me/drive/root:/a.txt', dependsOn: ['json', 'content'] }
  ])
  t.same(Object.fromEntries([...parts].map(([id, part]) => [id, part.status])), { json: 200, none: 404, content: 302, put: 201, folder: 201, delete: 204 })
  t.match(parts.get('json')?.body, { name: 'a.txt' })
  t.match(parts.get('none')?.body, { error: { code: 'itemNotFound', innerError: {} } })
  t.match(parts.get('content')?.headers, { Location: /\/onedrive\/down\// })
  t.equal((await client.download('/b.txt')).text, 'from base64')
})

t.test('order: dependencies first, answers in any', async t => {
  const client = await startGraph(t, {}, { seed: 5 })
  const ids = Array.from({ length: 20 }, (_, index) => String(index))
  const reply = await client.graph('POST', '/$batch', { json: { requests: ids.map(id => get(id, '/me/drive')) } })
  const order = (reply.json['responses'] as Part[]).map(part => part.id)
  t.notSame(order, ids)
  t.same([...order].sort((a, b) => Number(a) - Number(b)), ids)
  const failed = await batch(client, [get('1', '/me/drive/items/none'), get('2', '/me/drive', { dependsOn: ['1'] }), get('3', '/me/drive', { dependsOn: ['2'] }), get('4', '/me/drive')])
  t.same(['1', '2', '3', '4'].map(id => failed.get(id)?.status), [404, 424, 424, 200])
})

t.test('what a batch may not be', async t => {
  const client = await startGraph(t)
  const many = Array.from({ length: 21 }, (_, index) => get(String(index), '/me/drive'))
  t.equal(await refusal(client, many), '400 BadRequest')
  t.equal(await refusal(client, []), '400 BadRequest')
  t.equal(await refusal(client, 'x'), '400 BadRequest')
  t.equal(await refusal(client, [get('1', '/me/drive'), get('1', '/me/drive')]), '400 BadRequest')
  t.equal(await refusal(client, [get('1', '/me/drive', { dependsOn: ['2'] })]), '400 BadRequest')
  t.equal(await refusal(client, [get('1', '/me/drive', { dependsOn: ['2'] }), get('2', '/me/drive', { dependsOn: ['1'] })]), '400 BadRequest')
  t.equal(await refusal(client, [get('1', '/$batch')]), '400 BadRequest')
  t.equal(await refusal(client, [{ id: '1', method: 'POST', url: '/me/drive/root/children', body: {} }]), '400 BadRequest')
  t.equal(outcome(await client.send('POST', `${client.oneDrive.endpoint}/$batch`, { json: { requests: many } })), '401 InvalidAuthenticationToken')
})

t.test('faults hit parts as they hit requests', async t => {
  const client = await startGraph(t)
  await client.put('/a', 'hello')
  const { faults } = client.emulator
  faults.add({ operation: 'GetItem', key: '/a', status: 429, retryAfter: 7 })
  faults.add({ operation: 'DeleteItem', loseAnswerWith: 504 })
  faults.add({ operation: 'ListVersions', changeObject: true })
  const parts = await batch(client, [
    get('throttled', '/me/drive/root:/a'), get('root', '/me/drive/root'), get('versions', '/me/drive/root:/a:/versions'),
    { id: 'lost', method: 'DELETE', url: '/me/drive/root:/a', dependsOn: ['versions'] }
  ])
  t.match(parts.get('throttled'), { status: 429, headers: { 'Retry-After': '7' }, body: { error: { code: 'activityLimitReached' } } })
  t.equal(parts.get('root')?.status, 200)
  t.equal(((parts.get('versions')?.body as Json)['value'] as Json[]).length, 2)
  t.equal(parts.get('lost')?.status, 504)
  t.equal(client.oneDrive.state.item('/a'), undefined)
  faults.verify()
  faults.add({ operation: 'Batch', status: 503, retryAfter: 2 })
  t.equal(await refusal(client, [get('1', '/me/drive')]), '503 serviceNotAvailable')
})

t.test('a budget of units throttles parts and requests alike, and tells from 80 % on', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, { strict: { unitsPerMinute: 10 } }, { clock })
  for (let unit = 0; unit < 7; unit++) t.equal((await client.get('/me/drive')).headers['ratelimit-limit'], undefined)
  clock.pass(20_000)
  t.match((await client.get('/me/drive')).headers, { 'ratelimit-limit': '10', 'ratelimit-remaining': '2', 'ratelimit-reset': '40' })
  const parts = await batch(client, [get('1', '/me/drive'), get('2', '/me/drive'), get('3', '/me/drive'), get('4', '/me/drive/root/children')])
  t.same([...parts.values()].map(part => part.status).sort(), [200, 200, 429, 429])
  t.match(parts.get('3'), { status: 429, headers: { 'Retry-After': '40', 'RateLimit-Remaining': '0' }, body: { error: { innerError: { code: 'throttledRequest' } } } })
  Object.assign(client.oneDrive.quirks, { throttleStatus: 503, retryAfter: false })
  const busy = await client.get('/me/drive')
  t.match([outcome(busy), busy.headers['retry-after']], ['503 serviceNotAvailable/throttledRequest', undefined])
  clock.pass(40_000)
  t.equal((await client.get('/me/drive')).status, 200)
  await client.put('/a', 'x')
  await client.get('/me/drive/root/delta')
  await client.get('/me/drive/root/delta?token=latest')
  t.match((await client.get('/me/drive/root:/a:/content')).status, 302)
  t.equal((await client.get('/me/drive')).headers['ratelimit-remaining'], '2', '1 + 2 + 2 + 1 + 1 + 1 units')
})
