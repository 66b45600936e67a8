import t from 'tap'
import { type Client, element, elements, outcome, startClient } from '../client.ts'

async function fill (client: Client, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += 50) {
    await Promise.all(keys.slice(start, start + 50).map(key => client.put(key, 'x')))
  }
}

/** All pages of a listing: how many entries each had, and the entries. */
async function pages (client: Client, parameters: Record<string, string>, names: { next: string, parameter: string }): Promise<{ sizes: number[], keys: string[], prefixes: string[] }> {
  const all = { sizes: [] as number[], keys: [] as string[], prefixes: [] as string[] }
  for (let position: string | undefined; ;) {
    const { text } = await client.list({ ...parameters, ...(position === undefined ? {} : { [names.parameter]: position }) })
    const keys = elements(text, 'Key')
    const prefixes = elements(text.replace(/<Prefix>[^<]*<\/Prefix><(?:Delimiter|Next|Max|Marker|StartAfter|Continuation)/, ''), 'Prefix')
    all.sizes.push(keys.length + prefixes.length)
    all.keys.push(...keys)
    all.prefixes.push(...prefixes)
    position = element(text, names.next)
    if (element(text, 'IsTruncated') === 'false') return all
  }
}

const V2 = { next: 'NextContinuationToken', parameter: 'continuation-token' }
const V1 = { next: 'NextMarker', parameter: 'marker' }

t.test('2,500 keys come in three pages, in order, by either version', async t => {
  const client = await startClient(t)
  const keys = Array.from({ length: 2500 }, (_, index) => `key-${String(index).padStart(4, '0')}`)
  await fill(client, keys)
  for (const [parameters, names] of [[{ 'list-type': '2' }, V2], [{}, V1]] as const) {
    const listed = await pages(client, parameters, names)
    t.same(listed.sizes, [1000, 1000, 500])
    t.same(listed.keys, keys)
  }
})

t.test('keys come in the order of their UTF-8 bytes', async t => {
  const client = await startClient(t)
  const keys = ['\u{1F600}', '\uFFFD', 'z', 'ü', 'Z', 'a/', 'a!', 'a', '\uE000']
  await fill(client, keys)
  const expected = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  t.same((await pages(client, { 'list-type': '2', 'max-keys': '2' }, V2)).keys, expected)
})

t.test('a delimiter groups keys, and pages go on behind a group', async t => {
  const client = await startClient(t)
  await fill(client, ['a', 'dir/1', 'dir/2', 'dir/sub/3', 'e/4', 'f', 'dir!'])
  for (const [parameters, names] of [[{ 'list-type': '2' }, V2], [{}, V1]] as const) {
    for (const size of ['1', '2', '1000']) {
      const listed = await pages(client, { ...parameters, delimiter: '/', 'max-keys': size }, names)
      t.same([listed.keys, listed.prefixes], [['a', 'dir!', 'f'], ['dir/', 'e/']], `${JSON.stringify(parameters)} by ${size}`)
    }
  }
  const inside = await pages(client, { 'list-type': '2', delimiter: '/', prefix: 'dir/' }, V2)
  t.same([inside.keys, inside.prefixes], [['dir/1', 'dir/2'], ['dir/sub/']])
})

t.test('ListObjectsV2 has its elements in R2\'s order', async t => {
  const client = await startClient(t)
  await fill(client, ['dir/a', 'dir/b', 'dir/sub/c'])
  const parameters = { 'list-type': '2', 'encoding-type': 'url', prefix: 'dir/', delimiter: '/', 'start-after': 'dir/a', 'max-keys': '1' }
  const { text } = await client.list(parameters)
  t.equal(text
    .replace(/<LastModified>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z</, '<LastModified>T<')
    .replace(/(<NextContinuationToken>)[^<]+/, '$1N'),
  '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>sluice</Name>' +
    '<Contents><Key>dir%2Fb</Key><Size>1</Size><LastModified>T</LastModified><ETag>&quot;9dd4e461268c8034f5c8564e155c67a6&quot;</ETag>' +
    '<StorageClass>STANDARD</StorageClass></Contents><IsTruncated>true</IsTruncated><Prefix>dir%2F</Prefix><Delimiter>%2F</Delimiter>' +
    '<StartAfter>dir%2Fa</StartAfter><NextContinuationToken>N</NextContinuationToken><MaxKeys>1</MaxKeys><KeyCount>1</KeyCount>' +
    '<EncodingType>url</EncodingType></ListBucketResult>')
})

t.test('a token is echoed, and one of somebody else\'s is refused', async t => {
  const client = await startClient(t)
  await fill(client, ['a', 'b'])
  const first = await client.list({ 'list-type': '2', 'max-keys': '1' })
  const token = element(first.text, 'NextContinuationToken') as string
  const second = await client.list({ 'list-type': '2', 'continuation-token': token })
  t.equal(element(second.text, 'ContinuationToken'), token)
  t.same(elements(second.text, 'Key'), ['b'])
  t.equal(outcome(await client.list({ 'list-type': '2', 'continuation-token': 'rubbish' })), '400 InvalidArgument')
})

