import { inspect } from 'node:util'
import t from 'tap'
import { ConfigurationError } from '../../../lib/errors.ts'
import { optionsFromEnv, resolveConfig } from '../../../streams/azure-files/config.ts'
import type { AzureFilesOptions } from '../../../streams/azure-files/config.ts'
import { parseConnectionString } from '../../../streams/azure-files/connection-string.ts'
import { AzureFiles } from '../../../streams/azure-files/index.ts'
import { ACCOUNT_KEY } from './support/client.ts'

const WHOLE = { accountName: 'demoacct', accountKey: ACCOUNT_KEY }
const CONNECTION = `DefaultEndpointsProtocol=https;AccountName=demoacct;AccountKey=${ACCOUNT_KEY};EndpointSuffix=core.windows.net`
const SAS = 'sv=2023-11-03&ss=f&srt=o&sp=r&se=2024-03-01T12%3A00%3A00Z&sig=abc%3D'

const WRONG: Array<[options: Record<string, unknown>, message: string | RegExp, code?: string]> = [
  [{}, 'Cannot create an Azure Files client without one of connectionString, accountKey, sasToken, credential', 'MissingCredentials'],
  [{ accountName: 'demoacct' }, 'Cannot create an Azure Files client without one of connectionString, accountKey, sasToken, credential', 'MissingCredentials'],
  [{ accountKey: ACCOUNT_KEY }, 'Cannot create an Azure Files client without accountName', 'InvalidAccountName'],
  [{ ...WHOLE, accountName: 'Demo-Acct' }, 'Cannot use accountName "Demo-Acct" as it must have 3 to 24 lower-case letters and digits', 'InvalidAccountName'],
  [{ ...WHOLE, accountName: '' }, 'Cannot use accountName "" as it must have 3 to 24 lower-case letters and digits', 'InvalidAccountName'],
  [{ ...WHOLE, accountKey: '' }, 'Cannot use accountKey as it must be base64 text that is not empty', 'InvalidKey'],
  [{ ...WHOLE, accountKey: 'secret key!' }, 'Cannot use accountKey as it must be base64 text that is not empty', 'InvalidKey'],
  [{ ...WHOLE, accountKey: 7 }, 'Cannot use accountKey as it must be a text or a function: received number'],
  [{ ...WHOLE, sasToken: SAS }, 'Cannot use accountKey and sasToken together: pass one of them'],
  [{ accountName: 'demoacct', sasToken: 'sp=r&sig=secret' }, 'Cannot use sasToken as it must be a query with the fields sv and sig'],
  [{ accountName: 'demoacct', credential: {} }, 'Cannot use credential as it must have a getToken method', 'MissingCredentials'],
  [{ connectionString: 'nonsense' }, 'Cannot use connectionString as it must have the form Name=value;Name=value with the names that Azure uses'],
  [{ connectionString: 'AccountName=demoacct' }, 'Cannot use connectionString as it has neither AccountKey nor SharedAccessSignature'],
  [{ connectionString: `AccountKey=${ACCOUNT_KEY}` }, 'Cannot use connectionString as it has neither AccountName nor FileEndpoint'],
  [{ connectionString: 'UseDevelopmentStorage=true' }, 'Cannot use connectionString as it means Azurite, which has no Files service: use the emulator of this package'],
  [{ ...WHOLE, endpoint: 'http://example.com' }, 'Cannot use endpoint "http://example.com" as it must be https: (http: is for loopback hosts only)'],
  [{ ...WHOLE, endpoint: 'demoacct' }, 'Cannot use endpoint as it must be an absolute URL: received "demoacct"'],
  [{ ...WHOLE, endpoint: 'https://a.b/?sig=secret' }, 'Cannot use endpoint "https://a.b" as it has a query or fragment'],
  [{ ...WHOLE, share: 'My_Share' }, /^Cannot use share: Cannot address share "My_Share"/, 'InvalidShareName'],
  [{ ...WHOLE, rangeSize: 4194305 }, 'Cannot use rangeSize: Cannot write ranges of 4194305 bytes as Azure Files takes 1 to 4194304 (4 MiB)'],
  [{ ...WHOLE, concurrency: 0 }, 'Cannot use concurrency: Cannot keep 0 requests in flight as concurrency must be a whole number from 1 to 16'],
  [{ ...WHOLE, integrity: 'sha256' }, 'Cannot use integrity "sha256" as it must be one of md5, crc64, none'],
  [{ ...WHOLE, apiVersion: 'latest' }, 'Cannot use apiVersion "latest" as it must be a date such as 2023-11-03']
]

