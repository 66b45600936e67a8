import { inspect } from 'node:util'
import t from 'tap'
import { ConfigurationError } from '../../../lib/errors.ts'
import { OneDrive } from '../../../streams/onedrive/client.ts'
import { optionsFromEnv, resolveConfig } from '../../../streams/onedrive/config.ts'
import type { OneDriveOptions } from '../../../streams/onedrive/config.ts'

const TOKEN: OneDriveOptions = { accessToken: 'token' }
const APP: OneDriveOptions = { tenantId: '6f1c0b2a-0000-4000-8000-000000000001', clientId: 'app', clientSecret: 'hunter2' }

t.test('resolveConfig() has the defaults of the documents', async t => {
  t.match(resolveConfig(TOKEN), {
    endpoint: { origin: 'https://graph.microsoft.com', pathPrefix: '/v1.0' },
    authority: { origin: 'https://login.microsoftonline.com', pathPrefix: '' },
    tenantId: 'common',
    drive: 'me',
    auth: 'accessToken',
    fragmentSize: 10_485_760,
    simpleUploadLimit: 4_194_304,
    concurrency: 4,
    userAgent: 'sluice'
  })
})

t.test('resolveConfig() takes path prefixes on loopback, for Graph and for the authority', async t => {
  const { endpoint, authority } = resolveConfig({ ...TOKEN, endpoint: 'http://127.0.0.1:8080/onedrive/v1.0/', authorityHost: 'http://localhost:8080/login' })
  t.match(endpoint, { origin: 'http://127.0.0.1:8080', pathPrefix: '/onedrive/v1.0' })
  t.match(authority, { origin: 'http://localhost:8080', pathPrefix: '/login' })
})

t.test('resolveConfig() knows each way to a token', async t => {
  t.equal(resolveConfig({ credential: { getToken: async () => null } }).auth, 'credential')
  t.equal(resolveConfig({ accessToken: () => 'x' }).auth, 'accessToken')
  t.match(resolveConfig(APP), { auth: 'clientCredentials', tenantId: APP.tenantId })
  t.match(resolveConfig({ clientId: 'app', refreshToken: 'r' }), { auth: 'refreshToken', tenantId: 'common' })
  t.match(resolveConfig({ clientId: 'app', deviceCode: () => undefined, tenantId: 'consumers' }), { auth: 'deviceCode', tenantId: 'consumers' })
  t.equal(resolveConfig({ clientId: 'app', clientSecret: 's', refreshToken: 'r' }).auth, 'refreshToken', 'a confidential client refreshes with its secret')
})

/** What is wrong, and what is said. */
const WRONG: Array<[options: object, message: string]> = [
  [{}, 'Cannot create a OneDrive client without credential, accessToken, or clientId with clientSecret, refreshToken or deviceCode'],
  [{ ...TOKEN, credential: { getToken: async () => null } }, 'Cannot use credential and accessToken together: pass one of them'],
  [{ ...TOKEN, clientSecret: 's' }, 'Cannot use accessToken and clientSecret together: pass one of them'],
  [{ refreshToken: 'r', deviceCode: () => undefined, clientId: 'a' }, 'Cannot use refreshToken and deviceCode together: pass one of them'],
  [{ credential: {} }, 'Cannot use credential as it must have a function getToken, as the credentials of @azure/identity have'],
  [{ accessToken: 7 }, 'Cannot use accessToken as it must be a string or a function: received number'],
  [{ accessToken: 'Bearer eyJ' }, 'Cannot use accessToken as it starts with "Bearer ": pass the token alone'],
  [{ accessToken: 'two words' }, 'Cannot use accessToken as it must be printable ASCII without spaces, and not empty'],
  [{ accessToken: '' }, 'Cannot use accessToken as it must be printable ASCII without spaces, and not empty'],
  [{ clientSecret: 's', tenantId: 't' }, 'Cannot create a OneDrive client without clientId'],
  [{ clientSecret: '  ', clientId: 'a', tenantId: 't' }, 'Cannot use clientSecret as it must be a text that is not empty'],
  [{ refreshToken: 7, clientId: 'a' }, 'Cannot use refreshToken as it must be a text that is not empty'],
  [{ clientId: 'a', deviceCode: 'show' }, 'Cannot use deviceCode as it must be a function that shows the code: received string'],
  [{ clientId: 'a', clientSecret: 's' }, 'Cannot create a OneDrive client without tenantId: an app that signs in as itself belongs to one'],
  [{ clientId: 'a', clientSecret: 's', tenantId: 'common' }, 'Cannot use tenantId "common" with clientSecret as an app signs in to one directory: pass its id'],
  [{ ...TOKEN, tenantId: 'a/b' }, 'Cannot use tenantId "a/b" as it must be the id or a domain of a directory'],
  [{ ...TOKEN, endpoint: 'http://graph.microsoft.com/v1.0' }, 'Cannot use endpoint "http://graph.microsoft.com" as it must be https: (http: is for loopback hosts only)'],
  [{ ...TOKEN, endpoint: 'graph' }, 'Cannot use endpoint as it must be an absolute URL: received "graph"'],
  [{ ...TOKEN, authorityHost: 'http://login.example' }, 'Cannot use authorityHost "http://login.example" as it must be https: (http: is for loopback hosts only)'],
  [{ ...TOKEN, fragmentSize: 1_000_000 }, 'Cannot use fragmentSize: Cannot open an upload session as fragmentSize must be a multiple of 327680: received 1000000'],
  [{ ...TOKEN, fragmentSize: 62_914_560 }, 'Cannot use fragmentSize: Cannot open an upload session as fragmentSize must be below 60 MiB, at most 62586880: received 62914560'],
  [{ ...TOKEN, simpleUploadLimit: -1 }, 'Cannot use simpleUploadLimit: Cannot use simpleUploadLimit -1 as it must be 0 to 262144000 bytes (250 MiB)'],
  [{ ...TOKEN, concurrency: 17 }, 'Cannot use concurrency: Cannot keep 17 requests in flight as concurrency must be a whole number from 1 to 16'],
  [{ ...TOKEN, drive: 'ours' }, "Cannot use drive: Cannot address a drive as it must be 'me' or one of { driveId }, { userId }, { groupId }, { siteId }: received \"ours\""],
  [{ ...TOKEN, userAgent: 'my app' }, 'Cannot use userAgent "my app" as it must be "ISV|Company|App/1.0" or "NONISV|Company|App/1.0"'],
  [{ ...TOKEN, scopes: [] }, 'Cannot use scopes as they must be a list of texts without spaces, and not empty']
]

