import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { StandingClock, start, until } from './support/client.ts'
import { failure } from './support/tiny-azure.ts'

t.test('AzureAppendWritable locks, learns the size, grows and writes behind what was there', async t => {
  const { service, azure } = start({ clock: new StandingClock() })
  service.put('/share/log', 'old\n')
  const stream = azure.createAppendStream('log', { rangeSize: 4, concurrency: 1 })
  await pipeline(Readable.from(['new line\n']), stream)
  t.equal(service.text('/share/log'), 'old\nnew line\n')
  t.match(stream.result, { size: 13, parts: 3, etag: service.files.get('/share/log')?.etag })
  t.equal(service.lease('/share/log'), undefined)
  t.strictSame(service.trace.filter(line => line.includes(' log ')), [
    'Lease log acquire', 'SetProperties log 8', 'Range log bytes=4-7', 'SetProperties log 16', 'Range log bytes=8-11', 'Range log bytes=12-12', 'SetProperties log 13', 'Lease log release'
  ])
  t.strictSame(service.names(), ['/share/log'])
})

t.test('AzureAppendWritable makes the file where there is none, unless it is told not to', async t => {
  const { service, azure } = start({ clock: new StandingClock() })
  await pipeline(Readable.from(['first']), azure.createAppendStream('logs/a'))
  t.equal(service.text('/share/logs/a'), 'first')
  await t.rejects(pipeline(Readable.from(['first']), azure.createAppendStream('b', { create: false })), { code: 'FileNotFound' })
})

t.test('AzureAppendWritable cuts the file back when it fails', async t => {
  const { service, azure } = start({ clock: new StandingClock(), retry: false })
  service.put('/share/log', 'old\n')
  service.trouble = ({ headers }) => headers['x-ms-range'] === 'bytes=8-11' ? failure(500, 'InternalError') : undefined
  const stream = azure.createAppendStream('log', { rangeSize: 4, concurrency: 1 })
  const closed = new Promise(resolve => stream.once('close', resolve))
  await t.rejects(pipeline(Readable.from(['new line\n']), stream), { code: 'InternalError' })
  await closed
  t.equal(stream.remote, 'clean')
  t.equal(service.text('/share/log'), 'old\n')
  t.equal(service.lease('/share/log'), undefined)
})

t.test('two that append at once come one after the other', async t => {
  const clock = new StandingClock()
  const { service, azure } = start({ clock })
  service.put('/share/log', '')
  await until(clock, Promise.all(['aaaa\n', 'bbbb\n'].map(line => pipeline(Readable.from([line]), azure.createAppendStream('log', { rangeSize: 2 })))))
  t.match(service.text('/share/log'), /^(aaaa\nbbbb\n|bbbb\naaaa\n)$/)
})

t.test('AzureAppendWritable writes without a lease, or under one that it is given', async t => {
  const { service, azure } = start({ clock: new StandingClock() })
  service.put('/share/log', 'a')
  await pipeline(Readable.from(['b']), azure.createAppendStream('log', { lease: 'none' }))
  const lease = await azure.leases.acquire('log')
  await pipeline(Readable.from(['c']), azure.createAppendStream('log', { lease: { leaseId: lease.id } }))
  t.equal(service.text('/share/log'), 'abc')
  t.equal(service.lease('/share/log'), lease.id)
})
