import { inspect } from 'node:util'
import t from 'tap'
import { AuthenticationError, NetworkError, NotModifiedError } from '../../../lib/errors.ts'
import { Secret } from '../../../lib/secret.ts'
import { TokenCache, claimsOf, credentialToken, issuedToken, providedToken, staticToken } from '../../../streams/onedrive/auth.ts'
import type { TokenRequest, TokenSource } from '../../../streams/onedrive/auth.ts'
import { DeviceCodeSource, RefreshTokenSource, clientCredentials } from '../../../streams/onedrive/auth-flows.ts'
import type { IdentityEndpoint } from '../../../streams/onedrive/auth-flows.ts'
import type { IdentityOperation } from '../../../streams/onedrive/wire-identity.ts'
import { answer } from './support/answers.ts'
import { TestClock } from './support/clock.ts'

/** Gives `t1`, `t2` … for an hour each. */
class Counting implements TokenSource {
  readonly renewable = true
  readonly requests: TokenRequest[] = []
  failure: Error | undefined
  readonly #clock: TestClock

  constructor (clock: TestClock) {
    this.#clock = clock
  }

  async issue (request: TokenRequest): Promise<ReturnType<typeof issuedToken>> {
    this.requests.push(request)
    await new Promise(resolve => setImmediate(resolve))
    if (this.failure !== undefined) throw this.failure
    return issuedToken(new Secret(`t${this.requests.length}`), this.#clock.now(), this.#clock.now() + 3_600_000)
  }
}

t.test('TokenCache asks once for many, and again five minutes before the end', async t => {
  const clock = new TestClock()
  const source = new Counting(clock)
  const cache = new TokenCache(source, clock)
  const tokens = await Promise.all(Array.from({ length: 20 }, () => cache.get()))
  t.strictSame(new Set(tokens.map(token => token.reveal())), new Set(['t1']))
  clock.advance(3_299_999)
  t.equal((await cache.get()).reveal(), 't1')
  clock.advance(1)
  t.equal((await cache.get()).reveal(), 't2')
  t.equal(source.requests.length, 2)
})

t.test('TokenCache keeps a token that still lives when it cannot be renewed', async t => {
  const clock = new TestClock()
  const source = new Counting(clock)
  const cache = new TokenCache(source, clock)
  await cache.get()
  source.failure = new NetworkError('The identity platform is away')
  clock.advance(3_400_000)
  t.equal((await cache.get()).reveal(), 't1')
  clock.advance(300_000)
  await t.rejects(cache.get(), source.failure)
})

t.test('TokenCache renews once where many requests were refused together', async t => {
  const clock = new TestClock()
  const source = new Counting(clock)
  const cache = new TokenCache(source, clock)
  const refused = await cache.get()
  t.strictSame(new Set(await Promise.all(Array.from({ length: 20 }, () => cache.replace(refused)))), new Set([true]))
  t.equal(source.requests.length, 2)
  t.equal(await cache.replace(refused), true, 'one that comes late finds the new token')
  t.equal(source.requests.length, 2)
  t.match(source.requests[1], { rejected: 't1' })
})

t.test('TokenCache passes a claims challenge on', async t => {
  const clock = new TestClock()
  const source = new Counting(clock)
  const cache = new TokenCache(source, clock)
  t.equal(await cache.replace(await cache.get(), '{"access_token":{}}'), true)
  t.match(source.requests[1], { claims: '{"access_token":{}}' })
})

t.test('staticToken() cannot be renewed', async t => {
  const cache = new TokenCache(staticToken('x'), new TestClock())
  t.equal((await cache.get()).reveal(), 'x')
  t.equal(await cache.replace(new Secret('x')), false)
})

t.test('providedToken() asks for each request, unless the token says how long it lives', async t => {
  const clock = new TestClock()
  let count = 0
  const texts = new TokenCache(providedToken(() => `s${++count}`, clock), clock)
  t.strictSame([(await texts.get()).reveal(), (await texts.get()).reveal()], ['s1', 's2'])
  const dated = new TokenCache(providedToken(async () => ({ token: `d${++count}`, expiresOnTimestamp: clock.now() + 60_000 }), clock), clock)
  t.strictSame([(await dated.get()).reveal(), (await dated.get()).reveal()], ['d3', 'd3'])
  await t.rejects(new TokenCache(providedToken(() => '', clock), clock).get(), new AuthenticationError('Cannot use the token of accessToken() as it must be printable ASCII and not empty'))
  await t.rejects(new TokenCache(providedToken(() => 'a\r\nb', clock), clock).get(), AuthenticationError)
})

t.test('credentialToken() speaks as @azure/core-auth does', async t => {
  const clock = new TestClock()
  const calls: unknown[] = []
  const credential = { getToken: async (scopes: string | string[], options?: object) => { calls.push([scopes, options]); return { token: 'a', expiresOnTimestamp: clock.now() + 3_600_000, refreshAfterTimestamp: clock.now() + 10 } } }
  const source = credentialToken(credential, ['https://graph.microsoft.com/.default'], clock)
  t.match(await source.issue({}), { refreshAt: clock.now() + 10 })
  await source.issue({ claims: '{}' })
  t.strictSame(calls, [[['https://graph.microsoft.com/.default'], { enableCae: true }], [['https://graph.microsoft.com/.default'], { enableCae: true, claims: '{}' }]])
  await t.rejects(credentialToken({ getToken: async () => null }, [], clock).issue({}), new AuthenticationError('Cannot get an access token: the credential gave none'))
  await t.rejects(credentialToken({ getToken: async () => ({ token: 'a' }) as never }, [], clock).issue({}), AuthenticationError)
})

t.test('claimsOf() decodes the challenge', async t => {
  const claims = '{"access_token":{"nbf":{"essential":true}}}'
  t.equal(claimsOf(`Bearer realm="", error="insufficient_claims", claims="${Buffer.from(claims).toString('base64')}"`), claims)
  t.equal(claimsOf('Bearer realm="", error="invalid_token"'), undefined)
  t.equal(claimsOf(undefined), undefined)
})

/** Answers from a list, and remembers the forms. */
class ScriptedIdentity implements IdentityEndpoint {
  readonly clock = new TestClock()
  readonly forms: Array<Record<string, string>> = []
  readonly #answers: Array<object | Error>

