/** What arrives at the server when the client is used, operation by operation. */
import { createHash } from 'node:crypto'
import t from 'tap'
import { Signer } from '../../../streams/r2/auth.ts'
import { errorXml, xml } from './support/answers.ts'
import { EVERY_OPERATION } from './support/every-operation.ts'
import { SECRET, startR2 } from './support/client.ts'
import type { Seen } from '../../lib/http/support/loopback.ts'

for (const { name, act, reply, method, url } of EVERY_OPERATION) {
  t.test(`R2 sends ${name} as ${method} ${url}, signed over what is sent`, async t => {
    const { r2, server } = await startR2(t, [reply])
    await act(r2)
    t.equal(server.seen.length, 1)
    const [seen] = server.seen as [Seen]
    t.same([seen.method, seen.url, seen.headers.host], [method, url, server.host])
    t.equal(seen.headers['x-amz-date'], '20250102T030405Z')
    t.equal(seen.headers['x-amz-content-sha256'], createHash('sha256').update(seen.body).digest('hex'))
    t.equal(seen.headers['authorization'], expectedSignature(seen))
  })

  t.test(`R2 sends ${name} with a length, unchunked, without Expect`, async t => {
    const { r2, server } = await startR2(t, [reply])
    await act(r2)
    const [{ headers, body }] = server.seen as [Seen]
    t.equal(headers['content-length'], method === 'PUT' || method === 'POST' ? String(body.length) : undefined)
    t.same([headers['transfer-encoding'], headers['expect']], [undefined, undefined])
    t.equal(headers['accept-encoding'], name === 'GetObject' || name === 'HeadObject' ? 'identity' : undefined)
    t.notMatch(headers['authorization'], /accept-encoding|content-length|user-agent/)
    t.same(Object.keys(headers).filter(header => header.startsWith('x-amz-checksum') && header !== 'x-amz-checksum-mode'), [])
  })
}

t.test('R2 puts the path prefix of its endpoint before the bucket, and signs it', async t => {
  const first = await startR2(t)
  const { r2 } = await startR2(t, [], { endpoint: `${first.server.origin}/s3/v1/` })
  first.server.otherwise = {}
  await r2.delete('a b')
  await r2.buckets.head('b')
  t.same(first.server.seen.map(({ url }) => url), ['/s3/v1/b/a%20b', '/s3/v1/b'])
  for (const seen of first.server.seen) t.equal(seen.headers['authorization'], expectedSignature(seen))
})

const KEYS: Array<[key: string, path: string]> = [
  ["a!'()*+:b", '/b/a%21%27%28%29%2A%2B%3Ab'],
  ['/leading//double/', '/b//leading//double/'],
  ['100%', '/b/100%25'],
  ['%2e%2e/x', '/b/%252e%252e/x'],
  ['a?b#c', '/b/a%3Fb%23c'],
  ['back\\slash', '/b/back%5Cslash'],
  ['日本/ü 😀', '/b/%E6%97%A5%E6%9C%AC/%C3%BC%20%F0%9F%98%80'],
  ['line\nbreak', '/b/line%0Abreak']
]

t.test('R2 sends any key in the strict encoding that it signs', async t => {
  const { r2, server } = await startR2(t)
  server.otherwise = {}
  for (const [key] of KEYS) await r2.delete(key)
  t.same(server.seen.map(({ url }) => url), KEYS.map(([, path]) => path))
  for (const seen of server.seen) t.equal(seen.headers['authorization'], expectedSignature(seen))
})

t.test('R2 sends and signs the session token', async t => {
  const { r2, server } = await startR2(t, [{}], { sessionToken: 'TOKEN/with+chars==' })
  await r2.delete('k')
  const { headers } = server.seen[0] as Seen
  t.equal(headers['x-amz-security-token'], 'TOKEN/with+chars==')
  t.match(headers['authorization'], /SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,/)
})

t.test('R2 sends two buckets over one connection', async t => {
  const { r2, server } = await startR2(t)
  server.otherwise = {}
  for (let i = 0; i < 6; i++) await r2.delete('k', { bucket: i < 3 ? 'one' : 'two' })
  const ports = (bucket: string): number[] => server.seen.filter(({ url }) => url === `/${bucket}/k`).map(({ port }) => port)
  t.ok(ports('one').some(port => ports('two').includes(port)))
})

t.test('R2 copies on the server, pinned to the version that HEAD found', async t => {
  const { r2, server } = await startR2(t, [{ headers: { etag: '"e"', 'content-length': '5' } }, { body: xml('CopyObjectResult', '<ETag>"c"</ETag>') }])
  t.match(await r2.copy('a b', { bucket: 'other', key: 'c' }), { etag: '"c"' })
  t.same(server.seen.map(({ method, url }) => `${method} ${url}`), ['HEAD /b/a%20b', 'PUT /other/c'])
  t.match(server.seen[1]?.headers, { 'x-amz-copy-source': '/b/a%20b', 'x-amz-copy-source-if-match': '"e"', 'content-length': '0' })
})

