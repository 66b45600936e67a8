import t from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { quickXorBase64 } from '../../../lib/digest/quick-xor.ts'
import { outcome, SetClock, startGraph } from './client.ts'

t.test('a simple upload creates, replaces, fails and renames', async t => {
  const client = await startGraph(t)
  const body = randomBytes(100_000)
  const created = await client.put('/dir/a.txt', body, { 'content-type': 'image/png' })
  t.match(created, { status: 201, json: { name: 'a.txt', size: 100_000, file: { mimeType: 'text/plain', hashes: { quickXorHash: quickXorBase64(body) } } } })
  t.equal((await client.put('/dir/A.TXT', 'new')).status, 200, 'names differ by more than case')
  t.match((await client.get('/me/drive/root:/DIR/a.txt')).json, { id: created.json['id'], name: 'a.txt', size: 3 })
  const conflict = (behavior: string): Promise<{ status: number, json: Record<string, unknown> }> => client.put('/dir/a.txt', 'x', {}, `?@microsoft.graph.conflictBehavior=${behavior}`)
  t.match(await conflict('fail'), { status: 409, json: { error: { code: 'nameAlreadyExists' } } })
  t.match(await conflict('rename'), { status: 201, json: { name: 'a 1.txt' } })
  t.match(await conflict('rename'), { status: 201, json: { name: 'a 2.txt' } })
  t.match(await conflict('other'), { status: 400 })
  t.match(await client.graph('PUT', `/me/drive/items/${String(created.json['id'])}/content`, { body: 'by id' }), { status: 200, json: { size: 5 } })
  t.match(await client.put('/empty', ''), { status: 201, json: { size: 0, file: { hashes: { quickXorHash: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' } } } })
  t.equal(outcome(await client.put('/dir', 'x')), '409 nameAlreadyExists')
})

t.test('a simple upload has a limit, known or found out', async t => {
  const client = await startGraph(t, { strict: { smallUploadLimit: 1000 } })
  t.equal((await client.put('/a', Buffer.alloc(1000))).status, 201)
  t.equal(outcome(await client.put('/b', Buffer.alloc(1001))), '413 invalidRequest/maxFileSizeExceeded')
  t.equal((await client.graph('PUT', '/me/drive/root:/b:/content', { body: Readable.from([Buffer.alloc(600), Buffer.alloc(600)]) })).status, 413)
  t.same([client.oneDrive.state.items().length, client.oneDrive.state.blobs], [1, 1])
})

t.test('preconditions by eTag and cTag', async t => {
  for (const flavour of ['business', 'personal'] as const) {
    const client = await startGraph(t, { flavour })
    const { json } = await client.put('/a', 'one')
    const [eTag, cTag] = [json['eTag'] as string, json['cTag'] as string]
    t.match([eTag, cTag], flavour === 'business' ? [/^"\{[0-9A-F-]{36}\},1"$/, /^"c:\{[0-9A-F-]{36}\},1"$/] : [/^a[\w+/]+$/, /^a[\w+/]+$/])
    t.equal(outcome(await client.put('/a', 'two', { 'if-none-match': '*' })), '412 resourceModified')
    t.equal((await client.put('/a', 'two', { 'if-match': cTag })).status, 200)
    t.equal(outcome(await client.put('/a', 'three', { 'if-match': eTag })), '412 resourceModified')
    t.equal(outcome(await client.put('/b', 'x', { 'if-match': '*' })), '412 resourceModified')
    const fresh = (await client.get('/me/drive/root:/a')).json
    for (const tag of [fresh['eTag'], fresh['cTag']] as string[]) {
      t.equal((await client.get('/me/drive/root:/a', { 'if-none-match': tag })).status, 304)
      t.equal((await client.get('/me/drive/root:/a:/content', { 'if-none-match': tag })).status, 304)
    }
    t.equal((await client.get('/me/drive/root:/a', { 'if-none-match': eTag })).status, 200)
  }
})

t.test('a download is a redirect to another URL, which takes no token', async t => {
  const client = await startGraph(t)
  const body = randomBytes(200_000)
  await client.put('/a%20b.bin', body)
  const redirect = await client.get('/me/drive/root:/a%20b.bin:/content', { range: 'bytes=0-9' })
  t.match(redirect, { status: 302, text: '' })
  const url = redirect.headers['location'] as string
  t.match(url, /\/onedrive\/down\/_layouts\/15\/download\.aspx\?UniqueId=[0-9a-f-]{36}&Translate=false&tempauth=[\w.-]+&ApiVersion=2\.0$/)
  const whole = await client.send('GET', url)
  t.match(whole, { status: 200, headers: { 'content-length': '200000', 'accept-ranges': 'bytes', etag: /^"\{.*\},1"$/ } })
  t.ok(whole.bytes.equals(body))
  t.equal(outcome(await client.send('GET', url, { headers: { authorization: 'Bearer x' } })), '401 unauthenticated')
  const [path, query = ''] = url.split('?')
  t.equal(outcome(await client.send('GET', `${path}?${query.split('&').reverse().join('&')}`)), '401 unauthenticated/expiredToken', 'nor another order')
  t.match(await client.send('HEAD', url), { status: 200, headers: { 'content-length': '200000' } })
  t.equal((await client.send('GET', (await client.get('/me/drive/root:/a%20b.bin')).json['@microsoft.graph.downloadUrl'] as string)).bytes.length, 200_000)
  t.equal(outcome(await client.get('/me/drive/root/content')), '400 invalidRequest')
})

t.test('ranges', async t => {
  const client = await startGraph(t)
  await client.put('/a', '0123456789')
  const range = async (header: string): Promise<unknown[]> => {
    const { status, text, headers } = await client.download('/a', { range: header })
    return [status, status === 416 ? '' : text, headers['content-range']]
  }
  t.same(await range('bytes=2-4'), [206, '234', 'bytes 2-4/10'])
  t.same(await range('bytes=7-'), [206, '789', 'bytes 7-9/10'])
  t.same(await range('bytes=7-99'), [206, '789', 'bytes 7-9/10'])
  t.same(await range('bytes=-2'), [206, '89', 'bytes 8-9/10'])
  t.same(await range('bytes=10-'), [416, '', 'bytes */10'])
  t.same(await range('bytes=0-1,4-5'), [200, '0123456789', undefined])
  client.oneDrive.quirks.ranges = 'ignore'
  t.same(await range('bytes=2-4'), [200, '0123456789', undefined])
  const personal = await startGraph(t, { flavour: 'personal' })
  await personal.put('/a', '0123456789')
  t.equal((await personal.download('/a', { range: 'bytes=-2' })).status, 200, 'no suffixes there')
})

t.test('download URLs die: by time, requests, bytes, and all at once', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, {}, { clock })
  const { quirks, state } = client.oneDrive
  await client.put('/a', Buffer.alloc(1000))
  const open = async (): Promise<string> => (await client.get('/me/drive/root:/a:/content')).headers['location'] as string
  const first = await open()
  clock.pass(3_600_000 - 1)
  t.equal((await client.send('GET', first)).status, 200)
  clock.pass(1)
  const expected = ['401 unauthenticated/expiredToken', '403 accessDenied', '404 itemNotFound', '410 itemNotFound']
  for (const [index, status] of ([401, 403, 404, 410] as const).entries()) {
    quirks.expiredDownload = status
    t.equal(outcome(await client.send('GET', first)), expected[index])
  }
  client.token = client.oneDrive.accessToken()
  quirks.downloadRequests = 2
  const second = await open()
  const statuses: number[] = []
  for (let request = 0; request < 3; request++) statuses.push((await client.send('GET', second)).status)
  t.same(statuses, [200, 200, 410])
  quirks.downloadRequests = Infinity
  quirks.downloadBytes = 1500
  const third = await open()
  t.same([await client.send('GET', third), await client.send('GET', third), await client.send('GET', third)].map(({ status, bytes }) => [status, bytes.length]).slice(0, 2),
    [[200, 1000], [200, 1000]], 'what runs goes on')
  t.equal((await client.send('GET', third)).status, 410)
  quirks.downloadBytes = Infinity
  const fourth = await open()
  state.expireDownloadUrls()
  t.equal((await client.send('GET', fourth)).status, 410)
  t.equal((await client.send('GET', await open())).status, 200)
})

t.test('a download serves what the file is now', async t => {
  const client = await startGraph(t)
  const { json } = await client.put('/a', 'old')
  const url = json['@microsoft.graph.downloadUrl'] as string
  await client.put('/a', 'newer')
  t.match(await client.send('GET', url), { text: 'newer', headers: { etag: /,2"$/ } })
  await client.graph('DELETE', '/me/drive/root:/a')
  t.equal(outcome(await client.send('GET', url)), '404 itemNotFound')
})

t.test('a file with malware says so, and is not given out', async t => {
  const client = await startGraph(t, { strict: { infected: /^eicar/ } })
  t.match((await client.put('/eicar.com', 'x')).json, { malware: { description: String } })
  const refused = await client.download('/eicar.com')
  t.match([outcome(refused), refused.headers['x-virus-infected']], ['403 malwareDetected', String])
  t.equal((await client.put('/clean', 'x')).json['malware'], undefined)
})

t.test('conversion is refused as far as it can be', async t => {
  const client = await startGraph(t)
  await client.put('/a.docx', 'x')
  await client.put('/a.bin', 'x')
  t.equal(outcome(await client.get('/me/drive/root:/a.docx:/content?format=pdf')), '501 notSupported')
  t.equal(outcome(await client.get('/me/drive/root:/a.bin:/content?format=pdf')), '400 invalidRequest')
})

t.test('hashes by flavour and by switch', async t => {
  const hashes = async (options: Parameters<typeof startGraph>[1]): Promise<unknown> => {
    const client = await startGraph(t, options)
    return ((await client.put('/a', 'hello world')).json['file'] as Record<string, unknown>)['hashes']
  }
  const quickXorHash = 'aCgDG9jwBhDc4Q1yawMZAAAAAAA='
  const hex = (algorithm: string): string => createHash(algorithm).update('hello world').digest('hex').toUpperCase()
  t.same(await hashes({}), { quickXorHash })
  t.same(await hashes({ flavour: 'personal' }), { quickXorHash, sha256Hash: hex('sha256') })
  t.same(await hashes({ strict: { hashes: ['sha1Hash', 'quickXorHash'] } }), { quickXorHash, sha1Hash: hex('sha1') })
  t.same(await hashes({ strict: { hashes: [] } }), {})
})

t.test('a library rewrites Office files, at once or after it has answered', async t => {
  const client = await startGraph(t, { strict: { enrichUploads: 'at-once' } })
  const { json } = await client.put('/a.docx', 'hello')
  const size = json['size'] as number
  t.ok(size > 5)
  const stored = await client.download('/a.docx')
  t.equal(stored.bytes.length, size)
  t.match(json, { file: { hashes: { quickXorHash: quickXorBase64(stored.bytes) } } })
  t.equal((await client.put('/a.bin', 'hello')).json['size'], 5)
  client.oneDrive.quirks.enrichUploads = 'after-answer'
  const later = await client.put('/b.pdf', 'hello')
  t.equal(later.json['size'], 5)
  const now = await client.get('/me/drive/root:/b.pdf')
  t.ok((now.json['size'] as number) > 5)
  t.not(now.json['cTag'], later.json['cTag'])
  t.equal(client.oneDrive.state.used(), 2 * size + 5)
})
