/** Compares what was read with the digest that R2 holds of it: CRC-64 of the whole, else what the etag states. */
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { createDigest } from '../../lib/digest/digest.ts'
import type { Digest } from '../../lib/digest/digest.ts'
import { DigestMismatchError } from '../../lib/errors.ts'
import type { Verifier } from '../../lib/flow/range-readable.ts'
import { md5OfEtag, parseCompositeEtag } from './etag.ts'
import { quote } from './wire.ts'
import type { R2ObjectInfo } from './wire-objects.ts'

/**
 * The check that this object allows, or undefined when R2 tells nothing that bytes can be compared with.
 * @param partSizeOf asks R2 how large the first part is: all parts but the last are equal.
 */
export async function verifierFor (info: R2ObjectInfo, partSizeOf: () => Promise<number | undefined>): Promise<Verifier | undefined> {
  const crc = info.checksums['crc64nvme']
  if (crc !== undefined && !crc.includes('-')) {
    return new WholeDigest(info.key, await createDigest('crc64nvme'), Buffer.from(crc, 'base64').toString('hex'))
  }
  const md5 = md5OfEtag(info.etag)
  if (md5 !== undefined) return new WholeDigest(info.key, await createDigest('md5'), md5)
  const composite = parseCompositeEtag(info.etag)
  if (composite === undefined) return undefined
  const partSize = composite.parts === 1 ? info.size : await partSizeOf()
  if (partSize === undefined || Math.max(1, Math.ceil(info.size / partSize)) !== composite.parts) return undefined
  return new CompositeMd5(info.key, partSize, info.etag)
}

class WholeDigest implements Verifier {
  readonly #key: string
  readonly #digest: Digest
  readonly #expected: string
  #size = 0

  constructor (key: string, digest: Digest, expected: string) {
    this.#key = key
    this.#digest = digest
    this.#expected = expected
  }

  update (chunk: Buffer): void {
    this.#digest.update(chunk)
    this.#size += chunk.length
  }

  finish (): void {
    const found = this.#digest.digest().toString('hex')
    if (found !== this.#expected) throw mismatch(this.#key, this.#digest.algorithm, this.#expected, found, this.#size)
  }
}

/** MD5 of the MD5s of the parts, as the etag of a multipart object states it. */
class CompositeMd5 implements Verifier {
  readonly #key: string
  readonly #partSize: number
  readonly #expected: string
  readonly #whole = createHash('md5')
  #part: Hash = createHash('md5')
  #inPart = 0
  #parts = 0
  #size = 0

  constructor (key: string, partSize: number, expected: string) {
    this.#key = key
    this.#partSize = partSize
    this.#expected = expected
  }

  update (chunk: Buffer): void {
    this.#size += chunk.length
    for (let rest = chunk; rest.length > 0;) {
      if (this.#inPart === this.#partSize) this.#endPart()
      const taken = rest.subarray(0, this.#partSize - this.#inPart)
      this.#part.update(taken)
      this.#inPart += taken.length
      rest = rest.subarray(taken.length)
    }
  }

  finish (): void {
    this.#endPart()
    const found = `"${this.#whole.digest('hex')}-${this.#parts}"`
    if (found !== this.#expected) throw mismatch(this.#key, 'md5', this.#expected, found, this.#size)
  }

  #endPart (): void {
    this.#whole.update(this.#part.digest())
    this.#part = createHash('md5')
    this.#inPart = 0
    this.#parts++
  }
}

function mismatch (key: string, algorithm: string, expected: string, found: string, size: number): DigestMismatchError {
  return new DigestMismatchError(`Cannot trust the ${size} bytes read of ${quote(key)}: their ${algorithm} is ${found}, R2 holds ${expected}`, {
    algorithm, expected, found, size, operation: 'GetObject'
  })
}
