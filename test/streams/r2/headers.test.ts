import fc from 'fast-check'
import t from 'tap'
import { conditionHeaders, decodeMetadataValue, encodeMetadataValue, objectHeaders, readMetadata } from '../../../streams/r2/headers.ts'

t.test('objectHeaders() names each property as R2 wants it', t => {
  t.same(objectHeaders({
    contentType: 'text/plain; charset=utf-8',
    cacheControl: 'max-age=60',
    contentDisposition: 'attachment; filename="a.txt"',
    contentEncoding: 'gzip',
    contentLanguage: 'de',
    expires: new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678)),
    storageClass: 'STANDARD_IA',
    metadata: { Author: 'me', 'x-note': '' }
  }), {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'max-age=60',
    'content-disposition': 'attachment; filename="a.txt"',
    'content-encoding': 'gzip',
    'content-language': 'de',
    'x-amz-storage-class': 'STANDARD_IA',
    expires: 'Fri, 02 Jan 2026 03:04:05 GMT',
    'x-amz-meta-author': 'me',
    'x-amz-meta-x-note': ''
  })
  t.same(objectHeaders({}), {})
  t.end()
})

const CONDITIONS = { ifMatch: '"a"', ifNoneMatch: '*', ifModifiedSince: new Date(0), ifUnmodifiedSince: new Date(1_000_999) }

t.test('conditionHeaders() names conditions, on a source and on a destination too', t => {
  t.same(conditionHeaders(CONDITIONS), {
    'if-match': '"a"', 'if-none-match': '*', 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT', 'if-unmodified-since': 'Thu, 01 Jan 1970 00:16:40 GMT'
  })
  t.same(Object.keys(conditionHeaders(CONDITIONS, 'x-amz-copy-source-')), [
    'x-amz-copy-source-if-match', 'x-amz-copy-source-if-none-match', 'x-amz-copy-source-if-modified-since', 'x-amz-copy-source-if-unmodified-since'
  ])
  t.same(conditionHeaders({ ifMatch: '"a"' }, 'cf-copy-destination-'), { 'cf-copy-destination-if-match': '"a"' })
  t.same(conditionHeaders({}), {})
  t.end()
})

const REFUSED: Array<[options: object, error: Error]> = [
  [{ contentType: 'a\r\nx-evil: 1' }, new TypeError('Cannot send header "content-type" as its value must be printable ASCII: received "a\\r\\nx-evil: 1"')],
  [{ contentDisposition: 'filename="ü"' }, new TypeError('Cannot send header "content-disposition" as its value must be printable ASCII: received "filename=\\"ü\\""')],
  [{ cacheControl: ' no-cache' }, new TypeError('Cannot send header "cache-control" as its value must be printable ASCII: received " no-cache"')],
  [{ contentLanguage: '' }, new TypeError('Cannot send header "content-language" as its value must be printable ASCII: received ""')],
  [{ contentEncoding: 7 }, new TypeError('Cannot send header "content-encoding" as its value must be printable ASCII: received 7')],
  [{ expires: new Date(NaN) }, new TypeError('Cannot use "expires" as it must be a valid Date: received Invalid Date')],
  [{ expires: 'tomorrow' }, new TypeError('Cannot use "expires" as it must be a valid Date: received tomorrow')],
  [{ metadata: { 'a b': '1' } }, new TypeError('Cannot send metadata "a b" as its name must be an ASCII header name')],
  [{ metadata: { ä: '1' } }, new TypeError('Cannot send metadata "ä" as its name must be an ASCII header name')],
  [{ metadata: { '': '1' } }, new TypeError('Cannot send metadata "" as its name must be an ASCII header name')],
  [{ metadata: { 'a\r\nb': '1' } }, new TypeError('Cannot send metadata "a\\r\\nb" as its name must be an ASCII header name')],
  [{ metadata: { a: 1 } }, new TypeError('Cannot send metadata "a" as its value must be a string: received number')],
  [{ metadata: { a: 'x\r\nx-evil: 1' } }, new TypeError('Cannot send metadata "a" as its value holds a line break or a NUL: received "x\\r\\nx-evil: 1"')],
  [{ metadata: { a: 'x\0' } }, new TypeError('Cannot send metadata "a" as its value holds a line break or a NUL: received "x\\u0000"')],
  [{ metadata: { A: '1', a: '2' } }, new TypeError('Cannot send metadata "a" twice: case does not tell names of headers apart')],
  [{ metadata: { a: 'x'.repeat(8192) } }, new RangeError('Cannot send metadata of 8193 bytes as R2 takes at most 8192')],
  [{ metadata: { a: '\ud800' } }, new TypeError('Cannot send metadata "a" as its value holds half a surrogate pair')]
]

