import t from 'tap'
import { TimeoutError } from '../../../lib/errors.ts'
import { stringToSign, hmacBase64 } from '../../../streams/azure-files/auth.ts'
import type { AzureFilesOptions } from '../../../streams/azure-files/index.ts'
import { ACCOUNT_KEY, SkippingClock, clientOf, start } from './support/client.ts'
import { TinyAzure, failure } from './support/tiny-azure.ts'
import type { TinyRequest } from './support/tiny-azure.ts'

function expectedSignature ({ method, path, query, headers }: TinyRequest): string {
  const wirePath = path.split('/').map(encodeURIComponent).join('/')
  return `SharedKey demoacct:${hmacBase64(ACCOUNT_KEY, stringToSign('demoacct', { method, path: wirePath, query: [...query], headers }))}`
}

t.test('each request is signed as it is sent, with the path encoded once', async t => {
  const { service, azure } = start()
  for (const path of ['100% #1.txt', 'ä ö/日本.txt', 'a+b&c=d']) await azure.files.write({ path, data: 'x' })
  for (const request of service.requests) t.equal(request.headers['authorization'], expectedSignature(request), request.path)
  t.ok(service.requests.some(({ path }) => path === '/share/ä ö/日本.txt'))
})

t.test('the prefix of an endpoint stands in the path that is sent and signed, behind the account', async t => {
  const { service, azure } = start({ endpoint: 'http://127.0.0.1:9999/azure-files' })
  await t.rejects(azure.files.getProperties({ path: 'a b' }))
  t.match(service.requests[0], { path: '/azure-files/share/a b', headers: { authorization: expectedSignature(service.requests[0] as TinyRequest) } })
  t.match((await azure.sas.service({ path: 'a b' })).href, 'http://127.0.0.1:9999/azure-files/share/a%20b?')
})

t.test('each attempt is signed anew, with its own date and the key of the moment', async t => {
  const clock = new SkippingClock()
  const keys = [ACCOUNT_KEY, Buffer.from('another').toString('base64')]
  const { service, azure } = start({ clock, accountKey: () => keys.shift() as string })
  service.trouble = () => service.requests.length === 1 ? failure(500, 'InternalError') : failure(404, 'ShareNotFound')
  await t.rejects(azure.files.getProperties({ path: 'a' }), { code: 'ShareNotFound', attempts: 2 })
  const [first, second] = service.requests
  t.equal(first?.headers['x-ms-date'], 'Fri, 01 Mar 2024 12:00:00 GMT')
  t.equal(second?.headers['x-ms-date'], 'Fri, 01 Mar 2024 12:00:01 GMT')
  t.not(first?.headers['authorization'], second?.headers['authorization'])
  t.equal(keys.length, 0)
})

t.test('a SAS stands in the query, without Authorization, and goes with the source of a copy or rename', async t => {
  const { service, azure } = start({ accountKey: undefined as never, sasToken: '?sv=2023-11-03&sp=rw&sig=a%2Bb' })
  service.put('/share/a', 'x')
  await azure.files.rename({ path: 'a', to: 'b' })
  const [head, renamed] = service.requests
  t.notOk('authorization' in (head as TinyRequest).headers)
  t.equal(head?.query.get('sig'), 'a+b')
  t.equal(renamed?.headers['x-ms-file-rename-source'], 'https://demoacct.file.core.windows.net/share/a?sv=2023-11-03&sp=rw&sig=a%2Bb')
})

t.test('the source of a rename is a bare URL with a key', async t => {
  const { service, azure } = start()
  service.put('/share/a b', 'x')
  await azure.files.rename({ path: 'a b', to: 'c' })
  t.equal(service.requests.at(-1)?.headers['x-ms-file-rename-source'], 'https://demoacct.file.core.windows.net/share/a%20b')
})

t.test('a token is asked for once, goes with the intent, is fetched anew when it ages, and once after a 401', async t => {
  const clock = new SkippingClock()
  let given = 0
  const scopes: unknown[] = []
  const credential = {
    getToken: async (scope: string | string[]) => {
      scopes.push(scope)
      return { token: `token ${++given}`, expiresOnTimestamp: clock.now() + 3_600_000 }
    }
  }
  const { service, azure } = start({ clock, accountKey: undefined as never, credential })
  service.put('/share/a', 'x')
  await Promise.all([azure.files.getProperties({ path: 'a' }), azure.files.getProperties({ path: 'a' })])
  t.match(service.requests[1]?.headers, { authorization: 'Bearer token 1', 'x-ms-file-request-intent': 'backup', 'x-ms-version': '2024-11-04' })
  await clock.sleep(3_400_000)
  await azure.files.getProperties({ path: 'a' })
  t.equal(service.requests[2]?.headers['authorization'], 'Bearer token 2')
  let refused = 0
  service.trouble = () => refused++ === 0 ? failure(401, 'InvalidAuthenticationInfo') : undefined
  await azure.files.getProperties({ path: 'a' })
  t.equal(service.requests[4]?.headers['authorization'], 'Bearer token 3')
  service.trouble = () => failure(401, 'InvalidAuthenticationInfo')
  await t.rejects(azure.files.getProperties({ path: 'a' }), { name: 'AuthenticationError' })
  t.equal(service.requests.length, 7)
  t.strictSame(new Set(scopes), new Set(['https://storage.azure.com/.default']))
})

