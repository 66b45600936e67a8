/** What is wrong is refused at once, by name and with the value, and nothing is sent. */
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { ConfigurationError } from '../../../lib/errors.ts'
import { R2 } from '../../../streams/r2/client.ts'
import type { R2Options } from '../../../streams/r2/config.ts'
import { startR2 } from './support/client.ts'

const ACCOUNT = '0123456789abcdef0123456789abcdef'
const ID = 'a'.repeat(32)
const SECRET = 'b'.repeat(64)
const GOOD = { accountId: ACCOUNT, accessKeyId: ID, secretAccessKey: SECRET }

const CONFIGURATIONS: Array<[options: object, message: string]> = [
  [{}, 'Cannot create an R2 client without accountId or endpoint'],
  [{ ...GOOD, accountId: 'acme' }, 'Cannot use accountId "acme" as it must be 32 hex digits'],
  [{ accountId: ACCOUNT }, 'Cannot create an R2 client without accessKeyId (or credentials)'],
  [{ accountId: ACCOUNT, accessKeyId: ID }, 'Cannot create an R2 client without secretAccessKey (or credentials)'],
  [{ ...GOOD, accessKeyId: SECRET }, "Cannot use accessKeyId as R2's has 32 hex digits: received 64 characters"],
  [{ ...GOOD, secretAccessKey: 'an API token as it was shown' }, "Cannot use secretAccessKey as R2's has 64 hex digits: received 28 characters"],
  [{ ...GOOD, secretAccessKey: '' }, 'Cannot use secretAccessKey as it must be a text that is not empty'],
  [{ ...GOOD, accessKeyId: 7 }, 'Cannot use accessKeyId as it must be a text that is not empty'],
  [{ accountId: ACCOUNT, credentials: GOOD }, 'Cannot use credentials as they must be a function: received object'],
  [{ ...GOOD, jurisdiction: 'mars' }, 'Cannot use jurisdiction "mars" as it must be one of eu, fedramp, us'],
  [{ ...GOOD, endpoint: 'http://r2.example.com' }, 'Cannot use endpoint "http://r2.example.com" as it must be https: (http: is for loopback hosts only)'],
  [{ ...GOOD, endpoint: 'r2.example.com' }, 'Cannot use endpoint as it must be an absolute URL: received "r2.example.com"'],
  [{ ...GOOD, endpoint: 'https://id:secret@r2.example.com' }, 'Cannot use endpoint as it holds a user name or password: pass credentials as options'],
  [{ ...GOOD, bucket: 'My_Bucket' }, 'Cannot use bucket: Cannot address bucket "My_Bucket" as its name must have 3 to 63 characters of a-z, 0-9 and "-", with a letter or digit at both ends'],
  [{ ...GOOD, partSize: 1_000_000 }, 'Cannot use partSize: Cannot upload in parts of 1000000 bytes as R2 takes parts of 5242880 (5 MiB) to 5363466240 bytes'],
  [{ ...GOOD, concurrency: 17 }, 'Cannot use concurrency: Cannot keep 17 requests in flight as concurrency must be a whole number from 1 to 16'],
  [{ ...GOOD, multipartThreshold: 6e9 }, 'Cannot use multipartThreshold 6000000000 as it must be 1 to 5363466240 bytes, the largest single PUT of R2'],
  [{ ...GOOD, integrity: 'sha1' }, 'Cannot use integrity "sha1" as it must be one of sha256, crc32, crc64nvme, md5, unsigned'],
  [{ ...GOOD, rateLimit: { requestsPerSecond: -1 } }, 'Cannot use rateLimit.requestsPerSecond -1 as it must be a number above 0'],
  [{ ...GOOD, timeouts: { operationMs: Infinity } }, 'Cannot use timeouts.operationMs Infinity as timers take at most 2147483647 ms'],
  [{ ...GOOD, retry: { retries: -1 } }, 'Cannot use retry.retries -1 as it must be a whole number of 0 or more'],
  [{ ...GOOD, circuitBreaker: { failureThreshold: 0 } }, 'Cannot use circuitBreaker.failureThreshold 0 as it must be a whole number of 1 or more']
]

for (const [options, message] of CONFIGURATIONS) {
  t.test(`R2 refuses a configuration: ${message}`, t => {
    t.throws(() => new R2(options as R2Options), new ConfigurationError(message))
    t.end()
  })
}

const KEY = 'x'.repeat(1025)
const UPLOAD = { key: 'k', uploadId: 'u' }

