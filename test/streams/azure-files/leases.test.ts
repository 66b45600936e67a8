import t from 'tap'
import { LeaseError } from '../../../streams/azure-files/index.ts'
import type { AzureFiles } from '../../../streams/azure-files/index.ts'
import { StandingClock, clientOf, settle, start, until } from './support/client.ts'
import type { TinyAzure } from './support/tiny-azure.ts'
import { failure } from './support/tiny-azure.ts'

const LEASE = '11111111-1111-1111-1111-111111111111'
const OTHER = '22222222-2222-2222-2222-222222222222'

/** A clock, a service with a file, and two clients of it. */
function two (): { clock: StandingClock, service: TinyAzure, first: AzureFiles, second: AzureFiles } {
  const clock = new StandingClock()
  const { service, azure } = start({ clock })
  service.put('/share/a', '{}')
  return { clock, service, first: azure, second: clientOf(service, { clock }) }
}

t.test('acquire, renew, change, release and break of a file', async t => {
  const { service, first: azure } = two()
  const lease = await azure.leases.acquire({ path: 'a', durationSeconds: 30, proposedLeaseId: LEASE })
  t.match(lease, { id: LEASE, share: 'share', path: 'a', durationSeconds: 30, acquiredAt: new Date('2024-03-01T12:00:00Z') })
  t.equal(service.requests.at(-1)?.headers['x-ms-lease-duration'], '-1', 'the service takes no other')
  t.match(await azure.leases.renew(lease), { id: LEASE })
  t.equal(service.trace.at(-1), 'Head a', 'there is no renewal')
  const changed = await azure.leases.change(lease, OTHER)
  t.equal(service.lease('/share/a'), OTHER)
  await t.rejects(azure.leases.renew(lease), { name: 'LeaseError', code: 'LeaseLost' })
  await azure.leases.release(changed)
  t.equal(service.lease('/share/a'), undefined)
  await t.rejects(azure.leases.release(changed), { name: 'LeaseError', code: 'LeaseNotPresent' })
  await azure.leases.acquire('a')
  t.equal(await azure.leases.break('a'), 0)
  t.equal(service.lease('/share/a'), undefined)
})

t.test('acquire on an active lease is LeaseAlreadyPresent', async t => {
  const { first, second } = two()
  await first.leases.acquire('a')
  await t.rejects(second.leases.acquire('a'), { name: 'LeaseError', code: 'LeaseAlreadyPresent', status: 409 })
})

t.test('acquire and release are done once, though their answers are lost', async t => {
  const { clock, service, first: azure } = two()
  let lost = 0
  service.trouble = (_request, operation) => operation === 'Lease' && lost++ % 2 === 0 ? 'lose' : undefined
  const lease = await until(clock, azure.leases.acquire('a'))
  t.equal(service.lease('/share/a'), lease.id)
  await until(clock, azure.leases.release(lease))
  t.equal(service.lease('/share/a'), undefined)
})

t.test('durations, ids and break periods that the service would refuse are refused at once', async t => {
  const { first: azure } = two()
  for (const durationSeconds of [0, 14, 61, 20.5]) await t.rejects(azure.leases.acquire({ path: 'a', durationSeconds }), { name: 'RangeError' })
  await t.rejects(azure.leases.acquire({ path: 'a', proposedLeaseId: 'mine' }), { name: 'RangeError' })
  await t.rejects(azure.leases.break({ path: 'a', breakPeriod: 61 }), { name: 'RangeError' })
  await azure.leases.acquire({ path: 'a', durationSeconds: -1 })
})

t.test('withLock() gives the lease id to its work and releases after it, well or not', async t => {
  const { service, first: azure } = two()
  const result = await azure.leases.withLock({ path: 'a', durationSeconds: 30 }, async guard => {
    const content = await azure.files.read({ path: 'a', leaseId: guard.id })
    t.equal(content.data.toString(), '{}')
    await t.rejects(azure.files.write({ path: 'a', data: 'without' }), { code: 'LeaseIdMissing' })
    await azure.files.write({ path: 'a', data: '{"version":2}', leaseId: guard.id })
    t.equal(guard.signal.aborted, false)
    return 7
  })
  t.equal(result, 7)
  t.equal(service.text('/share/a'), '{"version":2}')
  t.equal(service.lease('/share/a'), undefined)
  await t.rejects(azure.leases.withLock('a', () => { throw new Error('mine') }), { message: 'mine' })
  t.equal(service.lease('/share/a'), undefined)
  t.strictSame(service.names(), ['/share/a'])
})

t.test('withLock() keeps the error of its work when the release fails too', async t => {
  const { clock, service, first: azure } = two()
  service.trouble = ({ headers }) => headers['x-ms-lease-action'] === 'release' ? failure(403, 'AuthorizationFailure') : undefined
  await t.rejects(until(clock, azure.leases.withLock('a', () => { throw new Error('mine') })), { message: 'mine' })
})

t.test('withLock() makes the file where that is asked for', async t => {
  const { service, first: azure } = two()
  await t.rejects(azure.leases.withLock('b', () => 1), { code: 'FileNotFound' })
  t.equal(await azure.leases.withLock({ path: 'locks/b', create: true }, () => 1), 1)
  t.equal(service.text('/share/locks/b'), '')
})

