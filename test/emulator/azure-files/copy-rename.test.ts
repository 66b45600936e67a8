import t from 'tap'
import { randomBytes } from 'node:crypto'
import { accountSas, serviceSas } from '../../../streams/azure-files/sas.ts'
import { A, B, type Client, outcome, type Reply, startClient } from './client.ts'

function copy (client: Client, source: string, destination: string, headers: Record<string, string> = {}): Promise<Reply> {
  return client.send({ method: 'PUT', path: destination, headers: { 'x-ms-copy-source': client.url(source), ...headers } })
}

function rename (client: Client, source: string, destination: string, headers: Record<string, string> = {}, restype?: string): Promise<Reply> {
  return client.send({ method: 'PUT', path: destination, query: { comp: 'rename', ...(restype === undefined ? {} : { restype }) }, headers: { 'x-ms-file-rename-source': client.url(source), ...headers } })
}

t.test('a copy within the account is done at once, and takes content headers and metadata along', async t => {
  const client = await startClient(t)
  const body = randomBytes(200_000)
  await client.put('source', body, { 'x-ms-content-type': 'text/x', 'x-ms-meta-a': '1' })
  const copied = await copy(client, 'source', 'target')
  t.match(copied, { status: 202, headers: { 'x-ms-copy-id': /^[0-9a-f-]{36}$/, 'x-ms-copy-status': 'success', etag: String } })
  const { headers } = await client.head('target')
  t.match(headers, {
    'content-type': 'text/x',
    'x-ms-meta-a': '1',
    'x-ms-copy-id': copied.headers['x-ms-copy-id'],
    'x-ms-copy-status': 'success',
    'x-ms-copy-progress': '200000/200000',
    'x-ms-copy-source': client.url('source'),
    'x-ms-copy-completion-time': / GMT$/
  })
  await client.delete('source')
  t.ok((await client.get('target')).bytes.equals(body))
  await client.set('target', 'properties', { 'x-ms-content-length': '5' })
  t.equal((await client.head('target')).headers['x-ms-copy-id'], undefined, 'forgotten by Set Properties')
})

t.test('a copy with its own metadata, over what was there, onto itself', async t => {
  const client = await startClient(t)
  await client.put('a', 'aaa', { 'x-ms-meta-k': 'a' })
  await client.put('b', 'bbbbb')
  await copy(client, 'a', 'b', { 'x-ms-meta-own': '1' })
  const { headers, text } = await client.get('b')
  t.same([text, headers['x-ms-meta-k'], headers['x-ms-meta-own']], ['aaa', undefined, '1'])
  t.equal(outcome(await copy(client, 'a', 'a')), '202')
  t.equal((await client.get('a')).text, 'aaa')
  t.equal(client.emulator.azureFiles.state.blobs, 1)
  t.equal(outcome(await copy(client, 'missing', 'c')), '404 ResourceNotFound')
  t.equal(outcome(await copy(client, 'a', 'd/c')), '404 ParentNotFound')
  t.equal(outcome(await client.send({ method: 'PUT', path: 'c', headers: { 'x-ms-copy-source': 'http://other.host/sluicefiles/sluice/a' } })), '409 CannotVerifyCopySource')
  t.equal(outcome(await client.send({ method: 'PUT', path: 'c', headers: { 'x-ms-copy-source': 'no url' } })), '400 InvalidHeaderValue')
})

t.test('SMB properties of a copy: from the source or as they are said', async t => {
  const client = await startClient(t)
  await client.create('a', 1, { 'x-ms-file-attributes': 'Hidden', 'x-ms-file-creation-time': '2020-01-01T00:00:00Z' })
  await copy(client, 'a', 'b', { 'x-ms-file-attributes': 'source', 'x-ms-file-creation-time': 'source', 'x-ms-file-last-write-time': '2021-01-01T00:00:00Z', 'x-ms-file-permission-copy-mode': 'source' })
  t.match((await client.head('b')).headers, {
    'x-ms-file-attributes': 'Hidden | Archive', 'x-ms-file-creation-time': '2020-01-01T00:00:00.0000000Z', 'x-ms-file-last-write-time': '2021-01-01T00:00:00.0000000Z'
  })
  t.equal(outcome(await copy(client, 'a', 'b', { 'x-ms-file-permission-copy-mode': 'override' })), '400 MissingRequiredHeader')
})