/** Streams throw at once; promises are rejected. */
const ARGUMENTS: Array<[act: (r2: R2) => unknown, error: Error]> = [
  [r2 => r2.createWriteStream(''), new RangeError('Cannot address an object as its key is empty')],
  [r2 => r2.createWriteStream(KEY), new RangeError('Cannot address an object as its key has 1025 bytes: R2 takes at most 1024')],
  [r2 => r2.createReadStream('../k'), new RangeError('Cannot address key "../k" as "." and ".." cannot be segments of it')],
  [r2 => r2.createReadStream(undefined as never), new TypeError('Cannot address an object as its key must be a string: received undefined')],
  [r2 => r2.createReadStream('k', { concurrency: 0 }), new RangeError('Cannot keep 0 requests in flight as concurrency must be a whole number from 1 to 16')],
  [r2 => r2.createReadStream('k', { bucket: 'a/b' }), new RangeError('Cannot address bucket "a/b" as its name must have letters, digits, ".", "_" and "-"')],
  [r2 => r2.createWriteStream('k', { partSize: 100 }), new RangeError('Cannot upload in parts of 100 bytes as R2 takes parts of 5242880 (5 MiB) to 5363466240 bytes')],
  [r2 => r2.createWriteStream('k', { size: 6e12 }), new RangeError('Cannot upload 6000000000000 bytes as R2 stores objects of at most 5492189429760 bytes (5.0 TiB)')],
  [r2 => r2.createWriteStream('k', { size: -1 }), new RangeError('Cannot upload as size must be a whole number of bytes: received -1')],
  [r2 => r2.createWriteStream('k', { integrity: 'none' as never }), new RangeError('Cannot upload with integrity "none" as it must be one of sha256, crc32, crc64nvme, md5, unsigned')],
  [r2 => r2.createWriteStream('k', { contentType: 'a\r\nb: c' }), new TypeError('Cannot send header "content-type" as its value must be printable ASCII: received "a\\r\\nb: c"')],
  [r2 => r2.createWriteStream('k', { metadata: { a: 'x\ny' } }), new TypeError('Cannot send metadata "a" as its value holds a line break or a NUL: received "x\\ny"')],
  [r2 => r2.createWriteStream('k', { expires: 'soon' as never }), new TypeError('Cannot use "expires" as it must be a valid Date: received soon')],
  [r2 => r2.createListStream({ pageSize: 0 }), new RangeError('Cannot list pages of 0 entries as pageSize must be a whole number from 1 to 1000')],
  [r2 => r2.createDeleteStream({ batchSize: 1001 }), new RangeError('Cannot delete 1001 keys at once as R2 takes at most 1000')],
  [r2 => r2.put('k', { pipe: () => {} } as never), new TypeError('Cannot put "k" as its body must be bytes or a string: pipe streams into createWriteStream()')],
  [r2 => r2.put('k', 'x', { metadata: { a: 7 as never } }), new TypeError('Cannot send metadata "a" as its value must be a string: received number')],
  [r2 => r2.get(''), new RangeError('Cannot address an object as its key is empty')],
  [r2 => r2.head('k', { ifMatch: '"a"\n' }), new TypeError('Cannot send header "if-match" as its value must be printable ASCII: received "\\"a\\"\\n"')],
  [r2 => r2.delete('a/./b'), new RangeError('Cannot address key "a/./b" as "." and ".." cannot be segments of it')],
  [r2 => r2.deleteMany(['ok', '']), new RangeError('Cannot address an object as its key is empty')],
  [r2 => r2.copy('a', { key: 'b', bucket: '..' }), new RangeError('Cannot address bucket ".." as its name must have letters, digits, ".", "_" and "-"')],
  [r2 => r2.list({ pageSize: 1.5 }), new RangeError('Cannot list pages of 1.5 entries as pageSize must be a whole number from 1 to 1000')],
  [r2 => r2.sweepUploads({ olderThanMs: NaN }), new RangeError('Cannot sweep uploads as olderThanMs must be 0 or more: received NaN')],
  [r2 => r2.multipart.putPart(UPLOAD, 0, Buffer.alloc(1)), new RangeError('Cannot address part 0 as its number must be a whole number from 1 to 10000')],
  [r2 => r2.multipart.putPart(UPLOAD, 10_001, Buffer.alloc(1)), new RangeError('Cannot address part 10001 as its number must be a whole number from 1 to 10000')],
  [r2 => r2.multipart.abort({ key: 'k', uploadId: '' }), new TypeError('Cannot address the upload of "k" without its uploadId')],
  [r2 => r2.multipart.complete(UPLOAD, []), new RangeError('Cannot complete the upload of "k" without parts')],
  [r2 => r2.buckets.create('a b'), new RangeError('Cannot address bucket "a b" as its name must have letters, digits, ".", "_" and "-"')],
  [r2 => r2.presign.get('k', { expiresIn: 604_801 }), new RangeError('Cannot presign with expiresIn 604801 as it must be whole seconds from 1 to 604800 (7 days)')],
  [r2 => r2.presign.put('k', { expiresIn: 0 }), new RangeError('Cannot presign with expiresIn 0 as it must be whole seconds from 1 to 604800 (7 days)')],
  [r2 => r2.presign.put('k', { expiresIn: 1.5 }), new RangeError('Cannot presign with expiresIn 1.5 as it must be whole seconds from 1 to 604800 (7 days)')],
  [r2 => r2.list({ prefix: '\ud800' }), new RangeError('Cannot send "\\ud800" as it holds half a surrogate pair')],
  [r2 => r2.multipart.copyPart(UPLOAD, 1, { key: 'from', start: 5, end: 4 }), new RangeError('Cannot copy bytes 5-4 as start and end must be whole numbers with start at most end')]
]

t.test('R2 refuses wrong arguments and sends nothing', async t => {
  const { r2, server } = await startR2(t)
  for (const [act, error] of ARGUMENTS) await t.rejects(async () => await act(r2), error, error.message)
  await setImmediate()
  t.equal(server.connections, 0)
})

t.test('R2 refuses a wrong stream at once, not when it is used', async t => {
  const { r2 } = await startR2(t)
  t.throws(() => r2.createWriteStream(''), RangeError)
  t.throws(() => r2.createReadStream('k', { ifMatch: '\n' }), TypeError)
  t.throws(() => r2.createListStream({ pageSize: 1001 }), RangeError)
})

t.test('R2 refuses to guess a bucket', async t => {
  const { r2, server } = await startR2(t)
  const homeless = new R2({ endpoint: server.origin, accessKeyId: 'k', secretAccessKey: 's' })
  t.teardown(() => homeless.close())
  t.throws(() => homeless.createWriteStream('k'), new ConfigurationError('Cannot address an object without a bucket: pass one to the client or to the call'))
  await t.rejects(homeless.list(), new ConfigurationError('Cannot address an object without a bucket: pass one to the client or to the call'))
  t.equal(r2.config.bucket, 'b')
})
