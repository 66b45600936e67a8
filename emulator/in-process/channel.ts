import { setImmediate as turn } from 'node:timers/promises'
import { type Dispatcher, errors } from 'undici'
import type { Clock } from '../../lib/clock.ts'
import { type Channel, ConnectionEnded } from '../channel.ts'
import { AnswerFlow } from './answer-flow.ts'
import { CHUNK_SIZE, type WireRequest } from './request.ts'

export interface Patience {
  /** Milliseconds, as undici has them; 0 is for ever. */
  headersMs: number
  bodyMs: number
  clock: Clock
}

/**
 * One exchange between undici's handler and the services, without a socket between them. Bytes are copied on their way
 * out, as a socket would; a paused client holds up whoever writes; other work gets its turn between two chunks.
 */
export class InProcessChannel implements Channel {
  readonly connection: number
  readonly #request: WireRequest
  readonly #handler: Dispatcher.DispatchHandler
  readonly #patience: Patience
  readonly #flow = new AnswerFlow(reason => this.fail(reason))
  readonly #ended = new AbortController()
  #waitingSince: number
  #bodyRead = false
  #headSent = false
  /** Bytes of the answer still to come, where their number was told. */
  #promised: number | undefined

  constructor (request: WireRequest, handler: Dispatcher.DispatchHandler, connection: number, patience: Patience) {
    this.connection = connection
    this.#request = request
    this.#handler = handler
    this.#patience = patience
    this.#waitingSince = patience.clock.now()
  }

  get ended (): AbortSignal {
    return this.#ended.signal
  }

  get gone (): boolean {
    return this.#ended.signal.aborted
  }

  get bodyRead (): boolean {
    return this.#bodyRead
  }

  get bodyWhole (): boolean {
    return this.#bodyRead
  }

  get headSent (): boolean {
    return this.#headSent
  }

  start (): void {
    this.#tell(() => this.#handler.onRequestStart?.(this.#flow, {}))
  }

  async * body (): AsyncGenerator<Buffer> {
    for (;;) {
      const next = await this.#request.body.next().catch((error: Error) => this.fail(error))
      if (next === undefined || this.gone) throw new ConnectionEnded()
      if (next.done === true) break
      yield next.value
      await turn()
    }
    this.#bodyRead = true
    this.#waitingSince = this.#patience.clock.now()
  }

  sendHead (status: number, reason: string | undefined, headers: Readonly<Record<string, string>>): void {
    if (this.gone || this.#isLate(this.#patience.headersMs)) return this.#giveUp()
    this.#headSent = true
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
    const isBodiless = this.#request.head.method === 'HEAD' || status === 204 || status === 304
    this.#promised = isBodiless || lower['content-length'] === undefined ? undefined : Number(lower['content-length'])
    this.#tell(() => this.#handler.onResponseStart?.(this.#flow, status, lower, reason))
  }

  async write (chunk: Buffer): Promise<void> {
    for (let start = 0; start < chunk.length; start += CHUNK_SIZE) {
      if (this.#flow.flowing !== undefined) await this.#clientReady()
      if (this.gone || this.#isLate(this.#patience.bodyMs)) return this.#giveUp()
      this.#deliver(Buffer.from(chunk.subarray(start, start + CHUNK_SIZE)))
    }
    await turn()
  }

  async flushed (): Promise<void> {
    await this.#flow.flowing
  }

  finish (): void {
    if (this.#flow.flowing === undefined) this.#finish()
    else void this.#flow.flowing.then(() => this.#finish())
  }

  close (): void {
    this.fail(new errors.SocketError('other side closed'))
  }

  reset (): void {
    this.fail(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' }))
  }

  destroy (): void {
    this.close()
  }

  /** The client's own timeouts end a stall, by the clock: one that skips waits ends it now. */
  stalled (): void {
    const { clock, headersMs, bodyMs } = this.#patience
    const limit = this.#headSent ? bodyMs : headersMs
    if (limit > 0) clock.sleep(limit, this.#ended.signal).then(() => this.#giveUp(), () => undefined) // the request has ended before
  }

  /** The request is over, and not well. */
  fail (error: Error): undefined {
    if (this.gone) return
    this.#end()
    this.#request.stream?.destroy()
    this.#handler.onResponseError?.(this.#flow, error)
  }

  #finish (): void {
    if (this.gone) return
    // Of a promise that is not kept a client learns when the connection ends.
    if (this.#promised !== undefined && this.#promised !== 0) return this.fail(new errors.ResponseContentLengthMismatchError())
    this.#end()
    this.#tell(() => this.#handler.onResponseEnd?.(this.#flow, {}))
  }

  #end (): void {
    this.#ended.abort()
    this.#flow.resume()
  }

  #deliver (chunk: Buffer): void {
    if (this.#promised !== undefined) this.#promised -= chunk.length
    this.#waitingSince = this.#patience.clock.now()
    this.#tell(() => this.#handler.onResponseData?.(this.#flow, chunk))
  }

  async #clientReady (): Promise<void> {
    await this.#flow.flowing
    this.#waitingSince = this.#patience.clock.now()
  }

  #isLate (limit: number): boolean {
    return limit > 0 && this.#patience.clock.now() - this.#waitingSince > limit
  }

  #giveUp (): void {
    this.fail(this.#headSent ? new errors.BodyTimeoutError() : new errors.HeadersTimeoutError())
  }

  /** A handler that throws ends its request, as with undici. */
  #tell (call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#flow.abort(error as Error)
    }
  }
}
