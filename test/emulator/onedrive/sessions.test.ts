import t from 'tap'
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { KiB, MiB } from '../../../lib/bytes/sizes.ts'
import { quickXorBase64 } from '../../../lib/digest/quick-xor.ts'
import { type GraphClient, type Json, outcome, type Reply, SetClock, startGraph } from './client.ts'

const UNIT = 320 * KiB
const MINUTE = 60_000

/** Whole fragments of one unit until the file is complete or something else is said. */
async function sendRest (client: GraphClient, url: string, body: Buffer, from = 0): Promise<Reply> {
  let reply: Reply | undefined
  for (let first = from; first < body.length; first += UNIT) {
    reply = await client.fragment(url, body.subarray(first, first + UNIT), first, body.length)
    if (reply.status !== 202) return reply
  }
  return reply as Reply
}

function ranges (reply: Reply): unknown {
  return reply.json['nextExpectedRanges']
}

t.test('a session: created, filled in order, asked, complete, gone', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, {}, { clock })
  const body = randomBytes(UNIT + 1000)
  const created = await client.graph('POST', '/me/drive/root:/new/dir/big.bin:/createUploadSession', { json: { item: { '@microsoft.graph.conflictBehavior': 'fail' } } })
  t.match(created, { status: 200, json: { expirationDateTime: '2026-03-01T10:15:00.123Z', nextExpectedRanges: ['0-'] } })
  const url = created.json['uploadUrl'] as string
  clock.pass(5 * MINUTE)
  const first = await client.fragment(url, body.subarray(0, UNIT), 0, body.length)
  t.match(first, { status: 202, json: { expirationDateTime: '2026-03-01T10:20:00.123Z', nextExpectedRanges: [`${UNIT}-${UNIT + 999}`] } })
  t.match(await client.send('GET', url), { status: 200, json: { nextExpectedRanges: [`${UNIT}-`] } })
  t.match(client.oneDrive.state.sessions(), [{ path: '/new/dir/big.bin', received: UNIT, total: body.length, uploadUrl: url }])
  const last = await client.fragment(url, body.subarray(UNIT), UNIT, body.length)
  t.match(last, { status: 201, json: { name: 'big.bin', size: body.length, file: { hashes: { quickXorHash: quickXorBase64(body) } }, '@content.downloadUrl': String } })
  t.equal(outcome(await client.send('GET', url)), '404 itemNotFound')
  t.ok((await client.download('/new/dir/big.bin')).bytes.equals(body))
})

t.test('fragments: what their headers must say', async t => {
  const client = await startGraph(t)
  const url = await client.session('/a')
  const body = Buffer.alloc(10)
  const put = async (headers: Record<string, string>, content: Buffer | Readable = body): Promise<string> => outcome(await client.send('PUT', url, { body: content, headers }))
  t.equal(await put({}), '400 invalidRequest')
  t.equal(await put({ 'content-range': 'bytes 0-9/*' }), '400 invalidRequest')
  t.equal(await put({ 'content-range': 'bytes 0-8/10' }), '400 invalidRequest', 'another length than Content-Length')
  t.equal(await put({ 'content-range': 'bytes 0-9/9' }), '400 invalidRequest')
  t.equal(await put({ 'content-range': 'bytes 0-0/0' }, Buffer.alloc(0)), '400 invalidRequest', 'nothing cannot be uploaded')
  t.equal(await put({ 'content-range': 'bytes 0-9/10' }, Readable.from([body])), '400 invalidRequest', 'chunked')
  t.match((await client.send('PUT', url, { body, headers: { 'content-range': 'bytes 0-9/*' } })).json, { error: { message: 'Content-Range must include a total length' } })
  t.equal((await client.fragment(url, body, 0, 10)).status, 201)
})