t.test('R2 keeps nothing: two reads are two requests', async t => {
  const { r2, server } = await startR2(t)
  server.otherwise = { headers: { etag: '"e"', 'content-length': '3' } }
  await r2.head('k')
  await r2.head('k')
  t.equal(server.seen.length, 2)
})

const HEAD: Array<[status: number, name: string, code: string]> = [
  [304, 'NotModifiedError', 'NotModified'], [403, 'AuthenticationError', 'AccessDenied'], [404, 'NotFoundError', 'NoSuchKey'], [412, 'PreconditionFailedError', 'PreconditionFailed']
]

for (const [status, name, code] of HEAD) {
  t.test(`R2 names the ${status} of HEAD, which has no body`, async t => {
    const { r2 } = await startR2(t, [{ status, headers: { 'cf-ray': 'ray', date: 'Thu, 02 Jan 2025 03:04:05 GMT' } }])
    await t.rejects(r2.head('k'), { name, code, status, requestId: 'ray', operation: 'HeadObject', message: `Cannot head "k": ${status} ${code}` } as object as Error)
  })
}

const MISSING: Array<[name: string, code: string]> = [
  ['PutObject', 'NoSuchBucket'], ['GetObject', 'NoSuchKey'], ['HeadObject', 'NoSuchKey'], ['DeleteObject', 'NoSuchBucket'], ['DeleteObjects', 'NoSuchBucket'], ['ListObjectsV2', 'NoSuchBucket'],
  ['CreateMultipartUpload', 'NoSuchBucket'], ['UploadPart', 'NoSuchUpload'], ['CompleteMultipartUpload', 'NoSuchUpload'], ['AbortMultipartUpload', 'NoSuchUpload'], ['ListParts', 'NoSuchUpload'],
  ['ListMultipartUploads', 'NoSuchBucket'], ['HeadBucket', 'NoSuchBucket'], ['DeleteBucket', 'NoSuchBucket']
]

for (const [name, code] of MISSING) {
  t.test(`R2 takes a 404 of ${name} without a body for ${code}`, async t => {
    const { r2 } = await startR2(t, [{ status: 404 }])
    const { act } = EVERY_OPERATION.find(operation => operation.name === name) ?? t.fail(name) as never
    await t.rejects(act(r2), { name: 'NotFoundError', code, operation: name } as object as Error)
  })
}

t.test('R2 ends a delete well that found nothing, and not one that found no bucket', async t => {
  const { r2 } = await startR2(t, [{ status: 204 }, { status: 404, body: errorXml('NoSuchBucket', 'The specified bucket does not exist.') }])
  t.equal(await r2.delete('k'), undefined)
  await t.rejects(r2.delete('k'), { name: 'NotFoundError', message: 'Cannot delete "k": 404 NoSuchBucket (The specified bucket does not exist.)' })
})

t.test('R2 asks for the pages of its buckets one after the other, and stops where a token repeats', async t => {
  const page = (name: string, next?: string): { body: string, headers: Record<string, string> } => ({
    body: xml('ListAllMyBucketsResult', `<Buckets><Bucket><Name>${name}</Name></Bucket></Buckets>`), headers: next === undefined ? {} : { 'cf-is-truncated': 'true', 'cf-next-continuation-token': next }
  })
  const { r2, server } = await startR2(t, [page('a', 't1'), page('b', 't2'), page('c', 't2')])
  t.same((await r2.buckets.list()).map(({ name }) => name), ['a', 'b', 'c'])
  t.same(server.seen.map(({ url }) => url), ['/', '/?continuation-token=t1', '/?continuation-token=t2'])
})

t.test('R2 answers 200 requests at once over at most 20 connections', async t => {
  const { r2, server } = await startR2(t)
  server.otherwise = (_request, response) => { setImmediate(() => response.writeHead(204).end()) }
  await Promise.all(Array.from({ length: 200 }, (_, index) => r2.delete(`k${index}`)))
  t.equal(server.seen.length, 200)
  t.ok(server.connections <= 20)
})

/** The header that the request must have, computed from what arrived. */
function expectedSignature ({ method, url, headers }: Seen): string {
  const authorization = headers['authorization'] as string
  const [path = '', search = ''] = url.split('?')
  const query = search === '' ? [] : search.split('&').map(pair => pair.split('=').map(decodeURIComponent) as [string, string])
  const names = (/SignedHeaders=([^,]+)/.exec(authorization)?.[1] ?? '').split(';')
  const signed = Object.fromEntries(names.map(name => [name, headers[name] as string]))
  const time = Date.UTC(2025, 0, 2, 3, 4, 5)
  const { 'x-amz-content-sha256': payloadHash = '', ...rest } = signed
  return new Signer().signHeaders({ method, path, query, headers: rest }, { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: SECRET }, payloadHash, { time })['authorization'] as string
}
