import t from 'tap'
import { errorBody, FILE } from '../support/answers.ts'
import { LoopbackGraph } from '../support/server.ts'
import type { Received, Reply } from '../support/server.ts'

/** Accepts only the tokens that it gave last. */
function guarded (request: Received, state: { valid: string, issued: number, claims?: string }): Reply {
  if (request.url.startsWith('/login/')) {
    state.valid = `t${++state.issued}`
    return { body: { token_type: 'Bearer', expires_in: 3599, access_token: state.valid } }
  }
  if (request.headers.authorization === `Bearer ${state.valid}`) return { body: FILE }
  const challenge = state.claims === undefined ? '' : `, error="insufficient_claims", claims="${Buffer.from(state.claims).toString('base64')}"`
  return { status: 401, headers: { 'www-authenticate': `Bearer realm=""${challenge}` }, body: errorBody(['InvalidAuthenticationToken']) }
}

const APP = { tenantId: 'contoso.com', clientId: 'app', clientSecret: 's&=' }

t.test('Client credentials are asked for once by any number of calls, under the prefix of the authority', async t => {
  const state = { valid: '', issued: 0 }
  const graph = await LoopbackGraph.start(t, request => guarded(request, state))
  const onedrive = graph.client(APP)
  await Promise.all(Array.from({ length: 50 }, () => onedrive.get('/a')))
  t.equal(state.issued, 1)
  const { url, headers, body } = graph.requests.find(({ url }) => url.startsWith('/login')) as Received
  t.equal(url, '/login/contoso.com/oauth2/v2.0/token')
  t.equal(headers['content-type'], 'application/x-www-form-urlencoded')
  t.equal(body.toString(), 'client_id=app&client_secret=s%26%3D&grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default')
})

t.test('A refused token is renewed once for all that were refused together', async t => {
  const state = { valid: '', issued: 0 }
  const graph = await LoopbackGraph.start(t, request => guarded(request, state))
  const onedrive = graph.client(APP)
  await onedrive.get('/a')
  state.valid = 'revoked'
  await Promise.all(Array.from({ length: 20 }, () => onedrive.get('/a')))
  t.equal(state.issued, 2)
})

t.test('A token that is refused twice is an error after two requests', async t => {
  const graph = await LoopbackGraph.start(t, ({ url }) => url.startsWith('/login') ? { body: { access_token: `t${graph.requests.length}`, expires_in: 3599 } } : { status: 401, body: errorBody(['InvalidAuthenticationToken']) })
  await t.rejects(graph.client(APP).get('/a'), { name: 'AuthenticationError', code: 'Unauthorized', status: 401 })
  t.equal(graph.requests.filter(({ url }) => !url.startsWith('/login')).length, 2)
})

t.test('A token that cannot be renewed is refused once', async t => {
  const graph = await LoopbackGraph.start(t, () => ({ status: 401 }))
  await t.rejects(graph.client().get('/a'), { name: 'AuthenticationError' })
  t.equal(graph.requests.length, 1)
})

t.test('The claims of a challenge are passed on', async t => {
  const state = { valid: 't2', issued: 1, claims: '{"access_token":{"nbf":{}}}' }
  const graph = await LoopbackGraph.start(t, request => guarded(request, state))
  const asked: unknown[] = []
  const credential = { getToken: async (_scopes: string | string[], options?: { claims?: string }) => { asked.push(options?.claims); return { token: options?.claims === undefined ? 't1' : 't2', expiresOnTimestamp: Infinity } } }
  await graph.client({ credential }).get('/a')
  t.strictSame(asked, [undefined, state.claims])
})

t.test('Wrong client credentials are an error that shows no secret', async t => {
  const graph = await LoopbackGraph.start(t, () => ({ status: 401, body: { error: 'invalid_client', error_description: 'AADSTS7000215: Invalid client secret provided.\r\nTrace ID: x' } }))
  await t.rejects(graph.client(APP).get('/a'), { name: 'AuthenticationError', serviceCode: 'invalid_client', message: 'Cannot get an access token by client credentials: 401 invalid_client (AADSTS7000215: Invalid client secret provided.)' })
  t.equal(graph.requests.length, 1, 'neither asked again nor sent without a token')
})

t.test('A device code is polled until the user has signed in', async t => {
  const pending = { status: 400, body: { error: 'authorization_pending' } }
  const replies: Reply[] = [{ body: { device_code: 'd', user_code: 'U', verification_uri: 'https://v', expires_in: 900, interval: 5, message: 'm' } }, pending, { status: 400, body: { error: 'slow_down' } }, { body: { access_token: 'a', refresh_token: 'r', expires_in: 3599 } }]
  const graph = await LoopbackGraph.start(t, ({ url }) => url.startsWith('/login') ? replies.shift() as Reply : { body: FILE })
  const shown: string[] = []
  const kept: string[] = []
  await graph.client({ clientId: 'app', deviceCode: ({ userCode }) => { shown.push(userCode) }, onRefreshToken: token => { kept.push(token) } }).get('/a')
  t.strictSame([shown, kept], [['U'], ['r']])
  t.match(graph.trace, [/^POST \/login\/common\/oauth2\/v2\.0\/devicecode$/, /token$/, /token$/, /token$/, /^GET/])
  t.strictSame(graph.clock.sleeps, [5000, 5000, 10_000])
})

t.test('A throttle is waited for as long as it says, and heard by all calls of the client', async t => {
  let throttled = true
  const graph = await LoopbackGraph.start(t, () => {
    if (!throttled) return { body: FILE }
    throttled = false
    return { status: 429, headers: { 'retry-after': '30', 'ratelimit-reset': '45' }, body: errorBody(['activityLimitReached', 'throttledRequest']) }
  })
  const onedrive = graph.client()
  await onedrive.get('/a')
  t.ok((graph.clock.sleeps[0] ?? 0) >= 45_000)
  t.strictSame(onedrive.sent, { requests: 2, retries: 1 })
})