t.test('fragments: multiples of 320 KiB but the last, below 60 MiB', async t => {
  const client = await startGraph(t, { strict: { maxFragmentSize: 2 * UNIT } })
  const url = await client.session('/a')
  t.equal(outcome(await client.fragment(url, Buffer.alloc(UNIT + 1), 0, 3 * UNIT)), '400 invalidRequest')
  t.equal(outcome(await client.fragment(url, Buffer.alloc(3 * UNIT), 0, 3 * UNIT)), '400 invalidRequest/maxFragmentLengthExceeded')
  t.equal((await client.fragment(url, Buffer.alloc(2 * UNIT), 0, 2 * UNIT + 1)).status, 202)
  t.equal((await client.fragment(url, Buffer.alloc(1), 2 * UNIT, 2 * UNIT + 1)).status, 201)
  const late = await startGraph(t, { strict: { unalignedFragments: 'fail-at-commit' } })
  const other = await late.session('/a')
  t.equal((await late.fragment(other, Buffer.alloc(1000), 0, 1001)).status, 202, 'or it is accepted')
  t.equal(outcome(await late.fragment(other, Buffer.alloc(1), 1000, 1001)), '500 generalException', 'and nothing comes of it')
  t.equal((await startGraph(t)).oneDrive.quirks.maxFragmentSize, 60 * MiB - 1)
})

t.test('fragments: in order, none twice, one total', async t => {
  const client = await startGraph(t)
  const url = await client.session('/a')
  const piece = Buffer.alloc(UNIT)
  t.equal(outcome(await client.fragment(url, piece, UNIT, 3 * UNIT)), '416 invalidRange/fragmentOutOfOrder')
  t.equal((await client.fragment(url, piece, 0, 3 * UNIT)).status, 202)
  t.equal(outcome(await client.fragment(url, piece, 0, 3 * UNIT)), '416 invalidRange/fragmentOverlap')
  t.equal(outcome(await client.fragment(url, piece, UNIT, 4 * UNIT)), '400 invalidRequest/fragmentLengthMismatch')
  t.equal((await client.send('GET', url)).status, 200)
  const racing = await Promise.all([client.fragment(url, piece, UNIT, 3 * UNIT), client.fragment(url, piece, UNIT, 3 * UNIT)])
  t.same(racing.map(outcome).sort(), ['202', '416 invalidRange/fragmentOverlap'])
  t.equal(client.oneDrive.state.sessions()[0]?.received, 2 * UNIT)
  t.equal(client.oneDrive.state.blobs, 2)
})

t.test('upload URLs are keys: no token, no other spelling', async t => {
  const client = await startGraph(t)
  const url = await client.session("/it's%20a%20%23.bin")
  const body = Buffer.alloc(10)
  t.match(url, /guid='[0-9a-f-]{36}'&path='~tmp[0-9a-f]{2}_it%27%27s%20a/)
  t.equal(outcome(await client.fragment(url, body, 0, 10, { authorization: `Bearer ${client.token}` })), '401 unauthenticated')
  const [path, query = ''] = url.split('?')
  t.equal(outcome(await client.send('GET', `${path}?${query.split('&').reverse().join('&')}`)), '401 unauthenticated')
  t.equal(outcome(await client.send('GET', url.replace(/tempauth=.*/, 'tempauth=other'))), '401 unauthenticated')
  t.equal((await client.send('GET', url.replaceAll("'", '%27'))).status, 200, 'fetch writes quotes so')
  client.oneDrive.quirks.capabilityAuthorization = 'ignore'
  t.equal((await client.fragment(url, body, 0, 10, { authorization: 'Bearer x' })).status, 201)
  t.same(client.emulator.requests.entries('UploadFragment').map(({ key, query }) => [key, /tempauth=\[redacted\]/.test(query)]), [["it's a #.bin", true], ["it's a #.bin", true]])
})

t.test('sessions end: by time, by number of fragments, by cancelling', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, {}, { clock })
  const url = await client.session('/a')
  clock.pass(15 * MINUTE - 1)
  t.equal((await client.fragment(url, Buffer.alloc(UNIT), 0, 2 * UNIT)).status, 202)
  clock.pass(15 * MINUTE)
  t.equal(outcome(await client.fragment(url, Buffer.alloc(UNIT), UNIT, 2 * UNIT)), '404 itemNotFound')
  t.equal(client.oneDrive.state.blobs, 0)
  client.oneDrive.quirks.sessionFragments = 2
  const second = await client.session('/a')
  const statuses = [0, 1, 2].map(index => async () => (await client.fragment(second, Buffer.alloc(UNIT), index * UNIT, 4 * UNIT)).status)
  for (const [index, send] of statuses.entries()) t.equal(await send(), index < 2 ? 202 : 404)
  client.oneDrive.quirks.endedSession = 'uploadSessionNotFound'
  t.equal(outcome(await client.send('GET', second)), '400 uploadSessionNotFound')
  const third = await client.session('/a')
  t.equal((await client.send('DELETE', third)).status, 204)
  t.equal(outcome(await client.send('DELETE', third)), '400 uploadSessionNotFound')
})

