/** One request and its answer, with the trouble that was decided for it. */
import { setImmediate } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import { AnswerChanges } from './answer-changes.ts'
import type { AnswerHeaders } from './answer-changes.ts'
import { withAnswerLost } from './dispatch-subject.ts'
import { answerOf, madeUpAnswer, redirection } from './made-up-answer.ts'
import type { MadeUpAnswer } from './made-up-answer.ts'
import { closedFailure, connectFailure, peerOf, protocolFailure, resetFailure, stalledFailure } from './mutated-failures.ts'
import type { Happening } from './mutation-plan.ts'
import type { Trouble } from './mutations.ts'
import { Reins } from './reins.ts'

type Controller = Dispatcher.DispatchController

/** What undici waits when the request names no other timeout. */
const DEFAULT_TIMEOUT_MS = 300_000

export interface MutatedRequest {
  dispatch: Dispatcher.Dispatch
  options: Dispatcher.DispatchOptions
  handler: Dispatcher.DispatchHandler
  happening: Happening
  clock: Clock
}

export class MutatedExchange implements Dispatcher.DispatchHandler {
  readonly #dispatch: Dispatcher.Dispatch
  readonly #options: Dispatcher.DispatchOptions
  readonly #handler: Dispatcher.DispatchHandler
  readonly #happening: Happening
  readonly #trouble: Trouble
  readonly #clock: Clock
  readonly #reins = new Reins()
  readonly #changes: AnswerChanges
  #passed = 0
  #ended = false
  /** Steps of a slow answer, one after the other; undefined while all flows freely. */
  #slow: Promise<void> | undefined

  constructor ({ dispatch, options, handler, happening, clock }: MutatedRequest) {
    this.#dispatch = dispatch
    this.#options = options
    this.#handler = handler
    this.#happening = happening
    this.#trouble = happening.trouble
    this.#clock = clock
    this.#changes = new AnswerChanges(happening)
  }

  /** Never rejects: what goes wrong is told to the handler. */
  start (): void {
    this.#handler.onRequestStart?.(this.#reins, {})
    this.#run().catch((error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))))
  }

  onRequestStart (controller: Controller): void {
    this.#reins.attach(controller)
  }

