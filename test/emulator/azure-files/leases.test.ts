import t from 'tap'
import { Readable } from 'node:stream'
import { A, B, type Client, manualClock, outcome, type Reply, startClient } from './client.ts'

type State = 'available' | 'leased' | 'broken'

const held = (id: string): Record<string, string> => ({ 'x-ms-lease-id': id })
const proposed = (id: string): Record<string, string> => ({ 'x-ms-proposed-lease-id': id })

/** A file `f` in that state, leased or once leased by A. */
async function fileIn (client: Client, state: State): Promise<void> {
  await client.lease('f', 'break')
  await client.delete('f')
  await client.create('f', 4)
  if (state !== 'available') await client.lease('f', 'acquire', proposed(A))
  if (state === 'broken') await client.lease('f', 'break')
}

async function leaseState (client: Client): Promise<string> {
  const { headers } = await client.head('f')
  return [headers['x-ms-lease-state'], headers['x-ms-lease-status'], headers['x-ms-lease-duration']].join(' ').trim()
}

t.test('acquire, change, release, break: status codes and headers', async t => {
  const client = await startClient(t)
  await client.create('f', 4)
  t.equal(await leaseState(client), 'available unlocked')
  const acquired = await client.lease('f', 'acquire')
  t.match(acquired, { status: 201, headers: { 'x-ms-lease-id': /^[0-9a-f-]{36}$/, etag: String, 'last-modified': String } })
  t.equal(await leaseState(client), 'leased locked infinite')
  const id = acquired.headers['x-ms-lease-id'] ?? ''
  t.match(await client.lease('f', 'change', { ...held(id), ...proposed(A) }), { status: 200, headers: { 'x-ms-lease-id': A } })
  t.match(await client.lease('f', 'break', { 'x-ms-lease-break-period': '30' }), { status: 202, headers: { 'x-ms-lease-time': '0' } })
  t.equal(await leaseState(client), 'broken unlocked')
  t.equal(outcome(await client.lease('f', 'break')), '202')
  t.equal(outcome(await client.lease('f', 'release', held(A))), '200')
  t.equal(await leaseState(client), 'available unlocked')
  t.equal((await client.head('f')).headers['etag'], acquired.headers['etag'], 'leases leave the etag alone')
})

t.test('only infinite leases, no renewal, only GUIDs', async t => {
  const client = await startClient(t)
  await client.create('f', 4)
  t.equal(outcome(await client.lease('f', 'acquire', { 'x-ms-lease-duration': '15' })), '400 InvalidHeaderValue')
  t.equal(outcome(await client.set('f', 'lease', { 'x-ms-lease-action': 'acquire' })), '400 MissingRequiredHeader')
  t.equal(outcome(await client.lease('f', 'renew', held(A))), '400 InvalidHeaderValue')
  t.equal(outcome(await client.lease('f', 'acquire', proposed('mine'))), '400 InvalidHeaderValue')
  t.equal(outcome(await client.lease('f', 'seize')), '400 InvalidHeaderValue')
  t.equal(outcome(await client.set('f', 'lease')), '400 MissingRequiredHeader')
  t.equal(outcome(await client.lease('f', 'release')), '400 MissingRequiredHeader')
  t.equal(outcome(await client.lease('missing', 'acquire')), '404 ResourceNotFound')
  t.equal(outcome(await client.send({ method: 'PUT', path: 'f', query: { comp: 'lease' }, headers: { 'x-ms-lease-action': 'break' }, version: '2018-11-09' })), '400 InvalidQueryParameterValue')
  const braces = await client.lease('f', 'acquire', proposed(`{${A.toUpperCase()}}`))
  t.equal(braces.headers['x-ms-lease-id'], A)
  t.equal(outcome(await client.delete('f', held(A.replaceAll('-', '')))), '202')
})

t.test('lease operations, by state', async t => {
  const client = await startClient(t)
  const table: Array<[string, Record<string, string>, Record<State, string>]> = [
    ['acquire', {}, { available: '201', leased: '409 LeaseAlreadyPresent', broken: '201' }],
    ['acquire', proposed(A), { available: '201', leased: '201', broken: '201' }],
    ['acquire', proposed(B), { available: '201', leased: '409 LeaseAlreadyPresent', broken: '201' }],
    ['break', {}, { available: '409 LeaseNotPresentWithLeaseOperation', leased: '202', broken: '202' }],
    ['change', { ...held(A), ...proposed(B) }, { available: '409 LeaseNotPresentWithLeaseOperation', leased: '200', broken: '409 LeaseNotPresentWithLeaseOperation' }],
    ['change', { ...held(B), ...proposed(A) }, { available: '409 LeaseNotPresentWithLeaseOperation', leased: '200', broken: '409 LeaseNotPresentWithLeaseOperation' }],
    ['release', held(A), { available: '409 LeaseNotPresentWithLeaseOperation', leased: '200', broken: '200' }],
    ['release', held(B), { available: '409 LeaseNotPresentWithLeaseOperation', leased: '409 LeaseIdMismatchWithLeaseOperation', broken: '409 LeaseIdMismatchWithLeaseOperation' }]
  ]
  for (const [action, headers, expected] of table) {
    for (const state of ['available', 'leased', 'broken'] as const) {
      await fileIn(client, state)
      t.equal(outcome(await client.lease('f', action, headers)), expected[state], `${action} ${JSON.stringify(headers)} on ${state}`)
    }
  }
})

