/**
 * quickXorHash, the digest that OneDrive and SharePoint report of every file: byte `i` is XORed into a state of 160 bits at
 * bit `11·i mod 160`, then the length into the last eight bytes. As 11·160 is a multiple of 160, only `i mod 160` counts:
 * the bytes are XORed into a window of 160 and turned into the state once, at the end.
 * Wire: https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
 *
 * It finds cut, lost and flipped bytes and is no defence against anybody: bytes that change places 160 apart are unseen.
 */
const WINDOW = 160
const STATE_BYTES = 20
const WORDS = WINDOW / 4
/** Rows of the window that stay in the first cache while they are read column by column: 20 KiB. */
const BLOCK_ROWS = 128

/** Survives JSON. As secret as the content: `state` is the XOR of it. */
export interface SavedQuickXor {
  algorithm: 'quickXor'
  /** How many bytes were hashed: where the reading has to go on. */
  size: number
  /** Base64 of the window, 160 bytes. */
  state: string
}

/** Chunks in, one digest out; parts that were hashed apart fold into one, in any order. 160 bytes of state. */
export class QuickXorDigest {
  readonly algorithm = 'quickXor'
  readonly #window = new Uint8Array(WINDOW)
  readonly #words = new Int32Array(this.#window.buffer)
  #size = 0

  /** @throws {RangeError} the state is damaged: hash from the start. */
  static restore (saved: SavedQuickXor): QuickXorDigest {
    const window = Buffer.from(saved.state, 'base64')
    if (saved.algorithm !== 'quickXor' || window.length !== WINDOW || !Number.isSafeInteger(saved.size) || saved.size < 0) {
      throw new RangeError('Cannot restore quickXor digest as its state is damaged')
    }
    const digest = new QuickXorDigest()
    digest.#window.set(window)
    digest.#size = saved.size
    return digest
  }

  /** Bytes hashed so far. */
  get size (): number {
    return this.#size
  }

  update (chunk: Uint8Array): this {
    this.#xor(chunk, this.#size % WINDOW)
    this.#size += chunk.length
    return this
  }

  /** Takes in the digest of a part that starts at byte `offset` of the whole. All parts together must cover the whole. */
  fold (part: QuickXorDigest, offset: number): this {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`Cannot fold quickXor digests as offset must be a non-negative integer: received ${offset}`)
    this.#xor(part.#window, offset % WINDOW)
    this.#size += part.#size
    return this
  }

  save (): SavedQuickXor {
    return { algorithm: 'quickXor', size: this.#size, state: Buffer.from(this.#window).toString('base64') }
  }

  /** 20 bytes of what was hashed so far; more may follow. */
  digest (): Buffer {
    const state = Buffer.alloc(STATE_BYTES)
    for (let position = 0; position < WINDOW; position++) {
      const bit = (11 * position) % WINDOW
      const shifted = (this.#window[position] as number) << (bit & 7)
      const byte = bit >> 3
      state[byte] = (state[byte] as number) ^ (shifted & 255)
      const next = (byte + 1) % STATE_BYTES
      state[next] = (state[next] as number) ^ (shifted >> 8)
    }
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(this.#size))
    for (let index = 0; index < 8; index++) state[12 + index] = (state[12 + index] as number) ^ (length[index] as number)
    return state
  }

  #xor (bytes: Uint8Array, position: number): void {
    if (bytes.byteOffset % 4 !== position % 4) {
      this.#xorBytes(bytes, 0, bytes.length, position)
      return
    }
    // Memory and window are aligned to each other, so that all but the edges goes by words, several times as fast.
    const lead = Math.min(bytes.length, (4 - position % 4) % 4)
    const words = (bytes.length - lead) >>> 2
    const aligned = this.#xorBytes(bytes, 0, lead, position)
    if (words > 0) this.#xorWords(new Int32Array(bytes.buffer, bytes.byteOffset + lead, words), aligned / 4)
    const rest = lead + words * 4
    this.#xorBytes(bytes, rest, bytes.length, (aligned + words * 4) % WINDOW)
  }

  #xorBytes (bytes: Uint8Array, from: number, to: number, position: number): number {
    const window = this.#window
    for (let index = from; index < to; index++) {
      window[position] = (window[position] as number) ^ (bytes[index] as number)
      if (++position === WINDOW) position = 0
    }
    return position
  }

  /** XOR knows no order of bytes, so that words serve on any machine. */
  #xorWords (words: Int32Array, position: number): void {
    const lead = Math.min(words.length, (WORDS - position) % WORDS)
    this.#xorSingly(words, 0, lead, position)
    const rows = Math.floor((words.length - lead) / WORDS)
    for (let row = 0; row < rows; row += BLOCK_ROWS) {
      this.#xorRows(words, lead + row * WORDS, lead + Math.min(rows, row + BLOCK_ROWS) * WORDS)
    }
    this.#xorSingly(words, lead + rows * WORDS, words.length, 0)
  }

  #xorSingly (words: Int32Array, from: number, to: number, position: number): void {
    const window = this.#words
    for (let index = from; index < to; index++) {
      window[position] = (window[position] as number) ^ (words[index] as number)
      if (++position === WORDS) position = 0
    }
  }

  /** Four columns of whole rows at a time, which stay in registers: three times as fast as word by word. */
  #xorRows (words: Int32Array, from: number, to: number): void {
    const window = this.#words
    for (let column = 0; column < WORDS; column += 4) {
      let [a, b, c, d] = [0, 0, 0, 0]
      for (let index = from + column; index < to; index += WORDS) {
        a ^= words[index] as number
        b ^= words[index + 1] as number
        c ^= words[index + 2] as number
        d ^= words[index + 3] as number
      }
      window[column] = (window[column] as number) ^ a
      window[column + 1] = (window[column + 1] as number) ^ b
      window[column + 2] = (window[column + 2] as number) ^ c
      window[column + 3] = (window[column + 3] as number) ^ d
    }
  }
}

/** Base64, as `file.hashes.quickXorHash` holds it. */
export function quickXorBase64 (bytes: Uint8Array): string {
  return new QuickXorDigest().update(bytes).digest().toString('base64')
}
