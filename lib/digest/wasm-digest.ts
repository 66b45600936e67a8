import type { IHasher } from 'hash-wasm'
import type { DigestAlgorithm, ResumableDigest, SavedDigest } from './digest.ts'

export type WasmAlgorithm = Exclude<DigestAlgorithm, 'crc32'>

/** Castagnoli's polynomial, reflected. RFC 3720, appendix B.4. */
const CRC32C = 0x82f63b78

/** The polynomial of NVM Express, reflected. NVM Command Set Specification 1.0, section 5.2.1.3.4. */
const CRC64_NVME = '9a6c9329ac4bc9b5'

/** A digest of hash-wasm, from the start or from a saved state. Throws if the state is not one of its own. */
export async function createWasmDigest (algorithm: WasmAlgorithm, saved?: SavedDigest): Promise<ResumableDigest> {
  const hasher = await createHasher(algorithm)
  if (saved === undefined) return new WasmDigest(algorithm, hasher, 0)
  return new WasmDigest(algorithm, hasher.load(Buffer.from(saved.state, 'base64')), saved.size)
}

async function createHasher (algorithm: WasmAlgorithm): Promise<IHasher> {
  // Loaded late, since most programs never need it: 15 ms and all of its algorithms as base64.
  const { createCRC32, createCRC64, createMD5, createSHA1, createSHA256 } = await import('hash-wasm')
  switch (algorithm) {
    case 'sha256': return createSHA256()
    case 'sha1': return createSHA1()
    case 'md5': return createMD5()
    case 'crc32c': return createCRC32(CRC32C)
    case 'crc64nvme': return createCRC64(CRC64_NVME)
  }
}

class WasmDigest implements ResumableDigest {
  readonly algorithm: WasmAlgorithm
  readonly #hasher: IHasher
  #size: number

  constructor (algorithm: WasmAlgorithm, hasher: IHasher, size: number) {
    this.algorithm = algorithm
    this.#hasher = hasher
    this.#size = size
  }

  update (chunk: Uint8Array): this {
    this.#hasher.update(chunk)
    this.#size += chunk.length
    return this
  }

  digest (): Buffer {
    return Buffer.from(this.#hasher.digest('binary'))
  }

  save (): SavedDigest {
    return { algorithm: this.algorithm, size: this.#size, state: Buffer.from(this.#hasher.save()).toString('base64') }
  }
}