t.test('a credential without a token is an error of authentication', async t => {
  const { azure } = start({ accountKey: undefined as never, credential: { getToken: async () => null } })
  await t.rejects(azure.files.getProperties({ path: 'a' }), { name: 'AuthenticationError', message: 'Cannot authorize as the credential gave no token' })
})

t.test('a clock that is wrong is corrected by the Date of the refusal, once', async t => {
  const clock = new SkippingClock()
  const service = new TinyAzure({ now: () => clock.now() + 3_600_000 })
  const azure = clientOf(service, { clock })
  service.put('/share/a', 'x')
  service.trouble = ({ headers }) => headers['x-ms-date'] === 'Fri, 01 Mar 2024 13:00:00 GMT' ? undefined : failure(403, 'AuthenticationFailed')
  await azure.files.getProperties({ path: 'a' })
  await azure.files.getProperties({ path: 'a' })
  t.equal(service.requests.length, 3)
})

t.test('the version of a client is sent, or a later one where an operation needs it', async t => {
  for (const [options, version] of [[{}, '2026-04-06'], [{ apiVersion: '2027-01-01' }, '2027-01-01']] as Array<[AzureFilesOptions, string]>) {
    const { service, azure } = start({ ...options, integrity: 'crc64' })
    await azure.files.write({ path: 'a', data: 'x' })
    t.match(service.requests.find(({ query }) => query.get('comp') === 'range'), {
      headers: { 'x-ms-version': version, 'x-ms-structured-body': 'XSM/1.0; properties=crc64', 'x-ms-structured-content-length': '1', 'content-length': '40' }
    })
  }
})

// Attempts and waits of specification 6.1, with the longest jitter.
for (const [name, answer, waits] of [
  ['ServerBusy', failure(503, 'ServerBusy'), [1000, 2000, 4000, 8000]],
  ['ServiceUnavailable', { status: 503 }, [2000, 4000]],
  ['InternalError', failure(500, 'InternalError'), [1000, 2000]],
  ['OperationTimedOut', failure(500, 'OperationTimedOut'), [1000, 1000]],
  ['FileLocked', failure(409, 'SharingViolation'), [500, 1000, 2000, 4000]],
  ['LeaseAlreadyPresent', failure(409, 'LeaseAlreadyPresent'), []],
  ['LeaseLost', failure(412, 'LeaseLost'), []],
  ['ResourceNotFound', failure(404, 'ResourceNotFound'), []]
] as const) {
  t.test(`${name} is tried ${waits.length + 1} times`, async t => {
    const clock = new SkippingClock()
    const { service, azure } = start({ clock, circuitBreaker: false })
    service.trouble = () => answer
    t.match(await azure.files.getProperties({ path: 'a' }).catch((error: unknown) => error), { attempts: waits.length + 1 })
    t.strictSame(clock.waits, waits)
    t.equal(service.requests.length, waits.length + 1)
  })
}

t.test('a connection that breaks is tried 3 times', async t => {
  const clock = new SkippingClock()
  const { service, azure } = start({ clock })
  service.put('/share/a', 'x')
  service.trouble = () => 'lose'
  await t.rejects(azure.files.getProperties({ path: 'a' }), { name: 'NetworkError', attempts: 3 })
  t.strictSame(clock.waits, [500, 1000])
})

t.test('the breaker opens at 5 failures for all services of a client, and closes after 2 successes 30 s later', async t => {
  const clock = new SkippingClock()
  const { service, azure } = start({ clock, retry: false })
  service.put('/share/a', 'x')
  service.trouble = () => failure(500, 'InternalError')
  for (let failures = 0; failures < 5; failures++) await t.rejects(azure.files.getProperties({ path: 'a' }), { code: 'InternalError' })
  await t.rejects(azure.shares.getProperties(), { name: 'CircuitOpenError' })
  t.equal(service.requests.length, 5)
  service.trouble = () => undefined
  await clock.sleep(30_000)
  await azure.files.getProperties({ path: 'a' })
  await azure.files.getProperties({ path: 'a' })
  service.trouble = () => failure(500, 'InternalError')
  await t.rejects(azure.files.getProperties({ path: 'a' }), { code: 'InternalError' })
  await t.rejects(azure.files.getProperties({ path: 'a' }), { code: 'InternalError' })
})

t.test('an explicit timeout stands above the table', async t => {
  const { service, azure } = start({ timeouts: { operationMs: 20 }, retry: false })
  t.teardown(() => azure.close())
  const dispatch = service.dispatch.bind(service)
  service.dispatch = (options, handler) => {
    const timer = setTimeout(() => dispatch(options, handler), 1000)
    t.teardown(() => clearTimeout(timer))
    return true
  }
  const error = await azure.leases.acquire({ path: 'a' }).catch((error: unknown) => error)
  t.ok(error instanceof TimeoutError)
  t.match(error, { message: /No answer within 20 ms/ })
})
