import { createHash } from 'node:crypto'
import { MiB } from '../bytes/sizes.ts'
import { sha256Hex } from '../digest/sha256-off-thread.ts'
import type { ContentEntry, ContentStore, FolderContentStore } from './content-store.ts'
import { contentHash } from './recording-format.ts'

/** Bytes that may wait for the disk before the network waits, too. */
const MAX_WAITING = MiB

export interface StoredContent {
  content_hash?: string
  content_length?: number
}

/** Bytes of an answer on their way to the disk, while the client reads them. Peak memory: 1 MiB and what the socket delivered in one turn. */
export class ContentRecorder {
  size = 0
  readonly #entry: ContentEntry
  readonly #hash = createHash('sha256')
  readonly #hold: (held: boolean) => void
  readonly #fail: (error: Error) => void
  #waiting = 0
  #held = false
  #written: Promise<void> = Promise.resolve()
  #failed = false

  /** @param hold is told when bytes wait, and when they do no more. @param fail hears once that the disk fails. */
  constructor (contents: ContentStore, hold: (held: boolean) => void, fail: (error: Error) => void) {
    this.#entry = contents.create()
    this.#hold = hold
    this.#fail = fail
  }

  receive (chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk) // The reader may change what it is given.
    this.#hash.update(bytes)
    this.size += bytes.length
    this.#waiting += bytes.length
    this.#holdBack()
    this.#written = this.#written.then(() => this.#write(bytes))
  }

  /** Waits for the disk. @throws {Error} of the disk. */
  async finish (): Promise<StoredContent> {
    await this.#written
    if (this.size === 0 || this.#failed) {
      await this.#entry.discard()
      return {}
    }
    const sha256 = this.#hash.digest('hex')
    await this.#entry.commit(sha256, this.size)
    return { content_hash: contentHash(sha256), content_length: this.size }
  }

  async #write (bytes: Buffer): Promise<void> {
    if (!this.#failed) {
      try {
        await this.#entry.write(bytes)
      } catch (error) {
        this.#failed = true
        this.#fail(error as Error)
      }
    }
    this.#waiting -= bytes.length
    this.#holdBack()
  }

  #holdBack (): void {
    const held = this.#waiting > MAX_WAITING
    if (held === this.#held) return
    this.#held = held
    this.#hold(held)
  }
}

/**
 * Stores the body of a request, once where equal ones were stored before. The sender may reuse its buffer as soon as it
 * gave up: what was read since then is thrown away.
 */
export async function storeRequestBody (body: Uint8Array, contents: FolderContentStore, keep: boolean, givenUp: () => boolean): Promise<StoredContent> {
  const sha256 = await sha256Hex(body)
  if (givenUp()) return {}
  const stored = { content_hash: contentHash(sha256), content_length: body.byteLength }
  if (!keep || await contents.sizeOf(sha256) === body.byteLength) return stored
  const entry = contents.create()
  try {
    await entry.write(body)
  } catch (error) {
    await entry.discard()
    throw error
  }
  if (givenUp()) {
    await entry.discard()
    return {}
  }
  await entry.commit(sha256, body.byteLength)
  return stored
}
