import t from 'tap'
import { type Client, element, elements, outcome, pathOf, startClient } from '../client.ts'

const configuration = (location: string): string =>
  `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${location}</LocationConstraint></CreateBucketConfiguration>`

t.test('buckets are created, found and deleted', async t => {
  const client = await startClient(t)
  const bucket = 'fresh-1'
  t.match(await client.send({ method: 'PUT', bucket }), { status: 200, text: '', headers: { location: '/fresh-1' } })
  t.equal(outcome(await client.send({ method: 'PUT', bucket })), '409 BucketConflict')
  t.match(await client.send({ method: 'HEAD', bucket }), { status: 200, headers: { 'x-amz-bucket-region': 'auto' } })
  await client.send({ method: 'PUT', bucket, key: 'k', body: 'x' })
  t.equal(outcome(await client.send({ method: 'DELETE', bucket })), '409 BucketNotEmpty')
  await client.send({ method: 'DELETE', bucket, key: 'k' })
  const upload = await client.send({ method: 'POST', bucket, key: 'k', query: [['uploads', '']] })
  t.equal(outcome(await client.send({ method: 'DELETE', bucket })), '409 BucketNotEmpty', 'an open upload is content')
  await client.send({ method: 'DELETE', bucket, key: 'k', query: [['uploadId', element(upload.text, 'UploadId') as string]] })
  t.equal(outcome(await client.send({ method: 'DELETE', bucket })), '204')
  t.equal(outcome(await client.send({ bucket, query: [['list-type', '2']] })), '404 NoSuchBucket')
})

t.test('names and locations of new buckets are checked', async t => {
  const client = await startClient(t)
  const create = async (bucket: string, body = ''): Promise<string> => outcome(await client.send({ method: 'PUT', bucket, body }))
  for (const name of ['ab', 'Upper', 'a.b', '-ab', 'ab-', 'a'.repeat(64), 'a_b']) t.equal(await create(name), '400 InvalidBucketName', name)
  t.equal(await create('europe', configuration('weur')), '200')
  t.equal(await create('nowhere', configuration('mars')), '400 InvalidLocationConstraint')
  t.equal(await create('broken', '<What/>'), '400 MalformedXML')
  const location = async (bucket: string): Promise<string | undefined> =>
    (await client.send({ bucket, query: [['location', '']] })).text.match(/<LocationConstraint xmlns="[^"]+">([^<]*)</)?.[1]
  t.equal(await location('europe'), 'WEUR')
  t.equal(await location('sluice'), 'ENAM')
})

t.test('ListBuckets pages by query or by headers', async t => {
  const client = await startClient(t, { r2: { accountId: 'acct', buckets: ['ccc', 'aaa', 'abb', 'abc'] } })
  const list = (query: Record<string, string>, headers: Record<string, string> = {}): ReturnType<Client['send']> =>
    client.send({ path: '/r2/', query: Object.entries(query), headers })
  const all = await list({})
  t.same(elements(all.text, 'Name'), ['aaa', 'abb', 'abc', 'ccc'])
  t.match(all.text, /<CreationDate>[^<]+Z<\/CreationDate><\/Bucket><\/Buckets><Owner><ID>acct<\/ID><DisplayName>acct<\/DisplayName><\/Owner><\/ListAllMyBucketsResult>$/)
  t.equal(all.headers['cf-is-truncated'], 'false')
  const first = await list({ prefix: 'a', 'max-keys': '2' })
  t.same([elements(first.text, 'Name'), first.headers['cf-is-truncated']], [['aaa', 'abb'], 'true'])
  const token = first.headers['cf-next-continuation-token'] as string
  t.same(elements((await list({ prefix: 'a', 'continuation-token': token })).text, 'Name'), ['abc'])
  t.same(elements((await list({ prefix: 'a' }, { 'cf-prefix': 'c', 'cf-max-keys': '5' })).text, 'Name'), ['ccc'], 'headers win')
  t.same(elements((await list({ 'start-after': 'abb' })).text, 'Name'), ['abc', 'ccc'])
  t.equal(outcome(await list({ marker: 'a' })), '501 NotImplemented')
})

