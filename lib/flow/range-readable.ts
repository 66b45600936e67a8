import { setMaxListeners } from 'node:events'
import { Readable } from 'node:stream'
import { onAbort } from '../abort.ts'
import type { ByteBudget } from '../bytes/byte-budget.ts'
import type { ByteRange } from '../bytes/byte-range.ts'
import { rangeLength, splitRange } from '../bytes/byte-range.ts'
import { MiB } from '../bytes/sizes.ts'
import type { Clock } from '../clock.ts'
import { AbortError, StorageError } from '../errors.ts'
import { dispose, toError } from './lifecycle.ts'
import type { Patience, PatienceOptions } from './patience.ts'
import { RangeFeed } from './range-feed.ts'
import { RangeReader } from './range-reader.ts'
import type { Resumption } from './range-reader.ts'
import type { OpenedRange, RangeSource, Verifier } from './range-source.ts'
import { positiveInteger, wholeNumber } from './validate.ts'

export type { Resumption } from './range-reader.ts'
export type { AskedRange, OpenedRange, RangeSource, Verifier } from './range-source.ts'

export interface RangeReadableOptions {
  /** Default 0. */
  start?: number | undefined
  /** Inside, as in `fs.createReadStream`; Infinity, or nothing, is the end of the object. */
  end?: number | undefined
  /** How many ranges may be open or waiting at once. 1 reads everything through one request. Default 4. */
  concurrency?: number | undefined
  /** Bytes. Default 8 MiB. */
  rangeSize?: number | undefined
  highWaterMark?: number | undefined
  signal?: AbortSignal | undefined
  /** Ranges that are read ahead wait until the budget has room for them. */
  budget?: ByteBudget | undefined
  /** How often and after how long a range that broke off is asked for again. */
  resume?: PatienceOptions | undefined
  clock?: Clock | undefined
  /** What is read, for messages: `"videos/a.mp4"`. */
  subject?: string | undefined
}

/** What the 'progress' event carries: bytes delivered so far, of how many. */
export interface RangeProgress { transferred: number, total: number }

/** A consumer that is faster than the network leaves the event loop to others after so many bytes that waited for it. */
const BYTES_A_TURN = MiB

/**
 * Reads one version of an object through ranges: the first streams through, `concurrency - 1` are read ahead, and all
 * are delivered in order. A range that breaks off is asked for again from the first byte that is missing, pinned to the
 * validator of the first answer.
 *
 * Nothing is requested before the first read. Memory: `concurrency` × `rangeSize` + `highWaterMark`; a consumer that
 * stops reading stops the body of the range being delivered, and those ahead when they are complete.
 * Emits 'info' once after the first open, 'resume' before each further attempt, 'progress' with each chunk.
 * @throws {RangeError} an option is out of range.
 */
export class RangeReadable<Info extends { size: number }> extends Readable {
  readonly #source: RangeSource<Info>
  readonly #options: RangeReadableOptions
  readonly #start: number
  readonly #end: number | undefined
  readonly #concurrency: number
  readonly #rangeSize: number
  readonly #cancel = new AbortController()
  readonly #reader: RangeReader<Info>
  readonly #stopListening: () => void
  readonly #ahead: RangeFeed[] = []
  #plan: Iterator<ByteRange, undefined> = splitRange({ start: 0, end: -1 }, 1)
  #current: RangeFeed | undefined
  #opening: Promise<void> | undefined
  #wanted = false
  #fromMemory = 0
  #resting = false
  #info: Info | undefined
  #size: number | undefined
  #verifier: Verifier | undefined
  #bytesRead = 0

