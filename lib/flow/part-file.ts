import type { PathLike, ReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { MiB } from '../bytes/sizes.ts'
import { SizeMismatchError } from '../errors.ts'
import { wholeNumber } from './validate.ts'

/** Part of a file. Both ends are inside, as in `fs.createReadStream`; default: all of it. */
export interface FileSpan { start?: number | undefined, end?: number | undefined }

/** Where bytes go: `read` writes into the memory that it is given, and returns how many bytes; 0 is the end. */
export type Fill = (limit: number, read: (room: Buffer) => Promise<number>) => Promise<number>

/** Bytes that are read at once, at most: a usual part in one go is a third faster than in steps, and an abort waits for no more than this. */
export const READ_BYTES = 16 * MiB

/** A file that is open, and must not change its size while it is read. */
export class PartFile {
  readonly #handle: FileHandle
  readonly #path: PathLike
  readonly #size: number | undefined
  readonly #start: number
  readonly #end: number

  private constructor (handle: FileHandle, path: PathLike, size: number | undefined, { start = 0, end = Infinity }: FileSpan) {
    this.#handle = handle
    this.#path = path
    this.#size = size
    this.#start = start
    this.#end = end
  }

  /** Rejects as `open` does. */
  static async open (path: PathLike, span: FileSpan): Promise<PartFile> {
    checkSpan(span)
    const handle = await open(path)
    try {
      const stats = await handle.stat()
      return new PartFile(handle, path, stats.isFile() ? stats.size : undefined, span)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Bytes from `start` to `end`; undefined for what has no size to rely on: a pipe, a device. */
  get length (): number | undefined {
    return this.#size === undefined ? undefined : Math.max(0, Math.min(this.#end, this.#size - 1) - this.#start + 1)
  }

  /** The bytes as they come, for what has no length. Closes the file at its end. */
  stream (): ReadStream {
    return this.#handle.createReadStream(this.#start === 0 && this.#end === Infinity ? {} : { start: this.#start, end: this.#end })
  }

  /** @throws {SizeMismatchError} the file has become longer or shorter. */
  async read (fill: Fill): Promise<void> {
    let position = this.#start
    for (let left = this.length ?? 0; left > 0;) {
      const taken = await fill(Math.min(left, READ_BYTES), room => this.#readAt(room, position))
      if (taken === 0) break
      position += taken
      left -= taken
    }
    const { size: found } = await this.#handle.stat()
    const expected = this.#size ?? 0
    if (found === expected || (this.#end < expected && this.#end < found)) return
    throw new SizeMismatchError(`Cannot store file ${JSON.stringify(String(this.#path))} as it changed its size while it was read: expected ${expected} bytes, found ${found}`, { expected, found })
  }

  async close (): Promise<void> {
    await this.#handle.close()
  }

  async #readAt (room: Buffer, position: number): Promise<number> {
    const { bytesRead } = await this.#handle.read(room, 0, room.length, position)
    return bytesRead
  }
}

function checkSpan ({ start = 0, end }: FileSpan): void {
  wholeNumber('start', start)
  if (end === undefined || end === Infinity) return
  wholeNumber('end', end)
  if (end < start) throw new RangeError(`Cannot read from ${start} to ${end} as end must not be less than start`)
}
