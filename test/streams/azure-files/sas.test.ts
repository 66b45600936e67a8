import { inspect } from 'node:util'
import t from 'tap'
import { hmacBase64 } from '../../../streams/azure-files/auth.ts'
import {
  accountSas, accountSasStringToSign, orderPermissions, serviceSas, serviceSasStringToSign, userDelegationSas, userDelegationSasStringToSign
} from '../../../streams/azure-files/sas.ts'
import type { UserDelegationKey } from '../../../streams/azure-files/sas.ts'
import { ACCOUNT_KEY, start } from './support/client.ts'

const TIMES = { startsOn: '2024-03-01T00:00:00Z', expiresOn: '2024-03-02T00:00:00Z', protocol: 'https' } as const
const ACCOUNT = { ...TIMES, accountName: 'demoacct', permissions: 'rwdlc', services: 'f', resourceTypes: 'sco' }
const FILE = {
  ...TIMES,
  accountName: 'demoacct',
  share: 'myshare',
  path: 'dir one/file.txt',
  permissions: 'rcwd',
  contentDisposition: 'attachment; filename="a b.txt"',
  contentType: 'text/plain'
}

// Computed for the fact sheet, section 3.
t.test('accountSasStringToSign() has the line of the encryption scope since 2020-12-06', async t => {
  const text = accountSasStringToSign(ACCOUNT)
  t.equal(text, 'demoacct\nrwdlc\nf\nsco\n2024-03-01T00:00:00Z\n2024-03-02T00:00:00Z\n\nhttps\n2023-11-03\n\n')
  t.equal(hmacBase64(ACCOUNT_KEY, text), 'dlIt2JPIVyDQ0UZ2eVmEwhx5n5AW3E2Z7gcJh4UNTWs=')
  const before = accountSasStringToSign({ ...ACCOUNT, version: '2020-10-02' })
  t.equal(before, 'demoacct\nrwdlc\nf\nsco\n2024-03-01T00:00:00Z\n2024-03-02T00:00:00Z\n\nhttps\n2020-10-02\n')
  t.equal(hmacBase64(ACCOUNT_KEY, before), 'wqmkJxgfxxG3yyUho+HFgwZM42E6iaCoIaMmNVa8U3g=')
})

t.test('accountSas() is the token of the worked example', async t => {
  t.equal(accountSas(ACCOUNT, ACCOUNT_KEY), 'sv=2023-11-03&ss=f&srt=sco&sp=rwdlc&st=2024-03-01T00%3A00%3A00Z&se=2024-03-02T00%3A00%3A00Z&spr=https&sig=dlIt2JPIVyDQ0UZ2eVmEwhx5n5AW3E2Z7gcJh4UNTWs%3D')
})

t.test('serviceSas() of a share is that of the worked example', async t => {
  const share = { ...TIMES, accountName: 'demoacct', share: 'myshare', permissions: 'rcwdl' }
  t.equal(serviceSasStringToSign(share), 'rcwdl\n2024-03-01T00:00:00Z\n2024-03-02T00:00:00Z\n/file/demoacct/myshare\n\n\nhttps\n2023-11-03\n\n\n\n\n')
  t.match(serviceSas(share, ACCOUNT_KEY), /^sv=2023-11-03&sr=s&sp=rcwdl&.*&sig=lrHjIApD1K%2BLPLp5SuEXPSm9HH0fAI2b8fgahM1Nr0E%3D$/)
})

t.test('serviceSas() of a file is that of the worked example, with the headers it overrides', async t => {
  t.equal(serviceSasStringToSign(FILE), 'rcwd\n2024-03-01T00:00:00Z\n2024-03-02T00:00:00Z\n/file/demoacct/myshare/dir one/file.txt\n\n\nhttps\n2023-11-03\n\nattachment; filename="a b.txt"\n\n\ntext/plain')
  const query = new URLSearchParams(serviceSas(FILE, ACCOUNT_KEY))
  t.equal(query.get('sig'), 'vnlSAJjDupSL130GNwljCUriZp1tGUNs2cNemDXFl50=')
  t.equal(query.get('sr'), 'f')
  t.equal(query.get('rscd'), 'attachment; filename="a b.txt"')
})

t.test('userDelegationSas() is that of the worked example', async t => {
  const key: UserDelegationKey = {
    signedOid: '11111111-1111-1111-1111-111111111111',
    signedTid: '22222222-2222-2222-2222-222222222222',
    signedStart: '2026-03-01T00:00:00Z',
    signedExpiry: '2026-03-05T00:00:00Z',
    signedService: 'f',
    signedVersion: '2026-02-06',
    value: 'QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8='
  }
  const fields = { accountName: 'demoacct', share: 'myshare', path: 'file.txt', permissions: 'r', startsOn: '2026-03-01T00:00:00Z', expiresOn: '2026-03-02T00:00:00Z', protocol: 'https' } as const
  t.equal(userDelegationSasStringToSign(fields, key), 'r\n2026-03-01T00:00:00Z\n2026-03-02T00:00:00Z\n/file/demoacct/myshare/file.txt\n11111111-1111-1111-1111-111111111111\n22222222-2222-2222-2222-222222222222\n2026-03-01T00:00:00Z\n2026-03-05T00:00:00Z\nf\n2026-02-06\n\n\n\nhttps\n2026-02-06\n\n\n\n\n')
  const query = new URLSearchParams(userDelegationSas(fields, key))
  t.equal(query.get('sig'), 'xZfxzkjIn/sP3MFKrT6GowgIXxh5CeOpeB8brOCrauE=')
  t.equal(query.get('skoid'), key.signedOid)
})

