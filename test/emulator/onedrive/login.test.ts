import t from 'tap'
import { type GraphClient, outcome, type Reply, SetClock, startGraph } from './client.ts'

const SCOPE = 'https://graph.microsoft.com/.default'

function form (client: GraphClient, action: string, fields: Record<string, string>, tenant = client.oneDrive.tenantId): Promise<Reply> {
  return client.send('POST', `${client.oneDrive.authorityHost}/${tenant}/oauth2/v2.0/${action}`, {
    body: new URLSearchParams(fields).toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' }
  })
}

function appFields ({ oneDrive }: GraphClient): Record<string, string> {
  return { client_id: oneDrive.clientId, client_secret: oneDrive.clientSecret, scope: SCOPE, grant_type: 'client_credentials' }
}

function failure ({ status, json }: Reply): string {
  return `${status} ${String(json['error'])} ${String((json['error_codes'] as number[] | undefined)?.[0])}`
}

t.test('client credentials: a token for an hour, and no drive of its own', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, {}, { clock })
  const reply = await form(client, 'token', appFields(client))
  t.match(reply, { status: 200, json: { token_type: 'Bearer', expires_in: 3599, access_token: String } })
  t.equal(reply.json['refresh_token'], undefined)
  client.token = String(reply.json['access_token'])
  const { driveId, clientId } = client.oneDrive
  t.match((await client.graph('PUT', `/drives/${driveId}/root:/a:/content`, { body: 'x' })).json, { createdBy: { application: { id: clientId } } })
  t.equal(outcome(await client.get('/me/drive')), '400 BadRequest')
  client.oneDrive.quirks.appOnlyMe = 'serve'
  t.equal((await client.get('/me/drive')).status, 200)
  clock.pass(3_599_000)
  const expired = await client.get(`/drives/${driveId}`)
  t.equal(outcome(expired), '401 InvalidAuthenticationToken')
  t.match(expired.headers['www-authenticate'], /^Bearer realm="", authorization_uri="https:\/\/login\.microsoftonline\.com\/common\/oauth2\/authorize"/)
})

t.test('client credentials: what is refused', async t => {
  const client = await startGraph(t)
  const ask = async (change: Record<string, string>, tenant?: string): Promise<string> => failure(await form(client, 'token', { ...appFields(client), ...change }, tenant))
  t.equal(await ask({ client_secret: 'wrong' }), '401 invalid_client 7000215')
  t.equal(await ask({ client_id: 'wrong' }), '400 unauthorized_client 700016')
  t.equal(await ask({ scope: 'Files.Read' }), '400 invalid_scope 1002012')
  t.equal(await ask({ grant_type: 'password' }), '400 unsupported_grant_type 70003')
  t.equal(await ask({}, 'common'), '400 invalid_request 90002')
  const { client_secret: secret, ...withoutSecret } = appFields(client)
  t.equal(failure(await form(client, 'token', withoutSecret)), '401 invalid_client 7000218')
  t.equal(failure(await form(client, 'token', {})), '400 invalid_request 900144')
  const assertion = { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: 'a.b.c' }
  t.equal((await form(client, 'token', { ...withoutSecret, ...assertion })).status, 200)
  const { json } = await form(client, 'token', { ...appFields(client), client_secret: 'wrong' })
  t.match(json, { error_description: /^AADSTS7000215: .* Trace ID: .* Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/, trace_id: String, correlation_id: String })
  t.notMatch(JSON.stringify(client.emulator.requests.entries()), secret ?? '')
})

t.test('refresh tokens, which live while they are used', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, {}, { clock })
  const refresh = (token: string): Promise<Reply> => form(client, 'token', { client_id: client.oneDrive.clientId, grant_type: 'refresh_token', refresh_token: token }, 'common')
  const first = await refresh(client.oneDrive.refreshToken())
  t.match(first.json, { access_token: String, refresh_token: String, scope: 'Files.ReadWrite.All offline_access' })
  client.token = String(first.json['access_token'])
  t.equal((await client.get('/me/drive')).status, 200)
  clock.pass(90 * 24 * 3_600_000)
  t.equal(failure(await refresh(String(first.json['refresh_token']))), '400 invalid_grant 700082')
  const second = client.oneDrive.refreshToken()
  client.oneDrive.revokeTokens({ refresh: true })
  t.equal(failure(await refresh(second)), '400 invalid_grant 700082')
})

