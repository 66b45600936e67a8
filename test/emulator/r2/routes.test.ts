import t from 'tap'
import { type Client, element, errorXml, outcome, pathOf, startClient } from '../client.ts'

const message = async (client: Client, ask: Parameters<Client['send']>[0]): Promise<unknown> => {
  const reply = await client.send(ask)
  return [reply.status, element(reply.text, 'Message')]
}

t.test('errors are one line of XML with two elements', async t => {
  const client = await startClient(t)
  const reply = await client.get('missing')
  t.equal(reply.text, '<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>')
  t.match(reply, { status: 404, headers: { 'content-type': 'application/xml', 'content-length': String(reply.bytes.length) } })
  t.notOk('x-amz-request-id' in reply.headers)
})

t.test('errors of HEAD have no body', async t => {
  const client = await startClient(t)
  t.match(await client.head('missing'), { status: 404, text: '' })
  t.match(await client.send({ method: 'HEAD', bucket: 'nowhere' }), { status: 404, text: '' })
  t.match(await client.send({ method: 'HEAD', key: 'k', credentials: { secretAccessKey: 'x' } }), { status: 403, text: '' })
})

t.test('headers that R2 refuses', async t => {
  const client = await startClient(t)
  await client.put('k', 'x')
  const key = 'k'
  const table: Array<[method: string, header: string, value: string, extra?: Record<string, string>]> = [
    ['PUT', 'x-amz-tagging', 'a=b'],
    ['PUT', 'x-amz-grant-read', 'id=1'],
    ['PUT', 'x-amz-website-redirect-location', '/x'],
    ['PUT', 'x-amz-object-lock-mode', 'GOVERNANCE'],
    ['PUT', 'x-amz-server-side-encryption-aws-kms-key-id', 'k'],
    ['PUT', 'x-amz-server-side-encryption', 'aws:kms'],
    ['PUT', 'x-amz-acl', 'everybody'],
    ['PUT', 'x-amz-expected-bucket-owner', '1'],
    ['PUT', 'x-amz-tagging-directive', 'COPY', { 'x-amz-copy-source': '/sluice/k' }],
    ['PUT', 'x-amz-source-expected-bucket-owner', '1', { 'x-amz-copy-source': '/sluice/k' }],
    ['GET', 'x-amz-expected-bucket-owner', '1'],
    ['DELETE', 'x-amz-mfa', '1'],
    ['DELETE', 'x-amz-bypass-governance-retention', 'true']
  ]
  for (const [method, header, value, extra = {}] of table) {
    const ask = { method, key, headers: { [header]: value, ...extra }, ...(method === 'PUT' ? { body: 'x' } : {}) }
    t.same(await message(client, ask), [501, `Header '${header}' with value '${value}' not implemented`], `${method} ${header}`)
  }
  t.equal((await client.get('k')).text, 'x')
})

t.test('headers that mean nothing are ignored', async t => {
  const client = await startClient(t)
  for (const [header, value] of [['x-amz-acl', 'public-read'], ['x-amz-server-side-encryption', 'AES256'], ['x-amz-mfa', '1'], ['x-amz-unheard-of', 'x']] as const) {
    t.equal(outcome(await client.put('k', 'x', { [header]: value })), '200', header)
  }
  t.equal(outcome(await client.get('k', { 'x-amz-tagging': 'a=b' })), '200')
})

t.test('operations that R2 does not have', async t => {
  const client = await startClient(t)
  await client.put('k', 'x')
  const table: Array<[method: string, parameter: string, operation: string, key?: string]> = [
    ['GET', 'tagging', 'GetObjectTagging', 'k'],
    ['PUT', 'tagging', 'PutObjectTagging', 'k'],
    ['GET', 'acl', 'GetObjectAcl', 'k'],
    ['GET', 'attributes', 'GetObjectAttributes', 'k'],
    ['GET', 'torrent', 'GetObjectTorrent', 'k'],
    ['PUT', 'retention', 'PutObjectRetention', 'k'],
    ['GET', 'legal-hold', 'GetObjectLegalHold', 'k'],
    ['GET', 'policy', 'GetBucketPolicy'],
    ['GET', 'policyStatus', 'GetGetBucketPolicyStatus'],
    ['GET', 'versions', 'ListObjectVersions'],
    ['GET', 'website', 'GetBucketWebsite'],
    ['PUT', 'tagging', 'PutBucketTagging'],
    ['PUT', 'versioning', 'PutBucketVersioning'],
    ['DELETE', 'policy', 'DeleteBucketPolicy']
  ]
  for (const [method, parameter, operation, key] of table) {
    const ask = { method, query: [[parameter, '']] as const, ...(key === undefined ? {} : { key }), ...(method === 'PUT' ? { body: 'x' } : {}) }
    t.same(await message(client, { ...ask, query: [...ask.query] }), [501, `${operation} not implemented`], operation)
  }
  t.equal(outcome(await client.send({ method: 'DELETE', key: 'k', query: [['tagging', '']] })), '204')
  t.equal(outcome(await client.get('k')), '404 NoSuchKey', 'DELETE key?tagging deletes the object')
})

t.test('requests without a route', async t => {
  const client = await startClient(t)
  const expected = errorXml('RouteNotFound', 'No route matches this url.')
  t.equal((await client.send({ method: 'PATCH', key: 'k', body: 'x' })).text, expected)
  t.equal((await client.send({ method: 'PATCH', body: 'x' })).text, expected)
  t.same(await message(client, { method: 'PUT', query: [['junk', ''], ['more', '']] }), [400, 'Unsupported search param(s) "junk", "more" on a PUT bucket route'])
  t.same(await message(client, { method: 'DELETE', query: [['versioning', '']] }), [400, 'Unsupported search param(s) "versioning" on a DELETE bucket route'])
  t.same(await message(client, { query: [['location', ''], ['x', '']] }), [400, 'Search param x is unsupported for bucket location'])
})

t.test('a bare POST to a bucket is empty when signed, and a browser\'s form when not', async t => {
  const client = await startClient(t)
  t.match(await client.send({ method: 'POST', body: 'x' }), { status: 200, text: '' })
  const { origin } = new URL(client.emulator.r2.endpoint)
  const { status, body } = await client.sendRaw(origin, 'POST', pathOf('sluice'), {}, { body: 'x' })
  t.equal(status, 501)
  t.equal(Buffer.concat(await body.toArray() as Buffer[]).toString(), errorXml('NotImplemented', 'Presigned post requests are not yet implemented not implemented'))
})

t.test('a path of no service is refused in plain words', async t => {
  const client = await startClient(t)
  const { origin } = new URL(client.emulator.r2.endpoint)
  const { status, body } = await client.sendRaw(origin, 'GET', '/s3/bucket', {})
  t.equal(status, 404)
  t.equal(Buffer.concat(await body.toArray() as Buffer[]).toString(), 'No service of the emulator owns "/s3/bucket"\n')
})
