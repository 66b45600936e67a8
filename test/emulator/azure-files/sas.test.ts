import t from 'tap'
import { accountSas, type AccountSasFields, serviceSas, type ServiceSasFields, userDelegationSas } from '../../../streams/azure-files/sas.ts'
import { type Ask, type Client, elements, manualClock, outcome, startClient } from './client.ts'

const KEY = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=='
const TIMES = 'st=2024-03-01T00%3A00%3A00Z&se=2024-03-02T00%3A00%3A00Z&spr=https'

function accountClient (t: Parameters<typeof startClient>[0], signedProtocol: 'enforce' | 'ignore' = 'enforce'): Promise<Client> {
  return startClient(t, { clock: manualClock(), azureFiles: { accountName: 'demoacct', accountKey: KEY, shares: ['myshare'], strict: { signedProtocol } } })
}

function forAccount (client: Client, fields: Partial<AccountSasFields> = {}): string {
  const { accountName, accountKey } = client.emulator.azureFiles
  return accountSas({ accountName, services: 'f', resourceTypes: 'sco', permissions: 'rwdlc', expiresOn: '2024-03-02T00:00:00Z', ...fields }, accountKey)
}

function forService (client: Client, fields: Partial<ServiceSasFields> = {}): string {
  const { accountName, accountKey } = client.emulator.azureFiles
  return serviceSas({ accountName, share: 'myshare', permissions: 'rcwdl', expiresOn: '2024-03-02T00:00:00Z', ...fields }, accountKey)
}

const create: Ask = { method: 'PUT', path: 'f', headers: { 'x-ms-type': 'file', 'x-ms-content-length': '1' } }

t.test('the worked examples are let in as they are', async t => {
  const client = await accountClient(t, 'ignore')
  await client.mkdir('dir one')
  await client.put('dir one/file.txt', 'hello')
  const tokens: Array<[string, Partial<Ask>]> = [
    [`sv=2023-11-03&ss=f&srt=sco&sp=rwdlc&${TIMES}&sig=dlIt2JPIVyDQ0UZ2eVmEwhx5n5AW3E2Z7gcJh4UNTWs%3D`, {}],
    [`sv=2020-10-02&ss=f&srt=sco&sp=rwdlc&${TIMES}&sig=wqmkJxgfxxG3yyUho%2BHFgwZM42E6iaCoIaMmNVa8U3g%3D`, {}],
    [`sv=2023-11-03&sr=s&sp=rcwdl&${TIMES}&sig=lrHjIApD1K%2BLPLp5SuEXPSm9HH0fAI2b8fgahM1Nr0E%3D`, {}],
    [`sv=2023-11-03&sr=f&sp=rcwd&${TIMES}&rscd=attachment%3B%20filename%3D%22a%20b.txt%22&rsct=text%2Fplain&sig=vnlSAJjDupSL130GNwljCUriZp1tGUNs2cNemDXFl50%3D`, { path: 'dir one/file.txt' }]
  ]
  for (const [sas, more] of tokens) {
    const reply = await client.send({ path: 'dir one/file.txt', sas, version: undefined, ...more })
    t.equal(outcome(reply), '200', sas)
    t.equal(reply.headers['x-ms-version'], /sv=([\d-]+)/.exec(sas)?.[1], 'the version of the token is that of the service')
    if (sas.includes('sr=f')) t.match(reply.headers, { 'content-disposition': 'attachment; filename="a b.txt"', 'content-type': 'text/plain' })
  }
})