t.test('resolveConfig() names what is wrong', async t => {
  for (const [options, message] of WRONG) t.throws(() => resolveConfig(options), new ConfigurationError(message))
})

t.test('resolveConfig() is frozen, and neither it nor its errors show a secret', async t => {
  const config = resolveConfig({ ...APP, drive: { driveId: 'd' } })
  t.ok(Object.isFrozen(config))
  t.throws(() => { (config as { fragmentSize: number }).fragmentSize = 1 }, TypeError)
  t.throws(() => { (config.drive as { driveId: string }).driveId = 'other' }, TypeError)
  const onedrive = new OneDrive(APP)
  t.notMatch(inspect(onedrive, { depth: 9, showHidden: true }) + JSON.stringify(onedrive) + inspect(onedrive.config), /hunter2/)
  await onedrive.close()
})

const ENV = { AZURE_TENANT_ID: 'tenant', AZURE_CLIENT_ID: 'app', AZURE_CLIENT_SECRET: 's', ONEDRIVE_DEFAULT_DRIVE_ID: 'b!x', ONEDRIVE_CHUNK_SIZE: '327680' }

t.test('optionsFromEnv() reads the variables, and empty ones count as absent', async t => {
  t.strictSame(optionsFromEnv(ENV), { tenantId: 'tenant', clientId: 'app', clientSecret: 's', drive: { driveId: 'b!x' }, fragmentSize: 327_680 })
  t.strictSame(optionsFromEnv({ ...ENV, AZURE_CLIENT_SECRET: '', ONEDRIVE_DEFAULT_DRIVE_ID: '', ONEDRIVE_CHUNK_SIZE: '' }), { tenantId: 'tenant', clientId: 'app' })
})

t.test('optionsFromEnv() lets the code win over the environment, and that over what is shared', async t => {
  const shared: OneDriveOptions = { credential: { getToken: async () => null }, drive: { driveId: 'shared' }, concurrency: 2 }
  t.match(optionsFromEnv(ENV, { drive: 'me' }, shared), { drive: 'me', fragmentSize: 327_680, clientSecret: 's', concurrency: 2, credential: undefined })
  t.match(optionsFromEnv({}, {}, shared), shared)
  t.match(optionsFromEnv(ENV, { accessToken: 'x' }, shared), { accessToken: 'x', clientSecret: undefined, credential: undefined })
})

t.test('optionsFromEnv() checks the fragment size by the name of its variable', async t => {
  t.throws(() => optionsFromEnv({ ONEDRIVE_CHUNK_SIZE: '1000' }), new ConfigurationError('Cannot use ONEDRIVE_CHUNK_SIZE: Cannot open an upload session as fragmentSize must be a multiple of 327680: received 1000'))
  t.throws(() => optionsFromEnv({ ONEDRIVE_CHUNK_SIZE: '10 MB' }), new ConfigurationError('Cannot use ONEDRIVE_CHUNK_SIZE as it must be a number of bytes: received "10 MB"'))
})

t.test('OneDrive.fromEnv() makes a client', async t => {
  const onedrive = OneDrive.fromEnv({ concurrency: 1 }, ENV)
  t.match(onedrive.config, { auth: 'clientCredentials', tenantId: 'tenant', fragmentSize: 327_680, concurrency: 1, drive: { driveId: 'b!x' } })
  await onedrive.close()
})
