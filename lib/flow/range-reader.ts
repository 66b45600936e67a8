import { finished } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import type { ByteRange } from '../bytes/byte-range.ts'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { AbortError, NetworkError, ObjectChangedError, StorageError, TimeoutError } from '../errors.ts'
import { toError } from './lifecycle.ts'
import { Patience } from './patience.ts'
import type { PatienceOptions } from './patience.ts'
import type { TakeChunk } from './range-feed.ts'
import type { OpenedRange, RangeSource } from './range-source.ts'

/** What the 'resume' event carries: from which byte the range is asked for again, and for the how-manieth time in a row. */
export interface Resumption { offset: number, cause: unknown, attempt: number }

export interface RangeReaderOptions {
  resume: PatienceOptions | undefined
  clock: Clock | undefined
  /** What is read, for messages. */
  subject: string
  /** Ends everything. */
  signal: AbortSignal
  /** Before each further attempt. */
  onResume: (resumption: Resumption) => void
}

/** Reads ranges of one version of an object, whatever happens to the bodies on the way. */
export class RangeReader<Info extends { size: number }> {
  readonly #source: RangeSource<Info>
  readonly #options: RangeReaderOptions
  readonly #bodies = new Set<Readable>()
  #first: OpenedRange | undefined

  constructor (source: RangeSource<Info>, options: RangeReaderOptions) {
    this.#source = source
    this.#options = options
  }

  patience (): Patience {
    return new Patience(this.#options.resume, this.#options.clock ?? systemClock)
  }

  /** The version of the first one that is opened is that of all others. */
  async open (start: number, end: number | undefined, patience: Patience): Promise<OpenedRange & { info: Info }> {
    const { signal } = this.#options
    for (;;) {
      try {
        signal.throwIfAborted()
        const opened = await this.#source.open({ start, end, validator: this.#first?.validator }, signal)
        this.#admit(opened, start)
        this.#first ??= opened
        return opened
      } catch (error) {
        if (!temporary(error) || hasGivenUp(error)) throw error
        await this.#pause(start, error, patience)
      }
    }
  }

  /** Hands over all bytes of the range; `opened` is its first body, where there is one. */
  async read (range: ByteRange, take: TakeChunk, patience: Patience, opened?: OpenedRange): Promise<void> {
    let next = range.start
    for (let first = opened; ; first = undefined) {
      const { body } = first ?? await this.open(next, range.end, patience)
      try {
        await pump(body, chunk => {
          next += chunk.length
          if (next > range.end + 1) throw this.#error('RangeMismatch', `as the body is longer than bytes ${range.start}-${range.end}`)
          patience.progress()
          take(chunk, body)
        })
        if (next <= range.end) throw new NetworkError(`The body ended ${range.end + 1 - next} bytes early`, { temporary: true })
      } catch (error) {
        if (!this.#heals(error)) throw error
        if (next <= range.end) await this.#pause(next, error, patience)
      }
      if (next > range.end) return
    }
  }

  /** Frees what is open. */
  destroy (): void {
    for (const body of this.#bodies) body.destroy()
  }

  #admit (opened: OpenedRange, start: number): void {
    const { body } = opened
    this.#bodies.add(body)
    // A body may fail while nobody reads it: unheard, its 'error' would end the process.
    body.on('error', () => undefined).once('close', () => this.#bodies.delete(body))
    if (this.#options.signal.aborted) body.destroy()
    this.#options.signal.throwIfAborted()
    if (opened.start !== start) throw this.#error('RangeMismatch', `as the answer starts at byte ${opened.start}: wanted ${start}`)
    if (this.#first !== undefined) this.#assertSameVersion(this.#first, opened)
  }

  #assertSameVersion (first: OpenedRange, later: OpenedRange): void {
    const expected = version(first)
    const found = version(later)
    if (expected === found) return
    throw new ObjectChangedError(`Cannot read ${this.#options.subject} as it changed while it was read: expected ${expected}, found ${found}`, { expected, found })
  }

  async #pause (offset: number, cause: unknown, patience: Patience): Promise<void> {
    if (!patience.fail()) throw this.#exhausted(offset, cause, patience.failures)
    this.#options.onResume({ offset, cause, attempt: patience.failures })
    await patience.wait(cause instanceof StorageError ? cause.retryAfterMs ?? 0 : 0, this.#options.signal)
  }

  #exhausted (offset: number, cause: unknown, attempts: number): Error {
    const broken = cause instanceof NetworkError || cause instanceof TimeoutError
    if (cause instanceof StorageError && !(broken && cause.operation === undefined)) return cause
    const ErrorType = cause instanceof TimeoutError ? TimeoutError : NetworkError
    return new ErrorType(`Cannot read ${this.#options.subject} from byte ${offset}: ${toError(cause).message} after ${attempts} attempts`, { cause, attempts, temporary: true })
  }

  /** Of a body, any break is worth another attempt that is not known to be final: sockets throw plain errors. */
  #heals (error: unknown): boolean {
    if (this.#options.signal.aborted || error instanceof AbortError) return false
    return temporary(error) || !(error instanceof StorageError)
  }

  #error (code: string, reason: string): StorageError {
    return new StorageError(`Cannot read ${this.#options.subject} ${reason}`, { code })
  }
}

/** By its events: a promise for each chunk would cost more than the chunk. */
async function pump (body: Readable, take: (chunk: Buffer) => void): Promise<void> {
  body.on('data', (chunk: Buffer) => {
    try {
      take(chunk)
    } catch (error) {
      body.destroy(toError(error))
    }
  })
  await finished(body, { writable: false })
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
