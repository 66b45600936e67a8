/** Files by one answer each, over real sockets. */
import t from 'tap'
import { systemClock } from '../../../../lib/clock.ts'
import { AzureFiles } from '../../../../streams/azure-files/index.ts'
import { bytesOf, collect, start } from './support.ts'

const MiB = 2 ** 20

t.test('write of a whole file sets its length: no stale tail, no 416', async t => {
  const { azure, stored } = await start(t)
  for (const text of ['a long first version', 'short', '', 'longer again']) {
    const info = await azure.files.write({ path: 'a', data: text })
    t.equal(String(await stored('a')), text)
    t.match(info, { size: text.length, etag: (await azure.files.getProperties({ path: 'a' })).etag })
  }
})

t.test('write keeps headers and metadata, unless it is given new ones, which replace all', async t => {
  const { azure } = await start(t)
  await azure.files.write({ path: 'a', data: '1', contentType: 'text/plain', cacheControl: 'no-cache', metadata: { a: '1' } })
  await azure.files.write({ path: 'a', data: '22' })
  t.match(await azure.files.getProperties({ path: 'a' }), { size: 2, contentType: 'text/plain', cacheControl: 'no-cache', metadata: { a: '1' } })
  await azure.files.write({ path: 'a', data: '333', contentType: 'text/css' })
  t.match(await azure.files.getProperties({ path: 'a' }), { size: 3, contentType: 'text/css', cacheControl: undefined, metadata: {} })
})

t.test('write is one range below 4 MiB and several from there on', async t => {
  const { azure, emulator, stored } = await start(t)
  for (const [size, ranges] of [[4 * MiB - 1, 1], [4 * MiB, 1], [4 * MiB + 1, 2]] as const) {
    emulator.requests.clear()
    const data = bytesOf(size)
    await azure.files.write({ path: 'a', data })
    t.ok(data.equals(await stored('a') as Buffer))
    t.equal(emulator.requests.count('PutRange'), ranges)
  }
})

t.test('write at an offset changes these bytes alone, and none beyond the end', async t => {
  const { azure, stored } = await start(t)
  await azure.files.write({ path: 'a', data: '0123456789' })
  t.match(await azure.files.write({ path: 'a', data: 'xyz', offset: 4 }), { size: 10 })
  t.equal(String(await stored('a')), '0123xyz789')
  await t.rejects(azure.files.write({ path: 'a', data: 'xyz', offset: 8 }), { name: 'InvalidRangeError', code: 'InvalidRange', start: 8, end: 10 })
})

t.test('create replaces, or is refused where it must not; of two that must not, one wins', async t => {
  const { azure, stored, paths } = await start(t)
  await azure.files.write({ path: 'a', data: 'old' })
  await t.rejects(azure.files.create({ path: 'a', size: 5, ifAbsent: true }), { name: 'ConflictError', code: 'FileAlreadyExists' })
  t.equal(String(await stored('a')), 'old')
  t.match(await azure.files.create({ path: 'a', size: 5, contentType: 'text/plain' }), { share: 'sluice', path: 'a', size: 5, contentType: 'text/plain' })
  t.same(await stored('a'), Buffer.alloc(5))
  const race = await Promise.allSettled([1, 2, 3].map(size => azure.files.create({ path: 'b/c', size, ifAbsent: true })))
  t.equal(race.filter(({ status }) => status === 'fulfilled').length, 1)
  t.strictSame(paths(), ['a', 'b/c'])
})

t.test('read gives content, properties and etag, a range, and no more than its limit', async t => {
  const { azure } = await start(t)
  const { etag } = await azure.files.write({ path: 'a', data: '0123456789' })
  t.match(await azure.files.read({ path: 'a' }), { data: Buffer.from('0123456789'), properties: { size: 10 }, etag })
  t.equal((await azure.files.readRange({ path: 'a', start: 2, end: 4 })).toString(), '234')
  await t.rejects(azure.files.read({ path: 'a', limit: 9 }), { name: 'RangeError' })
  t.equal((await azure.files.read({ path: 'a', range: { start: 9, end: 20 } })).data.toString(), '9')
})

t.test('writeIfMatch writes only over the version that is named; the file is leased meanwhile', async t => {
  const { azure, emulator, stored } = await start(t, { clock: systemClock })
  const { etag } = await azure.files.write({ path: 'state.json', data: '{"counter":1}' })
  const written = await azure.files.writeIfMatch({ path: 'state.json', data: '{"counter":2}' }, etag)
  const error = await azure.files.writeIfMatch({ path: 'state.json', data: '{"counter":9}' }, etag).catch((error: unknown) => error)
  t.match(error, { name: 'EtagMismatchError', code: 'PreconditionFailed', expected: etag, actual: written.etag })
  t.equal(String(await stored('state.json')), '{"counter":2}')
  t.equal(emulator.azureFiles.state.file('state.json')?.leaseId, undefined)
  t.ok(emulator.requests.entries('PutRange').slice(1).every(({ headers }) => headers['x-ms-lease-id'] !== undefined))
})

