import { setMaxListeners } from 'node:events'
import { Readable } from 'node:stream'
import { onAbort } from '../abort.ts'
import type { ByteBudget } from '../bytes/byte-budget.ts'
import type { ByteRange } from '../bytes/byte-range.ts'
import { rangeLength, splitRange } from '../bytes/byte-range.ts'
import { MiB } from '../bytes/sizes.ts'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { AbortError, NetworkError, ObjectChangedError, StorageError, TimeoutError } from '../errors.ts'
import { dispose, toError } from './lifecycle.ts'
import type { PatienceOptions } from './patience.ts'
import { Patience } from './patience.ts'
import { RangeAhead } from './range-ahead.ts'
import type { OpenedRange, RangeSource, Verifier } from './range-source.ts'
import { positiveInteger, wholeNumber } from './validate.ts'

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

/** What the 'resume' event carries: from which byte the range is asked for again, and for the how-manieth time in a row. */
export interface Resumption { offset: number, cause: unknown, attempt: number }

/** What the 'progress' event carries: bytes delivered so far, of how many. */
export interface RangeProgress { transferred: number, total: number }

interface Chunks { next (): Promise<Buffer | undefined>, close? (): void }

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
  readonly #bodies = new Set<Readable>()
  readonly #stopListening: () => void
  readonly #ahead: RangeAhead[] = []
  #plan: Iterator<ByteRange, undefined> = splitRange({ start: 0, end: -1 }, 1)
  #current: Chunks | undefined
  #info: Info | undefined
  #opened: OpenedRange | undefined
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
    this.#advance().catch(error => this.destroy(toError(error)))
  }

  override _destroy (error: Error | null, done: (error?: Error | null) => void): void {
    this.#stopListening()
    if (!this.readableEnded) this.#cancel.abort(error ?? new AbortError(undefined, 'The stream was destroyed'))
    this.#current?.close?.()
    for (const range of this.#ahead) range.close()
    for (const body of this.#bodies) body.destroy()
    done(error)
  }

  override [Symbol.asyncDispose] (): Promise<void> {
    return dispose(this)
  }

  async #advance (): Promise<void> {
    let current = this.#current ?? await this.#openFirst()
    for (;;) {
      const chunk = await current.next()
      if (chunk !== undefined) return this.#deliver(chunk)
      const next = this.#nextRange()
      if (next === undefined) break
      current = next
    }
    await this.#verifier?.finish()
    this.push(null)
  }

  #deliver (chunk: Buffer): void {
    if (this.destroyed) return
    this.#verifier?.update(chunk)
    this.#bytesRead += chunk.length
    const progress: RangeProgress = { transferred: this.#bytesRead, total: this.#size ?? 0 }
    this.emit('progress', progress)
    this.push(chunk)
  }

  async #openFirst (): Promise<Chunks> {
    const patience = this.#patience()
    const opened = await this.#open(this.#start, this.#firstEnd(), patience)
    const last = this.#lastByte(opened.size)
    this.#opened = opened
    this.#info = opened.info
    this.#size = last - this.#start + 1
    if (this.#size === opened.size) this.#verifier = await this.#source.verifier?.(opened.info)
    this.emit('info', opened.info)
    const first = { start: this.#start, end: Math.min(last, this.#firstEnd() ?? last) }
    this.#plan = splitRange({ start: first.end + 1, end: last }, this.#rangeSize)
    this.#current = this.#direct(first, opened, patience)
    this.#readAhead()
    return this.#current
  }

  #firstEnd (): number | undefined {
    return this.#concurrency === 1 ? this.#end : Math.min(this.#end ?? Infinity, this.#start + this.#rangeSize - 1)
  }

  #lastByte (size: number): number {
    if (this.#start >= size && !(this.#start === 0 && size === 0)) throw this.#error('InvalidRange', `as it has ${size} bytes: start was ${this.#start}`)
    return Math.min(this.#end ?? Infinity, size - 1)
  }

  #direct (range: ByteRange, opened: OpenedRange, patience: Patience): Chunks {
    const chunks = this.#chunks(range, patience, opened)
    return { next: async () => (await chunks.next()).value }
  }

  #nextRange (): Chunks | undefined {
    this.#current?.close?.()
    const next = this.#ahead.shift()
    next?.takeTurn()
    this.#current = next
    this.#readAhead()
    return next
  }

  #readAhead (): void {
    while (this.#ahead.length < this.#concurrency - 1) {
      const range = this.#plan.next().value
      if (range === undefined) return
      this.#ahead.push(new RangeAhead({
        bytes: rangeLength(range),
        budget: this.#options.budget,
        read: () => this.#chunks(range, this.#patience()),
        onFailure: error => this.destroy(toError(error))
      }))
    }
  }

  /** All bytes of a range, whatever happens to the bodies on the way. */
  async * #chunks (range: ByteRange, patience: Patience, first?: OpenedRange): AsyncGenerator<Buffer, undefined> {
    let next = range.start
    let opened = first
    do {
      const { body } = opened ?? await this.#open(next, range.end, patience)
      opened = undefined
      try {
        for await (const chunk of body as AsyncIterable<Buffer>) {
          next += chunk.length
          if (next > range.end + 1) throw this.#error('RangeMismatch', `as the body is longer than bytes ${range.start}-${range.end}`)
          patience.progress()
          yield chunk
        }
        if (next <= range.end) throw new NetworkError(`The body ended ${range.end + 1 - next} bytes early`, { temporary: true })
      } catch (error) {
        if (!this.#heals(error)) throw error
        if (next <= range.end) await this.#pause(next, error, patience)
      }
    } while (next <= range.end)
    return undefined
  }

  async #open (start: number, end: number | undefined, patience: Patience): Promise<OpenedRange & { info: Info }> {
    for (;;) {
      try {
        this.#cancel.signal.throwIfAborted()
        const opened = await this.#source.open({ start, end, validator: this.#opened?.validator }, this.#cancel.signal)
        this.#admit(opened, start)
        return opened
      } catch (error) {
        if (!temporary(error) || hasGivenUp(error)) throw error
        await this.#pause(start, error, patience)
      }
    }
  }

  #admit (opened: OpenedRange, start: number): void {
    const { body } = opened
    this.#bodies.add(body)
    // A body may fail while nobody iterates over it: unheard, its 'error' would end the process.
    body.on('error', () => undefined).once('close', () => this.#bodies.delete(body))
    if (this.destroyed) body.destroy()
    this.#cancel.signal.throwIfAborted()
    if (opened.start !== start) throw this.#error('RangeMismatch', `as the answer starts at byte ${opened.start}: wanted ${start}`)
    if (this.#opened !== undefined) this.#assertSameVersion(this.#opened, opened)
  }

  #assertSameVersion (first: OpenedRange, later: OpenedRange): void {
    const expected = version(first)
    const found = version(later)
    if (expected === found) return
    throw new ObjectChangedError(`Cannot read ${this.#subject} as it changed while it was read: expected ${expected}, found ${found}`, { expected, found })
  }

  async #pause (offset: number, cause: unknown, patience: Patience): Promise<void> {
    if (!patience.fail()) throw this.#exhausted(offset, cause, patience.failures)
    const resumption: Resumption = { offset, cause, attempt: patience.failures }
    this.emit('resume', resumption)
    await patience.wait(cause instanceof StorageError ? cause.retryAfterMs ?? 0 : 0, this.#cancel.signal)
  }

  #exhausted (offset: number, cause: unknown, attempts: number): Error {
    const broken = cause instanceof NetworkError || cause instanceof TimeoutError
    if (cause instanceof StorageError && !(broken && cause.operation === undefined)) return cause
    const ErrorType = cause instanceof TimeoutError ? TimeoutError : NetworkError
    return new ErrorType(`Cannot read ${this.#subject} from byte ${offset}: ${toError(cause).message} after ${attempts} attempts`, { cause, attempts, temporary: true })
  }

  /** Of a body, any break is worth another attempt that is not known to be final: sockets throw plain errors. */
  #heals (error: unknown): boolean {
    if (this.#cancel.signal.aborted || error instanceof AbortError) return false
    return temporary(error) || !(error instanceof StorageError)
  }

  #patience (): Patience {
    return new Patience(this.#options.resume, this.#options.clock ?? systemClock)
  }

  #error (code: string, reason: string): StorageError {
    return new StorageError(`Cannot read ${this.#subject} ${reason}`, { code })
  }

  get #subject (): string {
    return this.#options.subject ?? 'the object'
  }
}

function temporary (error: unknown): boolean {
  return error instanceof Error && 'temporary' in error && error.temporary === true
}

/** The source has tried several times already: a patience around its own would multiply the two. */
function hasGivenUp (error: unknown): boolean {
  return error instanceof StorageError && error.attempts > 1
}

/** Without an etag the size is all there is to compare. */
function version ({ validator, size }: OpenedRange): string {
  return validator ?? `${size} bytes`
}

function validate ({ start = 0, end, concurrency = 4, rangeSize = MiB }: RangeReadableOptions): void {
  wholeNumber('start', start)
  positiveInteger('concurrency', concurrency)
  positiveInteger('rangeSize', rangeSize)
  if (end === undefined || end === Infinity) return
  wholeNumber('end', end)
  if (end < start) throw new RangeError(`Cannot read from ${start} to ${end} as end must not be less than start`)
}
