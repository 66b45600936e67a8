import { addAbortSignal, Transform, type TransformCallback } from 'node:stream'
import { systemClock, type Clock } from '../lib/clock.ts'
import { checkPositive, checkPositiveInteger, checkSignal } from './option-checks.ts'

export interface ThrottleOptions {
  bytesPerSecond: number
  /** Bytes that may pass at once after a pause, and the largest chunk that comes out; a tenth of a second's unless told. */
  burst?: number | undefined
  clock?: Pick<Clock, 'now' | 'sleep'> | undefined
  signal?: AbortSignal | undefined
}

/** See `throttle()`. */
export class Throttle extends Transform {
  readonly #burst: number
  readonly #bucket: Bucket
  readonly #clock: Pick<Clock, 'now' | 'sleep'>
  readonly #stop = new AbortController()

  constructor ({ bytesPerSecond, burst = Math.ceil(bytesPerSecond / 10), clock = systemClock, signal }: ThrottleOptions) {
    checkPositive('create throttle', 'bytesPerSecond', bytesPerSecond)
    checkPositiveInteger('create throttle', 'burst', burst)
    checkSignal('create throttle', signal)
    super()
    this.#burst = burst
    this.#bucket = new Bucket(bytesPerSecond, burst, clock.now())
    this.#clock = clock
    if (signal !== undefined) addAbortSignal(signal, this)
  }

  override _transform (chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#pass(chunk).then(() => done(), done)
  }

  override _destroy (error: Error | null, done: (error?: Error | null) => void): void {
    this.#stop.abort(error)
    done(error)
  }

  async #pass (chunk: Buffer): Promise<void> {
    for (let start = 0; start < chunk.length; start += this.#burst) {
      const piece = chunk.subarray(start, start + this.#burst)
      const waitMs = this.#bucket.take(piece.length, this.#clock.now())
      if (waitMs > 0) await this.#clock.sleep(waitMs, this.#stop.signal)
      this.push(piece)
    }
  }
}

/** Fills with `bytesPerSecond`, holds at most `burst` bytes; taking more than it holds leaves a debt to wait for. */
class Bucket {
  readonly #bytesPerMs: number
  readonly #burst: number
  #held: number
  #filledAt: number

  constructor (bytesPerSecond: number, burst: number, now: number) {
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#burst = burst
    this.#held = burst
    this.#filledAt = now
  }

  /** Milliseconds to wait until these bytes may pass. */
  take (bytes: number, now: number): number {
    const elapsed = Math.max(0, now - this.#filledAt) // a clock that was set back must not take bytes away
    this.#held = Math.min(this.#burst, this.#held + elapsed * this.#bytesPerMs) - bytes
    this.#filledAt = now
    return this.#held < 0 ? -this.#held / this.#bytesPerMs : 0
  }
}

/**
 * Bytes pass untouched at `bytesPerSecond` on average, in chunks of at most `burst` bytes, which are views of the chunks
 * that come in. A wait ends at once when the stream is destroyed or its signal aborts. Holds the one chunk it is passing on.
 *
 * @throws {RangeError} `bytesPerSecond` is not positive, or `burst` is not a positive integer.
 * @example
 * await pipeline(source, throttle({ bytesPerSecond: 1024 * 1024 }), onedrive.createWriteStream('/backup.tar'))
 */
export function throttle (options: ThrottleOptions): Throttle {
  return new Throttle(options)
}