t.test('protocol, address and times are enforced', async t => {
  const client = await accountClient(t)
  const read = async (fields: Partial<AccountSasFields>): Promise<string> => outcome(await client.send({ path: 'f', sas: forAccount(client, fields) }))
  t.equal(await read({ protocol: 'https' }), '403 AuthorizationProtocolMismatch')
  t.equal(await read({ protocol: 'https,http' }), '404 ResourceNotFound')
  t.equal(await read({ ip: '10.0.0.1' }), '403 AuthorizationSourceIPMismatch')
  t.equal(await read({ ip: '127.0.0.0-127.0.0.9' }), '404 ResourceNotFound')
  t.equal(await read({ startsOn: '2024-03-01T12:00:01Z' }), '403 AuthenticationFailed')
  t.equal(await read({ startsOn: '2024-03-01T12:00:00Z' }), '404 ResourceNotFound')
  t.equal(await read({ expiresOn: '2024-03-01' }), '403 AuthenticationFailed')
  const late = await client.send({ path: 'f', sas: forAccount(client, { expiresOn: '2024-03-01T12:00:00Z' }) })
  t.match(elements(late.text, 'AuthenticationErrorDetail')[0], /^Signature not valid in the specified time frame: Start \[\] - Expiry \[Fri, 01 Mar 2024 12:00:00 GMT\]/)
  t.equal(outcome(await client.send({ path: 'f', sas: forAccount(client).replace('rwdlc', 'rwdl') })), '403 AuthenticationFailed', 'a field was changed')
})

t.test('account tokens: services, resource types, permissions', async t => {
  const client = await accountClient(t)
  const ask = async (request: Partial<Ask>, fields: Partial<AccountSasFields>): Promise<string> => outcome(await client.send({ ...request, sas: forAccount(client, fields) }))
  t.equal(await ask({ path: 'f' }, { services: 'b' }), '403 AuthorizationServiceMismatch')
  t.equal(await ask({ path: 'f' }, { resourceTypes: 'sc' }), '403 AuthorizationResourceTypeMismatch')
  t.equal(await ask({ path: 'f' }, { permissions: 'wdl' }), '403 AuthorizationPermissionMismatch')
  t.equal(await ask({ rawPath: '/demoacct/', query: { comp: 'list' } }, { resourceTypes: 's', permissions: 'l' }), '200')
  t.equal(await ask({ share: 'new', method: 'PUT', query: { restype: 'share' } }, { resourceTypes: 'c', permissions: 'c' }), '201')
  t.equal(await ask({ share: 'myshare', query: { restype: 'directory', comp: 'list' } }, { resourceTypes: 'c', permissions: 'l' }), '200')
  t.equal(await ask({ share: 'myshare', query: { restype: 'directory', comp: 'list' } }, { resourceTypes: 'o', permissions: 'l' }), '403 AuthorizationResourceTypeMismatch')
  t.equal(await ask({ share: 'myshare', query: { restype: 'share', comp: 'acl' } }, {}), '403 AuthorizationFailure')
})

t.test('a token that may create and not write cannot overwrite', async t => {
  const client = await accountClient(t)
  const sas = forService(client, { permissions: 'c' })
  t.equal(outcome(await client.send({ ...create, sas })), '201')
  t.equal(outcome(await client.send({ ...create, sas })), '403 AuthorizationPermissionMismatch')
  t.equal(outcome(await client.send({ ...create, sas: forService(client, { permissions: 'w' }) })), '201')
})

t.test('service tokens: their share, their file, no more', async t => {
  const client = await accountClient(t)
  await client.put('f', 'x')
  await client.put('g', 'x')
  const ask = async (request: Partial<Ask>, fields: Partial<ServiceSasFields>): Promise<string> => outcome(await client.send({ ...request, sas: forService(client, fields) }))
  const file = { path: 'f', permissions: 'rcwd' }
  t.equal(await ask({ path: 'f' }, file), '200')
  t.equal(await ask({ path: 'g' }, file), '403 AuthenticationFailed')
  t.equal(await ask({ path: 'f' }, { share: 'other' }), '403 AuthenticationFailed')
  t.equal(await ask({ path: 'f', method: 'DELETE' }, { ...file, permissions: 'rcw' }), '403 AuthorizationPermissionMismatch')
  t.equal(await ask({ path: 'f' }, { permissions: 'wr' }), '403 AuthenticationFailed', 'letters in the wrong order')
  t.equal(await ask({ path: 'f', query: { restype: 'directory', comp: 'list' } }, file), '403 AuthenticationFailed', 'a file has no listing')
  t.equal(await ask({ query: { restype: 'directory', comp: 'list' } }, {}), '200')
  t.equal(await ask({ query: { restype: 'share' } }, {}), '403 AuthorizationFailure', 'a share needs an account token')
})

