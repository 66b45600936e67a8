import { crc32 } from 'node:zlib'
import type { ResumableDigest, SavedDigest } from './digest.ts'

/** CRC-32 of zlib, whose whole state is the value so far. */
export class Crc32Digest implements ResumableDigest {
  readonly algorithm = 'crc32'
  #value = 0
  #size = 0
  #ended = false

  static restore (saved: SavedDigest): Crc32Digest {
    const state = Buffer.from(saved.state, 'base64')
    if (state.length !== 4) throw new RangeError(`A crc32 state has 4 bytes: received ${state.length}`)
    const digest = new Crc32Digest()
    digest.#value = state.readUInt32BE()
    digest.#size = saved.size
    return digest
  }

  update (chunk: Uint8Array): this {
    this.#checkOpen()
    this.#value = crc32(chunk, this.#value)
    this.#size += chunk.length
    return this
  }

  digest (): Buffer {
    this.#checkOpen()
    this.#ended = true
    return this.#bytes()
  }

  save (): SavedDigest {
    this.#checkOpen()
    return { algorithm: this.algorithm, size: this.#size, state: this.#bytes().toString('base64') }
  }

  #bytes (): Buffer {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(this.#value)
    return bytes
  }

  #checkOpen (): void {
    if (this.#ended) throw new Error('Cannot go on with crc32 digest as it has ended')
  }
}