t.test('the token in an upload URL is over after a day, whatever the session says', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, { flavour: 'personal' }, { clock })
  const url = await client.session('/a')
  clock.pass(24 * 60 * MINUTE - 1)
  t.equal((await client.send('GET', url)).status, 200, 'sessions of personal drives live for seven')
  clock.pass(1)
  t.equal(outcome(await client.send('GET', url)), '401 unauthenticated/expiredToken')
  client.oneDrive.quirks.expiredUploadUrl = 403
  t.equal(outcome(await client.send('GET', url)), '403 accessDenied')
  clock.pass(6 * 24 * 60 * MINUTE)
  t.equal(outcome(await client.send('GET', url)), '404 itemNotFound')
  client.token = client.oneDrive.accessToken()
  const fresh = await client.session('/b')
  client.oneDrive.state.expireUploadUrls()
  t.equal(outcome(await client.send('GET', fresh)), '403 accessDenied')
  await client.oneDrive.state.expireSessions()
  t.equal(outcome(await client.send('GET', fresh)), '404 itemNotFound')
})

t.test('nextExpectedRanges in all its forms', async t => {
  const client = await startGraph(t)
  const { quirks } = client.oneDrive
  const url = await client.session('/a')
  await client.fragment(url, Buffer.alloc(UNIT), 0, 3 * UNIT)
  const seen: unknown[] = []
  for (const form of ['open', 'closed', 'several', 'empty', 'missing'] as const) {
    quirks.nextExpectedRanges = form
    seen.push(ranges(await client.send('GET', url)))
  }
  t.same(seen, [['327680-'], ['327680-983039'], ['327680-655359', '655360-983039'], [], undefined])
  quirks.nextExpectedRanges = 'mixed'
  const forms = new Set<string>()
  for (let request = 0; request < 40; request++) forms.add(JSON.stringify(ranges(await client.send('GET', url)) ?? 'none'))
  t.equal(forms.size, 5)
})

t.test('a partial commit keeps a random prefix, by the seed', async t => {
  const run = async (seed: number): Promise<number[]> => {
    const client = await startGraph(t, { strict: { partialCommit: { probability: 1 } } }, { seed })
    const body = randomBytes(4 * UNIT)
    const url = await client.session('/a')
    const received: number[] = []
    for (let request = 0; request < 4; request++) {
      const first = client.oneDrive.state.sessions()[0]?.received ?? 0
      t.equal((await client.fragment(url, body.subarray(first, first + UNIT), first, body.length)).status, 202)
      received.push(client.oneDrive.state.sessions()[0]?.received ?? 0)
    }
    client.oneDrive.quirks.partialCommit = undefined
    const last = await sendRest(client, url, body, received.at(-1))
    t.equal(last.status, 201)
    t.match(last.json, { file: { hashes: { quickXorHash: quickXorBase64(body) } } }, 'and the digest follows what was kept')
    t.ok((await client.download('/a')).bytes.equals(body))
    return received
  }
  const [first, again] = [await run(7), await run(7)]
  t.same(first, again)
  t.notSame(first, await run(8))
  t.ok(first.some(received => received % UNIT !== 0))
})

