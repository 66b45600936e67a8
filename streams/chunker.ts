import { addAbortSignal, Transform, type TransformCallback } from 'node:stream'
import { KiB } from '../lib/bytes/sizes.ts'
import { checkBoolean, checkPositiveInteger, checkSignal } from './option-checks.ts'

const NOTHING: Buffer = Buffer.alloc(0)

export interface ChunkerOptions {
  /** Bytes of each chunk that comes out. */
  size: number
  /** Whether the rest that is shorter than `size` comes out at the end; true unless told. */
  flush?: boolean | undefined
  signal?: AbortSignal | undefined
}

/** See `chunker()`. */
export class Chunker extends Transform {
  readonly size: number
  readonly #flushesRest: boolean
  #filling: Buffer | undefined
  #filled = 0
  #input: Buffer = NOTHING
  #inputOwnsMemory = false
  /** Set while `#input` may hold further whole outputs: the source waits. */
  #done: TransformCallback | undefined

  constructor ({ size, flush = true, signal }: ChunkerOptions) {
    checkPositiveInteger('create chunker', 'size', size)
    checkBoolean('create chunker', 'flush', flush)
    checkSignal('create chunker', signal)
    // In byte mode, read() and `for await` would join whatever chunks are waiting into one.
    super({ readableObjectMode: true, readableHighWaterMark: Math.max(1, Math.floor(64 * KiB / size)) })
    this.size = size
    this.#flushesRest = flush
    if (signal !== undefined) addAbortSignal(signal, this)
  }

  override _transform (chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#input = chunk
    this.#inputOwnsMemory = chunk.buffer.byteLength === chunk.length
    this.#done = done
    this.#pushOutputs()
  }

  override _read (size: number): void {
    if (this.#done === undefined) super._read(size)
    else this.#pushOutputs()
  }

  override _flush (done: TransformCallback): void {
    if (this.#filling !== undefined && this.#flushesRest) this.push(copyOf(this.#filling.subarray(0, this.#filled)))
    this.#release()
    done()
  }

  override _destroy (error: Error | null, done: (error?: Error | null) => void): void {
    this.#release()
    done(error)
  }

  #pushOutputs (): void {
    while (this.#holdsOutput()) {
      // Waits for _read only with an output left for it: a _read that pushes nothing would be the last one.
      if (!this.push(this.#nextOutput()) && this.#holdsOutput()) return
    }
    if (this.#input.length > 0) this.#fill()
    this.#input = NOTHING // an empty view would keep the whole chunk
    const done = this.#done
    this.#done = undefined
    done?.()
  }

  #holdsOutput (): boolean {
    return this.#filled + this.#input.length >= this.size
  }

  #nextOutput (): Buffer {
    if (this.#filled === 0 && this.#inputOwnsMemory) return this.#takeInput(this.size)
    const output = this.#fill()
    this.#filling = undefined
    this.#filled = 0
    return output
  }

  /** Copies into place instead of keeping the chunks: a 1-byte write kept costs 100 bytes, or the pool it is a slice of. */
  #fill (): Buffer {
    const filling = this.#filling ?? Buffer.allocUnsafeSlow(this.size)
    const taken = this.#takeInput(Math.min(this.#input.length, this.size - this.#filled))
    filling.set(taken, this.#filled)
    this.#filled += taken.length
    this.#filling = filling
    return filling
  }

  #takeInput (length: number): Buffer {
    const taken = this.#input.subarray(0, length)
    this.#input = this.#input.subarray(length)
    return taken
  }

  #release (): void {
    this.#filling = undefined
    this.#filled = 0
    this.#input = NOTHING
    this.#done = undefined
  }
}

/**
 * Chunks of any size in, chunks of exactly `size` bytes out, the last one shorter (or dropped with `flush: false`).
 * The readable side is in object mode, so that each `read()`, `'data'` and turn of `for await` is one chunk.
 *
 * Each byte is copied once, into its place. A chunk that has memory of its own and holds whole outputs is not copied:
 * the outputs are views, and one that is kept keeps the chunk it came from. Holds the chunk that came in, one output being
 * filled and one finished output that waits (64 KiB of them where `size` is smaller).
 *
 * @throws {RangeError} `size` is not a positive integer.
 * @example
 * await pipeline(source, chunker({ size: 8 * 1024 * 1024 }), async function (parts) {
 *   for await (const part of parts) await send(part)
 * })
 */
export function chunker (options: ChunkerOptions): Chunker {
  return new Chunker(options)
}

function copyOf (bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}
