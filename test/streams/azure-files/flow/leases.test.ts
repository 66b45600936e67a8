/** Leases and locks over real sockets and real time; the slow ones are in locks.slow.test.ts. */
import t from 'tap'
import { systemClock } from '../../../../lib/clock.ts'
import { AzureFiles } from '../../../../streams/azure-files/index.ts'
import { start } from './support.ts'
import type { Bench } from './support.ts'

async function withFile (t: { teardown (done: () => unknown): void }): Promise<Bench> {
  const bench = await start(t, { clock: systemClock })
  await bench.azure.files.write({ path: 'config.json', data: '{"version":1}' })
  return bench
}

t.test('a file is leased, renewed by proof, changed, released and broken as the real service does it', async t => {
  const { azure, emulator } = await withFile(t)
  const lease = await azure.leases.acquire({ path: 'config.json', durationSeconds: 30 })
  t.equal(emulator.azureFiles.state.file('config.json')?.leaseId, lease.id)
  await azure.leases.renew(lease)
  await t.rejects(azure.leases.acquire('config.json'), { name: 'LeaseError', code: 'LeaseAlreadyPresent' })
  const changed = await azure.leases.change(lease)
  await t.rejects(azure.files.write({ path: 'config.json', data: 'x', leaseId: lease.id }), { name: 'LeaseError', code: 'LeaseIdMismatch' })
  await azure.files.write({ path: 'config.json', data: 'x', leaseId: changed.id })
  await t.rejects(azure.files.delete({ path: 'config.json' }), { name: 'LeaseError', code: 'LeaseIdMissing' })
  await azure.leases.release(changed)
  await azure.leases.acquire('config.json')
  t.equal(await azure.leases.break('config.json'), 0)
  await t.rejects(azure.files.write({ path: 'config.json', data: 'x', leaseId: changed.id }), { name: 'LeaseError', code: 'LeaseNotPresent' })
})

t.test('a share is leased for a time, renewed, and broken with a delay', async t => {
  const { azure } = await withFile(t)
  const lease = await azure.leases.acquire({ durationSeconds: 20 })
  t.match(lease, { share: 'sluice', durationSeconds: 20, path: undefined })
  await azure.leases.renew(lease)
  t.ok(await azure.leases.break({ breakPeriod: 5 }) <= 5)
  t.equal((await azure.shares.getProperties()).leaseState, 'breaking')
  await azure.leases.break({ breakPeriod: 0 })
})

t.test('withLock: content is read and written under the lock, one after the other', async t => {
  const { azure, emulator, stored } = await withFile(t)
  const increment = (): Promise<void> => azure.leases.withLock({ path: 'config.json', durationSeconds: 30, pollMs: 10 }, async ({ id }) => {
    const { data } = await azure.files.read({ path: 'config.json', leaseId: id })
    const config = JSON.parse(data.toString()) as { version: number }
    await azure.files.write({ path: 'config.json', data: JSON.stringify({ version: config.version + 1 }), leaseId: id })
  })
  await Promise.all(Array.from({ length: 8 }, increment))
  t.equal(String(await stored('config.json')), '{"version":9}')
  const records = emulator.azureFiles.state.leases.filter(({ path }) => path === 'config.json')
  t.equal(records.length, 8)
  for (const [index, record] of records.entries()) t.ok(index === 0 || record.acquiredOrder > (records[index - 1]?.endedOrder ?? Infinity))
  t.strictSame(emulator.azureFiles.state.entries().filter(({ path }) => path.startsWith('.sluice-locks/')), [])
})

t.test('withLock: the lock is known to be lost when somebody breaks it', async t => {
  const { azure, emulator } = await withFile(t)
  const { endpoint, accountName, accountKey, share } = emulator.azureFiles.options()
  const other = new AzureFiles({ endpoint, accountName, accountKey, share })
  t.teardown(() => other.close())
  const work = azure.leases.withLock({ path: 'config.json', durationSeconds: 15 }, async ({ id }) => {
    await other.leases.break('config.json')
    await azure.files.write({ path: 'config.json', data: 'mine', leaseId: id })
  })
  await t.rejects(work, { name: 'LeaseError', code: 'LeaseLost' }, 'the write is refused by the service')
})

t.test('a lock of a directory or of nothing cannot be had', async t => {
  const { azure } = await withFile(t)
  await azure.directories.create({ path: 'dir' })
  await t.rejects(azure.leases.lock({ path: 'dir', timeoutMs: 0 }))
  await t.rejects(azure.leases.lock({ path: 'missing', timeoutMs: 0 }), { name: 'NotFoundError', code: 'FileNotFound' })
})
