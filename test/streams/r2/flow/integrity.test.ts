import t from 'tap'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { createDigest } from '../../../../lib/digest/digest.ts'
import { StorageError } from '../../../../lib/errors.ts'
import type { Integrity } from '../../../../streams/r2/index.ts'
import { outcome, startClient } from '../../../emulator/client.ts'
import { KiB, PART, bytesOf, collect, compositeMd5, failureOf, md5, start, storedBytes, trace, upload } from './support.ts'

const bytes = bytesOf(2 * PART + 7)
const sealed: Record<Integrity, Record<string, string | RegExp>> = {
  sha256: { 'x-amz-content-sha256': createHash('sha256').update(bytes.subarray(0, PART)).digest('hex') },
  crc32: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'x-amz-checksum-crc32': base64(crc32(bytes.subarray(0, PART))) },
  crc64nvme: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'x-amz-checksum-crc64nvme': /^[A-Za-z0-9+/]{11}=$/ },
  md5: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'content-md5': createHash('md5').update(bytes.subarray(0, PART)).digest('base64') },
  unsigned: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
}

function base64 (crc: number): string {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32BE(crc)
  return buffer.toString('base64')
}

function digestOf (data: Buffer): Promise<string> {
  return createDigest('crc64nvme').then(digest => digest.update(data).digest().toString('hex'))
}

for (const [integrity, headers] of Object.entries(sealed) as Array<[Integrity, object]>) {
  t.test(`createWriteStream() with integrity ${integrity} vouches for each part, and what was stored reads back verified`, async t => {
    const { emulator, r2 } = await start(t)
    const stored = await upload(r2.createWriteStream('k', { integrity, partSize: PART }), bytes)
    t.equal(stored.etag, `"${compositeMd5(bytes)}"`)
    t.match(emulator.requests.entries('UploadPart').find(entry => entry.partNumber === 1)?.headers, headers)
    t.ok((await collect(r2.createReadStream('k'))).equals(bytes))
  })

  t.test(`createWriteStream() with integrity ${integrity} notices a bit that flips on the way, in a part and in a PUT, and sends the bytes again`, async t => {
    const { emulator, r2 } = await start(t)
    for (const data of [bytesOf(100 * KiB), bytes]) {
      emulator.faults.add({ operation: ['UploadPart', 'PutObject'], flipBit: { requestBody: 4711 } })
      const uploading = upload(r2.createWriteStream('k', { integrity, partSize: PART, concurrency: 1 }), data)
      if (integrity === 'unsigned') {
        t.not((await uploading).etag, `"${data === bytes ? compositeMd5(data) : md5(data)}"`, 'only TLS would')
        continue
      }
      t.equal((await uploading).etag, `"${data === bytes ? compositeMd5(data) : md5(data)}"`)
      await r2.delete('k')
      emulator.faults.add({ operation: ['UploadPart', 'PutObject'], flipBit: { requestBody: 4711 }, times: 4 })
      const error = await failureOf(upload(r2.createWriteStream('k', { integrity, partSize: PART, concurrency: 1 }), data))
      t.ok(error instanceof StorageError)
      t.match(error, { code: integrity === 'sha256' ? 'XAmzContentSHA256Mismatch' : 'BadDigest', status: 400, remote: 'clean' })
      t.same([emulator.r2.state.objects(), emulator.r2.state.uploads()], [[], []])
    }
  })
}

t.test('createWriteStream() tells the CRC-64 of the whole from those of the parts, and R2 compares it', async t => {
  const { emulator, r2 } = await start(t)
  const stored = await upload(r2.createWriteStream('k', { integrity: 'crc64nvme', partSize: PART }), bytes)
  const whole = await digestOf(bytes)
  t.equal(stored.digests['crc64nvme'], whole)
  t.match(emulator.requests.entries('CompleteMultipartUpload')[0]?.headers, { 'x-amz-checksum-crc64nvme': Buffer.from(whole, 'hex').toString('base64') })
  t.equal((await r2.head('k')).checksums['crc64nvme'], Buffer.from(whole, 'hex').toString('base64'))
})

t.test('the emulator compares the checksum of the whole that Complete brings', async t => {
  const client = await startClient(t, { r2: { strict: { minPartSize: 1 } } })
  const complete = async (checksum: string): Promise<string> => {
    const uploadId = await client.createUpload('k', { 'x-amz-checksum-algorithm': 'CRC64NVME' })
    const part = await client.putPart('k', uploadId, 1, '123456789')
    return outcome(await client.complete('k', uploadId, [[1, part.headers['etag'] ?? '']], { 'x-amz-checksum-crc64nvme': checksum }))
  }
  t.equal(await complete('rosUhgp5mIg='), '200')
  t.equal(await complete('AAAAAAAAAAA='), '400 BadDigest')
})

for (const algorithm of ['sha256', 'sha1', 'md5', 'crc64nvme'] as const) {
  t.test(`createWriteStream() computes the ${algorithm} of the whole in the same pass`, async t => {
    const { r2 } = await start(t)
    const expected = algorithm === 'crc64nvme' ? await digestOf(bytes) : createHash(algorithm).update(bytes).digest('hex')
    const stored = await upload(r2.createWriteStream('k', { digest: algorithm, partSize: PART, integrity: 'unsigned' }), bytes, 12_345)
    t.equal(stored.digests[algorithm], expected)
  })
}

t.test('createWriteStream() computes the digest once although parts are sent again', async t => {
  const { emulator, r2 } = await start(t)
  emulator.faults.add({ operation: 'UploadPart', status: 500, times: 3 })
  const stored = await upload(r2.createWriteStream('k', { digest: 'sha256', partSize: PART }), bytes)
  t.equal(stored.digests['sha256'], createHash('sha256').update(bytes).digest('hex'))
  t.equal(stored.attempts, 8)
})

t.test('put() of one piece gives md5 and sha256 without being asked', async t => {
  const { emulator, r2 } = await start(t)
  const data = bytesOf(KiB)
  t.same((await r2.put('k', data)).digests, { md5: md5(data), sha256: createHash('sha256').update(data).digest('hex') })
  t.same([trace(emulator), await storedBytes(emulator, 'k')], [['PutObject 200'], data])
})
