import type { Dispatcher } from 'undici'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { ReplayError } from '../errors.ts'
import { describeBody, describeRequest, recordedBody } from './described-request.ts'
import { isAnswerLost, subjectOf } from './dispatch-subject.ts'
import type { DispatchSubject } from './dispatch-subject.ts'
import { LINK_STAND_IN, Links } from './links.ts'
import type { Interaction, RecordedRequest } from './recording-format.ts'
import type { RecordedService } from './recording-profile.ts'
import { Reins } from './reins.ts'
import { giveAnswer } from './replayed-answer.ts'
import type { SimulationReplayer } from './replayer.ts'
import { ReplaySession } from './replay-session.ts'
import type { Found } from './replay-session.ts'
import { Sanitizer } from './sanitizer.ts'
import { SimulatedDispatcher } from './simulated-dispatcher.ts'
import type { ReplayOptions } from './simulation-options.ts'

/**
 * Answers from a recording instead of a network, from its start for each transport. Contents are read from disk as the
 * client reads them, and their SHA-256 is compared on the way: a body that was tampered with ends in an error. Latency is
 * waited for by `clock`. What the recording does not hold is a `ReplayError`. Peak memory: 64 KiB for each body.
 */
export class ReplayTransport extends SimulatedDispatcher {
  readonly #replayer: SimulationReplayer
  readonly #session: ReplaySession
  readonly #service: RecordedService
  readonly #sanitizer: Sanitizer
  readonly #latencyScale: number
  readonly #clock: Clock

  constructor (replayer: SimulationReplayer, options: Pick<ReplayOptions, 'latency'> & { service: RecordedService, clock?: Clock }) {
    super()
    const { service, latency = 0, clock = systemClock } = options
    this.#replayer = replayer
    this.#session = new ReplaySession(replayer.recording, service.profile)
    this.#service = service
    this.#sanitizer = new Sanitizer(service, new Links())
    this.#latencyScale = latency === 'recorded' ? 1 : latency
    this.#clock = clock
  }

  protected override serve (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    void this.#answer(options, handler)
    return true
  }

  /** Recorded interactions that were never asked for. */
  unused (): Interaction[] {
    return this.#session.unused()
  }

  protected override end (): Promise<void> {
    return Promise.resolve()
  }

  async #answer (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): Promise<void> {
    const reins = new Reins()
    try {
      handler.onRequestStart?.(reins, {})
      const subject = requireSubject(options)
      const request = await this.#describe(options, subject)
      if (reins.reason !== null) throw reins.reason
      const found = this.#session.find(subject, request)
      if (this.#isRedirected(subject, request, found)) return redirect(handler, reins, request)
      if (!isAnswerLost(options)) this.#session.use(found)
      const waitMs = (found.interaction.latency_ms ?? 0) * this.#latencyScale
      if (waitMs > 0) await this.#clock.sleep(waitMs, reins.signal)
      await giveAnswer(found, { contents: this.#replayer.contents, restore: text => this.#sanitizer.restore(text) }, handler, reins)
    } catch (error) {
      handler.onResponseError?.(reins, reins.reason ?? error as Error)
    }
  }

  async #describe (options: Dispatcher.DispatchOptions, subject: DispatchSubject): Promise<RecordedRequest> {
    const { profile } = this.#service
    const body = recordedBody(options, subject, profile, this.#sanitizer)
    return { ...describeRequest(options, profile, this.#sanitizer), ...await describeBody(body) }
  }

  /** The service redirects to where the content is; the recording holds the request that followed. */
  #isRedirected ({ operation }: DispatchSubject, { by_link: byLink = false }: RecordedRequest, { interaction: { request, response } }: Found): boolean {
    if (byLink || this.#service.profile.links?.redirected.includes(operation) !== true) return false
    return request.by_link ?? (response !== undefined && response.status < 300)
  }
}

function redirect (handler: Dispatcher.DispatchHandler, reins: Reins, { path, query = '' }: RecordedRequest): void {
  const location = LINK_STAND_IN + path + (query === '' ? '' : `?${query}`)
  handler.onResponseStart?.(reins, 302, { location }, 'Found')
  handler.onResponseEnd?.(reins, {})
}

function requireSubject (options: Dispatcher.DispatchOptions): DispatchSubject {
  const subject = subjectOf(options)
  if (subject === undefined) throw new ReplayError(`Cannot send ${options.method} ${String(options.origin ?? '')} as there is no network in replay`)
  return subject
}