  onResponseStart (_controller: Controller, status: number, headers: AnswerHeaders, text?: string): void {
    if (this.#ended || this.#losesAnswer) return
    if (status < 200) return this.#handler.onResponseStart?.(this.#reins, status, headers, text)
    this.#step(() => this.#handler.onResponseStart?.(this.#reins, status, this.#changes.head(headers), text))
    if (this.#stopByte === 0) this.#stop()
  }

  onResponseData (_controller: Controller, chunk: Buffer): void {
    if (this.#ended || this.#losesAnswer) return
    const data = this.#changes.body(chunk)
    if (data === undefined) return
    const wanted = data.subarray(0, this.#stopByte - this.#passed)
    this.#passed += wanted.length
    this.#deliver(wanted)
    if (this.#passed >= this.#stopByte) this.#stop()
  }

  onResponseEnd (_controller: Controller, trailers: Record<string, string | string[] | undefined>): void {
    if (this.#ended) return
    if (this.#losesAnswer) return this.#lose()
    const rest = this.#changes.rest()
    if (rest !== undefined) this.#deliver(rest)
    this.#happening.over(`the answer had ${this.#passed + (rest?.length ?? 0)} bytes`)
    this.#step(() => this.#end(trailers))
  }

  onResponseError (_controller: Controller, error: Error): void {
    if (this.#ended) return
    this.#happening.over(`the request failed by itself: ${error.message}`)
    this.#step(() => this.#fail(error))
  }

  get #losesAnswer (): boolean {
    return this.#trouble.loseAnswer !== undefined || this.#trouble.loseAnswerWith !== undefined
  }

  /** The next try is the same request; a read goes on where it was cut, or may be repeated. */
  get #cutsAWrite (): boolean {
    return this.#stopByte < Infinity && this.#trouble.truncate?.length !== 'fits' && !['GET', 'HEAD'].includes(this.#options.method)
  }

  /** After how many bytes of the answer something ends it. */
  get #stopByte (): number {
    const { reset, stall, truncate } = this.#trouble
    if (typeof reset === 'object' && 'responseByte' in reset) return reset.responseByte
    if (typeof stall === 'object') return stall.responseByte
    return truncate?.responseByte ?? Infinity
  }

  async #run (): Promise<void> {
    const { latencyMs, bytesPerSecond } = this.#trouble
    if (latencyMs !== undefined) await this.#sleep(latencyMs)
    const size = bodyOf(this.#options)?.length ?? 0
    if (bytesPerSecond !== undefined && size > 0) await this.#sleep(size / bytesPerSecond * 1000)
    if (await this.#endsBeforeTheService(size)) return
    if (this.#reins.reason !== null) throw this.#reins.reason
    this.#dispatch(this.#request(), this)
  }

  /** What the service never hears of. */
  async #endsBeforeTheService (size: number): Promise<boolean> {
    const { connect, reset, stall, status, redirect, protocol, changeObject } = this.#trouble
    if (connect !== undefined) await this.#breakOff('connect', connectFailure(connect, peerOf(this.#options.origin)))
    else if (reset === 'before') await this.#breakOff('reset', resetFailure('read'))
    else if (typeof reset === 'object' && 'requestByte' in reset && reset.requestByte <= size) await this.#breakOff('reset', resetFailure('write'))
    else if (protocol !== undefined) await this.#breakOff('protocol', protocolFailure(protocol))
    else if (stall === 'response') await this.#stall('headers', this.#options.headersTimeout)
    else if (status !== undefined) await this.#answer('status', answerOf(this.#trouble, status))
    else if (redirect !== undefined) await this.#answer('redirect', redirection(redirect, this.#options))
    else if (changeObject !== undefined && isConditional(this.#options)) await this.#answer('changeObject', madeUpAnswer(412))
    else {
      if (typeof reset === 'object' && 'requestByte' in reset) this.#happening.over(`its body had ${size} bytes`)
      return false
    }
    return true
  }

  /** What the service is sent. */
  #request (): Dispatcher.DispatchOptions {
    const { flipBit } = this.#trouble
    const options = this.#losesAnswer || this.#cutsAWrite ? withAnswerLost(this.#options) : this.#options
    if (flipBit === undefined || !('requestByte' in flipBit)) return options
    const body = bodyOf(options)
    if (body === undefined || flipBit.requestByte >= body.length) {
      this.#happening.over(`its body had ${body?.length ?? 0} bytes`)
      return options
    }
    const flipped = Buffer.from(body)
    flipped[flipBit.requestByte] = (flipped[flipBit.requestByte] as number) ^ 1
    this.#happening.did('flipBit')
    return { ...options, body: flipped }
  }

  async #breakOff (effect: keyof Trouble, error: Error): Promise<void> {
    await setImmediate()
    this.#happening.did(effect)
    this.#fail(error)
  }

  async #answer (effect: keyof Trouble, { status, headers, text, body }: MadeUpAnswer): Promise<void> {
    await setImmediate()
    this.#happening.did(effect)
    if (this.#reins.reason !== null) throw this.#reins.reason
    this.#handler.onResponseStart?.(this.#reins, status, headers, text)
    if (body.length > 0 && this.#options.method !== 'HEAD') this.#handler.onResponseData?.(this.#reins, body)
    this.#end({})
  }

  /** The work is done; the client hears something else, or nothing. */
  #lose (): void {
    const { loseAnswerWith } = this.#trouble
    if (loseAnswerWith === undefined) {
      this.#happening.did('loseAnswer')
      return this.#fail(resetFailure('read'))
    }
    this.#answer('loseAnswerWith', madeUpAnswer(loseAnswerWith)).catch((error: unknown) => this.#fail(error as Error))
  }

  /** Ends the answer where its trouble says. */
  #stop (): void {
    const { reset, stall, truncate } = this.#trouble
    const slow = this.#slow
    this.#ended = true
    this.#reins.cut(new Error('Cut by a mutation'))
    const stop = async (): Promise<void> => {
      await slow
      // Bytes that nobody has taken yet would be lost with the connection.
      await setImmediate()
      await this.#reins.flowing()
      this.#ended = false
      if (stall !== undefined) return await this.#stall('body', this.#options.bodyTimeout)
      this.#happening.did(reset !== undefined ? 'reset' : 'truncate')
      if (truncate?.length === 'fits') this.#end({})
      else this.#fail(reset !== undefined ? resetFailure('read') : closedFailure())
    }
    stop().catch((error: unknown) => this.#fail(error as Error))
  }

  async #stall (place: 'headers' | 'body', timeoutMs: number | null | undefined): Promise<void> {
    this.#happening.did('stall')
    if (timeoutMs === 0) await new Promise(resolve => this.#reins.signal.addEventListener('abort', resolve, { once: true }))
    else await this.#sleep(timeoutMs ?? DEFAULT_TIMEOUT_MS)
    this.#fail(stalledFailure(place))
  }

  #deliver (chunk: Buffer): void {
    const { bytesPerSecond } = this.#trouble
    if (chunk.length === 0) return
    if (bytesPerSecond === undefined) return this.#handler.onResponseData?.(this.#reins, chunk)
    this.#reins.hold()
    this.#slow = (this.#slow ?? Promise.resolve()).then(async () => {
      await this.#sleep(chunk.length / bytesPerSecond * 1000)
      if (!this.#reins.aborted) this.#handler.onResponseData?.(this.#reins, chunk)
    }).catch((error: unknown) => this.#fail(error as Error)).finally(() => this.#reins.release())
  }

  /** At once, or when the slow part of the answer has gone by. */
  #step (action: () => void): void {
    if (this.#slow === undefined) action()
    else this.#slow = this.#slow.then(action)
  }

  async #sleep (ms: number): Promise<void> {
    await this.#clock.sleep(ms, this.#reins.signal)
  }

  #end (trailers: Record<string, string | string[] | undefined>): void {
    if (this.#reins.reason !== null) return this.#fail(this.#reins.reason)
    if (this.#ended) return
    this.#ended = true
    this.#happening.over('the answer ended before')
    this.#handler.onResponseEnd?.(this.#reins, trailers)
  }

  #fail (error: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#happening.over('the client gave up')
    this.#handler.onResponseError?.(this.#reins, this.#reins.reason ?? error)
  }
}

/** Bodies that stream are left as they are. */
function bodyOf ({ body }: Dispatcher.DispatchOptions): Uint8Array | undefined {
  return typeof body === 'string' ? Buffer.from(body) : body instanceof Uint8Array ? body : undefined
}

function isConditional ({ headers }: Dispatcher.DispatchOptions): boolean {
  const names = Array.isArray(headers) ? headers.filter((_value, index) => index % 2 === 0) : Object.keys(headers ?? {})
  return names.some(name => /if-match$/i.test(String(name)))
}
