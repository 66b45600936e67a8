import { addAbortSignal, Transform, type TransformCallback } from 'node:stream'
import { checkAlgorithm, createDigest, DIGEST_SIZES, type Digest, type DigestAlgorithm } from '../lib/digest/digest.ts'
import { DigestMismatchError } from '../lib/errors.ts'
import { checkSignal, optionMessage } from './option-checks.ts'

/** Lower-case hex by algorithm. */
export type Digests = Readonly<Partial<Record<DigestAlgorithm, string>>>

export interface DigestOptions {
  /** Hex, in either case. Where the bytes turn out to have another digest, the stream fails instead of ending. */
  expected?: Digests | undefined
  signal?: AbortSignal | undefined
}

/** See `digest()`. */
export class DigestTransform extends Transform {
  /** Empty until the last byte has passed; whole when `'digest'` is emitted, which is before `'end'`. */
  digests: Digests = {}
  /** Bytes that have passed so far. */
  size = 0
  readonly #algorithms: readonly DigestAlgorithm[]
  readonly #expected: Digests
  #running: Digest[] = []

  constructor (algorithms: DigestAlgorithm | readonly DigestAlgorithm[], { expected = {}, signal }: DigestOptions = {}) {
    const unique = [...new Set(typeof algorithms === 'string' ? [algorithms] : algorithms)]
    if (unique.length === 0) throw new RangeError('Cannot create digest as at least one algorithm must be given: received none')
    unique.forEach(checkAlgorithm)
    checkExpected(unique, expected)
    checkSignal('create digest', signal)
    super()
    this.#algorithms = unique
    this.#expected = expected
    if (signal !== undefined) addAbortSignal(signal, this)
  }

  override _construct (done: (error?: Error | null) => void): void {
    Promise.all(this.#algorithms.map(createDigest)).then(running => {
      this.#running = running
      done()
    }, done)
  }

  override _transform (chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (const running of this.#running) running.update(chunk)
    this.size += chunk.length
    done(null, chunk)
  }

  override _flush (done: TransformCallback): void {
    const digests = Object.fromEntries(this.#running.map(running => [running.algorithm, running.digest().toString('hex')]))
    const mismatch = this.#findMismatch(digests)
    if (mismatch !== undefined) return done(mismatch)
    this.digests = digests
    this.emit('digest', digests)
    done()
  }

  #findMismatch (digests: Digests): DigestMismatchError | undefined {
    for (const algorithm of this.#algorithms) {
      const expected = this.#expected[algorithm]?.toLowerCase()
      const found = digests[algorithm] ?? ''
      if (expected === undefined || expected === found) continue
      return new DigestMismatchError(
        `Cannot end stream as its ${algorithm} must be ${expected}: found ${found} after ${this.size} bytes`,
        { operation: 'digest', expected, found, algorithm, size: this.size })
    }
    return undefined
  }
}

/**
 * Bytes pass untouched; when the last one has, `.digests` holds `{ sha256: '…' }` and `.size` their number, and
 * `'digest'` is emitted with the digests. Hashes on the main thread; `createDigest()` says how fast. Holds no bytes of its own.
 *
 * @throws {RangeError} an algorithm is unknown, or `expected` names one that is not computed or is no hex of its length.
 * @example
 * const sha256 = digest('sha256')
 * await pipeline(source, sha256, r2.createWriteStream('db.dump'))
 * console.log(sha256.digests.sha256, sha256.size)
 */
export function digest (algorithms: DigestAlgorithm | readonly DigestAlgorithm[], options?: DigestOptions): DigestTransform {
  return new DigestTransform(algorithms, options)
}

function checkExpected (algorithms: readonly DigestAlgorithm[], expected: Digests): void {
  for (const [name, value] of Object.entries(expected)) {
    const algorithm = algorithms.find(computed => computed === name)
    if (algorithm === undefined) {
      throw new RangeError(optionMessage('create digest', 'expected', `of the algorithms ${algorithms.join(', ')}`, name))
    }
    const digits = 2 * DIGEST_SIZES[algorithm]
    if (typeof value !== 'string') throw new TypeError(optionMessage('create digest', `expected.${name}`, `${digits} hex digits`, value))
    if (value.length !== digits || !/^[0-9a-f]*$/i.test(value)) {
      throw new RangeError(optionMessage('create digest', `expected.${name}`, `${digits} hex digits`, value))
    }
  }
}