t.test('a partial commit whose answer is an error, or never comes', async t => {
  const client = await startGraph(t, { strict: { partialCommit: { probability: 1, answer: 503 } } }, { seed: 3 })
  const url = await client.session('/a')
  t.equal(outcome(await client.fragment(url, Buffer.alloc(UNIT), 0, 2 * UNIT)), '503 serviceNotAvailable')
  const received = client.oneDrive.state.sessions()[0]?.received ?? 0
  t.ok(received > 0 && received < UNIT)
  t.same(ranges(await client.send('GET', url)), [`${received}-`])
  client.oneDrive.quirks.partialCommit = { probability: 1, answer: 'reset' }
  await t.rejects(client.fragment(url, Buffer.alloc(UNIT), received, 2 * UNIT))
  t.ok((client.oneDrive.state.sessions()[0]?.received ?? 0) > received)
})

t.test('a session that is cancelled while its last fragment arrives makes no file', async t => {
  const client = await startGraph(t)
  const { emulator, oneDrive } = client
  const url = await client.session('/a')
  emulator.faults.add({ operation: 'UploadFragment', bytesPerSecond: 8 * UNIT })
  const sending = client.fragment(url, randomBytes(UNIT), 0, UNIT)
  while (emulator.requests.count('UploadFragment') === 0) await turn()
  t.equal((await client.send('DELETE', url)).status, 204)
  t.equal(outcome(await sending), '404 itemNotFound')
  t.same([oneDrive.state.items(), oneDrive.state.blobs], [[], 0])
})

t.test('whenever a cancellation meets the last fragment, one of the two is refused', async t => {
  const client = await startGraph(t)
  const { emulator, oneDrive } = client
  const body = randomBytes(UNIT)
  for (let turns = 0; turns < 40; turns++) {
    emulator.requests.clear()
    const url = await client.session(`/${turns}`)
    const sending = client.fragment(url, body, 0, UNIT)
    while (emulator.requests.count('UploadFragment') === 0) await turn()
    for (let waited = 0; waited < turns; waited++) await turn()
    const [stored, cancelled] = await Promise.all([sending, client.send('DELETE', url)])
    t.equal(stored.status === 201, cancelled.status !== 204, `after ${turns} turns: ${stored.status}, ${cancelled.status}`)
    if (stored.status === 201) t.ok((await client.download(`/${turns}`)).bytes.equals(body))
  }
  t.same(oneDrive.state.sessions(), [])
})

t.test('a fragment whose connection breaks leaves nothing, or what had come', async t => {
  const client = await startGraph(t)
  const { faults, oneDrive } = client.emulator
  const body = randomBytes(4 * UNIT)
  const url = await client.session('/a')
  faults.add({ operation: 'UploadFragment', reset: { requestByte: 2 * UNIT }, times: 2 })
  await t.rejects(client.fragment(url, body, 0, body.length))
  t.same([oneDrive.state.sessions()[0]?.received, oneDrive.state.blobs], [0, 0])
  oneDrive.quirks.brokenFragments = 'keep'
  await t.rejects(client.fragment(url, body, 0, body.length))
  while (oneDrive.state.sessions()[0]?.received === 0) await turn() // the connection is gone before the bytes are on disk
  const received = oneDrive.state.sessions()[0]?.received ?? 0
  t.ok(received < body.length)
  t.equal((await client.fragment(url, body.subarray(received), received, body.length)).status, 201)
  t.ok((await client.download('/a')).bytes.equals(body))
})

t.test('a lost answer: 404 on the status after the last fragment, 416 for one stored twice', async t => {
  const client = await startGraph(t)
  const { faults } = client.emulator
  const body = randomBytes(2 * UNIT)
  const url = await client.session('/a')
  faults.add({ operation: 'UploadFragment', loseAnswerWith: 502 })
  t.equal((await client.fragment(url, body.subarray(0, UNIT), 0, body.length)).status, 502)
  t.equal(outcome(await client.fragment(url, body.subarray(0, UNIT), 0, body.length)), '416 invalidRange/fragmentOverlap')
  faults.add({ operation: 'UploadFragment', loseAnswer: true })
  await t.rejects(client.fragment(url, body.subarray(UNIT), UNIT, body.length))
  t.equal(outcome(await client.send('GET', url)), '404 itemNotFound')
  t.equal(client.oneDrive.state.item('/a')?.size, body.length)
})

