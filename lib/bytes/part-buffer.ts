import { partPool } from './buffer-pool.ts'
import { KiB, MiB } from './sizes.ts'

export const SMALLEST_MEMORY = 64 * KiB
/** From here on the whole part at once: what is outgrown stays until the next garbage collection. */
const DOUBLED_UP_TO = MiB

const NOTHING = Buffer.alloc(0)

export interface PartBufferOptions {
  /** How many bytes a whole part has. */
  partSize: number
  /** Where the bytes go at first; grows by doubling to 1 MiB, then to `partSize`. */
  memory: Buffer
  /** Hears how many bytes the memory grew by. */
  onGrow?: ((bytes: number) => void) | undefined
}

/**
 * Collects chunks of any size into one part by copying them.
 * Keeping the chunks instead would keep whatever they are slices of: a 512-byte write can pin a 64 KiB pool.
 */
export class PartBuffer {
  readonly partSize: number
  readonly #onGrow: ((bytes: number) => void) | undefined
  #memory: Buffer
  #length = 0

  constructor ({ partSize, memory, onGrow }: PartBufferOptions) {
    this.partSize = partSize
    this.#memory = memory
    this.#onGrow = onGrow
  }

  /** A buffer whose memory fits what is `expected`, so that 4 KiB never take the memory of a whole part. */
  static small (partSize: number, expected: number, onGrow?: (bytes: number) => void): PartBuffer {
    if (expected >= partSize) return PartBuffer.whole(partSize)
    const memory = Buffer.allocUnsafeSlow(Math.min(partSize, Math.max(SMALLEST_MEMORY, expected)))
    return new PartBuffer({ partSize, memory, onGrow })
  }

  static whole (partSize: number): PartBuffer {
    return new PartBuffer({ partSize, memory: partPool.take(partSize) })
  }

  get length (): number {
    return this.#length
  }

  /** How many bytes of memory are held now. */
  get capacity (): number {
    return this.#memory.length
  }

  get room (): number {
    return this.partSize - this.#length
  }

  /** Copies as much of `chunk` as the part has room for, and returns how many bytes that were. */
  append (chunk: Uint8Array): number {
    const taken = Math.min(chunk.length, this.room)
    this.#grow(this.#length + taken)
    this.#memory.set(taken === chunk.length ? chunk : chunk.subarray(0, taken), this.#length)
    this.#length += taken
    return taken
  }

  /**
   * Lets `read` write into the room that is left, at most `limit` bytes of it, and takes as many as it says that it wrote;
   * 0 is the end of what it reads. Nothing else may be done with the part meanwhile.
   */
  async fill (limit: number, read: (room: Buffer) => Promise<number>): Promise<number> {
    const wanted = Math.min(limit, this.room)
    this.#grow(this.#length + wanted)
    const taken = await read(this.#memory.subarray(this.#length, this.#length + wanted))
    this.#length += taken
    return taken
  }

  /** What is filled, without a copy: valid until `clear`. */
  bytes (): Buffer {
    return this.#memory.subarray(0, this.#length)
  }

  /** Empties the buffer for the next part and keeps the memory. */
  clear (): void {
    this.#length = 0
  }

  /** Empties the buffer for good: whole memory is used again by other uploads. Nobody may read or write it any more. */
  retire (): void {
    if (this.#memory.length === this.partSize && this.partSize >= SMALLEST_MEMORY) partPool.giveBack(this.#memory)
    this.#memory = NOTHING
    this.#length = 0
  }

  #grow (needed: number): void {
    if (needed <= this.#memory.length) return
    let capacity = this.#memory.length
    while (capacity < needed) capacity = capacity < DOUBLED_UP_TO ? capacity * 2 : this.partSize
    const larger = capacity >= this.partSize ? partPool.take(this.partSize) : Buffer.allocUnsafeSlow(capacity)
    larger.set(this.bytes())
    this.#onGrow?.(larger.length - this.#memory.length)
    this.#memory = larger
  }
}