t.test('of many that update one file by its etag, every update counts', async t => {
  const { azure, stored } = await start(t, { clock: systemClock })
  await azure.files.write({ path: 'counter', data: '0' })
  const increment = async (): Promise<void> => {
    for (;;) {
      const { data, etag } = await azure.files.read({ path: 'counter' })
      try {
        await azure.files.writeIfMatch({ path: 'counter', data: String(Number(data) + 1) }, etag)
        return
      } catch (error) {
        if (!/LeaseAlreadyPresent|PreconditionFailed|ObjectChanged/.test(String((error as { code?: string }).code))) throw error
      }
    }
  }
  await Promise.all([increment(), increment(), increment()])
  t.equal(String(await stored('counter')), '3')
})

t.test('ranges are listed and cleared', async t => {
  const { azure, stored } = await start(t)
  await azure.files.create({ path: 'a', size: 4096 })
  await azure.files.write({ path: 'a', data: bytesOf(1024), offset: 0 })
  await azure.files.write({ path: 'a', data: bytesOf(512), offset: 2048 })
  t.match(await azure.files.listRanges({ path: 'a' }), { ranges: [{ start: 0, end: 1023 }, { start: 2048, end: 2559 }], size: 4096 })
  await azure.files.clearRange({ path: 'a', range: { start: 0, end: 511 } })
  t.match(await azure.files.listRanges({ path: 'a' }), { ranges: [{ start: 512, end: 1023 }, { start: 2048, end: 2559 }] })
  t.match(await azure.files.listRanges({ path: 'a', range: { start: 0, end: 1023 } }), { ranges: [{ start: 512, end: 1023 }] })
  t.same((await stored('a'))?.subarray(0, 512), Buffer.alloc(512))
  await azure.files.setSize({ path: 'a', size: 600 })
  t.match(await azure.files.listRanges({ path: 'a' }), { ranges: [{ start: 512, end: 599 }], size: 600 })
})

t.test('metadata is replaced, headers are set one by one without a loss', async t => {
  const { azure } = await start(t)
  await azure.files.write({ path: 'a', data: 'x', contentType: 'text/plain', contentLanguage: 'de', metadata: { a: '1' } })
  await azure.files.setMetadata({ path: 'a', metadata: { b: '2' } })
  await azure.files.setHttpHeaders({ path: 'a', cacheControl: 'no-cache' })
  t.match(await azure.files.getProperties({ path: 'a' }), { contentType: 'text/plain', contentLanguage: 'de', cacheControl: 'no-cache', metadata: { a: undefined, b: '2' } })
})

t.test('copy is done at once, or followed while it is pending, or aborted', async t => {
  const { azure, stored } = await start(t)
  await azure.files.write({ path: 'a', data: 'text', metadata: { a: '1' } })
  t.match(await azure.files.copy({ sourcePath: 'a', destPath: 'dir/b' }), { status: 'success' })
  t.equal(String(await stored('dir/b')), 'text')
  const pending = await start(t, {}, { azureFiles: { strict: { pendingCopies: { polls: 2 } } } })
  await pending.azure.files.write({ path: 'a', data: 'text' })
  const copy = await pending.azure.files.copy({ sourcePath: 'a', destPath: 'b' })
  t.equal(copy.status, 'pending')
  t.match(await pending.azure.files.waitForCopy({ path: 'b', copyId: copy.copyId }), { status: 'success', copyId: copy.copyId })
  const hanging = await start(t, {}, { azureFiles: { strict: { pendingCopies: { polls: Infinity } } } })
  await hanging.azure.files.write({ path: 'a', data: 'text' })
  const { copyId } = await hanging.azure.files.copy({ sourcePath: 'a', destPath: 'b' })
  t.match(await hanging.azure.files.copyStatus({ path: 'b', copyId }), { status: 'pending' })
  await hanging.azure.files.abortCopy({ path: 'b', copyId })
  t.match(await hanging.azure.files.copyStatus({ path: 'b', copyId }), { status: 'aborted' })
  await t.rejects(hanging.azure.files.abortCopy({ path: 'b', copyId }), { code: 'NoPendingCopyOperation' })
  const failing = await start(t, {}, { azureFiles: { strict: { pendingCopies: { polls: 1, outcome: 'failed' } } } })
  await failing.azure.files.write({ path: 'a', data: 'text' })
  const failed = await failing.azure.files.copy({ sourcePath: 'a', destPath: 'b' })
  t.match(await failing.azure.files.waitForCopy({ path: 'b', copyId: failed.copyId }), { status: 'failed', reason: String })
})

