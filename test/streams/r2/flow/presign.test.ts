import t from 'tap'
import { inspect } from 'node:util'
import { failureOf, md5, start, storedBytes } from './support.ts'

t.test('presign: put, get, head and delete work with plain fetch', async t => {
  const { emulator, r2 } = await start(t)
  const key = 'a b/ü+&?.txt'
  const put = await fetch(await r2.presign.put(key), { method: 'PUT', body: 'hello' })
  t.same([put.status, put.headers.get('etag')], [200, `"${md5(Buffer.from('hello'))}"`])
  t.equal((await storedBytes(emulator, key))?.toString(), 'hello')
  t.equal(await (await fetch(await r2.presign.get(key))).text(), 'hello')
  const range = await fetch(await r2.presign.get(key), { headers: { range: 'bytes=1-2' } })
  t.same([range.status, await range.text()], [206, 'el'])
  t.equal((await fetch(await r2.presign.head(key), { method: 'HEAD' })).status, 200)
  t.equal((await fetch(await r2.presign.delete(key), { method: 'DELETE' })).status, 204)
  t.same(emulator.r2.state.objects(), [])
})

t.test('presign: a URL is good for its method and its key only', async t => {
  const { r2 } = await start(t)
  await r2.put('a', 'x')
  const url = await r2.presign.get('a')
  t.equal((await fetch(url, { method: 'DELETE' })).status, 403)
  const other = new URL(url.href)
  other.pathname = other.pathname.replace(/a$/, 'b')
  t.equal((await fetch(other)).status, 403)
})

t.test('presign.put() signs the headers that it is given: others are refused', async t => {
  const { r2 } = await start(t)
  const url = await r2.presign.put('k', { contentType: 'image/png', metadata: { owner: 'ü' }, ifNoneMatch: '*' })
  t.match(url.searchParams.get('X-Amz-SignedHeaders'), /content-type;host;if-none-match;x-amz-meta-owner/)
  const send = async (contentType: string): Promise<number> =>
    (await fetch(url, { method: 'PUT', body: 'x', headers: { 'content-type': contentType, 'x-amz-meta-owner': '=?UTF-8?B?w7w=?=', 'if-none-match': '*' } })).status
  t.equal(await send('text/html'), 403)
  t.equal(await send('image/png'), 200)
  t.equal(await send('image/png'), 412)
  t.match(await r2.head('k'), { contentType: 'image/png', metadata: { owner: 'ü' } })
})

t.test('presign: a URL expires', async t => {
  let now = Date.now()
  const { r2 } = await start(t, { clock: { now: () => now, sleep: async () => {}, random: () => 0 } })
  await r2.put('k', 'x')
  const url = await r2.presign.get('k', { expiresIn: 60 })
  t.equal((await fetch(url)).status, 200)
  now += 61_000
  t.equal((await fetch(url)).status, 403)
})

t.test('presign: a URL shows itself by href only, and another bucket may be named', async t => {
  const { r2 } = await start(t, { r2: { buckets: ['sluice', 'other'] } })
  const url = await r2.presign.get('k', { bucket: 'other' })
  t.match(url.pathname, /\/other\/k$/)
  t.match(url.href, /X-Amz-Signature=[0-9a-f]{64}/)
  t.notMatch(inspect({ url }) + JSON.stringify({ url }), /Signature/)
})

t.test('presign refuses a life that R2 does not grant', async t => {
  const { r2 } = await start(t)
  for (const expiresIn of [0, 604_801, 1.5, NaN]) t.ok(await failureOf(r2.presign.get('k', { expiresIn })) instanceof RangeError)
  t.ok(await failureOf(r2.presign.get('')) instanceof RangeError)
})

t.test('presign with temporary credentials carries the token', async t => {
  const { r2 } = await start(t, { r2: { sessionToken: 'a/token+with=signs' } })
  await r2.put('k', 'x')
  t.equal((await fetch(await r2.presign.get('k'))).status, 200)
})