t.test('5xx and cut connections are tried again, refusals are not', async t => {
  const replies: Reply[] = [{ status: 504, body: '<html>' }, { cut: true }, { body: FILE }, { status: 403, body: errorBody(['accessDenied']) }]
  const graph = await LoopbackGraph.start(t, () => replies.shift() ?? { status: 500 })
  const onedrive = graph.client()
  t.match(await onedrive.get('/a'), { id: '01ABC' })
  await t.rejects(onedrive.get('/a'), { name: 'AuthenticationError', code: 'Forbidden', attempts: 1 })
  t.equal(graph.requests.length, 4)
})

t.test('A redirection that nobody asked for is no answer', async t => {
  const graph = await LoopbackGraph.start(t, () => ({ status: 302, headers: { location: 'https://elsewhere.example/' } }))
  await t.rejects(graph.client({ retry: false }).get('/a'), { code: 'Redirected' })
})

t.test('The name of the application goes with each request', async t => {
  const graph = await LoopbackGraph.start(t, () => ({ body: FILE }))
  await graph.client({ userAgent: 'NONISV|Contoso|Backup/1.0' }).get('/a')
  t.equal(graph.requests[0]?.headers['user-agent'], 'NONISV|Contoso|Backup/1.0')
})

t.test('Spans and metrics have the names of the document', async t => {
  const replies: Reply[] = [{ body: FILE }, { status: 404, body: errorBody(['itemNotFound']) }]
  const graph = await LoopbackGraph.start(t, () => replies.shift() as Reply)
  const spans: unknown[] = []
  const counts: unknown[] = []
  const span = { setAttribute: () => undefined, setStatus: () => undefined, recordException: () => undefined, end: () => undefined }
  const telemetry = {
    tracer: { startSpan: (name: string, options?: { attributes?: object }) => { spans.push([name, options?.attributes]); return span } },
    meter: {
      createCounter: (name: string) => ({ add: (value: number, labels?: object) => { counts.push([name, value, labels]) } }),
      createHistogram: () => ({ record: () => undefined })
    }
  }
  const onedrive = graph.client({ telemetry, drive: { driveId: 'b!x' } })
  await onedrive.get('/a')
  await t.rejects(onedrive.get('/b'))
  t.strictSame(spans[0], ['onedrive.get_item', { 'onedrive.drive': 'b!x', 'onedrive.item': '"/a"' }])
  t.match(counts, [['onedrive_requests_total', 1, { operation: 'GetItem', status: 'success' }], ['onedrive_requests_total', 1, { status: 'error' }], ['onedrive_api_errors_total', 1, { operation: 'GetItem', error_type: 'NotFound' }]])
})

t.test('A throttle of a fragment, of a part of a batch, and a budget that is used up make all calls of the client wait', async t => {
  const times: Record<string, number> = {}
  let batches = 0
  const graph = await LoopbackGraph.start(t, ({ url, method, body }) => {
    times[`${method} ${url}`] ??= graph.clock.now()
    if (url.endsWith('/createUploadSession')) return { body: { uploadUrl: `${graph.origin}/up` } }
    if (url === '/up' && method === 'PUT' && times['GET /up'] === undefined) return { status: 429, headers: { 'retry-after': '60' } }
    if (url === '/up') return method === 'PUT' ? { status: 201, body: { ...FILE, size: body.length, file: {} } } : { body: { nextExpectedRanges: ['0-'] } }
    if (url.endsWith('/$batch')) return { body: { responses: JSON.parse(body.toString()).requests.map(({ id }: { id: string }) => ({ id, status: batches++ === 0 ? 429 : 200, headers: { 'Retry-After': '60' } })) } }
    return { body: FILE, headers: url.endsWith('/spent') ? { 'ratelimit-limit': '1250', 'ratelimit-remaining': '0', 'ratelimit-reset': '60' } : {} }
  })
  const onedrive = graph.client({ simpleUploadLimit: 0 })
  let started = graph.clock.now()
  const uploading = onedrive.upload('big', 'abc')
  while (graph.clock.sleeps.length === 0) await new Promise(resolve => setImmediate(resolve))
  await onedrive.get('/one')
  t.ok((times['GET /v1.0/me/drive/root:/one'] ?? 0) >= started + 60_000, 'a fragment')
  await uploading
  started = graph.clock.now()
  const sleeps = graph.clock.sleeps.length
  const batching = onedrive.batch([{ method: 'GET', url: '/me' }])
  while (graph.clock.sleeps.length === sleeps) await new Promise(resolve => setImmediate(resolve))
  await onedrive.get('/three')
  t.ok((times['GET /v1.0/me/drive/root:/three'] ?? 0) >= started + 60_000, 'a part of a batch')
  t.match(await batching, [{ done: true }])
  await onedrive.get('/spent')
  started = graph.clock.now()
  await onedrive.get('/two')
  t.ok((times['GET /v1.0/me/drive/root:/two'] ?? 0) >= started + 60_000, 'a budget')
})

t.test('A token endpoint that is away is tried as often as its own row says, and not once more for each try of the call', async t => {
  const graph = await LoopbackGraph.start(t, () => ({ status: 503 }))
  await t.rejects(graph.client(APP).get('/a'), { name: 'ServerError', operation: 'GetToken', message: /after 4 attempts/ })
  t.equal(graph.requests.length, 4)
})
