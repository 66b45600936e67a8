import { addAbortSignal, Transform, type TransformCallback } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock, type Clock } from '../lib/clock.ts'
import { checkPositive, checkSignal, checkSize, optionMessage } from './option-checks.ts'

export interface Progress {
  /** Bytes that have passed. */
  transferred: number
  /** Bytes expected; raised to `transferred` where the source turns out longer, so that no bar passes 100 %. */
  total: number | undefined
  /** Over the last five seconds. */
  bytesPerSecond: number
  /** Undefined while the total or the rate is unknown. */
  etaMs: number | undefined
  /** No byte has passed for `stallMs`. */
  stalled: boolean
}

export interface MeterOptions {
  /** Bytes expected. */
  total?: number | undefined
  /** A listener of `'progress'`. */
  onProgress?: ((progress: Progress) => void) | undefined
  /** Milliseconds between two events; 500 unless told. */
  intervalMs?: number | undefined
  /** Silence after which a transfer counts as stalled; 10,000 unless told. */
  stallMs?: number | undefined
  /** Its `sleep` must not keep the process alive, as the default's does not. */
  clock?: Pick<Clock, 'now' | 'sleep'> | undefined
  signal?: AbortSignal | undefined
}

const WINDOW_MS = 5000
const SAMPLES = 20

const backgroundClock: Pick<Clock, 'now' | 'sleep'> = {
  now: systemClock.now,
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? { ref: false } : { ref: false, signal })
}

/** See `meter()`. */
export class Meter extends Transform {
  readonly #total: number | undefined
  readonly #intervalMs: number
  readonly #stallMs: number
  readonly #clock: Pick<Clock, 'now' | 'sleep'>
  readonly #stop = new AbortController()
  readonly #window: RateWindow
  #transferred = 0
  #lastByteAt: number

  constructor ({ total, onProgress, intervalMs = 500, stallMs = 10_000, clock = backgroundClock, signal }: MeterOptions = {}) {
    if (total !== undefined) checkSize('create meter', 'total', total)
    if (onProgress !== undefined && typeof onProgress !== 'function') {
      throw new TypeError(optionMessage('create meter', 'onProgress', 'a function', onProgress))
    }
    checkPositive('create meter', 'intervalMs', intervalMs)
    checkPositive('create meter', 'stallMs', stallMs)
    checkSignal('create meter', signal)
    super()
    this.#total = total
    this.#intervalMs = intervalMs
    this.#stallMs = stallMs
    this.#clock = clock
    this.#lastByteAt = clock.now()
    this.#window = new RateWindow(this.#lastByteAt)
    if (onProgress !== undefined) this.on('progress', onProgress)
    if (signal !== undefined) addAbortSignal(signal, this)
    this.#scheduleEvent()
  }

  /** How far the transfer is at this moment. */
  get progress (): Progress {
    const now = this.#clock.now()
    const bytesPerSecond = this.#window.bytesPerSecond(now, this.#transferred)
    const total = this.#total === undefined ? undefined : Math.max(this.#total, this.#transferred)
    return {
      transferred: this.#transferred,
      total,
      bytesPerSecond,
      etaMs: estimate(total, this.#transferred, bytesPerSecond),
      stalled: !this.#stop.signal.aborted && now - this.#lastByteAt >= this.#stallMs
    }
  }

  override _transform (chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#transferred += chunk.length
    this.#lastByteAt = this.#clock.now()
    this.#window.add(this.#lastByteAt, this.#transferred)
    done(null, chunk)
  }

  override _flush (done: TransformCallback): void {
    this.#stop.abort()
    this.emit('progress', this.progress)
    done()
  }

  override _destroy (error: Error | null, done: (error?: Error | null) => void): void {
    this.#stop.abort()
    done(error)
  }

  #scheduleEvent (): void {
    this.#clock.sleep(this.#intervalMs, this.#stop.signal).then(() => {
      if (this.#stop.signal.aborted) return
      this.#scheduleEvent()
      this.emit('progress', this.progress)
    }, () => undefined) // the end of the stream ends the sleep
  }
}

/** How many bytes passed lately, from about `SAMPLES` readings of the counter, however many chunks there are. */
class RateWindow {
  /** Readings at least a step apart, and the latest one behind them. */
  readonly #readings: Array<{ at: number, transferred: number }>

  constructor (startedAt: number) {
    this.#readings = [{ at: startedAt, transferred: 0 }]
  }

  add (now: number, transferred: number): void {
    const [before, last] = this.#readings.slice(-2)
    if (before !== undefined && last !== undefined && last.at - before.at < WINDOW_MS / SAMPLES) this.#readings.pop()
    this.#readings.push({ at: now, transferred })
    this.#forget(now)
  }

  bytesPerSecond (now: number, transferred: number): number {
    this.#forget(now)
    const oldest = this.#readings[0]
    if (oldest === undefined || now <= oldest.at) return 0
    return (transferred - oldest.transferred) * 1000 / (now - oldest.at)
  }

  /** Keeps one reading at or before the window's edge, as the rate is counted from there. */
  #forget (now: number): void {
    while (this.#readings[1] !== undefined && this.#readings[1].at <= now - WINDOW_MS) this.#readings.shift()
  }
}

function estimate (total: number | undefined, transferred: number, bytesPerSecond: number): number | undefined {
  if (total === undefined) return undefined
  if (transferred >= total) return 0
  return bytesPerSecond > 0 ? (total - transferred) * 1000 / bytesPerSecond : undefined
}

/**
 * Bytes pass untouched and are counted: `'progress'` is emitted every `intervalMs` while the stream is open, also when
 * nothing moves, and once more before `'end'`. Its timer does not keep the process alive. Holds no bytes of its own.
 *
 * @throws {RangeError} `total`, `intervalMs` or `stallMs` is out of range.
 * @example
 * await pipeline(source, meter({ total, onProgress: ({ transferred }) => bar.update(transferred) }), destination)
 */
export function meter (options?: MeterOptions): Meter {
  return new Meter(options)
}
