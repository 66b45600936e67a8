import { randomUUID } from 'node:crypto'
import { createReadStream, type ReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { SizeMismatchError } from '../errors.ts'

/** Keeps contents under the SHA-256 of their bytes. */
export interface ContentStore {
  /** A place for one content; nothing is kept of it until `commit`. */
  create (): ContentEntry
}

/** Writes one after the other, then either `commit` or `discard`, once. */
export interface ContentEntry {
  /** Resolves when the chunk may be reused. */
  write (chunk: Uint8Array): Promise<void>
  /** @param sha256 lower-case hex. @param size bytes. */
  commit (sha256: string, size: number): Promise<void>
  discard (): Promise<void>
}

/**
 * Contents as files `<folder>/content/<sha256>`, readable by their owner only. A content is written under a temporary
 * name beside its place (`.partial-…`, left behind only by a process that died), flushed to disk and renamed, so that a
 * name never stands for half a content. Equal contents are stored once.
 */
export class FolderContentStore implements ContentStore {
  readonly #folder: string

  constructor (folder: string) {
    this.#folder = join(folder, 'content')
  }

  create (): ContentEntry {
    return new FolderContentEntry(this.#folder)
  }

  /** Whether the content is there, and how many bytes it has. */
  async sizeOf (sha256: string): Promise<number | undefined> {
    return sizeOfFile(this.#path(sha256))
  }

  /** `start` and `end` in bytes, `end` inclusive, as in `fs`. */
  createReadStream (sha256: string, range: { start?: number, end?: number } = {}): ReadStream {
    return createReadStream(this.#path(sha256), range)
  }

  #path (sha256: string): string {
    return join(this.#folder, checkSha256(sha256))
  }
}

class FolderContentEntry implements ContentEntry {
  readonly #folder: string
  readonly #partial: string
  #file: FileHandle | undefined
  #size = 0

  constructor (folder: string) {
    this.#folder = folder
    this.#partial = join(folder, `.partial-${randomUUID()}`)
  }

  async write (chunk: Uint8Array): Promise<void> {
    const file = await this.#open()
    await file.writeFile(chunk) // from where the file stands, and unlike write() always all of it
    this.#size += chunk.length
  }

  async commit (sha256: string, size: number): Promise<void> {
    const path = join(this.#folder, checkSha256(sha256))
    if (size !== this.#size) {
      throw new SizeMismatchError(`Cannot keep content ${sha256} as it must have ${size} bytes: received ${this.#size}`,
        { operation: 'commit', expected: size, found: this.#size })
    }
    const file = await this.#open()
    if (await sizeOfFile(path) === size) return this.discard()
    await file.sync()
    await this.#close()
    await rename(this.#partial, path)
    await syncFolder(this.#folder)
  }

  async discard (): Promise<void> {
    await this.#close()
    await rm(this.#partial, { force: true })
  }

  async #open (): Promise<FileHandle> {
    if (this.#file !== undefined) return this.#file
    await mkdir(this.#folder, { recursive: true })
    this.#file = await open(this.#partial, 'wx', 0o600)
    return this.#file
  }

  async #close (): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}

async function sizeOfFile (path: string): Promise<number | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return found?.size
}

/** The name of a renamed file is on disk only when its folder is. Windows cannot open folders and needs no such thing. */
async function syncFolder (folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Also keeps a name such as `../../etc/passwd` out of a path. */
function checkSha256 (sha256: string): string {
  if (/^[0-9a-f]{64}$/.test(sha256)) return sha256
  throw new RangeError(`Cannot find content as sha256 must be 64 lower-case hex digits: received "${sha256}"`)
}
