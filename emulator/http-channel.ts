import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Channel } from './channel.ts'

/** One exchange over a socket, as Node's server hands it over. */
export class HttpChannel implements Channel {
  readonly connection: number
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #ended = new AbortController()
  #resume: (() => void) | undefined
  #watched = false

  constructor (request: IncomingMessage, response: ServerResponse, connection: number) {
    this.#request = request
    this.#response = response
    this.connection = connection
    request.on('error', () => {}) // told to whoever reads the body; without a reader it must not end the process
    response.on('error', () => {})
    response.on('close', () => this.#ended.abort())
  }

  get ended (): AbortSignal {
    return this.#ended.signal
  }

  get gone (): boolean {
    return this.#ended.signal.aborted || this.#request.socket.destroyed
  }

  get bodyRead (): boolean {
    return this.#request.readableEnded
  }

  get headSent (): boolean {
    return this.#response.headersSent
  }

  get bodyWhole (): boolean {
    return this.#request.complete
  }

  body (): AsyncIterable<Buffer> {
    // Not the request itself: leaving a loop over it early would destroy the socket under the answer.
    return this.#request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
  }

  sendHead (status: number, reason: string | undefined, headers: Readonly<Record<string, string>>): void {
    this.#response.sendDate = false
    if (reason !== undefined) this.#response.statusMessage = reason
    this.#response.writeHead(status, headers)
  }

  write (chunk: Buffer): Promise<void> | undefined {
    return this.#response.write(chunk) ? undefined : this.#drained()
  }

  async flushed (): Promise<void> {
    this.#response.flushHeaders()
    if (this.#response.writableLength === 0 && this.#request.socket.writableLength === 0) return
    await new Promise<void>(resolve => {
      this.#request.socket.write('', () => resolve())
      this.#ended.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  finish (): void {
    this.#response.end()
    this.#request.resume() // a body that nobody wanted would block the next request of the connection
  }

  close (): void {
    this.#request.socket.end()
  }

  reset (): void {
    this.#request.socket.resetAndDestroy()
  }

  destroy (): void {
    this.#response.destroy()
  }

  async #drained (): Promise<void> {
    this.#watch()
    if (!this.#ended.signal.aborted && this.#response.writableNeedDrain) {
      await new Promise<void>(resolve => { this.#resume = resolve })
    }
  }

  /** One pair of listeners for the whole body, not one per chunk. */
  #watch (): void {
    if (this.#watched) return
    this.#watched = true
    const resume = (): void => this.#resume?.()
    this.#response.on('drain', resume)
    this.#ended.signal.addEventListener('abort', resume)
  }
}
