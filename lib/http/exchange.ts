import type { Dispatcher } from 'undici'
import { AbortError, TimeoutError } from '../errors.ts'
import type { DispatchSubject } from '../simulation/dispatch-subject.ts'
import { withSubject } from '../simulation/dispatch-subject.ts'
import type { HttpRequest, HttpResponse } from './call.ts'
import { networkFailure } from './network-failure.ts'
import { ResponseBody } from './response-body.ts'

export interface Timeouts {
  /** For a connection to be made. Used by our own dispatcher only. */
  connectMs: number
  /** For the first byte of the answer, after the request was handed to the socket. */
  headersMs: number
  /** Between two chunks of the answer. */
  bodyIdleMs: number
  /** For one attempt, from the start to the headers of the answer. */
  operationMs: number
}

/**
 * A body that was handed to the socket may still be on its way, so that the wait for headers is longer by the time
 * that this many bytes a second need.
 */
const SLOWEST_UPLOAD_BYTES_PER_MS = 64

type Handler = Dispatcher.DispatchHandler
type Controller = Dispatcher.DispatchController

/**
 * Sends one request and resolves with status, headers and a flowing body.
 * Rejects with `TimeoutError`, `NetworkError` or `AbortError`; a body that breaks later errors with the same classes.
 */
export function exchange (dispatcher: Dispatcher, request: HttpRequest, timeouts: Timeouts, signal?: AbortSignal, subject?: DispatchSubject): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(new AbortError(signal.reason))
    const handler = new ExchangeHandler(resolve, reject, timeouts, signal)
    dispatcher.dispatch(withSubject({
      origin: request.origin,
      path: request.target,
      method: request.method,
      headers: request.headers,
      body: request.body ?? null,
      // By itself undici closes the socket after HEAD, for servers that send a body then; none of ours does.
      reset: false,
      headersTimeout: timeouts.headersMs + Math.ceil((request.body?.byteLength ?? 0) / SLOWEST_UPLOAD_BYTES_PER_MS),
      bodyTimeout: timeouts.bodyIdleMs
    }, subject), handler)
  })
}

class ExchangeHandler implements Handler {
  readonly #resolve: (response: HttpResponse) => void
  readonly #reject: (error: Error) => void
  readonly #signal: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout
  readonly #onAbort = (): void => this.#stop(new AbortError(this.#signal?.reason))
  #controller: Controller | undefined
  #body: ResponseBody | undefined
  #stopped: Error | undefined

  constructor (resolve: (response: HttpResponse) => void, reject: (error: Error) => void, timeouts: Timeouts, signal: AbortSignal | undefined) {
    this.#resolve = resolve
    this.#reject = reject
    this.#signal = signal
    this.#timer = setTimeout(() => {
      this.#stop(new TimeoutError(`No answer within ${timeouts.operationMs} ms`, { temporary: true }))
    }, timeouts.operationMs)
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  onRequestStart (controller: Controller): void {
    this.#controller = controller
    if (this.#stopped !== undefined) controller.abort(this.#stopped)
  }

  onResponseStart (controller: Controller, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (status < 200) return
    clearTimeout(this.#timer)
    this.#body = new ResponseBody(controller)
    this.#resolve({ status, headers: joinHeaders(headers), body: this.#body })
  }

  onResponseData (_controller: Controller, chunk: Buffer): void {
    this.#body?.receive(chunk)
  }

  onResponseEnd (): void {
    this.#settle()
    this.#body?.finish()
  }

  onResponseError (_controller: Controller, error: Error): void {
    this.#fail(this.#stopped ?? networkFailure(error))
  }

  /** Ends the request from our side; a request that still waits for a connection is ended when it gets one. */
  #stop (error: Error): void {
    if (this.#stopped !== undefined) return
    this.#stopped = error
    this.#controller?.abort(error)
    this.#fail(error)
  }

  #fail (error: Error): void {
    this.#settle()
    if (this.#body === undefined) this.#reject(error)
    else if (!this.#body.destroyed) this.#body.destroy(error)
  }

  #settle (): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}

function joinHeaders (headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const joined: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return joined
}
