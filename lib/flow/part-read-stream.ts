/**
 * A short way for files: what is piped from an `fs.ReadStream` is read straight into the memory of parts, without a chunk
 * and a copy for every 64 KiB. The stream stays what it is to its owner: it opens, counts `bytesRead`, pauses, errs, ends and
 * closes as ever. As soon as anybody else wants its bytes it goes on as any readable.
 */
import fs, { ReadStream } from 'node:fs'
import type { Writable } from 'node:stream'
import { READ_BYTES } from './part-file.ts'
import type { Fill } from './part-file.ts'
import { toError } from './lifecycle.ts'

/** What `fs.ReadStream` keeps in fields that are not documented. */
interface Fields {
  fd: number | null
  /** Where it reads; undefined where it follows the position of the file. */
  pos: number | undefined
  /** Inside; Infinity where none was given. */
  end: number
  autoClose: boolean
}

type File = ReadStream & Fields
type Done = (error?: Error | null) => void

/** What a subclass or a library that watches streams may have replaced. */
const OWN = ['_read', '_destroy', '_construct', 'read', 'push', 'emit', 'on', 'pipe', 'unpipe'] as const

/** To be called when `source` is piped into `target`. `fill` has to reject when `target` is destroyed. */
export function readStraight (source: unknown, target: Writable, fill: Fill): void {
  if (source instanceof ReadStream && isPlain(source as File)) new StraightRead(source as File, target, fill) // eslint-disable-line no-new -- the stream holds it
}

function isPlain (source: File): boolean {
  if (Object.getPrototypeOf(source) !== ReadStream.prototype || OWN.some(name => Object.hasOwn(source, name))) return false
  if (!source.autoClose || source.bytesRead > 0 || source.readableLength > 0 || source.destroyed) return false
  return !hasForeignFileSystem(source)
}

/** The `fs` option, or a FileHandle: kept under a symbol that is Node's own. */
function hasForeignFileSystem (source: object): boolean {
  return Object.getOwnPropertySymbols(source)
    .map(symbol => (source as Record<symbol, unknown>)[symbol])
    .some(value => typeof value === 'object' && value !== null && 'read' in value && value.read !== fs.read)
}

class StraightRead {
  readonly #source: File
  readonly #target: Writable
  readonly #fill: Fill
  #reading: Promise<unknown> = Promise.resolve()
  #left = false
  #isPaused = false

  constructor (source: File, target: Writable, fill: Fill) {
    this.#source = source
    this.#target = target
    this.#fill = fill
    source._read = () => { this.#run().catch((error: unknown) => target.destroy(toError(error))) }
    source._destroy = (error, done) => this.#destroy(error, done)
    target.on('unpipe', unpiped => {
      if (unpiped !== source) return
      this.#left = true
      this.#goOn()
    })
    source.on('resume', () => this.#goOn())
    source.on('newListener', event => { if (event === 'readable') process.nextTick(() => this.#goOn()) })
  }

  /** After a pause. */
  #goOn (): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#source._read(this.#source.readableHighWaterMark)
  }

  /** Until the end of the file, a pause, or somebody else's interest. */
  async #run (): Promise<void> {
    const source = this.#source
    while (!source.destroyed) {
      if (!this.#isAlone()) return this.#leave()
      this.#isPaused = source.isPaused()
      if (this.#isPaused) return
      const limit = Math.min(READ_BYTES, source.end - (source.pos ?? source.bytesRead) + 1)
      const taken = limit <= 0 ? 0 : await this.#fill(limit, room => this.#read(room))
      if (taken > 0) continue
      if (!source.destroyed) source.push(null)
      return
    }
  }

  /** Nobody but the target sees the bytes, and nothing else is on its way there. */
  #isAlone (): boolean {
    const source = this.#source
    const isWatched = source.listenerCount('data') !== 1 || source.listenerCount('readable') > 0 || source.readableEncoding !== null
    return !this.#left && !isWatched && this.#target.writableLength === 0 && typeof source.fd === 'number'
  }

  /** From here on chunks, beginning with the one that this read is for. */
  #leave (): void {
    this.#source._read = ReadStream.prototype._read
    this.#source._read(this.#source.readableHighWaterMark)
  }

  async #read (room: Buffer): Promise<number> {
    const source = this.#source
    if (source.destroyed) return 0 // While there was no memory: the file is closed by now.
    const reading = readFile(source, room)
    this.#reading = reading.catch(() => undefined)
    try {
      const count = await reading
      if (source.pos !== undefined) source.pos += count
      source.bytesRead += count
      return count
    } catch (error) {
      source.destroy(toError(error)) // Its own failure, as ever.
      return 0
    }
  }

  /** A file that is closed while it is read may be another one by the time of the read. */
  #destroy (error: Error | null, done: Done): void {
    void this.#reading.then(() => ReadStream.prototype._destroy.call(this.#source, error, done))
  }
}

function readFile ({ fd, pos }: File, room: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd as number, room, 0, room.length, pos ?? null, (error, count) => error === null ? resolve(count) : reject(error))
  })
}
