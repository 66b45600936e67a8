import { createHash } from 'node:crypto'
import { ReplayError } from '../errors.ts'
import { FolderContentStore } from './content-store.ts'
import { sha256Of } from './recording-format.ts'

/** Bytes of a recording, proved by their SHA-256 while they are read. */
export interface ReplayedContent {
  size: number
  chunks: AsyncIterable<Buffer>
}

/** Peak memory: 64 KiB for each content that is read. */
export class ReplayedContents {
  readonly #store: FolderContentStore
  readonly #proved = new Map<string, Promise<void>>()

  /** @param folder that holds `content/`. */
  constructor (folder: string) {
    this.#store = new FolderContentStore(folder)
  }

  /**
   * All of a content, which ends in an error where its bytes are not those of its name.
   * @throws {ReplayError} it is not there, or has another size.
   */
  async open (hash: string, size: number | undefined): Promise<ReplayedContent> {
    const { sha256, size: found } = await this.#find(hash, size)
    return { size: found, chunks: this.#verified(sha256) }
  }

  /** Bytes `from` to `to` (inclusive), once all of the content was read and proved. */
  async openPart (hash: string, size: number | undefined, from: number, to: number): Promise<AsyncIterable<Buffer>> {
    const { sha256 } = await this.#find(hash, size)
    const proof = this.#proved.get(sha256) ?? this.#prove(sha256)
    this.#proved.set(sha256, proof)
    await proof
    return this.#store.createReadStream(sha256, { start: from, end: to })
  }

  async #find (hash: string, size: number | undefined): Promise<{ sha256: string, size: number }> {
    const sha256 = sha256Of(hash)
    const found = sha256 === undefined ? undefined : await this.#store.sizeOf(sha256)
    if (sha256 === undefined || found === undefined) throw new ReplayError(`The recording has no content ${hash}`)
    if (size !== undefined && found !== size) throw new ReplayError(`The content ${hash} was tampered with: it has ${found} bytes, wanted ${size}`)
    return { sha256, size: found }
  }

  async * #verified (sha256: string): AsyncGenerator<Buffer, undefined> {
    const hash = createHash('sha256')
    for await (const chunk of this.#store.createReadStream(sha256) as AsyncIterable<Buffer>) {
      hash.update(chunk)
      yield chunk
    }
    const found = hash.digest('hex')
    if (found !== sha256) throw new ReplayError(`The content sha256:${sha256} was tampered with: its bytes have sha256:${found}`)
    return undefined
  }

  async #prove (sha256: string): Promise<void> {
    const chunks = this.#verified(sha256)
    for (let next = await chunks.next(); next.done !== true;) next = await chunks.next()
  }
}
