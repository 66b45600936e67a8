import t from 'tap'
import { Secret } from '../../../lib/secret.ts'
import { resolveItem } from '../../../streams/onedrive/addressing.ts'
import {
  cancelUploadSession, commitBySourceUrl, commitUploadSession, createUploadSession, getUploadSession, putFragment, readSessionStatus
} from '../../../streams/onedrive/wire-session.ts'
import { FILE, answer } from './support/answers.ts'

const BIG = resolveItem('/dir/big.bin', 'me')
const URL = new Secret("https://t.sharepoint.com/uploadSession?guid='g'&path='~tmp'&tempauth=x")

function json (body: Uint8Array | undefined): unknown {
  return JSON.parse(Buffer.from(body ?? []).toString())
}

t.test('createUploadSession() puts everything inside item, where the service looks', async t => {
  const operation = createUploadSession(BIG, { conflictBehavior: 'replace', fileTimes: { modified: new Date('2024-03-01T10:00:00Z') }, ifMatch: '"1"' })
  t.match(operation, { method: 'POST', where: { path: '/me/drive/root:/dir/big.bin:/createUploadSession' }, headers: { 'content-type': 'application/json', 'if-match': '"1"' } })
  t.strictSame(json(operation.body), { item: { '@microsoft.graph.conflictBehavior': 'replace', fileSystemInfo: { lastModifiedDateTime: '2024-03-01T10:00:00.000Z' } } })
  t.strictSame(json(createUploadSession(BIG, { conflictBehavior: 'fail', deferCommit: true }).body), { item: { '@microsoft.graph.conflictBehavior': 'fail' }, deferCommit: true })
})

t.test('createUploadSession() keeps the URL as it came, and to itself', async t => {
  const operation = createUploadSession(BIG, { conflictBehavior: 'replace' })
  const session = await operation.read(answer({ uploadUrl: URL.reveal(), expirationDateTime: '2024-03-01T10:15:00.123Z', nextExpectedRanges: ['0-'] }))
  t.equal(session.uploadUrl.reveal(), URL.reveal())
  t.notMatch(JSON.stringify(session), /tempauth/)
  t.match(session, { expiresAt: new Date('2024-03-01T10:15:00.123Z'), missing: [{ start: 0, end: undefined }] })
  await t.rejects(async () => operation.read(answer({})), { code: 'MalformedAnswer' })
})

t.test('readSessionStatus() reads nextExpectedRanges in all its forms', async t => {
  const forms: Array<[ranges: unknown, missing: unknown]> = [
    [['26-'], [{ start: 26, end: undefined }]],
    [['5242880-8255205'], [{ start: 5_242_880, end: 8_255_205 }]],
    [['12345-55232', '77829-99375'], [{ start: 12_345, end: 55_232 }, { start: 77_829, end: 99_375 }]],
    [[' 7 - 9 '], [{ start: 7, end: 9 }]],
    [[], []],
    [undefined, undefined],
    [null, undefined],
    ['26-', undefined],
    [['x', 7, '-5'], []]
  ]
  for (const [nextExpectedRanges, missing] of forms) {
    t.strictSame(readSessionStatus({ nextExpectedRanges }), { expiresAt: undefined, missing }, JSON.stringify(nextExpectedRanges))
  }
})

t.test('putFragment() names its bytes and the total, without the access token', async t => {
  const operation = putFragment(URL, '"/a"', 327_680, Buffer.alloc(72_320), 400_000)
  t.match(operation, { method: 'PUT', where: { kind: 'authorized', by: 'session' }, headers: { 'content-range': 'bytes 327680-399999/400000' } })
  t.match(await operation.read(answer({ nextExpectedRanges: ['327680-399999'] }, 202)), { kind: 'more', missing: [{ start: 327_680, end: 399_999 }] })
  t.match(await operation.read(answer('', 202)), { kind: 'more', missing: undefined })
  t.match(await operation.read(answer(FILE, 201)), { kind: 'item', item: { id: '01ABC' } })
  t.match(await operation.read(answer('', 200)), { kind: 'done' }, 'no item: it has to be looked up')
})

t.test('getUploadSession(), cancelUploadSession() and commitUploadSession() go to the same URL', async t => {
  for (const [operation, method] of [[getUploadSession(URL, '"/a"'), 'GET'], [cancelUploadSession(URL, '"/a"'), 'DELETE'], [commitUploadSession(URL, '"/a"'), 'POST']] as const) {
    t.match(operation, { method, where: { kind: 'authorized', by: 'session' } })
  }
  t.equal(commitUploadSession(URL, '"/a"').body?.byteLength, 0, 'so that Content-Length is 0')
  t.match(await commitUploadSession(URL, '"/a"').read(answer(FILE, 201)), { id: '01ABC' })
})

t.test('commitBySourceUrl() goes to the path of the file, with its name', async t => {
  const operation = commitBySourceUrl(BIG, URL, 'rename')
  t.match(operation, { method: 'PUT', where: { kind: 'graph', path: '/me/drive/root:/dir/big.bin' } })
  t.strictSame(json(operation.body), { name: 'big.bin', '@microsoft.graph.conflictBehavior': 'rename', '@microsoft.graph.sourceUrl': URL.reveal() })
})