t.test('conflicts: replace, fail, rename; inside item only', async t => {
  const client = await startGraph(t)
  await client.put('/a.txt', 'old')
  const upload = async (item: Record<string, unknown>, rest = {}): Promise<string> => {
    const url = await client.session('/a.txt', item, rest)
    if (!url.startsWith('http')) return url
    const { status, json } = await client.fragment(url, Buffer.from('new!'), 0, 4)
    return `${status} ${String(json['name'])}`
  }
  t.equal(await upload({}), '200 a.txt', 'whatever the documents say')
  t.equal(await upload({ '@microsoft.graph.conflictBehavior': 'rename' }), '201 a 1.txt')
  t.match(await upload({ '@microsoft.graph.conflictBehavior': 'fail' }), /nameAlreadyExists/)
  t.equal(await upload({}, { '@microsoft.graph.conflictBehavior': 'fail' }), '200 a.txt', 'ignored beside item')
  client.oneDrive.quirks.sessionConflict = 'fail'
  t.match(await upload({}), /nameAlreadyExists/)
  t.equal(client.oneDrive.state.item('/a.txt')?.versions?.length, 3)
})

t.test('a name that was taken meanwhile: 409 with the last fragment, then finished under another name', async t => {
  for (const flavour of ['business', 'personal'] as const) {
    const client = await startGraph(t, { flavour })
    const url = await client.session('/a.txt', { '@microsoft.graph.conflictBehavior': 'fail' })
    await client.put('/a.txt', 'faster')
    t.equal(outcome(await client.fragment(url, Buffer.from('hello'), 0, 5)), '409 nameAlreadyExists')
    t.same(ranges(await client.send('GET', url)), [], 'the bytes are kept')
    const finish = (name: string, path: string, behavior: string): Promise<Reply> => client.graph('PUT', `/me/drive/root:${path}`, {
      json: { name, '@microsoft.graph.conflictBehavior': behavior, '@microsoft.graph.sourceUrl': url }
    })
    t.equal(outcome(await finish('b.txt', '/a.txt', 'fail')), '400 invalidRequest', 'the path is that of the file')
    if (flavour === 'personal') t.match((await finish('a.txt', '/a.txt', 'replace')).json, { error: { message: 'Name conflict behavior: replace is not valid for this operation.' } })
    t.equal(outcome(await finish('a.txt', '/a.txt', 'fail')), '409 nameAlreadyExists')
    t.match(await finish('a.txt', '/a.txt', 'rename'), { status: 201, json: { name: 'a 1.txt', size: 5 } })
    t.equal(outcome(await finish('a.txt', '/a.txt', 'rename')), '400 invalidRequest/uploadSessionNotFound')
  }
})

t.test('deferCommit waits: for a POST on business drives, for the PUT of the item on personal ones', async t => {
  const client = await startGraph(t)
  const url = await client.session('/a', {}, { deferCommit: true })
  t.equal(outcome(await client.send('POST', url)), '400 invalidRequest/uploadSessionIncomplete')
  t.match(await client.fragment(url, Buffer.from('hello'), 0, 5), { status: 202, json: { nextExpectedRanges: [] } })
  t.equal(client.oneDrive.state.item('/a'), undefined)
  t.match(await client.send('POST', url), { status: 201, json: { name: 'a', size: 5 } })
  const personal = await startGraph(t, { flavour: 'personal' })
  const other = await personal.session('/a', {}, { deferCommit: true })
  await personal.fragment(other, Buffer.from('hello'), 0, 5)
  t.equal(outcome(await personal.send('POST', other)), '400 invalidRequest')
  t.match(await personal.graph('PUT', '/me/drive/root:/a', { json: { '@microsoft.graph.sourceUrl': other } }), { status: 201, json: { size: 5 } })
})

t.test('If-Match and If-None-Match, at the start and at the end', async t => {
  const client = await startGraph(t)
  const { json } = await client.put('/a', 'old')
  const create = (headers: Record<string, string>): Promise<Reply> => client.graph('POST', '/me/drive/root:/a:/createUploadSession', { json: {}, headers })
  t.equal(outcome(await create({ 'if-match': '"{0},9"' })), '412 resourceModified')
  t.equal(outcome(await create({ 'if-none-match': '*' })), '412 resourceModified')
  const byCTag = await create({ 'if-match': json['cTag'] as string })
  t.equal((await client.fragment(byCTag.json['uploadUrl'] as string, Buffer.from('new'), 0, 3)).status, 200)
  const fresh = (await client.get('/me/drive/root:/a')).json
  client.oneDrive.quirks.sessionChangesETag = true
  const byETag = await create({ 'if-match': fresh['eTag'] as string })
  t.equal(outcome(await client.fragment(byETag.json['uploadUrl'] as string, Buffer.from('new'), 0, 3)), '412 resourceModified')
})

