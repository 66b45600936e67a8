import t from 'tap'
import { type GraphClient, type Json, namesIn, outcome, SetClock, startGraph } from './client.ts'

async function fill (client: GraphClient, folder: string, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `f${String(index).padStart(4, '0')}`)
  for (const name of names) await client.put(`/${folder}/${name}`, 'x')
  return names
}

function names (pages: Json[][]): unknown[] {
  return pages.flat().map(item => item['name'])
}

t.test('children: pages of 200 unless told, never more than 1000', async t => {
  const client = await startGraph(t)
  const all = await fill(client, 'dir', 205)
  const pages = await client.pages('/me/drive/root:/dir:/children')
  t.same([pages.map(page => page.length), names(pages)], [[200, 5], all])
  t.same((await client.pages('/me/drive/root:/dir:/children?$top=100')).map(page => page.length), [100, 100, 5])
  t.same((await client.pages('/me/drive/root:/dir:/children?$top=205')).map(page => page.length), [205])
  t.same((await client.pages('/me/drive/root:/dir:/children?$top=5000')).map(page => page.length), [205])
  for (const query of ['$top=0', '$top=x', '$skip=5']) t.equal(outcome(await client.get(`/me/drive/root:/dir:/children?${query}`)), '400 invalidRequest')
  t.equal(outcome(await client.get('/me/drive/root:/dir/f0001:/children')), '400 invalidRequest')
})