  constructor (source: RangeSource<Info>, options: RangeReadableOptions = {}) {
    validate(options)
    super(options.highWaterMark === undefined ? {} : { highWaterMark: options.highWaterMark })
    this.#source = source
    this.#options = options
    this.#start = options.start ?? 0
    this.#end = options.end === Infinity ? undefined : options.end
    this.#concurrency = options.concurrency ?? 4
    this.#rangeSize = options.rangeSize ?? 8 * MiB
    this.#reader = new RangeReader(source, {
      resume: options.resume,
      clock: options.clock,
      subject: this.#subject,
      signal: this.#cancel.signal,
      onResume: (resumption: Resumption) => this.emit('resume', resumption)
    })
    setMaxListeners(0, this.#cancel.signal)
    // Destroyed on the next tick only, but from here on nothing is requested.
    if (options.signal?.aborted === true) this.#cancel.abort(new AbortError(options.signal.reason))
    this.#stopListening = onAbort(options.signal, reason => this.destroy(new AbortError(reason)))
  }

  /** What the service says of the object; known from 'info' on. */
  get info (): Info | undefined {
    return this.#info
  }

  /** How many bytes this stream delivers in all, from `start` to `end`; known from 'info' on. */
  get size (): number | undefined {
    return this.#size
  }

  /** Bytes delivered so far. */
  get bytesRead (): number {
    return this.#bytesRead
  }

  override _read (): void {
    this.#wanted = true
    if (this.#opening !== undefined) return this.#drain()
    this.#opening = this.#openFirst().catch(error => { this.destroy(toError(error)) })
  }

  override _destroy (error: Error | null, done: (error?: Error | null) => void): void {
    this.#stopListening()
    if (!this.readableEnded) this.#cancel.abort(error ?? new AbortError(undefined, 'The stream was destroyed'))
    this.#current?.close()
    for (const range of this.#ahead) range.close()
    this.#reader.destroy()
    done(error)
  }

  override [Symbol.asyncDispose] (): Promise<void> {
    return dispose(this)
  }

  /** Delivers what waits in memory as long as more is wanted; then lets come what is received. */
  #drain (): void {
    while (this.#wanted && !this.#resting && !this.destroyed && this.#current !== undefined) {
      const chunk = this.#current.shift()
      if (chunk !== undefined) this.#deliverFromMemory(chunk)
      else if (!this.#current.ended) return this.#current.resume()
      else if (!this.#nextRange()) return this.#finish()
    }
  }

  #deliverFromMemory (chunk: Buffer): void {
    this.#fromMemory += chunk.length
    this.#resting = this.#fromMemory >= BYTES_A_TURN
    if (this.#resting) setImmediate(() => this.#goOn())
    this.#deliver(chunk)
  }

  #goOn (): void {
    this.#resting = false
    this.#fromMemory = 0
    this.#drain()
  }

  /** Says whether more is wanted. */
  #deliver (chunk: Buffer): boolean {
    if (this.destroyed) return false
    this.#verifier?.update(chunk)
    this.#bytesRead += chunk.length
    const progress: RangeProgress = { transferred: this.#bytesRead, total: this.#size ?? 0 }
    this.emit('progress', progress)
    this.#wanted = false // Whoever gets the chunk may ask for the next one at once.
    if (this.push(chunk)) this.#wanted = true
    return this.#wanted
  }

  #finish (): void {
    this.#wanted = false
    this.#verify().then(() => this.push(null), error => this.destroy(toError(error)))
  }

  async #verify (): Promise<void> {
    await this.#verifier?.finish()
  }

  async #openFirst (): Promise<void> {
    const patience = this.#reader.patience()
    const opened = await this.#reader.open(this.#start, this.#firstEnd(), patience)
    const last = this.#lastByte(opened.size)
    this.#info = opened.info
    this.#size = last - this.#start + 1
    if (this.#size === opened.size) this.#verifier = await this.#source.verifier?.(opened.info)
    this.emit('info', opened.info)
    const first = { start: this.#start, end: Math.min(last, this.#firstEnd() ?? last) }
    this.#plan = splitRange({ start: first.end + 1, end: last }, this.#rangeSize)
    this.#current = this.#feed(first, { patience, opened })
    this.#readAhead()
  }

  #firstEnd (): number | undefined {
    return this.#concurrency === 1 ? this.#end : Math.min(this.#end ?? Infinity, this.#start + this.#rangeSize - 1)
  }

  #lastByte (size: number): number {
    if (this.#start >= size && !(this.#start === 0 && size === 0)) throw this.#error('InvalidRange', `as it has ${size} bytes: start was ${this.#start}`)
    return Math.min(this.#end ?? Infinity, size - 1)
  }

  /** Says whether there is one. */
  #nextRange (): boolean {
    this.#current?.close()
    this.#current = this.#ahead.shift()
    this.#current?.takeTurn()
    this.#readAhead()
    return this.#current !== undefined
  }

  #readAhead (): void {
    while (this.#ahead.length < this.#concurrency - 1) {
      const range = this.#plan.next().value
      if (range === undefined) return
      this.#ahead.push(this.#feed(range))
    }
  }

  #feed (range: ByteRange, first?: { patience: Patience, opened: OpenedRange }): RangeFeed {
    const { patience = this.#reader.patience(), opened } = first ?? {}
    return new RangeFeed({
      bytes: rangeLength(range),
      budget: this.#options.budget,
      read: take => this.#reader.read(range, take, patience, opened),
      deliver: chunk => this.#deliver(chunk),
      onEnd: () => this.#drain(),
      onFailure: error => this.destroy(toError(error))
    }, first !== undefined)
  }

  #error (code: string, reason: string): StorageError {
    return new StorageError(`Cannot read ${this.#subject} ${reason}`, { code })
  }

  get #subject (): string {
    return this.#options.subject ?? 'the object'
  }
}

function validate ({ start = 0, end, concurrency = 4, rangeSize = MiB }: RangeReadableOptions): void {
  wholeNumber('start', start)
  positiveInteger('concurrency', concurrency)
  positiveInteger('rangeSize', rangeSize)
  if (end === undefined || end === Infinity) return
  wholeNumber('end', end)
  if (end < start) throw new RangeError(`Cannot read from ${start} to ${end} as end must not be less than start`)
}