t.test('objectHeaders() refuses what a header cannot carry, and every way to smuggle one in', t => {
  for (const [options, error] of REFUSED) t.throws(() => objectHeaders(options), error, error.message)
  t.end()
})

t.test('conditionHeaders() refuses etags with line breaks and dates that are none', t => {
  t.throws(() => conditionHeaders({ ifMatch: '"a"\r\nx: y' }), new TypeError('Cannot send header "if-match" as its value must be printable ASCII: received "\\"a\\"\\r\\nx: y"'))
  t.throws(() => conditionHeaders({ ifModifiedSince: new Date('x') }), new TypeError('Cannot use "ifModifiedSince" as it must be a valid Date: received Invalid Date'))
  t.end()
})

t.test('objectHeaders() counts metadata as R2 does: names and decoded values, up to 8,192 bytes', t => {
  t.doesNotThrow(() => objectHeaders({ metadata: { a: 'x'.repeat(8191) } }))
  t.doesNotThrow(() => objectHeaders({ metadata: { ab: 'ü'.repeat(4095) } }))
  t.throws(() => objectHeaders({ metadata: { abc: 'ü'.repeat(4095) } }), RangeError)
  t.end()
})

const ENCODED: Array<[value: string, header: string]> = [
  ['', ''],
  ['plain text', 'plain text'],
  ['ü', '=?UTF-8?B?w7w=?='],
  [' padded ', '=?UTF-8?B?IHBhZGRlZCA=?='],
  ['tab\there', '=?UTF-8?B?dGFiCWhlcmU=?='],
  ['=?UTF-8?B?w7w=?=', '=?UTF-8?B?PT9VVEYtOD9CP3c3dz0/PQ==?='],
  ['é'.repeat(30), '=?UTF-8?B?w6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6k=?= =?UTF-8?B?w6nDqcOpw6nDqcOpw6nDqQ==?=']
]

t.test('encodeMetadataValue() writes encoded-words only where a header needs them', t => {
  for (const [value, header] of ENCODED) {
    t.equal(encodeMetadataValue(value), header)
    t.equal(decodeMetadataValue(header), value)
  }
  t.end()
})

const DECODED: Array<[header: string, value: string]> = [
  ['=?utf-8?q?caf=C3=A9_au_lait?=', 'café au lait'],
  ['=?ISO-8859-1?Q?caf=E9?=', 'café'],
  ['=?UTF-8?B?w7w=?=   =?UTF-8?B?w7w=?=', 'üü'],
  ['a =?UTF-8?B?w7w=?= b', 'a ü b'],
  ['=?x-unknown?B?w7w=?=', '=?x-unknown?B?w7w=?='],
  ['=?UTF-8?X?w7w=?=', '=?UTF-8?X?w7w=?='],
  ['what =? this', 'what =? this']
]

t.test('decodeMetadataValue() reads what others write', t => {
  for (const [header, value] of DECODED) t.equal(decodeMetadataValue(header), value)
  t.end()
})

t.test('encodeMetadataValue() is undone by decodeMetadataValue(), in printable words of 75 characters, for any text', t => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ unit: 'grapheme', maxLength: 100 }), fc.constantFrom('\ufeff', '\ufeffa', '=?', '?= =?', ' '))
  fc.assert(fc.property(text, value => {
    const header = encodeMetadataValue(value)
    const areWords = header.split(' ').every(word => /^=\?UTF-8\?B\?[A-Za-z0-9+/=]+\?=$/.test(word) && word.length <= 75)
    return decodeMetadataValue(header) === value && (header === value || areWords)
  }), { seed: 2047, numRuns: 500 })
  t.end()
})

t.test('readMetadata() takes the metadata of an answer and nothing else', t => {
  const metadata = readMetadata({ 'x-amz-meta-author': '=?UTF-8?B?w7w=?=', 'x-amz-meta-': 'no name', 'x-amz-metadata': 'no', etag: '"e"', 'x-amz-meta-__proto__': 'kept' })
  t.equal(metadata['author'], 'ü')
  t.same(Object.keys(metadata), ['author', '', '__proto__'])
  t.equal(Object.getPrototypeOf(metadata), Object.prototype)
  t.end()
})
