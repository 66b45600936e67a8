import t from 'tap'
import { NotFoundError } from '../../../../lib/errors.ts'
import type { UploadRef, UploadedPart } from '../../../../streams/r2/index.ts'
import { PART, bytesOf, compositeMd5, failureOf, start, storedBytes, trace } from './support.ts'

const bytes = bytesOf(3 * PART + 5)

function partOf (number: number): Buffer {
  return bytes.subarray((number - 1) * PART, number * PART)
}

t.test('multipart: a journal of parts lets a second client send only those that are missing', async t => {
  const { emulator, r2, client } = await start(t)
  const upload = await r2.multipart.create('k', { contentType: 'text/x', metadata: { a: 'ü' } })
  const journal: { upload: Required<UploadRef>, parts: UploadedPart[] } = { upload, parts: [] }
  emulator.faults.add({ operation: 'UploadPart', partNumber: 3, status: 403 })
  for (const number of [1, 2]) journal.parts.push(await r2.multipart.putPart(upload, number, partOf(number)))
  await failureOf(r2.multipart.putPart(upload, 3, partOf(3)))
  const saved = JSON.parse(JSON.stringify(journal)) as typeof journal
  emulator.requests.clear()
  const later = client()
  const parts = [...saved.parts]
  for (const number of [4, 3]) parts.push(await later.multipart.putPart(saved.upload, number, partOf(number)))
  const done = await later.multipart.complete(saved.upload, parts)
  t.same(trace(emulator), ['UploadPart 4 200', 'UploadPart 3 200', 'CompleteMultipartUpload 200'])
  t.equal(done.etag, `"${compositeMd5(bytes)}"`)
  t.ok((await storedBytes(emulator, 'k'))?.equals(bytes))
  t.match(await later.head('k'), { contentType: 'text/x', metadata: { a: 'ü' } })
})

t.test('multipart: listParts() tells what is there when the journal is lost', async t => {
  const { r2 } = await start(t)
  const upload = await r2.multipart.create('k')
  for (const number of [3, 1]) await r2.multipart.putPart(upload, number, partOf(number))
  const { entries, next } = await r2.multipart.listParts(upload)
  t.match(entries, [{ partNumber: 1, size: PART }, { partNumber: 3, size: PART }])
  t.equal(next, undefined)
  t.match((await r2.multipart.listParts(upload, { marker: 1 })).entries, [{ partNumber: 3 }])
  t.match((await r2.multipart.listUploads()).entries, [{ key: 'k', uploadId: upload.uploadId }])
})

for (const integrity of ['sha256', 'crc32', 'crc64nvme', 'md5', 'unsigned'] as const) {
  t.test(`multipart: all steps work with integrity ${integrity}, and a part may be copied from another object`, async t => {
    const { emulator, client } = await start(t)
    const r2 = client({ integrity })
    await r2.put('source', partOf(1))
    const upload = await r2.multipart.create('k')
    const parts = [
      await r2.multipart.copyPart(upload, 1, { key: 'source', start: 0, end: PART - 1 }),
      await r2.multipart.putPart(upload, 2, partOf(2))
    ]
    t.equal((await r2.multipart.complete(upload, parts)).etag, `"${compositeMd5(bytes.subarray(0, 2 * PART))}"`)
    t.ok((await storedBytes(emulator, 'k'))?.equals(bytes.subarray(0, 2 * PART)))
  })
}

t.test('multipart: abort() may be repeated; what is unknown is NoSuchUpload', async t => {
  const { emulator, r2 } = await start(t)
  const upload = await r2.multipart.create('k')
  await r2.multipart.abort(upload)
  await r2.multipart.abort(upload)
  t.same(emulator.r2.state.uploads(), [])
  t.ok(await failureOf(r2.multipart.putPart(upload, 1, partOf(1))) instanceof NotFoundError)
  t.match(await failureOf(r2.multipart.abort({ key: 'k', uploadId: 'never' })), { code: 'NoSuchUpload' })
})

t.test('multipart: wrong arguments are refused before anything is sent', async t => {
  const { emulator, r2 } = await start(t)
  const upload = { key: 'k', uploadId: 'u' }
  for (const number of [0, 10_001, 1.5, NaN]) t.ok(await failureOf(r2.multipart.putPart(upload, number, partOf(1))) instanceof RangeError)
  t.ok(await failureOf(r2.multipart.complete(upload, [])) instanceof RangeError)
  t.ok(await failureOf(r2.multipart.abort({ key: 'k', uploadId: '' })) instanceof TypeError)
  t.equal(emulator.requests.count(), 0)
})

t.test('multipart: parts of unequal size are refused at Complete, by R2 itself', async t => {
  const { r2 } = await start(t)
  const upload = await r2.multipart.create('k')
  const parts = [await r2.multipart.putPart(upload, 1, partOf(1)), await r2.multipart.putPart(upload, 2, bytes.subarray(0, PART + 1))]
  t.match(await failureOf(r2.multipart.complete(upload, parts)), { code: 'InvalidPart', status: 400 })
})