t.test('device codes: pending, approved, declined, expired', async t => {
  const clock = new SetClock()
  const client = await startGraph(t, {}, { clock })
  const start = (): Promise<Reply> => form(client, 'devicecode', { client_id: client.oneDrive.clientId, scope: 'Files.ReadWrite offline_access openid' }, 'common')
  const poll = (code: unknown): Promise<Reply> => form(client, 'token', {
    client_id: client.oneDrive.clientId, grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: String(code)
  }, 'common')
  const { json } = await start()
  t.match(json, { user_code: String, expires_in: 900, interval: 5, verification_uri: /^http/, message: /enter the code/ })
  t.equal(failure(await poll(json['device_code'])), '400 authorization_pending 70016')
  client.oneDrive.approveDevice(String(json['user_code']))
  t.match((await poll(json['device_code'])).json, { access_token: String, refresh_token: String, id_token: String })
  t.equal(failure(await poll(json['device_code'])), '400 bad_verification_code 70019', 'only once')
  const declined = await start()
  client.oneDrive.declineDevice()
  t.equal(failure(await poll(declined.json['device_code'])), '400 authorization_declined 70018')
  t.throws(() => client.oneDrive.approveDevice(), RangeError)
  const late = await start()
  clock.pass(900_000)
  t.equal(failure(await poll(late.json['device_code'])), '400 expired_token 70020')
  client.oneDrive.quirks.approveDeviceAfter = 2
  const polite = await start()
  t.equal(failure(await poll(polite.json['device_code'])), '400 authorization_pending 70016')
  t.equal((await poll(polite.json['device_code'])).status, 200)
})

t.test('a device code is approved on a page as well', async t => {
  const client = await startGraph(t)
  const { json } = await form(client, 'devicecode', { client_id: client.oneDrive.clientId, scope: 'Files.Read' })
  const page = json['verification_uri'] as string
  t.match((await client.send('GET', page)).text, /<input name="code">/)
  t.match((await client.send('GET', `${page}?code=${String(json['user_code']).toLowerCase()}`)).text, /You have signed in/)
  t.throws(() => client.oneDrive.declineDevice(), RangeError)
})

t.test('revoked tokens and claims challenges', async t => {
  const client = await startGraph(t)
  client.oneDrive.revokeTokens()
  t.equal(outcome(await client.get('/me/drive')), '401 InvalidAuthenticationToken')
  client.token = client.oneDrive.accessToken()
  const claims = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'
  client.oneDrive.demandClaims(claims)
  const challenged = await client.get('/me/drive')
  t.equal(challenged.status, 401)
  const [, encoded = ''] = /error="insufficient_claims", claims="([^"]+)"/.exec(challenged.headers['www-authenticate'] ?? '') ?? []
  t.equal(Buffer.from(encoded, 'base64').toString(), claims)
  const { json } = await form(client, 'token', { ...appFields(client), claims })
  client.token = String(json['access_token'])
  t.equal((await client.get(`/drives/${client.oneDrive.driveId}`)).status, 200)
  client.oneDrive.demandClaims(undefined)
})

t.test('no token at all', async t => {
  const client = await startGraph(t)
  t.match((await client.send('GET', `${client.oneDrive.endpoint}/me/drive`)), { status: 401, json: { error: { message: 'Access token is empty.' } } })
  t.equal((await form(client, 'authorize', {})).status, 404)
  t.equal((await client.send('GET', `${client.oneDrive.authorityHost}/${client.oneDrive.tenantId}/oauth2/v2.0/token`)).status, 400)
})

t.test('faults of the login host are in its own shape', async t => {
  const client = await startGraph(t)
  client.emulator.faults.add({ operation: 'Token', status: 400, code: 'invalid_grant' })
  client.emulator.faults.add({ operation: 'Token', status: 503, retryAfter: 3 })
  t.match((await form(client, 'token', appFields(client))), { status: 400, json: { error: 'invalid_grant', error_description: /^AADSTS/ } })
  t.match((await form(client, 'token', appFields(client))), { status: 503, json: { error: 'temporarily_unavailable' }, headers: { 'retry-after': '3' } })
})