  constructor (...answers: Array<object | Error>) {
    this.#answers = answers
  }

  async execute<T> (operation: IdentityOperation<T>): Promise<T> {
    this.forms.push({ path: operation.path, ...Object.fromEntries(new URLSearchParams(Buffer.from(operation.body ?? []).toString())) })
    const next = this.#answers.shift() ?? new Error('nothing more to say')
    if (next instanceof Error) throw next
    return await operation.read(answer(next))
  }
}

const CLIENT = { clientId: 'app', clientSecret: new Secret('s&=') }
const DELEGATED = { client: { clientId: 'app' }, scope: 'Files.ReadWrite offline_access' }

t.test('clientCredentials() sends the secret encoded, and the claims', async t => {
  const identity = new ScriptedIdentity({ access_token: 'a', expires_in: 3599 })
  const token = await clientCredentials(identity, CLIENT, 'https://graph.microsoft.com/.default').issue({ claims: '{}' })
  t.equal(token.expiresAt, identity.clock.now() + 3_599_000)
  t.strictSame(identity.forms, [{ path: '/oauth2/v2.0/token', client_id: 'app', client_secret: 's&=', grant_type: 'client_credentials', scope: 'https://graph.microsoft.com/.default', claims: '{}' }])
})

t.test('RefreshTokenSource goes on with each new refresh token', async t => {
  const identity = new ScriptedIdentity({ access_token: 'a', refresh_token: 'r2' }, { access_token: 'b' }, { access_token: 'c' })
  const kept: string[] = []
  const source = new RefreshTokenSource(identity, new Secret('r1'), { ...DELEGATED, onRefreshToken: token => { kept.push(token) } })
  for (const expected of ['a', 'b', 'c']) t.equal((await source.issue({})).token.reveal(), expected)
  t.strictSame(identity.forms.map(form => form['refresh_token']), ['r1', 'r2', 'r2'])
  t.strictSame(kept, ['r2'])
  t.notMatch(inspect(source, { depth: 5, showHidden: true }), /'r2'/)
})

const CODE = { device_code: 'dc', user_code: 'ABCD', verification_uri: 'https://microsoft.com/devicelogin', expires_in: 900, interval: 5, message: 'Open …' }
const pending = (serviceCode: string): Error => new NotModifiedError('not yet', { serviceCode })

t.test('DeviceCodeSource shows the code, waits for the user, and refreshes from then on', async t => {
  const identity = new ScriptedIdentity(CODE, pending('authorization_pending'), pending('slow_down'), { access_token: 'a', refresh_token: 'r' }, { access_token: 'b' })
  const shown: unknown[] = []
  const source = new DeviceCodeSource(identity, prompt => { shown.push(prompt) }, DELEGATED)
  t.equal((await source.issue({})).token.reveal(), 'a')
  t.strictSame(shown, [{ userCode: 'ABCD', verificationUri: 'https://microsoft.com/devicelogin', message: 'Open …', expiresInMs: 900_000 }])
  t.strictSame(identity.clock.sleeps, [5000, 5000, 10_000], 'five seconds more once it is told to slow down')
  t.equal((await source.issue({})).token.reveal(), 'b')
  t.match(identity.forms[1], { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: 'dc' })
  t.match(identity.forms[4], { grant_type: 'refresh_token', refresh_token: 'r' })
})

t.test('DeviceCodeSource ends when the user declines, and when nobody comes', async t => {
  const declined = new AuthenticationError('declined', { serviceCode: 'authorization_declined' })
  await t.rejects(new DeviceCodeSource(new ScriptedIdentity(CODE, declined), () => undefined, DELEGATED).issue({}), declined)
  const idle = new ScriptedIdentity({ ...CODE, expires_in: 12 }, pending('authorization_pending'), pending('authorization_pending'))
  await t.rejects(new DeviceCodeSource(idle, () => undefined, DELEGATED).issue({}), { code: 'Unauthorized', serviceCode: 'expired_token' })
  t.strictSame(idle.clock.sleeps, [5000, 5000])
})

t.test('An answer without a token is no token', async t => {
  await t.rejects(clientCredentials(new ScriptedIdentity({}), CLIENT, 's').issue({}), { name: 'AuthenticationError', code: 'MalformedAnswer' })
  await t.rejects(new DeviceCodeSource(new ScriptedIdentity({}), () => undefined, DELEGATED).issue({}), { name: 'AuthenticationError' })
})