t.test('rename moves a file, replaces one only if it may, and survives a lost answer', async t => {
  const { azure, emulator, stored, paths } = await start(t)
  await azure.files.write({ path: 'a', data: 'one' })
  await azure.files.write({ path: 'b', data: 'two' })
  await t.rejects(azure.files.rename({ path: 'a', to: 'b' }), { name: 'ConflictError', code: 'FileAlreadyExists' })
  await azure.files.rename({ path: 'a', to: 'b', replace: true })
  t.equal(String(await stored('b')), 'one')
  emulator.faults.add({ operation: 'RenameFile', loseAnswer: true })
  t.match(await azure.files.rename({ path: 'b', to: 'new/c' }), { path: 'new/c' })
  t.strictSame(paths(), ['new/c'])
  await t.rejects(azure.files.rename({ path: 'b', to: 'd' }), { code: 'FileNotFound' })
})

t.test('delete is done once, though its answer is lost', async t => {
  const { azure, emulator, paths } = await start(t)
  await azure.files.write({ path: 'a', data: 'x' })
  emulator.faults.add({ operation: 'DeleteFile', loseAnswer: true })
  await azure.files.delete({ path: 'a' })
  t.strictSame(paths(), [])
  await t.rejects(azure.files.delete({ path: 'a' }), { code: 'FileNotFound' })
})

t.test('names of all kinds come back as they went', async t => {
  const { azure } = await start(t)
  const names = ['100%', '#1', 'a b', 'ä ö', '日本', '😀', 'a+b&c=d;e', "it's (a) [b]!", 'dot.', 'dots..', '%20', '~$x']
  for (const name of names) await azure.files.write({ path: `d/${name}`, data: name })
  const listed = await azure.createListStream('d').toArray()
  t.strictSame(listed.map(({ name }) => name).sort(), [...names].sort())
  for (const name of names) t.equal((await azure.files.read({ path: `d/${name}` })).data.toString(), name)
})

t.test('the bound form needs no share, and a client of another share no more than its name', async t => {
  const { azure } = await start(t, {}, { azureFiles: { shares: ['sluice', 'other'] } })
  const files = azure.files.inShare('other')
  t.match(await files.create('a', 3), { share: 'other', path: 'a', size: 3 })
  await files.write('a', Buffer.from('text'))
  t.equal((await files.read('a')).data.toString(), 'text')
  t.equal((await azure.inShare('other').files.read({ path: 'a' })).data.toString(), 'text')
  await files.delete('a')
  await t.rejects(azure.files.read({ share: 'other', path: 'a' }), { code: 'FileNotFound' })
  await t.rejects(azure.files.read({ share: 'missing', path: 'a' }), { code: 'ShareNotFound' })
})

t.test('SAS of ours let in what they say, and nothing else', async t => {
  const { azure, emulator } = await start(t)
  const { endpoint, accountName, share } = emulator.azureFiles
  const clientOf = (url: URL): AzureFiles => {
    const client = new AzureFiles({ endpoint, accountName, share, sasToken: url.search, retry: false })
    t.teardown(() => client.close())
    return client
  }
  await azure.files.write({ path: 'dir/a', data: 'text' })
  await azure.files.write({ path: 'b', data: 'secret' })
  const one = clientOf(await azure.sas.service({ path: 'dir/a' }))
  t.equal((await one.files.read({ path: 'dir/a' })).data.toString(), 'text')
  await t.rejects(one.files.read({ path: 'b' }), { name: 'AuthenticationError' })
  await t.rejects(one.files.write({ path: 'dir/a', data: 'x' }), { name: 'AuthenticationError', code: 'PermissionDenied' })
  const whole = clientOf(await azure.sas.service({ permissions: 'rcwdl' }))
  await whole.files.write({ path: 'c', data: 'by SAS' })
  await whole.files.rename({ path: 'c', to: 'd' })
  t.match(await whole.files.copy({ sourcePath: 'd', destPath: 'e' }), { status: 'success' })
  t.equal((await collect(whole.createReadStream('e'))).toString(), 'by SAS')
  const account = clientOf(await azure.sas.account({ permissions: 'rl', resourceTypes: 'sco' }))
  t.match(await account.shares.list(), { entries: [{ name: 'sluice' }] })
  const old = clientOf(await azure.sas.service({ path: 'b', startsOn: new Date(Date.now() + 3_600_000) }))
  await t.rejects(old.files.read({ path: 'b' }), { name: 'AuthenticationError', code: 'ExpiredSas' })
})

t.test('a bearer token opens files', async t => {
  const { emulator } = await start(t, {}, { azureFiles: { bearerTokens: ['entra'] } })
  const { endpoint, accountName, share } = emulator.azureFiles
  const azure = new AzureFiles({ endpoint, accountName, share, credential: { getToken: async () => ({ token: 'entra', expiresOnTimestamp: Date.now() + 3_600_000 }) } })
  t.teardown(() => azure.close())
  await azure.files.write({ path: 'a', data: 'text' })
  t.match(await azure.shares.getProperties(), { share: 'sluice' })
})