t.test('stored access policies complete a token, and contradict none', async t => {
  const client = await accountClient(t)
  await client.put('f', 'x')
  const policy = '<SignedIdentifiers><SignedIdentifier><Id>p1</Id><AccessPolicy><Expiry>2024-03-02T00:00:00Z</Expiry><Permission>r</Permission></AccessPolicy></SignedIdentifier></SignedIdentifiers>'
  t.equal(outcome(await client.send({ method: 'PUT', query: { restype: 'share', comp: 'acl' }, body: policy })), '200')
  t.match((await client.send({ query: { restype: 'share', comp: 'acl' } })).text, policy)
  const { accountName, accountKey } = client.emulator.azureFiles
  const token = (fields: Partial<ServiceSasFields>): string => serviceSas({ accountName, share: 'myshare', permissions: '', expiresOn: '', identifier: 'p1', ...fields }, accountKey)
  t.equal(outcome(await client.send({ path: 'f', sas: token({}) })), '200')
  t.equal(outcome(await client.send({ path: 'f', sas: token({}), method: 'DELETE' })), '403 AuthorizationPermissionMismatch')
  t.equal(outcome(await client.send({ path: 'f', sas: token({ permissions: 'r' }) })), '403 AuthenticationFailed')
  t.equal(outcome(await client.send({ path: 'f', sas: token({ identifier: 'p2' }) })), '403 AuthenticationFailed')
  t.equal(outcome(await client.send({ method: 'PUT', query: { restype: 'share', comp: 'acl' }, body: '<a>' })), '400 InvalidXmlDocument')
})

t.test('user delegation: a key for a bearer, and tokens made with it', async t => {
  const client = await startClient(t, { clock: manualClock(), azureFiles: { accountName: 'demoacct', shares: ['myshare'], bearerTokens: ['t'] } })
  await client.put('f', 'x')
  const asked = await client.send({
    method: 'POST',
    rawPath: '/demoacct/',
    query: { restype: 'service', comp: 'userdelegationkey' },
    sign: 'none',
    version: '2026-02-06',
    headers: { authorization: 'Bearer t', 'x-ms-file-request-intent': 'backup' },
    body: '<KeyInfo><Start>2024-03-01T00:00:00Z</Start><Expiry>2024-03-05T00:00:00Z</Expiry></KeyInfo>'
  })
  const field = (name: string): string => elements(asked.text, name)[0] ?? ''
  const key = {
    signedOid: field('SignedOid'),
    signedTid: field('SignedTid'),
    signedStart: field('SignedStart'),
    signedExpiry: field('SignedExpiry'),
    signedService: field('SignedService'),
    signedVersion: field('SignedVersion'),
    value: field('Value')
  }
  const token = (expiresOn: string, value = key.value): string =>
    userDelegationSas({ accountName: 'demoacct', share: 'myshare', path: 'f', permissions: 'r', expiresOn }, { ...key, value })
  t.equal(outcome(await client.send({ path: 'f', sas: token('2024-03-04T00:00:00Z') })), '200')
  t.equal(outcome(await client.send({ path: 'f', sas: token('2024-03-06T00:00:00Z') })), '403 AuthenticationFailed', 'later than its key')
  t.equal(outcome(await client.send({ path: 'f', sas: token('2024-03-04T00:00:00Z', 'QUFB') })), '403 AuthenticationFailed')
})

t.test('the log keeps no signature', async t => {
  const client = await accountClient(t)
  await client.send({ path: 'f', sas: forAccount(client) })
  const source = `${client.url('f', 'myshare')}?${forAccount(client)}`
  await client.send({ method: 'PUT', path: 'g', sas: forAccount(client), headers: { 'x-ms-copy-source': source, 'x-ms-copy-source-authorization': 'Bearer secret' } })
  t.match(client.emulator.requests.entries()[1]?.headers, { 'x-ms-copy-source': /&sig=\[redacted\]$/, 'x-ms-copy-source-authorization': '[redacted]' })
  t.match(client.emulator.requests.entries()[0], { service: 'azure-files', operation: 'GetFile', key: 'f', query: /sig=\[redacted\]/ })
})