t.test('writes and reads, by state and id', async t => {
  const client = await startClient(t)
  await client.put('other', 'data')
  const writes: Array<[string, (id: Record<string, string>) => Promise<Reply>, string]> = [
    ['PutRange', id => client.putRange('f', 0, 'x', id), '201'],
    ['ClearRange', id => client.clear('f', 0, 1, id), '201'],
    ['SetProperties', id => client.set('f', 'properties', { 'x-ms-content-length': '5', ...id }), '200'],
    ['SetMetadata', id => client.set('f', 'metadata', id), '200'],
    ['Create', id => client.create('f', 4, id), '201'],
    ['Copy', id => client.send({ method: 'PUT', path: 'f', headers: { 'x-ms-copy-source': client.url('other'), ...id } }), '202'],
    ['Delete', id => client.delete('f', id), '202']
  ]
  const reads: Array<[string, (id: Record<string, string>) => Promise<Reply>, string]> = [
    ['Get', id => client.get('f', id), '200'],
    ['Head', id => client.head('f', id), '200'],
    ['ListRanges', id => client.send({ path: 'f', query: { comp: 'rangelist' }, headers: id }), '200']
  ]
  const expected: Record<State, { A: string, B: string, none: string }> = {
    available: { A: '412 LeaseNotPresentWithFileOperation', B: '412 LeaseNotPresentWithFileOperation', none: 'ok' },
    leased: { A: 'ok', B: '412 LeaseIdMismatchWithFileOperation', none: '412 LeaseIdMissing' },
    broken: { A: '412 LeaseLost', B: '412 LeaseNotPresentWithFileOperation', none: 'ok' }
  }
  for (const state of ['available', 'leased', 'broken'] as const) {
    for (const [name, write, success] of writes) {
      for (const [who, id] of [['A', held(A)], ['B', held(B)], ['none', {}]] as const) {
        await fileIn(client, state)
        t.equal(outcome(await write(id)), expected[state][who] === 'ok' ? success : expected[state][who], `${name} with ${who} on ${state}`)
      }
    }
    for (const [name, read, success] of reads) {
      await fileIn(client, state)
      t.equal(outcome(await read({})), success, `${name} without an id on ${state}`)
      for (const [who, id] of [['A', held(A)], ['B', held(B)]] as const) {
        t.equal(outcome(await read(id)), expected[state][who] === 'ok' ? success : expected[state][who], `${name} with ${who} on ${state}`)
      }
    }
  }
})

t.test('an overwritten file keeps its lease', async t => {
  const client = await startClient(t)
  await client.create('f', 4)
  await client.lease('f', 'acquire', proposed(A))
  await client.create('f', 8, held(A))
  t.equal(await leaseState(client), 'leased locked infinite')
})

t.test('a lease that breaks while a range is on its way fences it off', async t => {
  const client = await startClient(t)
  await client.create('f', 200_000)
  await client.lease('f', 'acquire', proposed(A))
  const body = new Readable({ read () {} })
  body.push(Buffer.alloc(100_000, 1))
  const put = client.send({ method: 'PUT', path: 'f', query: { comp: 'range' }, body, headers: { 'x-ms-write': 'update', 'x-ms-range': 'bytes=0-199999', 'content-length': '200000', ...held(A) } })
  while ((client.emulator.requests.entries('PutRange')[0]?.bytesIn ?? 0) < 100_000) await new Promise(resolve => setImmediate(resolve))
  await client.lease('f', 'break')
  await client.lease('f', 'acquire', proposed(B))
  body.push(Buffer.alloc(100_000, 1))
  body.push(null)
  t.equal(outcome(await put), '412 LeaseIdMismatchWithFileOperation')
  t.same([client.emulator.azureFiles.state.file('f')?.ranges, client.emulator.azureFiles.state.blobs], [[], 0])
})

t.test('the record of holders: who, when, and how it ended', async t => {
  const clock = manualClock(1_000_000)
  const client = await startClient(t, { clock })
  const step = async (work: Promise<Reply>): Promise<void> => {
    await work
    clock.time += 10
  }
  await client.create('f', 4)
  await client.create('g', 4)
  await step(client.lease('f', 'acquire', proposed(A)))
  await step(client.lease('f', 'acquire', proposed(A)))
  await step(client.lease('f', 'change', { ...held(A), ...proposed(B) }))
  await step(client.lease('f', 'break'))
  await step(client.lease('f', 'acquire', proposed(A)))
  await step(client.lease('f', 'release', held(A)))
  await step(client.lease('g', 'acquire', proposed(B)))
  await step(client.delete('g', held(B)))
  await step(client.lease('f', 'acquire', proposed(B)))
  const rows = client.emulator.azureFiles.state.leases.map(({ path, leaseId, acquired, ended, end }) => [path, leaseId, acquired - 1_000_000, ended === undefined ? undefined : ended - 1_000_000, end])
  t.same(rows, [
    ['f', A, 0, 20, 'changed'],
    ['f', B, 20, 30, 'broken'],
    ['f', A, 40, 50, 'released'],
    ['g', B, 60, 70, 'gone'],
    ['f', B, 80, undefined, undefined]
  ])
  const orders = client.emulator.azureFiles.state.leases.flatMap(({ acquiredOrder, endedOrder }) => endedOrder === undefined ? [acquiredOrder] : [acquiredOrder, endedOrder])
  t.same([...orders].sort((a, b) => a - b), orders, 'one after the other')
})

