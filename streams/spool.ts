import { randomUUID } from 'node:crypto'
import { constants, unlinkSync } from 'node:fs'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addAbortSignal, Duplex } from 'node:stream'
import type { ByteBudget, Release } from '../lib/bytes/byte-budget.ts'
import { KiB, MiB } from '../lib/bytes/sizes.ts'
import { checkSignal, checkSize, optionMessage } from './option-checks.ts'

const DEFAULT_MEMORY = 16 * MiB
const READ_BYTES = 64 * KiB
/** Of Linux, open(2): a file that never has a name. Node tells no constant for it. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY

export interface SpoolOptions {
  /** Bytes that stay in memory; what exceeds them goes to a temporary file. Default 16 MiB. */
  memory?: number | undefined
  /** Where the file is made. Default: the system's folder for temporary files. */
  directory?: string | undefined
}

export interface SpoolStreamOptions extends SpoolOptions {
  signal?: AbortSignal | undefined
}

/**
 * Bytes put aside until their number is known: `memory` bytes on the heap, the rest in a file of mode 0600. It never has a
 * name, so that nothing is left behind however the process ends, SIGKILL included. Where that cannot be, the name is removed
 * as soon as the file is open; where a system forbids that too (Windows), by `close()` and at the exit of the process.
 */
export class SpoolStore {
  readonly #memory: number
  readonly #directory: string
  readonly #budget: ByteBudget | undefined
  readonly #claims: Release[] = []
  readonly #chunks: Buffer[] = []
  #inMemory = 0
  #inFile = 0
  #file: PrivateFile | undefined

  /** What the budget has no room for goes to the file at once. */
  constructor ({ memory = DEFAULT_MEMORY, directory = tmpdir() }: SpoolOptions = {}, budget?: ByteBudget) {
    checkSize('create spool', 'memory', memory)
    if (typeof directory !== 'string' || directory === '') throw new TypeError(optionMessage('create spool', 'directory', 'a path', directory))
    this.#memory = memory
    this.#directory = directory
    this.#budget = budget
  }

  /** Bytes put aside so far. */
  get size (): number {
    return this.#inMemory + this.#inFile
  }

  /** How many of them are in the file. */
  get spilled (): number {
    return this.#inFile
  }

  /** Copies `bytes`. One call at a time. */
  async append (bytes: Uint8Array): Promise<void> {
    const kept = this.#file === undefined ? this.#claim(Math.min(bytes.length, this.#memory - this.#inMemory)) : 0
    if (kept > 0) this.#chunks.push(Buffer.from(bytes.subarray(0, kept)))
    this.#inMemory += kept
    if (kept < bytes.length) await this.#spill(bytes.subarray(kept))
  }

  /** Fills as much of `target` as there is from byte `position` on, and returns how much that was. */
  async read (target: Uint8Array, position: number): Promise<number> {
    let filled = this.#readMemory(target, position)
    while (filled < target.length && position + filled < this.size) {
      const { bytesRead } = await this.#opened().handle.read(target, filled, target.length - filled, position + filled - this.#inMemory)
      if (bytesRead === 0) throw new Error(`Cannot read the spooled bytes as the temporary file ends ${this.size - position - filled} bytes early`)
      filled += bytesRead
    }
    return filled
  }

  /** Frees the memory and the file. May be called more than once. */
  async close (): Promise<void> {
    this.#chunks.length = 0
    for (const release of this.#claims.splice(0)) release()
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  #claim (bytes: number): number {
    if (this.#budget === undefined || bytes === 0) return bytes
    const release = this.#budget.tryTake(bytes)
    if (release === undefined) return 0
    this.#claims.push(release)
    return bytes
  }

  async #spill (bytes: Uint8Array): Promise<void> {
    this.#file ??= await PrivateFile.create(this.#directory)
    for (let rest = bytes; rest.length > 0;) {
      const { bytesWritten } = await this.#file.handle.write(rest, 0, rest.length, this.#inFile)
      this.#inFile += bytesWritten
      rest = rest.subarray(bytesWritten)
    }
  }

  #readMemory (target: Uint8Array, position: number): number {
    let filled = 0
    let start = 0
    for (const chunk of this.#chunks) {
      const from = position + filled - start
      if (from < chunk.length && filled < target.length) {
        const piece = chunk.subarray(from, from + target.length - filled)
        target.set(piece, filled)
        filled += piece.length
      }
      start += chunk.length
    }
    return filled
  }