t.test('next links keep the query, and work only as they are', async t => {
  const client = await startGraph(t)
  await fill(client, "it's%20a%23", 5)
  const first = await client.get("/me/drive/root:/it's%20a%23:/children?$top=2&$select=name")
  const link = first.json['@odata.nextLink'] as string
  t.match(link, /\/onedrive\/v1\.0\/me\/drive\/root:\/it's%20a%23:\/children\?\$top=2&\$select=name&\$skiptoken='[\w-]+%252F[\w-]+'$/)
  t.same((await client.follow(link)).json['value'], [{ name: 'f0002' }, { name: 'f0003' }])
  t.same(namesIn((await client.follow(link.replaceAll("'", '%27').replace('it%27s', "it's"))).json), ['f0002', 'f0003'], 'fetch writes quotes so')
  t.equal(outcome(await client.follow(link.replace('%252F', '%2F'))), '400 invalidRequest', 'decoded once too often')
})

t.test('a write between two pages: after a name on business drives, by position on personal ones', async t => {
  const seen = async (flavour: 'business' | 'personal'): Promise<unknown[]> => {
    const client = await startGraph(t, { flavour })
    await fill(client, 'dir', 4)
    const first = await client.get('/me/drive/root:/dir:/children?$top=2')
    await client.put('/dir/a', 'x')
    return [...namesIn(first.json), ...namesIn((await client.follow(first.json['@odata.nextLink'])).json)]
  }
  t.same(await seen('business'), ['f0000', 'f0001', 'f0002', 'f0003'])
  t.same(await seen('personal'), ['f0000', 'f0001', 'f0001', 'f0002'], 'one twice, one missed until the next page')
})

t.test('order and filter, as far as each flavour goes', async t => {
  const business = await startGraph(t)
  const personal = await startGraph(t, { flavour: 'personal' })
  for (const client of [business, personal]) for (const [name, body] of [['b', 'xx'], ['C', 'x'], ['a', 'xxx']] as const) await client.put(`/${name}`, body)
  const list = async (client: GraphClient, query: string): Promise<unknown> => {
    const reply = await client.get(`/me/drive/root/children?${query}`)
    return reply.status === 200 ? namesIn(reply.json) : outcome(reply)
  }
  t.same(await list(business, ''), ['a', 'b', 'C'])
  t.same(await list(business, '$orderby=name%20desc'), ['C', 'b', 'a'])
  t.same(await list(business, '$orderby=size'), '501 notSupported')
  t.same(await list(business, "$filter=name%20eq%20'c'"), ['C'])
  t.same(await list(business, '$filter=size%20gt%201'), '501 notSupported')
  t.same(await list(personal, '$orderby=size'), ['C', 'b', 'a'])
  t.same(await list(personal, '$orderby=lastModifiedDateTime%20desc'), ['a', 'C', 'b'])
  t.same(await list(personal, "$filter=name%20eq%20'c'"), '501 notSupported')
})

t.test('delta: everything with its ancestors on each page, then changes only', async t => {
  const client = await startGraph(t)
  for (const path of ['/a/1', '/a/b/2', '/c']) await client.put(path, 'x')
  const first = await client.get('/me/drive/root/delta?$top=1')
  t.same(namesIn(first.json), ['root'])
  const pages = await client.pages('/me/drive/root/delta?$top=2')
  t.same(pages.map(page => page.map(item => item['name'])), [['root', 'a'], ['root', 'a', '1', 'b'], ['root', 'a', 'b', '2', 'c']])
  t.same(names(await client.pages('/me/drive/root/delta')), ['root', 'a', '1', 'b', '2', 'c'])
  const [, entry] = (await client.get('/me/drive/root/delta')).json['value'] as Json[]
  t.equal((entry?.['parentReference'] as Json)['path'], undefined)
  const alone = await client.graph('GET', '/me/drive/root/delta?$top=2', { headers: { deltaexcludeparent: 'true' } })
  const second = await client.follow(alone.json['@odata.nextLink'], { headers: { deltaexcludeparent: 'true' } })
  t.same(namesIn(second.json), ['root', '1', 'b'])
})

t.test('delta: latest, changes, deletions by flavour, and nothing', async t => {
  for (const flavour of ['business', 'personal'] as const) {
    const client = await startGraph(t, { flavour })
    const { json } = await client.put('/dir/a', 'x')
    const latest = await client.get('/me/drive/root/delta?token=latest')
    t.same(latest.json['value'], [])
    const link = latest.json['@odata.deltaLink'] as string
    t.match(link, /\/me\/drive\/root\/delta\?token=[\w-]+$/)
    t.same((await client.follow(link)).json['value'], [])
    await client.graph('DELETE', '/me/drive/root:/dir')
    const gone = (await client.follow(link)).json['value'] as Json[]
    t.same(gone.map(item => item['deleted']), [{ state: 'deleted' }, { state: 'deleted' }])
    const file = gone.find(item => item['id'] === json['id'])
    t.same([file?.['name'], file?.['size'], file?.['cTag']], flavour === 'business' ? [undefined, 0, undefined] : ['a', undefined, undefined])
    const token = link.split('token=')[1] ?? ''
    t.equal(((await client.get(`/me/drive/root/delta(token='${token}')`)).json['value'] as Json[]).length, 2, 'the other way to write it')
    t.same(names(await client.pages('/me/drive/root/delta')), ['root'], 'who starts now never hears of it')
  }
})

t.test('delta: a rename is one entry, the last state counts', async t => {
  const client = await startGraph(t)
  const { json } = await client.put('/a', 'x')
  const { json: { '@odata.deltaLink': link } } = await client.get('/me/drive/root/delta?token=latest')
  await client.put('/a', 'xx')
  await client.graph('PATCH', '/me/drive/root:/a', { json: { name: 'b' } })
  t.match((await client.follow(link)).json['value'], [{ name: 'root' }, { id: json['id'], name: 'b', size: 2 }])
})

t.test('delta: folders and times as tokens, by flavour', async t => {
  const clock = new SetClock()
  const business = await startGraph(t, {}, { clock })
  await business.put('/dir/a', 'x')
  clock.pass(10_000)
  await business.put('/dir/b', 'x')
  t.equal(outcome(await business.get('/me/drive/root:/dir:/delta')), '501 notSupported')
  t.same(namesIn((await business.get(`/me/drive/root/delta?token=${encodeURIComponent('2026-03-01T10:00:05Z')}`)).json), ['root', 'dir', 'b'])
  const personal = await startGraph(t, { flavour: 'personal' })
  await personal.put('/dir/a', 'x')
  await personal.put('/b', 'x')
  t.same(namesIn((await personal.get('/me/drive/root:/dir:/delta')).json), ['dir', 'a'])
  t.equal(outcome(await personal.get('/me/drive/root/delta?token=2026-03-01T10:00:05Z')), '400 invalidRequest')
})

t.test('delta: 410 says where to start over', async t => {
  const client = await startGraph(t)
  await client.put('/a', 'x')
  const { json: { '@odata.deltaLink': link } } = await client.get('/me/drive/root/delta')
  client.oneDrive.state.expireDeltaTokens()
  const gone = await client.follow(link)
  t.equal(outcome(gone), '410 resyncRequired/resyncApplyDifferences')
  t.same(namesIn((await client.follow(gone.headers['location'])).json), ['root', 'a'])
  const { json: { '@odata.deltaLink': fresh } } = await client.get('/me/drive/root/delta')
  client.oneDrive.state.expireDeltaTokens('upload')
  t.equal(outcome(await client.follow(fresh)), '410 resyncRequired/resyncUploadDifferences')
  t.equal(outcome(await client.get('/me/drive/root/delta?token=nonsense')), '400 invalidRequest')
})

t.test('delta: empty pages, repeated entries, forgotten deletions', async t => {
  const client = await startGraph(t, { strict: { emptyDeltaPages: true, repeatedDeltaEntries: true } })
  await client.put('/a', 'x')
  t.same((await client.pages('/me/drive/root/delta')).map(page => page.map(item => item['name'])), [[], ['root', 'a', 'root']])
  Object.assign(client.oneDrive.quirks, { emptyDeltaPages: false, repeatedDeltaEntries: false })
  const deletions = async (): Promise<number> => {
    await client.put('/b', 'x')
    const first = await client.get('/me/drive/root/delta?$top=1')
    await client.graph('DELETE', '/me/drive/root:/b')
    const rest: Json[] = []
    for (let link = first.json['@odata.nextLink']; link !== undefined;) {
      const page = await client.follow(link)
      rest.push(...page.json['value'] as Json[])
      link = page.json['@odata.nextLink']
    }
    return rest.filter(item => item['deleted'] !== undefined).length
  }
  t.equal(await deletions(), 1)
  client.oneDrive.quirks.forgetfulDelta = true
  t.equal(await deletions(), 0)
})

t.test('search: whole words, prefixes with a star, below a folder, late', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, {}, { clock })
  for (const path of ['/Annual%20Report.txt', '/dir/report-2.txt', '/dir/other.txt']) await client.put(path, 'x')
  const find = async (path: string): Promise<string[]> => namesIn((await client.get(`/me/drive/${path}`)).json).sort()
  t.same(await find("root/search(q='report')"), ['Annual Report.txt', 'report-2.txt'])
  t.same(await find("search(q='report%20annual')"), ['Annual Report.txt'])
  t.same(await find("root/search(q='repo')"), [])
  t.same(await find("root/search(q='repo*')"), ['Annual Report.txt', 'report-2.txt'])
  t.same(await find("root:/dir:/search(q='report')"), ['report-2.txt'])
  t.same(await find('root/search(q=%27it%27%27s%27)'), [])
  const [item] = (await client.get("/me/drive/root/search(q='other')")).json['value'] as Json[]
  t.same([item?.['parentReference'], item?.['createdBy']], [undefined, undefined])
  t.same((await client.pages("/me/drive/root/search(q='txt')?$top=2")).map(page => page.length), [2, 1])
  client.oneDrive.quirks.searchDelayMs = 60_000
  t.same(await find("root/search(q='report')"), [])
  clock.pass(60_000)
  t.equal((await find("root/search(q='report')")).length, 2)
})
