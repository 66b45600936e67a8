import fc from 'fast-check'
import t from 'tap'
import { QuickXorDigest, quickXorBase64 } from '../../../lib/digest/quick-xor.ts'

/** From rclone's tests, in base64. */
const VECTORS: ReadonlyArray<readonly [input: string, hash: string]> = [
  ['', 'AAAAAAAAAAAAAAAAAAAAAAAAAAA='],
  ['Sg==', 'SgAAAAAAAAAAAAAAAQAAAAAAAAA='],
  ['tbQ=', 'taAFAAAAAAAAAAAAAgAAAAAAAAA='],
  ['0pZP', '0rDEEwAAAAAAAAAAAwAAAAAAAAA='],
  ['/aNzzCFPS/A=', '/RjFHJgRgicsAR4ACAAAAAAAAAA='],
  ['XoJ1AsoR4fDYJrDqYs4=', 'XhBEHQSgjAiEAx7YPgEs1CEGZwA='],
  ['gQaybEqS/4UlDc8e4IJm', 'gDCALNigBEn8oxAlZ8AzPAAOQZg='],
  ['T6LYJIfDh81JrAK309H2JMJTXis=', 'zBTHrspn3mEcohlJdIUAbjGNaNg='],
  ['NbYXsp5/K6mR+NmHwExjvWeWDJFnXTKWVlzYHoesp2E=', 'wjuAuWDiq04qDt1R8hHWDDcwVoQ='],
  ['Mb7EGva2rEE5fENDL85P+BsapHEEjv2/siVhKjvAQe02feExVOQSkfmuYzU/kTF1MaKjPmKF/w+cbvwfdWL8aQ==', 'n1anP5NfvD4XDYWIeRPW3ZkPv1Y=']
]

/** Of the generator below, by length. */
const GENERATED: ReadonlyArray<readonly [length: number, hash: string]> = [
  [159, 'f/pDw1BFvSqv7z0yckiqQcYVHbw='],
  [160, 'f/pDw1BFvSqv7z0yTUiqQcYVvb0='],
  [161, '1PpDw1BFvSqv7z0yTEiqQcYVvb0='],
  [1761, 'NCBbZ7SGC34novTNFyCbrh0eNk0='],
  [65_536, '9MP8bs9U+0/2T+RrFNTJ062Lhkc='],
  [327_680, 'Q+uw5uqAl7Mk5eIEyZOC8HXDLZ4='],
  [1_048_577, 'Rp6QwGuzR9r2wPC8HdLZZWOqmcM=']
]

t.test('quickXorBase64() gives the public vectors', async t => {
  for (const [input, hash] of VECTORS) t.equal(quickXorBase64(Buffer.from(input, 'base64')), hash, `"${input}"`)
  t.equal(quickXorBase64(Buffer.from('hello world')), 'aCgDG9jwBhDc4Q1yawMZAAAAAAA=')
  t.equal(quickXorBase64(Buffer.alloc(4096)), 'AAAAAAAAAAAAAAAAABAAAAAAAAA=')
})

t.test('quickXorBase64() gives the vectors around the length of the window', async t => {
  t.strictSame(generated(8), Buffer.from('c67e816b4bfbe2fb', 'hex'))
  for (const [length, hash] of GENERATED) t.equal(quickXorBase64(generated(length)), hash, `${length} bytes`)
})

t.test('QuickXorDigest is the same for any chunks in any memory', async t => {
  const bytes = generated(5000)
  const whole = quickXorBase64(bytes)
  fc.assert(fc.property(fc.array(fc.nat({ max: 700 }), { maxLength: 12 }), fc.nat({ max: 3 }), (cuts, shift) => {
    // Memory that starts at any remainder of 4, as pooled buffers do.
    const memory = Buffer.concat([Buffer.alloc(shift), bytes]).subarray(shift)
    const digest = new QuickXorDigest()
    let start = 0
    for (const length of cuts) digest.update(memory.subarray(start, start += length))
    return digest.update(memory.subarray(start)).digest().toString('base64') === whole
  }), { seed: 7, numRuns: 200 })
  t.pass('all cuts')
})

t.test('QuickXorDigest folds parts that were hashed apart, in any order', async t => {
  const bytes = generated(10_000)
  const ends = [1, 159, 160, 161, 4000, 4001, 9999, 10_000]
  const parts = ends.map((end, index) => ({ offset: ends[index - 1] ?? 0, digest: new QuickXorDigest().update(bytes.subarray(ends[index - 1] ?? 0, end)) }))
  fc.assert(fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), shuffled => {
    const whole = shuffled.reduce((digest, part) => digest.fold(part.digest, part.offset), new QuickXorDigest())
    return whole.size === bytes.length && whole.digest().toString('base64') === quickXorBase64(bytes)
  }), { seed: 11, numRuns: 100 })
  t.pass('all orders')
})

t.test('QuickXorDigest goes on from JSON, and its digest may be asked for before the end', async t => {
  const bytes = generated(1761)
  const first = new QuickXorDigest().update(bytes.subarray(0, 333))
  t.equal(first.digest().toString('base64'), quickXorBase64(bytes.subarray(0, 333)))
  const restored = QuickXorDigest.restore(JSON.parse(JSON.stringify(first.save())))
  t.equal(restored.size, 333)
  t.equal(restored.update(bytes.subarray(333)).digest().toString('base64'), 'NCBbZ7SGC34novTNFyCbrh0eNk0=')
})

t.test('QuickXorDigest refuses a damaged state and an impossible offset', async t => {
  const saved = new QuickXorDigest().save()
  t.throws(() => QuickXorDigest.restore({ ...saved, state: 'AAAA' }), new RangeError('Cannot restore quickXor digest as its state is damaged'))
  t.throws(() => QuickXorDigest.restore({ ...saved, size: -1 }), RangeError)
  t.throws(() => new QuickXorDigest().fold(new QuickXorDigest(), -1), RangeError)
})

t.test('QuickXorDigest counts lengths beyond 32 bits', async t => {
  const digest = QuickXorDigest.restore({ ...new QuickXorDigest().save(), size: 2 ** 33 })
  t.equal(digest.digest().toString('hex'), '00'.repeat(12) + '0000000002000000')
})

/** The generator of the reference vectors. */
function generated (length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let x = 1n
  for (let index = 0; index < length; index++) {
    x = (1103515245n * x + 12345n) % 2147483648n
    bytes[index] = Number((x >> 16n) & 255n)
  }
  return bytes
}
