/** Beside Microsoft's own client: the same signatures, and each reads what the other wrote. */
import {
  AccountSASPermissions, AccountSASResourceTypes, AccountSASServices, FileSASPermissions, SASProtocol, ShareSASPermissions, ShareServiceClient,
  StorageSharedKeyCredential, generateAccountSASQueryParameters, generateFileSASQueryParameters
} from '@azure/storage-file-share'
import t from 'tap'
import { AzureFiles } from '../../../../streams/azure-files/index.ts'
import { accountSas, serviceSas } from '../../../../streams/azure-files/sas.ts'
import { ACCOUNT_KEY } from '../support/client.ts'
import { bytesOf, start } from './support.ts'

const credential = new StorageSharedKeyCredential('demoacct', ACCOUNT_KEY)
const startsOn = new Date('2024-03-01T00:00:00Z')
const expiresOn = new Date('2024-03-02T00:00:00Z')
const TIMES = { startsOn: '2024-03-01T00:00:00Z', expiresOn: '2024-03-02T00:00:00Z', protocol: 'https' } as const
const version = '2023-11-03'

t.test('signatures are those of the SDK', async t => {
  const file = generateFileSASQueryParameters({
    shareName: 'myshare', filePath: 'dir one/ü.txt', permissions: FileSASPermissions.parse('rc'), startsOn, expiresOn, protocol: SASProtocol.Https, version, contentType: 'text/plain'
  }, credential)
  const fields = { ...TIMES, accountName: 'demoacct', share: 'myshare', path: 'dir one/ü.txt', permissions: 'rc', contentType: 'text/plain' }
  t.equal(new URLSearchParams(serviceSas(fields, ACCOUNT_KEY)).get('sig'), file.signature)
  const share = generateFileSASQueryParameters({ shareName: 'myshare', permissions: ShareSASPermissions.parse('rl'), expiresOn, version }, credential)
  t.equal(new URLSearchParams(serviceSas({ accountName: 'demoacct', share: 'myshare', permissions: 'rl', expiresOn: TIMES.expiresOn }, ACCOUNT_KEY)).get('sig'), share.signature)
  const account = generateAccountSASQueryParameters({
    services: AccountSASServices.parse('f').toString(), resourceTypes: AccountSASResourceTypes.parse('so').toString(), permissions: AccountSASPermissions.parse('rl'), expiresOn, version
  }, credential)
  t.equal(new URLSearchParams(accountSas({ accountName: 'demoacct', services: 'f', resourceTypes: 'so', permissions: 'rl', expiresOn: TIMES.expiresOn }, ACCOUNT_KEY)).get('sig'), account.signature)
})

t.test('each reads what the other wrote, and a SAS of either opens the other', async t => {
  const { azure, emulator } = await start(t)
  const { endpoint, accountName, accountKey, share } = emulator.azureFiles.options()
  const key = new StorageSharedKeyCredential(accountName, accountKey)
  const sdk = new ShareServiceClient(endpoint, key).getShareClient(share)
  const bytes = bytesOf(100_000)
  await azure.files.write({ path: 'dir/ours é.bin', data: bytes, metadata: { owner: 'ann' } })
  t.same(await sdk.getDirectoryClient('dir').getFileClient('ours é.bin').downloadToBuffer(), bytes)
  await sdk.getDirectoryClient('dir').getFileClient('theirs').uploadData(bytes)
  t.same((await azure.files.read({ path: 'dir/theirs' })).data, bytes)

  const url = await azure.sas.service({ path: 'dir/theirs' })
  const { ShareFileClient } = await import('@azure/storage-file-share')
  t.same(await new ShareFileClient(url.href).downloadToBuffer(), bytes)
  const sas = generateFileSASQueryParameters({ shareName: share, permissions: ShareSASPermissions.parse('rwl'), expiresOn: new Date(Date.now() + 60_000), version }, key)
  const guest = new AzureFiles({ endpoint, accountName, share, sasToken: sas.toString() })
  t.teardown(() => guest.close())
  t.same((await guest.files.read({ path: 'dir/ours é.bin' })).data, bytes)
  t.equal((await guest.createListStream('dir').toArray()).length, 2)
})

t.test('a lease of either keeps the other out', async t => {
  const { azure, emulator } = await start(t)
  const { endpoint, accountName, accountKey, share } = emulator.azureFiles.options()
  const file = new ShareServiceClient(endpoint, new StorageSharedKeyCredential(accountName, accountKey)).getShareClient(share).rootDirectoryClient.getFileClient('a')
  await azure.files.write({ path: 'a', data: 'text' })
  const lease = await azure.leases.acquire('a')
  await t.rejects(file.setMetadata({ a: '1' }), { code: 'LeaseIdMissing' })
  await file.setMetadata({ a: '1' }, { leaseAccessConditions: { leaseId: lease.id } })
  await azure.leases.release(lease)
  const theirs = await file.getShareLeaseClient().acquireLease()
  await t.rejects(azure.files.delete({ path: 'a' }), { name: 'LeaseError', code: 'LeaseIdMissing' })
  await azure.files.delete({ path: 'a', leaseId: theirs.leaseId as string })
})
