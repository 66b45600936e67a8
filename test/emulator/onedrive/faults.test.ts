import t from 'tap'
import { randomBytes } from 'node:crypto'
import { quickXorBase64 } from '../../../lib/digest/quick-xor.ts'
import { type Json, outcome, startGraph } from './client.ts'

t.test('operations have names, and items have keys', async t => {
  const client = await startGraph(t)
  const { emulator } = client
  const { json } = await client.put('/dir/a%23.txt', 'x')
  const id = String(json['id'])
  const url = await client.session('/b.txt')
  await client.fragment(url, Buffer.from('x'), 0, 1)
  await client.download('/dir/a%23.txt')
  await client.get(`/me/drive/items/${id}`)
  await client.get('/me/drive/root/children')
  await client.get('/me/drive/root/delta')
  await client.get("/me/drive/search(q='x')")
  await client.get('/nothing')
  t.same(emulator.requests.entries().map(({ operation, key }) => [operation, key]), [
    ['PutContent', '/dir/a#.txt'], ['CreateUploadSession', '/b.txt'], ['UploadFragment', 'b.txt'], ['GetContent', '/dir/a#.txt'], ['DownloadContent', id],
    ['GetItem', id], ['ListChildren', '/'], ['Delta', '/'], ['Search', '/'], ['UnknownOperation', undefined]
  ])
  const personal = await startGraph(t, { flavour: 'personal' })
  await personal.fragment(await personal.session("/it's.txt"), Buffer.from('x'), 0, 1)
  t.equal(personal.emulator.requests.entries('UploadFragment')[0]?.key, "it's.txt")
})

t.test('an error has the shape of the host that was asked, and its inner code may be chosen', async t => {
  const client = await startGraph(t)
  const { faults } = client.emulator
  faults.add({ operation: 'GetItem', status: 409, code: 'notAllowed/childItemCountExceeded', message: 'Too many' })
  const graph = await client.get('/me/drive/root')
  t.equal(outcome(graph), '409 notAllowed/childItemCountExceeded')
  t.match(graph.json, { error: { innerError: { 'request-id': graph.headers['request-id'] } } })
  const url = await client.session('/a')
  faults.add({ operation: 'UploadFragment', status: 401, code: 'unauthenticated/expiredToken' })
  t.match((await client.fragment(url, Buffer.from('x'), 0, 1)).json, { error: { code: 'unauthenticated', innererror: { code: 'expiredToken' } } })
  faults.add({ operation: 'GetItem', status: 504, html: true })
  t.match(await client.get('/me/drive/root'), { status: 504, headers: { 'content-type': 'text/html' }, text: /^<!DOCTYPE html>/ })
  faults.add({ operation: 'ListChildren', errorIn200: 'generalException' })
  t.match(await client.get('/me/drive/root/children'), { status: 200, json: { error: { code: 'generalException' } } })
})

t.test('changeObject: another version of the same size, before or in the middle', async t => {
  const client = await startGraph(t)
  const { faults } = client.emulator
  const body = randomBytes(300_000)
  const { json } = await client.put('/a', body)
  const url = json['@microsoft.graph.downloadUrl'] as string
  faults.add({ operation: 'DownloadContent', changeObject: true })
  const changed = await client.send('GET', url)
  t.match([changed.bytes.length, changed.bytes.equals(body), changed.headers['etag']], [300_000, false, /,2"$/])
  const now = (await client.get('/me/drive/root:/a')).json
  t.match(now, { size: 300_000, file: { hashes: { quickXorHash: quickXorBase64(changed.bytes) } } })
  t.not(now['cTag'], json['cTag'])
  faults.add({ operation: 'DownloadContent', changeObject: 'midway' })
  t.ok((await client.send('GET', url)).bytes.equals(changed.bytes), 'what runs goes on')
  faults.add({ operation: 'GetItem', key: '/a', changeObject: true })
  t.not((await client.get('/me/drive/root:/a')).json['cTag'], now['cTag'])
  const session = await client.session('/a')
  faults.add({ operation: 'UploadFragment', changeObject: true })
  t.equal((await client.fragment(session, Buffer.from('x'), 0, 1)).status, 200)
  faults.add({ operation: ['GetItem', 'ListChildren', 'Token'], changeObject: true, times: 3 })
  for (const path of ['/me/drive/items/none', '/me/drive/root/children', '/me/drive/special/none']) await client.get(path)
  t.equal(client.oneDrive.state.item('/a')?.versions?.length, 6)
  faults.verify()
})

t.test('cuts, flips and lost answers reach every host', async t => {
  const client = await startGraph(t)
  const { faults } = client.emulator
  const body = randomBytes(300_000)
  await client.put('/a', body)
  faults.add({ operation: 'DownloadContent', reset: { responseByte: 100_000 } })
  await t.rejects(client.download('/a'))
  faults.add({ operation: 'DownloadContent', flipBit: { at: 5 } })
  t.notOk((await client.download('/a')).bytes.equals(body))
  faults.add({ operation: 'CopyItem', loseAnswer: true })
  await t.rejects(client.graph('POST', '/me/drive/root:/a:/copy', { json: { name: 'b' } }))
  faults.add({ operation: 'CreateUploadSession', loseAnswer: true })
  await t.rejects(client.session('/c'))
  t.equal(client.oneDrive.state.sessions().length, 1)
  faults.add({ operation: 'PutContent', flipBit: { requestBody: 0 } })
  t.not(((await client.put('/d', body)).json['file'] as Json)['hashes'], quickXorBase64(body))
  faults.verify()
})
