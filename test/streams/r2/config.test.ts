import { inspect } from 'node:util'
import t from 'tap'
import { ConfigurationError } from '../../../lib/errors.ts'
import { optionsFromEnv, resolveConfig } from '../../../streams/r2/config.ts'
import type { R2Options } from '../../../streams/r2/config.ts'
import { R2 } from '../../../streams/r2/client.ts'

const ACCOUNT = '0123456789abcdef0123456789ABCDEF'
const KEYS = { accessKeyId: 'a'.repeat(32), secretAccessKey: 'b'.repeat(64) }
const REAL: R2Options = { accountId: ACCOUNT, ...KEYS, bucket: 'my-bucket' }
const LOCAL: R2Options = { endpoint: 'http://127.0.0.1:9000/s3/', accessKeyId: 'key', secretAccessKey: 'secret' }

t.test('resolveConfig() has the defaults of the specification', async t => {
  const { endpoint, credentials, ...rest } = resolveConfig(REAL)
  t.same(endpoint, {
    origin: 'https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com',
    host: '0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com',
    hostname: '0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com',
    pathPrefix: ''
  })
  t.same(rest, {
    accountId: ACCOUNT, strict: true, bucket: 'my-bucket', multipartThreshold: 104_857_600, partSize: 10_485_760, concurrency: 4, integrity: 'sha256'
  })
  t.same(await credentials(), KEYS)
})

t.test('resolveConfig() gives the host of a jurisdiction', t => {
  for (const jurisdiction of ['eu', 'fedramp', 'us'] as const) {
    t.equal(resolveConfig({ ...REAL, jurisdiction }).endpoint.host, `0123456789abcdef0123456789abcdef.${jurisdiction}.r2.cloudflarestorage.com`)
  }
  t.end()
})

t.test('resolveConfig() takes keys and names of any shape for another server than R2', async t => {
  const config = resolveConfig({ ...LOCAL, bucket: 'My.Bucket', sessionToken: 'token' })
  t.match(config, { strict: false, bucket: 'My.Bucket', endpoint: { origin: 'http://127.0.0.1:9000', pathPrefix: '/s3' } })
  t.same(await config.credentials(), { accessKeyId: 'key', secretAccessKey: 'secret', sessionToken: 'token' })
})

t.test('resolveConfig() takes every number that may be changed', t => {
  const numbers = { multipartThreshold: 1, partSize: 5_242_880, concurrency: 16, integrity: 'crc64nvme' } as const
  t.match(resolveConfig({ ...REAL, ...numbers }), numbers)
  t.end()
})

t.test('resolveConfig() is frozen and prints no secret', t => {
  const config = resolveConfig({ ...REAL, sessionToken: 'hunter2' })
  t.ok(Object.isFrozen(config))
  t.throws(() => { (config as { bucket: string }).bucket = 'other' }, TypeError)
  t.notMatch(inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config), /hunter2|bbbb/)
  t.end()
})

t.test('resolveConfig() asks a provider anew each time, and checks what it gives', async t => {
  let count = 0
  const provider = resolveConfig({ ...LOCAL, credentials: async () => ({ accessKeyId: `key${++count}`, secretAccessKey: 's' }) }).credentials
  t.same([await provider(), await provider()].map(({ accessKeyId }) => accessKeyId), ['key1', 'key2'])
  const strict = resolveConfig({ accountId: ACCOUNT, credentials: () => ({ accessKeyId: 'b'.repeat(64), secretAccessKey: 'b'.repeat(64) }) })
  await t.rejects(async () => strict.credentials(), new ConfigurationError("Cannot use accessKeyId as R2's has 32 hex digits: received 64 characters"))
  const nothing = resolveConfig({ ...LOCAL, credentials: () => undefined as never })
  await t.rejects(async () => nothing.credentials(), new ConfigurationError('Cannot use accessKeyId as it must be a text that is not empty'))
})

t.test('optionsFromEnv() reads the variables of R2, and code wins over them', t => {
  const env = {
    R2_ACCOUNT_ID: ACCOUNT, R2_ACCESS_KEY_ID: 'id', R2_SECRET_ACCESS_KEY: 'secret', R2_SESSION_TOKEN: 'token', R2_BUCKET: 'b', R2_ENDPOINT: 'https://e', R2_JURISDICTION: '', OTHER: 'x'
  }
  t.same(optionsFromEnv(env, { bucket: 'mine', concurrency: 2 }), {
    accountId: ACCOUNT, accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: 'token', bucket: 'mine', endpoint: 'https://e', concurrency: 2
  })
  t.same(optionsFromEnv({}), {})
  t.end()
})

t.test('R2.fromEnv() makes the client that the same options make', async t => {
  const fromEnv = R2.fromEnv({}, { R2_ACCOUNT_ID: ACCOUNT, R2_ACCESS_KEY_ID: KEYS.accessKeyId, R2_SECRET_ACCESS_KEY: KEYS.secretAccessKey, R2_BUCKET: 'my-bucket' })
  const { credentials, ...config } = fromEnv.config
  const { credentials: same, ...wanted } = new R2(REAL).config
  t.same(config, wanted)
  t.same(await credentials(), await same())
  t.throws(() => R2.fromEnv({}, {}), new ConfigurationError('Cannot create an R2 client without accountId or endpoint'))
})
