import t from 'tap'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { hmac, sharedKeyLiteStrings, sharedKeyStrings } from '../../../emulator/azure-files/shared-key.ts'
import { Query } from '../../../emulator/azure-files/query.ts'
import { type Ask, elements, manualClock, outcome, startClient } from './client.ts'

const ACCOUNT = 'demoacct'
const KEY = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=='
const DATE = { 'x-ms-date': 'Fri, 01 Mar 2024 12:00:00 GMT', 'x-ms-version': '2023-11-03' }
const account = { accountName: ACCOUNT, accountKey: KEY, shares: ['myshare'] }

function signature (method: string, path: string, query: string, headers: Record<string, string>, strings = sharedKeyStrings, name = ACCOUNT): string {
  return hmac(KEY, strings(name, { method, path, query, headers }, new Query(query))[0] as string)
}

t.test('sharedKeyStrings() gives the signatures of the worked examples', async t => {
  t.equal(signature('PUT', '/myshare/dir%20one/file.txt', 'comp=range', {
    ...DATE, 'content-length': '11', 'content-type': 'application/octet-stream', 'x-ms-range': 'bytes=0-10', 'x-ms-write': 'update'
  }), 'Vm88UyT5Wvt/YX2oG14XfCoUwsOrDmENzSoSFZ0jk8Q=')
  const list = 'restype=directory&comp=list&prefix=a%20b&maxresults=2&include=Timestamps%2CEtag'
  t.equal(signature('GET', '/myshare/dir%20one', list, DATE), '4flwfqVNBSmj3vaQVAPB2/7GW0rmPZtGEkr19I/s2hk=')
  t.equal(signature('PUT', '/myshare/new.bin', '', {
    ...DATE,
    'content-length': '0',
    'x-ms-content-length': '0',
    'x-ms-file-attributes': 'None',
    'x-ms-file-creation-time': 'now',
    'x-ms-file-last-write-time': 'now',
    'x-ms-file-permission': 'inherit',
    'x-ms-meta-owner': 'ann',
    'x-ms-type': 'file'
  }), 'JzDwWRicr58TnM3+sWE4sNKgK2jXc7ToCWEVHOj4n7c=')
  t.equal(signature('GET', '/myshare/dir%20one', list, DATE, sharedKeyLiteStrings), 'eDsV1vol8McEn4JQFt9VuVqrrCQWgSZmcoaAK8AUm9g=')
  t.equal(signature('GET', '/devstoreaccount1/myshare', 'restype=share', DATE, sharedKeyStrings, 'devstoreaccount1'), 'valdu09zgNxofKNCZtqp6klr/a1WwwNwgm/9Gg5Odx4=')
})

t.test('sharedKeyStrings() folds white space outside quotes, joins values of one name, keeps empty headers, and knows both orders of names', async t => {
  const headers = { 'x-ms-meta-a': ' one   two "three   four" ', 'x-ms-empty': '', 'x-ms-meta-b_c': '1', 'x-ms-meta-b1': '2' }
  const strings = sharedKeyStrings(ACCOUNT, { method: 'GET', path: '/s', query: '', headers }, new Query('B=2&b=1&a=x'))
  t.equal(strings.length, 2)
  t.match(strings[0], 'x-ms-empty:\nx-ms-meta-a:one two "three   four"\nx-ms-meta-b1:2\nx-ms-meta-b_c:1\n/demoacct/s\na:x\nb:1,2')
})

t.test('the path-style example is let in over the wire', async t => {
  const client = await startClient(t, { clock: manualClock(), azureFiles: { ...account, accountName: 'devstoreaccount1' } })
  const reply = await client.send({
    share: 'myshare', query: { restype: 'share' }, edit: headers => ({ ...headers, authorization: 'SharedKey devstoreaccount1:valdu09zgNxofKNCZtqp6klr/a1WwwNwgm/9Gg5Odx4=' })
  })
  t.equal(outcome(reply), '200')
})