for (const [options, message, code = 'Configuration'] of WRONG) {
  t.test(`AzureFiles refuses ${Object.keys(options).join(', ')}: ${message}`, async t => {
    t.throws(() => new AzureFiles(options as AzureFilesOptions), { name: 'ConfigurationError', message, code })
  })
}

t.test('resolveConfig() gives the defaults of the specification, frozen', async t => {
  const config = resolveConfig(WHOLE)
  t.match(config, { accountName: 'demoacct', rangeSize: 4194304, concurrency: 4, integrity: 'none', apiVersion: '2023-11-03', share: undefined })
  t.equal(config.endpoint.origin, 'https://demoacct.file.core.windows.net')
  t.throws(() => { Object.assign(config, { share: 'other' }) }, TypeError)
})

t.test('resolveConfig() finds the account in the service\'s own host', async t => {
  t.equal(resolveConfig({ endpoint: 'https://demoacct.file.core.chinacloudapi.cn', sasToken: `?${SAS}` }).accountName, 'demoacct')
})

t.test('resolveConfig() takes a later version with a token, as shares need it', async t => {
  t.equal(resolveConfig({ accountName: 'demoacct', credential: { getToken: async () => null } }).apiVersion, '2024-11-04')
})

t.test('no secret is printed', async t => {
  for (const options of [WHOLE, { accountName: 'demoacct', sasToken: SAS }, { connectionString: CONNECTION }]) {
    const azure = new AzureFiles(options)
    const printed = inspect(azure, { depth: 9, showHidden: true }) + inspect(azure.config, { depth: 9 }) + JSON.stringify(azure.config)
    t.notMatch(printed, ACCOUNT_KEY)
    t.notMatch(printed, 'abc%3D')
  }
  for (const text of [`AccountName=a;AccountKey=${ACCOUNT_KEY};oops`, `oops;AccountKey=${ACCOUNT_KEY}`]) {
    try {
      parseConnectionString(text)
      t.fail('it was taken')
    } catch (error) {
      t.ok(error instanceof ConfigurationError)
      t.notMatch(inspect(error), ACCOUNT_KEY)
    }
  }
})

t.test('parseConnectionString() reads what the portal shows', async t => {
  t.strictSame(parseConnectionString(CONNECTION), { accountName: 'demoacct', accountKey: ACCOUNT_KEY, endpoint: 'https://demoacct.file.core.windows.net' })
  t.strictSame(parseConnectionString(`FileEndpoint=http://127.0.0.1:9999/azure-files;AccountName=demoacct;AccountKey=${ACCOUNT_KEY};`), {
    accountName: 'demoacct', accountKey: ACCOUNT_KEY, endpoint: 'http://127.0.0.1:9999/azure-files'
  })
  t.strictSame(parseConnectionString(`BlobEndpoint=https://demoacct.blob.core.windows.net/;FileEndpoint=https://demoacct.file.core.windows.net/;SharedAccessSignature=${SAS}`), {
    sasToken: SAS, endpoint: 'https://demoacct.file.core.windows.net/'
  })
  t.equal(resolveConfig({ connectionString: `FileEndpoint=https://demoacct.file.core.windows.net/;SharedAccessSignature=${SAS}` }).accountName, 'demoacct')
})

t.test('optionsFromEnv() takes the first credential that is set; options win; empty is absent', async t => {
  const env = { AZURE_STORAGE_ACCOUNT: 'demoacct', AZURE_STORAGE_KEY: ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN: SAS, AZURE_STORAGE_CONNECTION_STRING: '', AZURE_FILES_SHARE: 'share' }
  t.strictSame(optionsFromEnv(env), { accountName: 'demoacct', accountKey: ACCOUNT_KEY, share: 'share' })
  t.strictSame(optionsFromEnv({ ...env, AZURE_STORAGE_KEY: '' }), { accountName: 'demoacct', sasToken: SAS, share: 'share' })
  t.strictSame(optionsFromEnv({ ...env, AZURE_STORAGE_CONNECTION_STRING: CONNECTION }), { accountName: 'demoacct', connectionString: CONNECTION, share: 'share' })
  t.strictSame(optionsFromEnv(env, { sasToken: 'mine', share: 'other' }), { accountName: 'demoacct', sasToken: 'mine', share: 'other' })
  t.equal(AzureFiles.fromEnv({}, env).config.share, 'share')
})