t.test('the source of a copy needs a right of its own when the destination has a token', async t => {
  const client = await startClient(t)
  await client.put('a', 'aaa')
  const { accountName, accountKey, share } = client.emulator.azureFiles
  const expiresOn = new Date(Date.now() + 60_000).toISOString().replace(/\.\d+/, '')
  const sas = accountSas({ accountName, services: 'f', resourceTypes: 'o', permissions: 'rwc', expiresOn }, accountKey)
  const send = (source: string): Promise<Reply> => client.send({ method: 'PUT', path: 'b', sas, headers: { 'x-ms-copy-source': source } })
  t.equal(outcome(await send(client.url('a'))), '409 CannotVerifyCopySource')
  t.equal(outcome(await send(`${client.url('a')}?${serviceSas({ accountName, share, path: 'a', permissions: 'w', expiresOn }, accountKey)}`)), '409 CannotVerifyCopySource')
  t.equal(outcome(await send(`${client.url('a')}?${serviceSas({ accountName, share, path: 'a', permissions: 'r', expiresOn }, accountKey)}`)), '202')
  t.equal((await client.head('b')).headers['x-ms-copy-source'], client.url('a'), 'without the token')
})

t.test('a copy that stays pending shows its progress, holds the file, and ends', async t => {
  const client = await startClient(t, { azureFiles: { strict: { pendingCopies: { polls: 2 } } } })
  await client.put('a', '0123456789')
  const copied = await copy(client, 'a', 'b')
  t.equal(copied.headers['x-ms-copy-status'], 'pending')
  t.equal(outcome(await client.putRange('b', 0, 'x')), '409 PendingCopyOperation')
  const progress: Array<string | undefined> = []
  for (let look = 0; look < 4; look++) {
    const { headers } = await client.head('b')
    progress.push(`${headers['x-ms-copy-status']} ${headers['x-ms-copy-progress']}`)
  }
  t.same(progress, ['pending 3/10', 'pending 5/10', 'success 10/10', 'success 10/10'])
  t.equal((await client.get('b')).text, '0123456789')
})

t.test('a copy that fails, and one that is aborted', async t => {
  const failing = await startClient(t, { azureFiles: { strict: { pendingCopies: { polls: 0, outcome: 'failed' } } } })
  await failing.put('a', '0123456789')
  await copy(failing, 'a', 'b')
  t.match((await failing.head('b')).headers, { 'x-ms-copy-status': 'failed', 'x-ms-copy-status-description': String })
  const client = await startClient(t, { azureFiles: { strict: { pendingCopies: { polls: Infinity } } } })
  await client.put('a', '0123456789', { 'x-ms-meta-k': 'v' })
  const id = (await copy(client, 'a', 'b')).headers['x-ms-copy-id'] ?? ''
  const abort = (copyid: string, action = 'abort'): Promise<Reply> => client.send({ method: 'PUT', path: 'b', query: { comp: 'copy', copyid }, headers: { 'x-ms-copy-action': action } })
  t.equal(outcome(await abort('other')), '409 NoPendingCopyOperation')
  t.equal(outcome(await abort(id, 'stop')), '400 InvalidHeaderValue')
  t.equal(outcome(await abort(id)), '204')
  t.equal(outcome(await abort(id)), '409 NoPendingCopyOperation')
  t.match((await client.head('b')).headers, { 'content-length': '0', 'x-ms-meta-k': 'v', 'x-ms-copy-status': 'aborted' })
})

t.test('a file is renamed with all that it has', async t => {
  const client = await startClient(t)
  await client.mkdir('d')
  await client.put('a', 'aaa', { 'x-ms-meta-k': 'v', 'x-ms-content-type': 'text/x' })
  await client.lease('a', 'acquire', { 'x-ms-proposed-lease-id': A })
  t.equal(outcome(await rename(client, 'a', 'd/b')), '412 LeaseIdMissing')
  const { headers: before } = await client.head('a')
  const renamed = await rename(client, 'a', 'd/b', { 'x-ms-source-lease-id': A })
  t.match(renamed, { status: 200, headers: { 'x-ms-file-id': before['x-ms-file-id'], 'x-ms-file-parent-id': /^\d{19,20}$/, etag: String } })
  t.equal(outcome(await client.head('a')), '404 ResourceNotFound')
  const { headers, text } = await client.get('d/b')
  t.match([text, headers], ['aaa', { 'x-ms-meta-k': 'v', 'content-type': 'text/x', 'x-ms-lease-state': 'leased', etag: renamed.headers['etag'] }])
})

