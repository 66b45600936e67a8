import { Dispatcher, errors } from 'undici'
import type { Clock } from '../../lib/clock.ts'
import type { Services } from '../services.ts'
import { InProcessChannel } from './channel.ts'
import { wireRequest } from './request.ts'

/** Undici's own, milliseconds. */
const DEFAULT_TIMEOUT_MS = 300_000

/**
 * Answers from the services in this process: no socket, no server, no port, and nothing that would keep the process alive.
 * Serves one origin; HTTP is kept to where a client could tell: framing, lengths, back-pressure, aborts, timeouts, resets.
 */
export class InProcessDispatcher extends Dispatcher {
  readonly #services: Services
  readonly #origin: string
  readonly #clock: Clock
  readonly #open = new Set<InProcessChannel>()
  readonly #wrapped: Dispatcher
  #closed = false

  constructor (services: Services, origin: string, clock: Clock) {
    super()
    this.#services = services
    this.#origin = origin
    this.#clock = clock
    // Undici wraps the handlers of its older kind where interceptors are composed.
    this.#wrapped = this.compose(() => (options, handler) => this.#send(options, handler))
  }

  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#wrapped.dispatch(options, handler)
  }

  /** Lets requests in flight end. */
  override async close (): Promise<void> {
    this.#closed = true
    await this.#services.idle()
  }

  /** Ends requests in flight. */
  override async destroy (): Promise<void> {
    this.#closed = true
    for (const channel of this.#open) channel.fail(new errors.ClientDestroyedError())
    await this.#services.idle()
  }

  #send (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { log } = this.#services
    try {
      if (this.#closed) throw new errors.ClientClosedError()
      if (String(options.origin) !== this.#origin) throw new errors.InvalidArgumentError(`Cannot send to "${String(options.origin)}" as this dispatcher answers for "${this.#origin}" only`)
      const request = wireRequest(options)
      const patience = { clock: this.#clock, headersMs: options.headersTimeout ?? DEFAULT_TIMEOUT_MS, bodyMs: options.bodyTimeout ?? DEFAULT_TIMEOUT_MS }
      const channel = new InProcessChannel(request, handler, log.connectionOpened(), patience)
      this.#open.add(channel)
      channel.ended.addEventListener('abort', () => {
        log.connectionClosed()
        this.#open.delete(channel)
      }, { once: true })
      // Not in this turn: the caller may still be setting things up.
      setImmediate(() => {
        channel.start()
        if (!channel.gone) this.#services.serve(request.head, channel)
      })
    } catch (error) {
      const flow = { aborted: true, paused: false, reason: error as Error, abort () {}, pause () {}, resume () {} }
      handler.onResponseError?.(flow, error as Error)
    }
    return true
  }
}
