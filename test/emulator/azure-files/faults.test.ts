import t from 'tap'
import { randomBytes } from 'node:crypto'
import { MiB } from '../../../lib/bytes/sizes.ts'
import { elements, manualClock, outcome, startClient } from './client.ts'

async function failure (work: Promise<unknown>): Promise<string> {
  return work.then(() => 'no error', (error: Error & { code?: string }) => error.code ?? error.message)
}

t.test('a busy service, by status and by its own codes', async t => {
  const client = await startClient(t)
  await client.create('f', 4)
  client.emulator.faults.add({ operation: 'PutRange', status: 503, retryAfter: 3 })
  const busy = await client.putRange('f', 0, 'x')
  t.match([outcome(busy), busy.headers['retry-after'], busy.text], ['503 ServerBusy', '3', /<Code>ServerBusy<\/Code><Message>The server is busy\.\nRequestId:/])
  client.emulator.faults.add({ operation: 'PutRange', status: 500, code: 'OperationTimedOut' })
  t.equal(outcome(await client.putRange('f', 0, 'x')), '500 OperationTimedOut')
  client.emulator.faults.add({ operation: 'DeleteFile', key: 'f', status: 409, code: 'DeletePending' })
  t.match(await client.delete('f'), { status: 409, text: /marked for deletion by an SMB client/ })
  client.emulator.faults.add({ operation: 'GetFileProperties', status: 500 })
  t.match(await client.head('f', { 'x-ms-client-request-id': 'mine' }), {
    status: 500, text: '', headers: { 'x-ms-error-code': 'InternalError', 'x-ms-version': '2023-11-03', 'x-ms-client-request-id': 'mine', 'content-type': undefined }
  })
  client.emulator.faults.add({ operation: 'ListDirectoriesAndFiles', errorIn200: 'InternalError' })
  const odd = await client.list('')
  t.same([odd.status, elements(odd.text, 'Code')], [200, ['InternalError']])
  client.emulator.faults.verify()
})

t.test('a lost answer of a range, whose bytes are there', async t => {
  const client = await startClient(t)
  await client.create('f', 5)
  client.emulator.faults.add({ operation: 'PutRange', loseAnswer: true })
  t.match(await failure(client.putRange('f', 0, 'hello')), /^(?:ECONNRESET|UND_ERR_SOCKET)$/)
  t.equal((await client.get('f')).text, 'hello')
  client.emulator.faults.add({ operation: 'CreateFile', loseAnswerWith: 500 })
  t.equal(outcome(await client.create('g', 1)), '500 InternalError')
  t.equal(outcome(await client.head('g')), '200')
})

t.test('a cut download, a flipped bit, a truncated listing', async t => {
  const client = await startClient(t)
  const body = randomBytes(MiB)
  await client.put('f', body)
  client.emulator.faults.add({ operation: 'GetFile', reset: { responseByte: 300_000 } })
  t.not(await failure(client.get('f')), 'no error')
  client.emulator.faults.add({ operation: 'GetFile', flipBit: { at: 10 } })
  const flipped = (await client.get('f')).bytes
  t.same([flipped[10], flipped.equals(body)], [(body[10] as number) ^ 1, false])
  client.emulator.faults.add({ operation: 'PutRange', flipBit: { requestBody: 0 } })
  await client.create('g', 1)
  t.equal((await client.putRange('g', 0, 'a')).headers['content-md5'] === undefined, false)
  t.equal((await client.get('g')).text, '`')
  client.emulator.faults.add({ operation: 'ListDirectoriesAndFiles', truncate: { responseByte: 50 } })
  t.not(await failure(client.list('')), 'no error', 'a chunked body that breaks off')
  client.emulator.faults.add({ operation: 'ListDirectoriesAndFiles', truncate: { responseByte: 50, ended: true } })
  const short = await client.list('')
  t.same([short.status, short.bytes.length], [200, 50], 'and one that does not tell')
})

t.test('another version of the same size, before the answer', async t => {
  const client = await startClient(t)
  await client.put('d', 'hello')
  const before = await client.head('d')
  client.emulator.faults.add({ operation: 'GetFile', changeObject: true })
  const changed = await client.get('d', { 'x-ms-range': 'bytes=1-2' })
  t.same(changed.bytes, Buffer.alloc(2, 0xee))
  t.not(changed.headers['etag'], before.headers['etag'])
  t.equal(changed.headers['content-range'], 'bytes 1-2/5')
  client.emulator.faults.add({ operation: 'GetFile', key: 'none', changeObject: true })
  t.equal(outcome(await client.get('none')), '404 ResourceNotFound')
})

t.test('a file answers so many requests a second', async t => {
  const clock = manualClock()
  const client = await startClient(t, { clock, azureFiles: { strict: { requestsPerSecond: 2 } } })
  t.same([outcome(await client.create('f', 4)), outcome(await client.head('f')), outcome(await client.head('f')), outcome(await client.create('g', 4))],
    ['201', '200', '503 ServerBusy', '201'])
  clock.time += 1000
  const again = await client.head('f')
  t.same([outcome(again), again.headers['retry-after']], ['200', undefined])
})

t.test('operations have the names of the reference', async t => {
  const client = await startClient(t)
  await client.mkdir('d')
  await client.put('d/f', 'x')
  await client.clear('d/f', 0, 0)
  await client.set('d/f', 'metadata')
  await client.send({ method: 'PUT', path: 'd/g', headers: { 'x-ms-copy-source': client.url('d/f') } })
  await client.list('d')
  await client.share('GET', 'sluice', { comp: 'stats' })
  t.same(client.emulator.requests.entries().map(({ operation, key }) => `${operation} ${key}`), [
    'CreateDirectory d', 'CreateFile d/f', 'PutRange d/f', 'ClearRange d/f', 'SetFileMetadata d/f', 'CopyFile d/g', 'ListDirectoriesAndFiles d', 'GetShareStats sluice'
  ])
})