t.test('a rename replaces only when it is told to', async t => {
  const client = await startClient(t)
  await client.put('a', 'aaa')
  await client.put('b', 'bbb', { 'x-ms-file-attributes': 'ReadOnly' })
  const replace = { 'x-ms-file-rename-replace-if-exists': 'true' }
  t.equal(outcome(await rename(client, 'a', 'b')), '409 ResourceAlreadyExists')
  t.equal(outcome(await rename(client, 'a', 'b', { 'x-ms-file-rename-replace-if-exists': 'false' })), '409 ResourceAlreadyExists')
  t.equal(outcome(await rename(client, 'a', 'b', { 'x-ms-file-rename-ignore-readonly': 'true' })), '400 InvalidHeaderValue')
  t.equal(outcome(await rename(client, 'a', 'b', replace)), '409 ReadOnlyAttribute')
  await client.set('b', 'properties', { 'x-ms-file-attributes': 'Archive' })
  await client.lease('b', 'acquire', { 'x-ms-proposed-lease-id': A })
  t.equal(outcome(await rename(client, 'a', 'b', replace)), '412 LeaseIdMissing')
  t.equal(outcome(await rename(client, 'a', 'b', { ...replace, 'x-ms-destination-lease-id': B })), '412 LeaseIdMismatchWithFileOperation')
  t.equal(outcome(await rename(client, 'a', 'b', { ...replace, 'x-ms-destination-lease-id': A })), '200')
  t.equal((await client.get('b')).text, 'aaa')
  t.equal(outcome(await rename(client, 'b', 'c', { 'x-ms-destination-lease-id': A })), '412 LeaseNotPresentWithFileOperation')
  t.equal(outcome(await rename(client, 'b', 'B')), '200', 'only the case changes')
  t.same(client.emulator.azureFiles.state.entries().map(entry => entry.path), ['B'])
})

t.test('a read-only destination goes when that is said, too', async t => {
  const client = await startClient(t)
  await client.put('a', 'aaa')
  await client.create('b', 3, { 'x-ms-file-attributes': 'ReadOnly' })
  const both = { 'x-ms-file-rename-replace-if-exists': 'true', 'x-ms-file-rename-ignore-readonly': 'true' }
  t.equal(outcome(await rename(client, 'a', 'b', { ...both, 'x-ms-meta-k': 'v', 'x-ms-content-type': 'text/y' })), '200')
  t.match((await client.head('b')).headers, { 'x-ms-meta-k': 'v', 'content-type': 'text/y' })
})

t.test('a directory is renamed with all below it', async t => {
  const client = await startClient(t)
  for (const path of ['a', 'a/b', 'c']) await client.mkdir(path)
  await client.put('a/b/f', 'x')
  t.equal(outcome(await rename(client, 'a', 'c', {}, 'directory')), '409 ResourceAlreadyExists')
  t.equal(outcome(await rename(client, 'a', 'a/b/inside', {}, 'directory')), '409 SharingViolation')
  t.equal(outcome(await rename(client, 'a', 'moved')), '409 ResourceTypeMismatch', 'without restype it is a file')
  t.equal(outcome(await rename(client, 'a', 'c/moved', {}, 'directory')), '200')
  t.equal((await client.get('c/moved/b/f')).text, 'x')
  t.equal(outcome(await client.get('a/b/f')), '404 ParentNotFound')
})

t.test('what a rename cannot do', async t => {
  const client = await startClient(t)
  await client.put('a', 'aaa')
  await client.share('PUT', 'other')
  t.equal(outcome(await rename(client, 'missing', 'b')), '404 ResourceNotFound')
  t.equal(outcome(await rename(client, 'a', 'd/b')), '404 ParentNotFound')
  t.equal(outcome(await client.set('b', 'rename')), '400 MissingRequiredHeader')
  t.equal(outcome(await client.send({ method: 'PUT', share: 'other', path: 'b', query: { comp: 'rename' }, headers: { 'x-ms-file-rename-source': client.url('a') } })), '400 InvalidHeaderValue')
  t.equal(outcome(await client.send({ method: 'PUT', path: 'b', query: { comp: 'rename' }, headers: { 'x-ms-file-rename-source': client.url('a') }, version: '2020-12-06' })), '409 FeatureVersionMismatch')
})
