import { createHash, type Hash } from 'node:crypto'
import { Crc32Digest } from './crc32-digest.ts'
import { createWasmDigest, type WasmAlgorithm } from './wasm-digest.ts'

/**
 * CRC values are the 4 or 8 bytes of the number, most significant byte first, as R2 puts them into its
 * `x-amz-checksum-*` headers. Azure Storage's CRC64 is the same `crc64nvme` (reflected polynomial 0x9A6C9329AC4BC9B5,
 * all ones in and out), but its `x-ms-content-crc64` header has the 8 bytes in the opposite order.
 */
export const DIGEST_ALGORITHMS = ['sha256', 'sha1', 'md5', 'crc32', 'crc32c', 'crc64nvme'] as const

export type DigestAlgorithm = typeof DIGEST_ALGORITHMS[number]

/** Length of each digest in bytes. */
export const DIGEST_SIZES: Readonly<Record<DigestAlgorithm, number>> = {
  sha256: 32, sha1: 20, md5: 16, crc32: 4, crc32c: 4, crc64nvme: 8
}

/** Chunks in, one digest out. Every method throws once `digest()` has been called. */
export interface Digest {
  readonly algorithm: DigestAlgorithm
  update (chunk: Uint8Array): this
  digest (): Buffer
}

/** A digest that can be put aside, in a checkpoint file for instance, and taken up again by another process. */
export interface ResumableDigest extends Digest {
  save (): SavedDigest
}

/** Survives JSON. As secret as the content: `state` can hold up to 63 bytes of it. */
export interface SavedDigest {
  algorithm: DigestAlgorithm
  /** How many bytes were hashed: where the reading has to go on. */
  size: number
  /** Base64; belongs to one version of the implementation, which refuses the others. */
  state: string
}

/**
 * The fastest implementation of the algorithm; it cannot be saved. Asynchronous as two of them compile WebAssembly,
 * about 30 ms for the first digest and below 0.1 ms for the next: a stream creates its digest in `_construct`.
 *
 * `sha256`, `sha1` and `md5` are OpenSSL's, as it has SHA instructions and hash-wasm has not; `crc32` is zlib's, which is
 * vectorised. Node lacks `crc32c` and `crc64nvme`: these are hash-wasm's. MiB/s for 64 KiB chunks on an EPYC with sha_ni,
 * Node 20.20 (`bench/digests.ts`):
 *
 * | | sha256 | sha1 | md5 | crc32 | crc32c | crc64nvme |
 * | --- | --- | --- | --- | --- | --- | --- |
 * | Node | 1,720 | 1,840 | 730 | 4,640 | – | – |
 * | hash-wasm | 320 | 740 | 560 | 1,990 | 2,100 | 1,500 |
 *
 * @throws {RangeError} the algorithm is unknown.
 */
export async function createDigest (algorithm: DigestAlgorithm): Promise<Digest> {
  checkAlgorithm(algorithm)
  switch (algorithm) {
    case 'sha256':
    case 'sha1':
    case 'md5':
      return new OpenSslDigest(algorithm)
    default:
      return createResumableDigest(algorithm)
  }
}

/**
 * A digest whose state can be saved. OpenSSL keeps its state to itself, so `sha256`, `sha1` and `md5` are hash-wasm's
 * here: for `sha256` a fifth of the speed of `createDigest()`. Choose it where a resume would else read all bytes again.
 *
 * @throws {RangeError} the algorithm is unknown.
 */
export async function createResumableDigest (algorithm: DigestAlgorithm): Promise<ResumableDigest> {
  checkAlgorithm(algorithm)
  return algorithm === 'crc32' ? new Crc32Digest() : createWasmDigest(algorithm satisfies WasmAlgorithm)
}

/**
 * Goes on where `save()` stood.
 *
 * @throws {RangeError} the algorithm is unknown, or the state is damaged or of another version: hash from the start.
 */
export async function restoreDigest (saved: SavedDigest): Promise<ResumableDigest> {
  checkAlgorithm(saved.algorithm)
  try {
    return saved.algorithm === 'crc32' ? Crc32Digest.restore(saved) : await createWasmDigest(saved.algorithm, saved)
  } catch (cause) {
    throw new RangeError(`Cannot restore ${saved.algorithm} digest as its state is damaged or of another version`, { cause })
  }
}

/** @throws {RangeError} the algorithm is unknown. */
export function checkAlgorithm (algorithm: DigestAlgorithm): void {
  if (!DIGEST_ALGORITHMS.includes(algorithm)) {
    throw new RangeError(`Cannot create digest as algorithm must be one of ${DIGEST_ALGORITHMS.join(', ')}: received "${algorithm}"`)
  }
}

class OpenSslDigest implements Digest {
  readonly algorithm: DigestAlgorithm
  readonly #hash: Hash

  constructor (algorithm: 'sha256' | 'sha1' | 'md5') {
    this.algorithm = algorithm
    this.#hash = createHash(algorithm)
  }

  update (chunk: Uint8Array): this {
    this.#hash.update(chunk)
    return this
  }

  digest (): Buffer {
    return this.#hash.digest()
  }
}
