import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import type { PathLike } from 'node:fs'
import { MiB } from '../bytes/sizes.ts'
import { SizeMismatchError } from '../errors.ts'
import { wholeNumber } from './validate.ts'

/** Part of a file. Both ends are inside, as in `fs.createReadStream`; default: all of it. */
export interface FileSpan { start?: number | undefined, end?: number | undefined }

/** Where bytes go: `read` writes into the memory that it is given, and returns how many bytes; 0 is the end. */
export type Fill = (limit: number, read: (room: Buffer) => Promise<number>) => Promise<number>

/** Bytes that are read at once: long enough to be cheap, short enough for an abort not to wait for it. */
export const READ_BYTES = 2 * MiB

/** A regular file that must not change its size while it is read. */
export class PartFile {
  readonly #handle: FileHandle
  readonly #path: PathLike
  readonly #size: number
  readonly #start: number
  readonly #end: number

  private constructor (handle: FileHandle, path: PathLike, size: number, { start = 0, end = Infinity }: FileSpan) {
    this.#handle = handle
    this.#path = path
    this.#size = size
    this.#start = start
    this.#end = end
  }

  /** Undefined for what has no size to rely on: a pipe, a device. Rejects as `open` does. */
  static async open (path: PathLike, span: FileSpan): Promise<PartFile | undefined> {
    checkSpan(span)
    const handle = await open(path)
    try {
      const stats = await handle.stat()
      if (stats.isFile()) return new PartFile(handle, path, stats.size, span)
    } catch (error) {
      await handle.close()
      throw error
    }
    await handle.close()
    return undefined
  }

  /** Bytes from `start` to `end`. */
  get length (): number {
    return Math.max(0, Math.min(this.#end, this.#size - 1) - this.#start + 1)
  }

  /** @throws {SizeMismatchError} the file has become longer or shorter. */
  async read (fill: Fill): Promise<void> {
    let position = this.#start
    for (let left = this.length; left > 0;) {
      const taken = await fill(Math.min(left, READ_BYTES), room => this.#readAt(room, position))
      if (taken === 0) throw this.#changed(position)
      position += taken
      left -= taken
    }
    const { size } = await this.#handle.stat()
    const isWhole = size === this.#size || (this.#end < this.#size && this.#end < size)
    if (!isWhole) throw this.#changed(size)
  }

  async close (): Promise<void> {
    await this.#handle.close()
  }

  async #readAt (room: Buffer, position: number): Promise<number> {
    const { bytesRead } = await this.#handle.read(room, 0, room.length, position)
    return bytesRead
  }

  #changed (found: number): SizeMismatchError {
    return new SizeMismatchError(`Cannot store file ${JSON.stringify(String(this.#path))} as it changed its size while it was read: expected ${this.#size} bytes, found ${found}`, { expected: this.#size, found })
  }
}

export function checkSpan ({ start = 0, end }: FileSpan): void {
  wholeNumber('start', start)
  if (end === undefined || end === Infinity) return
  wholeNumber('end', end)
  if (end < start) throw new RangeError(`Cannot read from ${start} to ${end} as end must not be less than start`)
}