t.test('orderPermissions() gives the order that the service demands and refuses what does not exist', async t => {
  t.equal(orderPermissions('share', 'ldwcr'), 'rcwdl')
  t.equal(orderPermissions('file', 'wwr'), 'rw')
  t.throws(() => orderPermissions('file', 'rl'), { name: 'RangeError', message: 'Cannot use "rl" as permissions of a SAS for a file: it must have one or more letters of "rcwd"' })
  t.throws(() => orderPermissions('account', ''), RangeError)
})

t.test('AzureSas gives the right to read one file for 15 minutes unless it is told otherwise, and hides it', async t => {
  const { azure } = start()
  const url = await azure.sas.service({ path: 'dir one/ü.txt' })
  t.match(url.href, /^https:\/\/demoacct\.file\.core\.windows\.net\/share\/dir%20one\/%C3%BC\.txt\?sv=2023-11-03&sr=f&sp=r&se=2024-03-01T12%3A15%3A00Z&spr=https&sig=/)
  t.notMatch(inspect(url) + JSON.stringify({ url }), 'sig=')
})

t.test('AzureSas gives an account SAS for objects to read, and a share SAS where no path is named', async t => {
  const { azure } = start()
  t.match((await azure.sas.account()).href, /^https:\/\/demoacct\.file\.core\.windows\.net\/\?sv=2023-11-03&ss=f&srt=o&sp=r&se=/)
  t.match((await azure.sas.account({ resourceTypes: 'os', permissions: 'lr', expiresIn: 60, startsOn: new Date('2025-01-01T00:00:00Z') })).search, /srt=so&sp=rl&st=2025-01-01T00%3A00%3A00Z&se=2025-01-01T00%3A01%3A00Z/)
  t.match((await azure.sas.service({ permissions: 'lr' })).href, /\/share\?sv=2023-11-03&sr=s&sp=rl&/)
})

t.test('AzureSas leaves to a stored access policy what it says', async t => {
  const { azure } = start()
  t.match((await azure.sas.service({ identifier: 'policy' })).search, /^\?sv=2023-11-03&sr=s&si=policy&spr=https&sig=/)
})

t.test('AzureSas refuses to sign without a key, for no time, and for a path that is none', async t => {
  const { azure } = start()
  const { azure: withSas } = start({ accountKey: undefined as never, sasToken: 'sv=1&sig=2' })
  await t.rejects(withSas.sas.service(), { name: 'ConfigurationError', code: 'MissingCredentials', message: 'Cannot sign a SAS without accountKey' })
  await t.rejects(withSas.sas.userDelegation(), { name: 'ConfigurationError', message: 'Cannot sign for a user without credential' })
  await t.rejects(azure.sas.service({ expiresIn: 0 }), { name: 'RangeError' })
  await t.rejects(azure.sas.service({ path: './a' }), { code: 'InvalidPath' })
})

t.test('AzureSas signs for a user with a key that it asks for once', async t => {
  const token = { getToken: async () => ({ token: 'entra', expiresOnTimestamp: Date.UTC(2024, 2, 2) }) }
  const { azure, service } = start({ accountKey: undefined as never, credential: token })
  service.trouble = () => ({
    status: 200,
    body: '\uFEFF<?xml version="1.0"?><UserDelegationKey><SignedOid>oid</SignedOid><SignedTid>tid</SignedTid><SignedStart>2024-03-01T12:00:00Z</SignedStart><SignedExpiry>2024-03-02T12:00:00Z</SignedExpiry><SignedService>f</SignedService><SignedVersion>2026-02-06</SignedVersion><Value>QEFC</Value></UserDelegationKey>'
  })
  const url = await azure.sas.userDelegation({ path: 'a' })
  await azure.sas.userDelegation({ path: 'b' })
  t.equal(service.requests.length, 1)
  t.match(service.requests[0], { method: 'POST', path: '/', headers: { 'x-ms-version': '2026-02-06', authorization: 'Bearer entra', 'x-ms-file-request-intent': 'backup' } })
  t.equal(service.requests[0]?.body.toString(), '<?xml version="1.0" encoding="utf-8"?><KeyInfo><Start>2024-03-01T12:00:00Z</Start><Expiry>2024-03-02T12:00:00Z</Expiry></KeyInfo>')
  t.match(url.search, /skoid=oid&sktid=tid&skt=.*&ske=.*&sks=f&skv=2026-02-06/)
})
