import { Readable } from 'node:stream'
import { StorageError } from '../errors.ts'

/** What of undici's controller the body needs. */
interface Flow {
  pause(): void
  resume(): void
  abort(reason: Error): void
}

/**
 * The body of one answer as a `Readable`: pauses the socket when nobody reads, aborts the request when destroyed.
 * Peak memory: `highWaterMark` (64 KiB) plus what the socket delivered in one turn.
 */
export class ResponseBody extends Readable {
  /** Bytes received so far, whether or not they were read. */
  bytesReceived = 0
  readonly #flow: Flow
  #ended = false

  constructor (flow: Flow) {
    super({ highWaterMark: 65_536, emitClose: true })
    this.#flow = flow
    // It may break while nobody reads it yet, or not any more: unheard, its 'error' would end the process.
    this.on('error', () => undefined)
  }

  receive (chunk: Buffer): void {
    this.bytesReceived += chunk.length
    if (!this.push(chunk)) this.#flow.pause()
  }

  finish (): void {
    this.#ended = true
    this.push(null)
  }

  /** All of a body that is known to be small, or a `StorageError` when it is larger than `limit` bytes. */
  async collect (limit: number): Promise<Buffer> {
    const chunks = await this.collectChunks(limit)
    return chunks.length === 1 ? chunks[0] as Buffer : Buffer.concat(chunks)
  }

  /** As `collect`, without joining them. */
  async collectChunks (limit: number): Promise<Buffer[]> {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of this as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > limit) throw new StorageError(`The answer is larger than ${limit} bytes`, { code: 'AnswerTooLarge' })
      chunks.push(chunk)
    }
    return chunks
  }

  override _read (): void {
    this.#flow.resume()
  }

  override _destroy (error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#ended) this.#flow.abort(error ?? new Error('The body was not wanted any more'))
    done(error)
  }
}