t.test('encoding-type=url escapes strictly; without it controls go as references', async t => {
  const client = await startClient(t)
  await fill(client, ['a b/ü+(1)', 'tab\u0001'])
  t.same(elements((await client.list({ 'encoding-type': 'url' })).text, 'Key'), ['a%20b%2F%C3%BC%2B%281%29', 'tab%01'])
  t.match((await client.list({})).text, /<Key>tab&#x1;<\/Key>/)
  t.match(await client.list({ 'encoding-type': 'base64' }), { status: 501, text: /Unrecognized encoding-type &quot;base64&quot; not implemented/ })
})

t.test('max-keys is echoed and clamped, floored, or refused', async t => {
  const client = await startClient(t)
  await fill(client, ['a', 'b'])
  const list = async (maxKeys: string): Promise<unknown> => {
    const reply = await client.list({ 'list-type': '2', 'max-keys': maxKeys })
    return reply.status === 200
      ? [element(reply.text, 'MaxKeys'), element(reply.text, 'KeyCount'), element(reply.text, 'IsTruncated'), element(reply.text, 'NextContinuationToken') !== undefined]
      : outcome(reply)
  }
  t.same(await list('5000'), ['5000', '2', 'false', false])
  t.same(await list('1.9'), ['1', '1', 'true', true])
  t.same(await list('0'), ['0', '0', 'true', false], 'truncated without a token: a naive loop never ends')
  for (const bad of ['', '-1', 'many']) t.equal(await list(bad), '400 InvalidMaxKeys', bad)
})

t.test('owners are in V1 always and in V2 on request', async t => {
  const client = await startClient(t, { r2: { accountId: 'acct' } })
  await fill(client, ['a'])
  const owner = '<Owner><ID>acct</ID><DisplayName>acct</DisplayName></Owner>'
  t.ok((await client.list({})).text.includes(owner))
  t.notOk((await client.list({ 'list-type': '2' })).text.includes(owner))
  t.ok((await client.list({ 'list-type': '2', 'fetch-owner': 'true' })).text.includes(owner))
})

t.test('parameters that R2 does not know are refused by name', async t => {
  const client = await startClient(t)
  const message = async (parameters: Record<string, string>): Promise<unknown> => {
    const reply = await client.list(parameters)
    return [reply.status, element(reply.text, 'Message')]
  }
  t.same(await message({ maxKeys: '1' }), [501, 'ListObjectsV1 search parameter maxKeys not implemented'])
  t.same(await message({ 'list-type': '2', marker: 'a' }), [501, 'ListObjectsV2 search parameter marker not implemented'])
  t.same(await message({ 'list-type': '3' }), [501, 'ListObjectsV3 not implemented'])
  t.same(await message({ 'continuation-token': 'a' }), [400, 'continuation-token not supported in ListObjects'])
  t.equal((await client.list({ 'list-type': '2', 'x-id': 'ListObjectsV2' })).status, 200)
})

t.test('DeleteObjects lists all keys as deleted, Quiet or not', async t => {
  const client = await startClient(t)
  await fill(client, ['a & b', ' padded ', 'c'])
  const remove = (body: string): ReturnType<Client['send']> => client.send({ method: 'POST', query: [['delete', '']], body })
  const reply = await remove('<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet><Object><Key>a &amp; b</Key></Object>' +
    '<Object><Key> padded </Key></Object><Object><Key>line&#x0D;&#10;</Key></Object></Delete>')
  t.match(reply, {
    status: 200,
    text: '<?xml version="1.0" encoding="UTF-8"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Deleted><Key>a &amp; b</Key></Deleted>' +
    '<Deleted><Key> padded </Key></Deleted><Deleted><Key>line&#xd;\n</Key></Deleted></DeleteResult>'
  })
  t.same(client.emulator.r2.state.objects().map(object => object.key), ['c'])
})

t.test('DeleteObjects refuses what is not a list of 1 to 1000 keys', async t => {
  const client = await startClient(t)
  const remove = async (body: string, headers: Record<string, string> = {}): Promise<string> =>
    outcome(await client.send({ method: 'POST', query: [['delete', '']], body, headers }))
  const list = (count: number): string => `<Delete>${'<Object><Key>k</Key></Object>'.repeat(count)}</Delete>`
  t.equal(await remove(list(1000)), '200')
  t.equal(await remove(list(1001)), '400 MalformedXML')
  t.equal(await remove(list(0)), '400 MalformedXML')
  t.equal(await remove('<Delete><Object><Key>k</Key></Object><Quiet>yes</Quiet></Delete>'), '400 MalformedXML')
  t.equal(await remove('<Delete><Object/></Delete>'), '400 MalformedXML')
  t.equal(await remove('<Other/>'), '400 MalformedXML')
  t.equal(await remove('not xml'), '400 MalformedXML')
  t.equal(await remove('<!DOCTYPE d [<!ENTITY e "k">]><Delete><Object><Key>&e;</Key></Object></Delete>'), '400 MalformedXML')
  t.equal(await remove(`<Delete>${' '.repeat(8 * 1024 * 1024)}</Delete>`), '400 MalformedXML')
  t.equal(await remove(list(1), { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }), '400 BadDigest')
})
