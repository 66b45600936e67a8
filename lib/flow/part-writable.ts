import { setMaxListeners } from 'node:events'
import type { PathLike } from 'node:fs'
import { Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { onAbort } from '../abort.ts'
import { defaultBudget } from '../bytes/byte-budget.ts'
import type { PartBuffer } from '../bytes/part-buffer.ts'
import { KiB } from '../bytes/sizes.ts'
import { AbortError, StorageError } from '../errors.ts'
import type { RemoteState } from '../errors.ts'
import { dispose, toError } from './lifecycle.ts'
import { PartFile } from './part-file.ts'
import type { Fill, FileSpan } from './part-file.ts'
import { PartMemory } from './part-memory.ts'
import { partSizeFor, sizeMismatch, tooLarge, validateParts } from './part-options.ts'
import type { PartWritableOptions } from './part-options.ts'
import { readStraight } from './part-read-stream.ts'
import type { Part, PartUpload } from './part-upload.ts'
import { sourceSize } from './source-size.ts'

export type { FileSpan } from './part-file.ts'
export type { PartWritableOptions } from './part-options.ts'
export type { Part, PartUpload, UploadInfo } from './part-upload.ts'

/** What the 'progress' event carries: bytes acknowledged by the service, of how many where that is known, by which part. */
export interface PartProgress { transferred: number, total: number | undefined, part: number }

type Done = (error?: Error | null) => void

const LOOK_AHEAD_BYTES = 64 * KiB

type Phase<Receipt, Result> =
  | { name: 'collecting' }
  | { name: 'begun', ready: Promise<void>, receipts: Receipt[] }
  | { name: 'settled', remote: RemoteState, result?: Result }

/**
 * Cuts what is written into parts of equal size, the last one shorter, and stores them through a `PartUpload`.
 *
 * A full part is held back until one more byte arrives or the stream ends, so the last part is known as such and data
 * of exactly one part is still one `putWhole`. Memory: `concurrency` parts in flight and one being filled, plus
 * `highWaterMark`; where no buffer is free, the callback of `_write` waits. Less than a part takes the memory of its size.
 *
 * The size of a piped file, HTTP message or readable of ours is learnt as a hint: it is the total of 'progress' and
 * serves to choose the part size, but a file that grows or shrinks meanwhile is no error. Only `size` is a declaration.
 *
 * `destroy` aborts the calls in flight, waits for them and cleans up once; 'error' and 'close' come after that.
 * @throws {RangeError} `size` does not fit in `maxParts` parts, or an option is out of range.
 */
export class PartWritable<Receipt, Result extends object> extends Writable {
  readonly #upload: PartUpload<Receipt, Result>
  readonly #options: PartWritableOptions
  readonly #cancel = new AbortController()
  readonly #inFlight = new Set<Promise<void>>()
  readonly #stopListening: () => void
  readonly #fill: Fill = (limit, read) => this.#fillFrom(limit, read)
  #phase: Phase<Receipt, Result> = { name: 'collecting' }
  #source: unknown
  #hint: number | undefined
  /** Declared by an option or by the file that is stored. */
  #size: number | undefined
  #filled: Promise<unknown> | undefined
  #memory: PartMemory | undefined
  #filling: PartBuffer | undefined
  #partSize = 0
  #shipped = 0
  #written = 0
  #stored = 0
  #ended = false
  #remote: RemoteState | undefined

  constructor (upload: PartUpload<Receipt, Result>, options: PartWritableOptions) {
    validateParts(options)
    super(options.highWaterMark === undefined ? {} : { highWaterMark: options.highWaterMark })
    this.#upload = upload
    this.#options = options
    this.#size = options.size
    this.once('pipe', source => {
      this.#source = source
      readStraight(source, this, this.#fill)
    })
    setMaxListeners(0, this.#cancel.signal)
    // Destroyed on the next tick only, but from here on nothing is sent.
    if (options.signal?.aborted === true) this.#cancel.abort(new AbortError(options.signal.reason))
    this.#stopListening = onAbort(options.signal, reason => this.destroy(new AbortError(reason)))
  }

  /** What was stored; set from 'finish' on. */
  get result (): Result | undefined {
    return this.#phase.name === 'settled' ? this.#phase.result : undefined
  }

  /** Bytes taken from the source. */
  get bytesWritten (): number {
    return this.#written
  }

  /** Bytes that the service has acknowledged. */
  get bytesStored (): number {
    return this.#stored
  }

  /** What is left on the service; known from 'close' on, also where the error is one of the source's and cannot tell. */
  get remote (): RemoteState | undefined {
    return this.#remote
  }

  /**
   * Stores a file, or its bytes from `start` to `end` (inclusive), read straight into the memory of parts, and ends the
   * stream: several times faster than `pipeline`. Nothing may be written besides. Its size is declared by that, so that
   * OneDrive spools nothing. Resolves with `result` after 'close'; a pipe or a device is stored as a stream of its bytes.
   *
   * @throws {SizeMismatchError} the file changed its size while it was read, or `size` says another; nothing is published.
   */
  async fromFile (path: PathLike, span: FileSpan = {}): Promise<Result> {
    const ended = finished(this)
    this.#storeFile(path, span).catch((error: unknown) => this.destroy(toError(error)))
    await ended
    return this.result as Result
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    // The way of small writes: no promise where the chunk fits into the part at hand.
    if (this.#filled === undefined && this.#appendAtOnce(chunk)) return done()
    this.#collect(chunk).then(() => done(), done)
  }

  override _final (done: Done): void {
    this.#finish().then(() => done(), done)
  }

  override _destroy (error: Error | null, done: Done): void {
    this.#stopListening()
    if (this.result !== undefined) {
      this.#memory?.close()
      this.#remote = 'stored'
      return done(error)
    }
    const cause = error ?? new AbortError(undefined, 'The stream was destroyed')
    this.#cancel.abort(cause)
    this.#cleanUp(cause).then(() => done(error), () => done(error))
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return dispose(this)
  }

  #appendAtOnce (chunk: Buffer): boolean {
    if (this.#filling === undefined || chunk.length > this.#filling.room || this.#exceedsSize(chunk.length)) return false
    this.#written += this.#filling.append(chunk)
    return true
  }

  async #storeFile (path: PathLike, span: FileSpan): Promise<void> {
    const file = await PartFile.open(path, span)
    if (file.length === undefined) return await pipeline(file.stream(), this)
    try {
      this.#declare(file.length)
      await file.read(this.#fill)
    } finally {
      await file.close()
    }
    this.end()
  }

  #declare (size: number): void {
    if (this.#size !== undefined && this.#size !== size) throw sizeMismatch(this.#options, this.#size, size)
    validateParts({ ...this.#options, size })
    this.#size = size
  }

  async #collect (chunk: Buffer): Promise<void> {
    await this.#filled
    if (this.#exceedsSize(chunk.length)) throw sizeMismatch(this.#options, this.#size, this.#written + chunk.length)
    for (let rest = chunk; rest.length > 0;) {
      const taken = (await this.#partWithRoom(rest.length)).append(rest)
      this.#written += taken
      rest = rest.subarray(taken)
    }
  }

  /** One call at a time; a write meanwhile waits. */
  async #fillFrom (limit: number, read: (room: Buffer) => Promise<number>): Promise<number> {
    const filled = this.#takeFrom(limit, read)
    this.#filled = filled.catch(() => undefined) // Told to our caller; the writes that wait need not hear of it.
    const taken = await filled
    this.#filled = undefined
    this.#cancel.signal.throwIfAborted()
    this.#written += taken
    if (this.#exceedsSize(0)) throw sizeMismatch(this.#options, this.#size, this.#written)
    return taken
  }

  async #takeFrom (limit: number, read: (room: Buffer) => Promise<number>): Promise<number> {
    if (this.#filling?.room !== 0) return await (await this.#partWithRoom(limit)).fill(limit, read)
    // A full part is the last one until one more byte is there: those that tell are read apart.
    const ahead = Buffer.allocUnsafe(Math.min(limit, this.#partSize, LOOK_AHEAD_BYTES))
    const taken = await read(ahead)
    this.#cancel.signal.throwIfAborted()
    if (taken > 0) (await this.#partWithRoom(taken)).append(ahead.subarray(0, taken))
    return taken
  }

  async #partWithRoom (incoming: number): Promise<PartBuffer> {
    if (this.#filling !== undefined && this.#filling.room > 0) return this.#filling
    const memory = this.#memory ?? await this.#prepare()
    if (this.#filling?.room === 0) await this.#ship(this.#filling, false)
    this.#filling ??= await this.#nextBuffer(memory, incoming)
    return this.#filling
  }

  async #prepare (): Promise<PartMemory> {
    this.#hint = await sourceSize(this.#source)
    this.#cancel.signal.throwIfAborted()
    const { concurrency, budget = defaultBudget } = this.#options
    this.#partSize = partSizeFor(this.#options, this.#size ?? this.#hint)
    this.#memory = new PartMemory({ partSize: this.#partSize, buffers: concurrency + 1, budget })
    return this.#memory
  }

  async #nextBuffer (memory: PartMemory, incoming: number): Promise<PartBuffer> {
    const expected = this.#shipped > 0 ? this.#partSize : this.#size ?? this.#hint ?? incoming
    const buffer = await memory.next(expected)
    this.#cancel.signal.throwIfAborted()
    if (buffer === undefined) throw new AbortError(undefined, 'The stream was destroyed')
    return buffer
  }

  async #ship (buffer: PartBuffer, last: boolean): Promise<void> {
    if (!last && this.#shipped + 1 >= (this.#options.maxParts ?? Infinity)) throw tooLarge(this.#options, this.#partSize)
    while (this.#inFlight.size >= this.#options.concurrency) await Promise.race(this.#inFlight)
    this.#cancel.signal.throwIfAborted()
    this.#filling = undefined
    const part = { number: this.#shipped + 1, offset: this.#shipped * this.#partSize, bytes: buffer.bytes(), last }
    this.#shipped++
    this.#remember(this.#sendPart(part, buffer))
  }

  /** Never rejects: a part that fails destroys the stream at once, and so the parts beside it. */
  async #sendPart (part: Part, buffer: PartBuffer): Promise<void> {
    try {
      const { ready, receipts } = this.#begun()
      await ready
      this.#cancel.signal.throwIfAborted()
      receipts[part.number - 1] = await this.#upload.putPart(part, this.#cancel.signal)
      const size = part.bytes.length
      this.#memory?.giveBack(buffer)
      this.#acknowledge(part.number, size)
    } catch (error) {
      this.destroy(toError(error))
    }
  }

  #begun (): { ready: Promise<void>, receipts: Receipt[] } {
    if (this.#phase.name !== 'begun') this.#phase = { name: 'begun', ready: this.#begin(), receipts: [] }
    return this.#phase
  }

  async #begin (): Promise<void> {
    const size = this.#size ?? (this.#ended ? this.#written : undefined)
    await this.#upload.begin({ size, expected: size ?? this.#hint }, this.#cancel.signal)
  }

  #acknowledge (part: number, size: number): void {
    this.#stored += size
    if (this.destroyed) return
    const progress: PartProgress = { transferred: this.#stored, total: this.#total(), part }
    this.emit('progress', progress)
  }

  #total (): number | undefined {
    const total = this.#size ?? (this.#ended ? this.#written : this.#hint)
    return total !== undefined && total < this.#written ? undefined : total
  }

  async #finish (): Promise<void> {
    const memory = this.#memory ?? await this.#prepare()
    if (this.#size !== undefined && this.#written < this.#size) throw sizeMismatch(this.#options, this.#size, this.#written)
    this.#ended = true
    const last = this.#filling ?? await this.#nextBuffer(memory, 0)
    this.#cancel.signal.throwIfAborted()
    const send = this.#shipped === 0 ? this.#upload.putWhole?.bind(this.#upload) : undefined
    if (send !== undefined) return await this.#remember(this.#putWhole(last, send)).done
    await this.#ship(last, true)
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight)
    this.#cancel.signal.throwIfAborted()
    memory.close() // Others may need it while this upload is completed.
    await this.#remember(this.#complete()).done
  }

  async #putWhole (last: PartBuffer, send: (bytes: Buffer, signal: AbortSignal) => Promise<Result>): Promise<void> {
    const bytes = last.bytes()
    try {
      const result = await send(bytes, this.#cancel.signal)
      this.#phase = { name: 'settled', remote: 'stored', result }
    } catch (error) {
      this.#phase = { name: 'settled', remote: remoteOf(error) ?? 'unknown' }
      throw error
    }
    this.#filling = undefined
    this.#memory?.giveBack(last)
    this.#acknowledge(1, bytes.length)
  }

  async #complete (): Promise<void> {
    try {
      const result = await this.#upload.complete(this.#begun().receipts, this.#written, this.#cancel.signal)
      this.#phase = { name: 'settled', remote: 'stored', result }
    } catch (error) {
      if (remoteOf(error) === 'stored') this.#phase = { name: 'settled', remote: 'stored' }
      throw error
    }
  }

  /** Remembers what has to be waited for before a clean-up: a part still in flight could outlive an early abort. */
  #remember (work: Promise<void>): { done: Promise<void> } {
    const settled = work.catch(() => undefined).finally(() => this.#inFlight.delete(settled)) // reported by who awaits it
    this.#inFlight.add(settled)
    return { done: work }
  }

  async #cleanUp (cause: Error): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight)
    this.#filling = undefined
    this.#memory?.close()
    this.#remote = await this.#remoteAfter(cause)
    if (cause instanceof StorageError || cause instanceof AbortError) cause.remote = this.#remote
  }

  async #remoteAfter (cause: Error): Promise<RemoteState> {
    if (this.#phase.name === 'settled') return this.#phase.remote
    if (this.#phase.name !== 'begun') return 'clean'
    try {
      return await this.#upload.abort(cause)
    } catch {
      return 'unknown' // The first error is the one to report.
    }
  }

  #exceedsSize (more: number): boolean {
    return this.#size !== undefined && this.#written + more > this.#size
  }
}

function remoteOf (error: unknown): RemoteState | undefined {
  return error instanceof StorageError || error instanceof AbortError ? error.remote : undefined
}