t.test('settings that mimic a fresh bucket', async t => {
  const client = await startClient(t, { r2: { accountId: 'acct' } })
  const get = (name: string): ReturnType<Client['send']> => client.send({ query: [[name, '']] })
  t.match((await get('versioning')).text, /<VersioningConfiguration xmlns="[^"]+"><\/VersioningConfiguration>$/)
  t.equal(outcome(await get('tagging')), '404 NoSuchTagSet')
  t.equal(outcome(await get('object-lock')), '404 ObjectLockConfigurationNotFoundError')
  t.equal(outcome(await get('replication')), '404 ReplicationConfigurationNotFoundError')
  t.match((await get('encryption')).text, /<SSEAlgorithm>AES256<\/SSEAlgorithm><\/ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</)
  t.match((await get('acl')).text, /<Owner><ID>acct<\/ID><DisplayName>acct<\/DisplayName><\/Owner>/)
})

const CORS = '<CORSConfiguration><CORSRule><AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>' +
  '<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>'

t.test('CORS rules are kept and obeyed', async t => {
  const client = await startClient(t)
  const cors = (method: string, body?: string): ReturnType<Client['send']> =>
    client.send({ method, query: [['cors', '']], ...(body === undefined ? {} : { body }) })
  t.equal(outcome(await cors('GET')), '404 NoSuchCORSConfiguration')
  t.equal(outcome(await cors('PUT', '<CORSConfiguration/>')), '400 MalformedXML')
  t.equal(outcome(await cors('PUT', CORS)), '200')
  t.equal((await cors('GET')).text, CORS)
  const { origin: server } = new URL(client.emulator.r2.endpoint)
  const ask = (origin: string, method: string): ReturnType<Client['sendRaw']> => client.sendRaw(server, 'OPTIONS', pathOf('sluice', 'k'), {
    origin, 'access-control-request-method': method, 'access-control-request-headers': 'content-type, X-Amz-Date'
  })
  t.match(await ask('https://www.example.com', 'PUT'), {
    status: 204,
    headers: {
      'access-control-allow-origin': 'https://www.example.com', 'access-control-allow-methods': 'PUT', 'access-control-allow-headers': 'content-type, x-amz-date', 'access-control-max-age': '60'
    }
  })
  t.match(await ask('https://www.example.com', 'GET'), { status: 403 })
  t.match(await ask('https://example.org', 'PUT'), { status: 403 })
  t.match((await client.put('k', 'x', { origin: 'https://www.example.com' })).headers, {
    'access-control-allow-origin': 'https://www.example.com', 'access-control-expose-headers': 'ETag'
  })
  t.equal(outcome(await cors('DELETE')), '204')
  t.equal(outcome(await cors('GET')), '404 NoSuchCORSConfiguration')
})

t.test('lifecycle rules: the default one, then what was put', async t => {
  const client = await startClient(t)
  const lifecycle = (method: string, body?: string): ReturnType<Client['send']> =>
    client.send({ method, query: [['lifecycle', '']], ...(body === undefined ? {} : { body }) })
  t.match((await lifecycle('GET')).text, /<ID>Default Multipart Abort Rule<\/ID>.*<DaysAfterInitiation>7<\/DaysAfterInitiation>/)
  const rules = '<LifecycleConfiguration><Rule><ID>mine</ID><Status>Enabled</Status><Filter><Prefix>tmp/</Prefix></Filter>' +
    '<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>'
  t.equal(outcome(await lifecycle('PUT', rules)), '200')
  t.equal((await lifecycle('GET')).text, rules)
  const create = async (key: string): Promise<string | undefined> =>
    (await client.send({ method: 'POST', key, query: [['uploads', '']] })).headers['x-amz-abort-rule-id']
  t.same([await create('tmp/a'), await create('b')], ['mine', undefined])
  t.equal(outcome(await lifecycle('DELETE')), '204')
  t.equal(outcome(await lifecycle('GET')), '404 NoSuchLifecycleConfiguration')
})

t.test('encryption: only AES256', async t => {
  const client = await startClient(t)
  const put = async (algorithm: string): Promise<string> => outcome(await client.send({
    method: 'PUT',
    query: [['encryption', '']],
    body: `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>${algorithm}</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`
  }))
  t.equal(await put('AES256'), '200')
  t.equal(await put('aws:kms'), '501 NotImplemented')
  t.equal(outcome(await client.send({ method: 'DELETE', query: [['encryption', '']] })), '204')
})