  #opened (): PrivateFile {
    if (this.#file === undefined) throw new Error('Cannot read the spooled bytes as they were given up')
    return this.#file
  }
}

/** A file that only this process can find. */
class PrivateFile {
  readonly handle: FileHandle
  readonly #path: string
  readonly #removeAtExit = (): void => {
    try {
      unlinkSync(this.#path)
    } catch {
      // Removed already, or not ours to remove any more: at the exit there is nobody to tell.
    }
  }

  #named = false

  private constructor (handle: FileHandle, path = '') {
    this.handle = handle
    this.#path = path
  }

  static async create (directory: string): Promise<PrivateFile> {
    const nameless = await openNameless(directory)
    if (nameless !== undefined) return new PrivateFile(nameless)
    const path = join(directory, `sluice-spool-${randomUUID()}`)
    const file = new PrivateFile(await open(path, 'wx+', 0o600), path)
    await file.#forgetName()
    return file
  }

  async close (): Promise<void> {
    await this.handle.close()
    if (!this.#named) return
    this.#named = false
    process.off('exit', this.#removeAtExit)
    await unlink(this.#path)
  }

  async #forgetName (): Promise<void> {
    try {
      await unlink(this.#path)
    } catch {
      this.#named = true // An open file cannot lose its name on every system.
      process.once('exit', this.#removeAtExit)
    }
  }
}

/** Undefined where the system or the file system knows no such files; why else it failed, opening one by name will tell. */
async function openNameless (directory: string): Promise<FileHandle | undefined> {
  if (process.platform !== 'linux') return undefined
  return await open(directory, constants.O_RDWR | O_TMPFILE, 0o600).catch(() => undefined)
}

type Done = (error?: Error | null) => void

/** See `spool()`. */
export class Spool extends Duplex {
  readonly #store: SpoolStore
  #inFlight: Promise<unknown> = Promise.resolve()
  #ended = false
  #wanted = false
  #position = 0

  constructor ({ signal, ...options }: SpoolStreamOptions = {}) {
    checkSignal('create spool', signal)
    const store = new SpoolStore(options)
    super()
    this.#store = store
    if (signal !== undefined) addAbortSignal(signal, this)
  }

  /** All bytes that went in; undefined before the source has ended. */
  get size (): number | undefined {
    return this.#ended ? this.#store.size : undefined
  }

  /** How many bytes went to the temporary file. */
  get spilled (): number {
    return this.#store.spilled
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const writing = this.#store.append(chunk)
    this.#inFlight = writing.catch(() => undefined)
    writing.then(() => done(), done)
  }

  override _final (done: Done): void {
    this.#ended = true
    this.emit('spooled', this.#store.size)
    if (this.#wanted) this._read()
    done()
  }

  override _read (): void {
    this.#wanted = true
    if (this.#ended) this.#deliver().catch((error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))))
  }

  override _destroy (error: Error | null, done: Done): void {
    // A write in flight would open the file anew.
    this.#inFlight.then(() => this.#store.close()).then(() => done(error), (failure: Error) => done(error ?? failure))
  }

  async #deliver (): Promise<void> {
    const reading = this.#next()
    this.#inFlight = reading.catch(() => undefined)
    const chunk = await reading
    if (!this.destroyed) this.push(chunk)
  }

  async #next (): Promise<Buffer | null> {
    const chunk = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, this.#store.size - this.#position))
    if (chunk.length === 0) return null
    this.#position += await this.#store.read(chunk, this.#position)
    return chunk
  }
}

/**
 * Takes all bytes in, learns how many they are, and only then lets them out: for stores that want the size first. When the
 * source has ended, 'spooled' is emitted with the number of bytes, and `size` has it. Peak memory: `memory` and 64 KiB; what
 * exceeds it is in a private temporary file that is gone whatever happens.
 *
 * @throws {RangeError} `memory` is not a number of bytes.
 * @example
 * const spooled = spool({ memory: 1024 * 1024 })
 * spooled.once('spooled', size => console.log(`${size} bytes to send`))
 * await pipeline(source, spooled, destination)
 */
export function spool (options?: SpoolStreamOptions): Spool {
  return new Spool(options)
}