t.test('withLock() waits for its turn, and no longer than it may', async t => {
  const { clock, first, second } = two()
  const held = await first.leases.lock('a')
  const trace: string[] = []
  const waiting = second.leases.withLock({ path: 'a', timeoutMs: 600_000 }, () => { trace.push('second') })
  const impatient = second.leases.lock({ path: 'a', timeoutMs: 5000 }).catch((error: unknown) => error)
  await clock.advance(10_000)
  t.match(await impatient, { name: 'LeaseError', code: 'LockTimeout', message: 'Cannot lock "a": somebody else has held it for 5000 ms' })
  await t.rejects(second.leases.lock({ path: 'a', timeoutMs: 0 }), { name: 'LeaseError', code: 'LeaseAlreadyPresent' })
  await clock.advance(100_000)
  t.strictSame(trace, [], 'the first one is alive')
  trace.push('first')
  await held.release()
  await until(clock, waiting)
  t.strictSame(trace, ['first', 'second'])
})

t.test('lock() takes a lock over whose holder has died, and only one of those that wait gets it', async t => {
  const { clock, service, first, second } = two()
  const dead = await first.leases.lock({ path: 'a', durationSeconds: 15 })
  // What a SIGKILL leaves: the lease, the marker, and no more beats.
  service.trouble = ({ headers, path }) => {
    const isBeat = headers['x-ms-lease-id'] === dead.id && headers['x-ms-lease-action'] === undefined
    const isTouch = path.includes(dead.id) && headers['x-ms-content-length'] !== undefined
    return isBeat || isTouch ? failure(503, 'ServerBusy') : undefined
  }
  const third = clientOf(service, { clock })
  const holders: string[] = []
  const work = [second, third].map((azure, index) => azure.leases.withLock({ path: 'a', timeoutMs: 600_000, durationSeconds: 15 }, async guard => {
    holders.push(`${index} in`)
    t.equal(service.lease('/share/a'), guard.id)
    await settle()
    holders.push(`${index} out`)
  }))
  await clock.advance(12_000)
  t.strictSame(holders, [], 'it may still live')
  await until(clock, Promise.all(work))
  t.match(holders.join(), /^(0 in,0 out,1 in,1 out|1 in,1 out,0 in,0 out)$/)
  t.match(dead.lost, { code: 'LeaseExpired' }, 'and the dead one knows, should it wake')
  t.equal(dead.signal.aborted, true)
  t.notOk(service.names().some(name => name.includes(dead.id)))
})

t.test('lock() never touches a lease without a sign of life, which is not of its kind', async t => {
  const { clock, service, first, second } = two()
  await first.leases.acquire({ path: 'a', proposedLeaseId: LEASE })
  await t.rejects(until(clock, second.leases.lock({ path: 'a', timeoutMs: 100_000, durationSeconds: 15 })), { code: 'LockTimeout' })
  t.equal(service.lease('/share/a'), LEASE)
  t.strictSame(service.names(), ['/share/a'], 'and leaves nothing behind')
})

t.test('withLock() tells its work that the lock is lost, and fails though the work ends well', async t => {
  const { clock, service, first: azure } = two()
  let seen: unknown
  const work = azure.leases.withLock({ path: 'a', durationSeconds: 15 }, async guard => {
    await azure.leases.break('a')
    await new Promise(resolve => guard.signal.addEventListener('abort', resolve, { once: true }))
    seen = guard.signal.reason
  })
  await t.rejects(until(clock, work), { name: 'LeaseError', code: 'LeaseLost' })
  t.ok(seen instanceof LeaseError)
  t.strictSame(service.names(), ['/share/a'])
})

t.test('a lock lives on when single beats fail, and ends when none gets through', async t => {
  const { clock, service, first: azure } = two()
  const lock = await azure.leases.lock({ path: 'a', durationSeconds: 15 })
  let trouble = true
  service.trouble = (_request, operation) => trouble && operation === 'Head' ? failure(500, 'InternalError') : undefined
  await clock.advance(8000)
  trouble = false
  await clock.advance(60_000)
  t.equal(lock.lost, undefined)
  trouble = true
  await clock.advance(30_000)
  t.match(lock.lost, { code: 'LeaseExpired' })
})

t.test('a share is locked for a time that the service keeps, and renewed before it ends', async t => {
  const { clock, service, first: azure } = two()
  const lock = await azure.leases.lock({ durationSeconds: 15 })
  t.match(service.requests.at(-1), { path: '/share', headers: { 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': '15' } })
  await clock.advance(20_000)
  const renewals = service.trace.filter(line => line.endsWith('renew')).length
  t.ok(renewals >= 3, `${renewals} renewals in 20 s`)
  await lock.release()
  await lock.release()
  const sent = service.trace.length
  await clock.advance(60_000)
  t.equal(service.trace.length, sent, 'no renewal after the release')
  t.equal(service.trace.filter(line => line.endsWith('release')).length, 1)
})

t.test('the gauge of active leases goes up on acquire and down on release, break and loss', async t => {
  const clock = new StandingClock()
  let active = 0
  const nothing = { add: () => undefined, record: () => undefined }
  const meter = {
    createCounter: () => nothing,
    createHistogram: () => nothing,
    createUpDownCounter: (name: string) => ({ add: (value: number) => { if (name === 'azure_files_active_leases') active += value } })
  }
  const { service, azure } = start({ clock, telemetry: { meter } })
  service.put('/share/a', '')
  service.put('/share/b', '')
  const lease = await azure.leases.acquire('a')
  const other = await azure.inShare('share').leases.acquire('b')
  t.equal(active, 2)
  await azure.leases.release(lease)
  t.equal(active, 1)
  await azure.leases.break('b')
  t.equal(active, 0)
  await t.rejects(azure.leases.release(other))
  t.equal(active, 0)
  const lock = await azure.leases.lock({ path: 'a', durationSeconds: 15 })
  t.equal(active, 1)
  service.files.get('/share/a')!.lease = undefined
  await clock.advance(20_000)
  t.match(lock.lost, { code: 'LeaseLost' })
  t.equal(active, 0)
})