t.test('shares: leases of 15 to 60 seconds that are renewed, run out and break by and by', async t => {
  const clock = manualClock()
  const client = await startClient(t, { clock })
  const lease = (action: string, headers: Record<string, string> = {}): Promise<Reply> => client.share('PUT', 'sluice', { comp: 'lease' }, { 'x-ms-lease-action': action, ...headers })
  const state = async (): Promise<string> => {
    const { headers } = await client.share('HEAD', 'sluice')
    return [headers['x-ms-lease-state'], headers['x-ms-lease-status'], headers['x-ms-lease-duration']].join(' ').trim()
  }
  t.equal(outcome(await lease('acquire', { 'x-ms-lease-duration': '14' })), '400 InvalidHeaderValue')
  t.equal(outcome(await lease('acquire', { 'x-ms-lease-duration': '15', ...proposed(A) })), '201')
  t.equal(await state(), 'leased locked fixed')
  clock.time += 14_000
  t.equal(outcome(await lease('renew', held(A))), '200')
  t.equal(outcome(await lease('renew', held(B))), '409 LeaseIdMismatchWithLeaseOperation')
  clock.time += 14_999
  t.equal(await state(), 'leased locked fixed')
  clock.time += 1
  t.equal(await state(), 'expired unlocked')
  t.equal(outcome(await lease('renew', held(A))), '200', 'nobody took it meanwhile')
  t.match(await lease('break', { 'x-ms-lease-break-period': '5' }), { status: 202, headers: { 'x-ms-lease-time': '5' } })
  t.equal(await state(), 'breaking locked')
  t.equal(outcome(await lease('acquire', { 'x-ms-lease-duration': '-1', ...proposed(B) })), '409 LeaseAlreadyPresent')
  t.equal(outcome(await lease('acquire', { 'x-ms-lease-duration': '-1', ...proposed(A) })), '409 LeaseIsBreakingAndCannotBeAcquired')
  t.equal(outcome(await lease('change', { ...held(A), ...proposed(B) })), '409 LeaseIsBreakingAndCannotBeChanged')
  t.match(await lease('break', { 'x-ms-lease-break-period': '60' }), { headers: { 'x-ms-lease-time': '5' } }, 'a period only shortens')
  clock.time += 5000
  t.equal(await state(), 'broken unlocked')
  t.equal(outcome(await lease('renew', held(A))), '409 LeaseIsBrokenAndCannotBeRenewed')
  t.same(client.emulator.azureFiles.state.leases.map(({ path, ended = 0, acquired, end }) => [path, ended - acquired, end]), [['', 29_000, 'expired'], ['', 5000, 'broken']])
})

t.test('shares: a lease protects what is set, not the files', async t => {
  const client = await startClient(t)
  await client.share('PUT', 'sluice', { comp: 'lease' }, { 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': '-1', ...proposed(A) })
  t.equal(outcome(await client.create('f', 0)), '201')
  t.equal(outcome(await client.share('PUT', 'sluice', { comp: 'metadata' })), '412 LeaseIdMissing')
  t.equal(outcome(await client.share('PUT', 'sluice', { comp: 'properties' }, { 'x-ms-share-quota': '5', ...held(B) })), '412 LeaseIdMismatchWithContainerOperation')
  t.equal(outcome(await client.share('DELETE', 'sluice')), '412 LeaseIdMissing')
  t.equal(outcome(await client.share('PUT', 'sluice', { comp: 'properties' }, { 'x-ms-share-quota': '5', ...held(A) })), '200')
  t.equal(outcome(await client.share('DELETE', 'sluice', {}, held(A))), '202')
})

t.test('timed leases of files are a switch, off by default', async t => {
  const clock = manualClock()
  const client = await startClient(t, { clock, azureFiles: { strict: { timedFileLeases: true } } })
  await client.create('f', 4)
  t.equal(outcome(await client.lease('f', 'acquire', { 'x-ms-lease-duration': '15', ...proposed(A) })), '201')
  t.equal(await leaseState(client), 'leased locked fixed')
  clock.time += 15_000
  t.equal(outcome(await client.putRange('f', 0, 'x', held(A))), '412 LeaseLost')
  t.equal(outcome(await client.lease('f', 'renew', held(A))), '200')
  t.equal(outcome(await client.putRange('f', 0, 'x', held(A))), '201')
})