t.test('keys: what is right is let in, what is not is told why', async t => {
  const client = await startClient(t)
  const ask: Ask = { path: 'missing' }
  const fails = async (change: Partial<Ask>, expected: string): Promise<void> => { t.equal(outcome(await client.send({ ...ask, ...change })), expected) }
  await fails({}, '404 ResourceNotFound')
  await fails({ sign: 'lite' }, '404 ResourceNotFound')
  await fails({ sign: 'none' }, '401 NoAuthenticationInformation')
  await fails({ version: undefined }, '400 MissingRequiredHeader')
  await fails({ version: '2023-11-04' }, '400 InvalidHeaderValue')
  await fails({ time: Date.now() - 16 * 60_000 }, '403 AuthenticationFailed')
  await fails({ time: Date.now() + 16 * 60_000 }, '403 AuthenticationFailed')
  await fails({ time: Date.now() - 14 * 60_000 }, '404 ResourceNotFound')
  await fails({ edit: headers => ({ ...headers, 'x-ms-date': undefined }) }, '403 AuthenticationFailed')
  await fails({ edit: headers => ({ ...headers, authorization: headers['authorization']?.replace('sluicefiles', 'other') }) }, '403 AuthenticationFailed')
  await fails({ edit: headers => ({ ...headers, authorization: 'Basic abc' }) }, '401 InvalidAuthenticationInfo')
  const wrong = await client.send({ ...ask, edit: headers => ({ ...headers, 'x-ms-meta-a': 'added' }) })
  t.match(elements(wrong.text, 'AuthenticationErrorDetail')[0], /Server used following string to sign: 'GET\n/)
})

t.test('the date of a request is compared with the service\'s, which a fault can set', async t => {
  const client = await startClient(t)
  client.emulator.faults.add({ skewDate: 3_600_000 })
  const reply = await client.get('x')
  t.equal(outcome(reply), '403 AuthenticationFailed')
  t.ok(Date.parse(reply.headers['date'] ?? '') - Date.now() > 3_500_000)
})

t.test('a signed header comes once', async t => {
  const client = await startClient(t)
  const twice = async (name: string): Promise<number | undefined> => {
    const headers = { authorization: 'SharedKey sluicefiles:x', 'x-ms-version': '2023-11-03', 'x-ms-date': new Date().toUTCString(), [name]: ['1', '2'] }
    const [answered] = await once(request(new URL('/sluicefiles/sluice/f', client.emulator.azureFiles.endpoint), { headers }).end(), 'response') as [IncomingMessage]
    answered.resume()
    return answered.statusCode
  }
  t.same([await twice('x-ms-meta-a'), await twice('content-language'), await twice('x-other')], [400, 400, 403])
})

t.test('bearer tokens need an intent and a version', async t => {
  const client = await startClient(t, { azureFiles: { bearerTokens: ['good'] } })
  const bearer = (token: string, headers: Record<string, string>, more: Partial<Ask> = {}): Promise<string> => client.send({
    path: 'x', sign: 'none', headers: { authorization: `Bearer ${token}`, ...headers }, ...more
  }).then(outcome)
  const intent = { 'x-ms-file-request-intent': 'backup' }
  t.equal(await bearer('good', intent), '404 ResourceNotFound')
  t.equal(await bearer('bad', intent), '401 InvalidAuthenticationInfo')
  t.equal(await bearer('good', {}), '400 MissingRequiredHeader')
  t.equal(await bearer('good', { 'x-ms-file-request-intent': 'other' }), '400 InvalidHeaderValue')
  t.equal(await bearer('good', intent, { version: '2021-12-02' }), '403 AuthenticationFailed')
  t.equal(await bearer('good', intent, { method: 'GET', rawPath: '/sluicefiles/sluice', query: { restype: 'share' } }), '403 AuthenticationFailed')
  t.equal(await bearer('good', intent, { rawPath: '/sluicefiles/sluice', query: { restype: 'share' }, version: '2024-11-04' }), '200')
})

t.test('methods, routes and parameters that do not exist', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.send({ method: 'PATCH', path: 'x' })), '405 UnsupportedHttpVerb')
  t.equal(outcome(await client.send({ method: 'POST', path: 'x', query: { comp: 'range' } })), '405 UnsupportedHttpVerb')
  t.equal(outcome(await client.send({ path: 'x', query: { comp: 'nothing' } })), '400 InvalidQueryParameterValue')
  t.equal(outcome(await client.send({ path: 'x', query: { timeout: 'soon' } })), '400 InvalidQueryParameterValue')
  t.equal(outcome(await client.send({ path: 'x', query: { timeout: '30' } })), '404 ResourceNotFound')
})

t.test('conditions are refused, or ignored when asked to', async t => {
  const client = await startClient(t)
  const lenient = await startClient(t, { azureFiles: { strict: { conditionHeaders: 'ignore' } } })
  for (const name of ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']) {
    t.equal(outcome(await client.get('x', { [name]: '"x"' })), '400 ConditionHeadersNotSupported', name)
    t.equal(outcome(await lenient.get('x', { [name]: '"x"' })), '404 ResourceNotFound', name)
  }
})

t.test('the reason of an error is its message', async t => {
  const client = await startClient(t)
  const reasons: string[] = []
  for (const [method, path] of [['GET', '/sluicefiles/sluice/f'], ['HEAD', '/sluicefiles/sluice/f']] as const) {
    const [answered] = await once(request(new URL(path, client.emulator.azureFiles.endpoint), { method, headers: { 'x-ms-version': '2023-11-03' } }).end(), 'response') as [IncomingMessage]
    answered.resume()
    reasons.push(`${answered.statusCode} ${answered.statusMessage}`)
  }
  const reason = '401 Server failed to authenticate the request. Please refer to the information in the www-authenticate header.'
  t.same(reasons, [reason, reason])
})

t.test('errors are XML with a mark, an id and a time, and have no body for HEAD', async t => {
  const client = await startClient(t, { clock: manualClock() })
  const get = await client.get('nothing', { 'x-ms-client-request-id': 'mine' })
  t.match(get.headers, {
    'content-type': 'application/xml',
    'x-ms-request-id': /^[0-9a-f-]{36}$/,
    'x-ms-version': '2023-11-03',
    'x-ms-client-request-id': 'mine',
    server: 'Windows-Azure-File/1.0 Microsoft-HTTPAPI/2.0',
    date: 'Fri, 01 Mar 2024 12:00:00 GMT'
  })
  t.equal(get.text, '\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>ResourceNotFound</Code><Message>The specified resource does not exist.\n' +
    `RequestId:${get.headers['x-ms-request-id']}\nTime:2024-03-01T12:00:00.0000000Z</Message></Error>`)
  const head = await client.head('nothing')
  t.match(head, { status: 404, text: '', headers: { 'x-ms-error-code': 'ResourceNotFound' } })
  t.equal(head.headers['content-type'], undefined)
  t.equal((await client.send({ path: 'nothing', version: '2016-05-31' })).headers['x-ms-error-code'], undefined)
})