t.test('what a session may not be', async t => {
  const business = await startGraph(t)
  const create = async (client: GraphClient, path: string, item: object): Promise<string> => outcome(await client.graph('POST', `/me/drive/${path}/createUploadSession`, { json: { item } }))
  const { json: { id } } = await business.put('/a', 'x')
  t.equal(await create(business, 'root:/b:', { name: 'c' }), '400 invalidRequest')
  t.equal(await create(business, 'root:/b:', { fileSize: 5 }), '400 invalidRequest')
  t.equal(await create(business, 'root:/b:', { size: 5 }), '400 invalidRequest')
  t.equal(await create(business, `items/${String(id)}`, {}), '200')
  t.equal(await create(business, 'root', {}), '400 invalidRequest')
  const personal = await startGraph(t, { flavour: 'personal', strict: { quota: 10 } })
  const { json } = await personal.put('/a', 'x')
  t.equal(await create(personal, `items/${String(json['id'])}`, {}), '400 invalidRequest', 'the name is not in the URL')
  t.equal(await create(personal, 'root:/b:', { fileSize: 5 }), '200')
  t.equal(await create(personal, 'root:/b:', { fileSize: 50 }), '507 quotaLimitReached')
})

t.test('one session of a name at a time, on business drives', async t => {
  const client = await startGraph(t)
  await client.session('/A')
  t.match(await client.session('/a'), /An upload session already exists for this file/)
  const personal = await startGraph(t, { flavour: 'personal' })
  await personal.session('/A')
  t.match(await personal.session('/a'), /^http/)
})

t.test('507 with the last fragment: nothing of it is kept, and the session stays', async t => {
  const client = await startGraph(t, { strict: { quota: UNIT + 5 } })
  const url = await client.session('/a')
  await client.fragment(url, Buffer.alloc(UNIT), 0, UNIT + 10)
  t.equal(outcome(await client.fragment(url, Buffer.alloc(10), UNIT, UNIT + 10)), '507 quotaLimitReached')
  t.same(ranges(await client.send('GET', url)), [`${UNIT}-`])
  client.oneDrive.quirks.quota = MiB
  t.equal((await client.fragment(url, Buffer.alloc(10), UNIT, UNIT + 10)).status, 201)
})

t.test('the last answer may have no item, or an item without its hashes', async t => {
  const client = await startGraph(t, { strict: { emptyFinalAnswer: true, lateHashes: true } })
  t.match(await client.fragment(await client.session('/a'), Buffer.from('x'), 0, 1), { status: 200, text: '{}' })
  t.equal(client.oneDrive.state.item('/a')?.size, 1)
  client.oneDrive.quirks.emptyFinalAnswer = false
  const { json } = await client.fragment(await client.session('/b'), Buffer.from('x'), 0, 1)
  t.same((json['file'] as Json)['hashes'], {})
  t.match((await client.get('/me/drive/root:/b')).json, { file: { hashes: { quickXorHash: String } } })
})

t.test('a session carries the times of the file, and on personal drives its description', async t => {
  for (const flavour of ['business', 'personal'] as const) {
    const client = await startGraph(t, { flavour })
    const url = await client.session('/a', { description: 'mine', fileSystemInfo: { lastModifiedDateTime: '2020-02-02T02:02:02.345Z' } })
    const { json } = await client.fragment(url, Buffer.from('x'), 0, 1)
    t.match(json, { fileSystemInfo: { lastModifiedDateTime: flavour === 'business' ? '2020-02-02T02:02:02Z' : '2020-02-02T02:02:02.345Z' } })
    t.equal(json['description'], flavour === 'business' ? undefined : 'mine')
  }
})
