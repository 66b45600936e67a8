import type { Dispatcher } from 'undici'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { StorageError } from '../errors.ts'
import { pathOf } from './described-request.ts'
import { subjectOf } from './dispatch-subject.ts'
import { storeRequestBody } from './recorded-content.ts'
import { RecordedExchange } from './recorded-exchange.ts'
import { RecordingFolder, newMetadata } from './recording-folder.ts'
import type { RecordedService } from './recording-profile.ts'
import type { RecordedResponse } from './recording-format.ts'
import { Sanitizer } from './sanitizer.ts'
import { SimulatedDispatcher } from './simulated-dispatcher.ts'
import type { RecordOptions } from './simulation-options.ts'

/** An answer for `recordResponse`: bytes are kept as content, JSON and text in the recording itself. */
export interface GivenResponse {
  status: number
  headers?: Record<string, string>
  body?: Uint8Array | string | object
}

/**
 * Passes requests to any dispatcher and writes down what goes out and comes back, as the bytes stream by: bodies go to
 * `content/<sha256>`, the slower of disk and reader sets the pace, and an answer ends for the client when it is on disk.
 * No credential is written. A request without a subject, such as one for a token, is passed and not recorded.
 *
 * A disk that fails fails the transfer (`RecordingFailed`), as a recording with holes helps nobody. Peak memory: for each
 * answer 1 MiB on top of the client's own, and answers that the client reads whole once more.
 */
export class SimulationRecorder extends SimulatedDispatcher {
  readonly #next: Dispatcher
  readonly #folder: RecordingFolder
  readonly #service: RecordedService
  readonly #sanitizer: Sanitizer
  readonly #clock: Clock
  readonly #keepsContent: boolean
  readonly #running = new Set<Promise<void>>()
  readonly #given = new Map<string, { id: string, timestamp: string, method: string }[]>()
  #ended: Promise<void> | undefined

  /** @throws {ConfigurationError} the folder holds a recording, and neither `overwrite` nor `append` is set. */
  constructor (next: Dispatcher, options: RecordOptions & { service: RecordedService, clock?: Clock }) {
    super()
    this.#next = next
    this.#service = options.service
    this.#clock = options.clock ?? systemClock
    this.#keepsContent = options.requestContent !== 'hash'
    this.#folder = RecordingFolder.join(options, newMetadata(this.#clock.now(), options.service.driveId))
    this.#sanitizer = new Sanitizer(options.service, this.#folder.links)
  }

  protected override serve (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const subject = subjectOf(options)
    if (subject === undefined || this.#ended !== undefined) return this.#next.dispatch(options, handler)
    const exchange = new RecordedExchange(handler, {
      options, subject, folder: this.#folder, profile: this.#service.profile, sanitizer: this.#sanitizer, clock: this.#clock, keepsContent: this.#keepsContent
    })
    this.#running.add(exchange.over)
    void exchange.over.then(() => this.#running.delete(exchange.over))
    return this.#next.dispatch(options, exchange)
  }

  /** Notes a request that this dispatcher did not see. @param method default `GET`. */
  recordRequest (operation: string, container: string, name: string, method = 'GET'): void {
    const id = this.#folder.nextId()
    const timestamp = new Date(this.#clock.now()).toISOString()
    const key = JSON.stringify([operation, container, name])
    this.#given.set(key, [...this.#given.get(key) ?? [], { id, timestamp, method }])
    this.#folder.begin({ id, timestamp, service: this.#service.profile.service, operation, method, path: pathOf(container, name) })
  }

  /** The answer to the first `recordRequest` of these names that has none. @param latencyMs to the head of the answer. */
  async recordResponse (operation: string, container: string, name: string, response: GivenResponse, latencyMs: number): Promise<void> {
    const begun = this.#given.get(JSON.stringify([operation, container, name]))?.shift()
    if (begun === undefined) throw new StorageError(`Cannot record the answer to ${operation} of "${container}/${name}": no such request was recorded`, { code: 'RecordingFailed' })
    const { method, ...head } = begun
    const path = pathOf(container, name)
    this.#folder.end({
      ...head, service: this.#service.profile.service, operation, latency_ms: latencyMs, request: { method, path }, response: await this.#stored(response)
    })
  }

  /** Waits for the requests that it records and writes `interactions.json`, unless other clients still record there. The dispatcher below is its owner's to close. */
  protected override end (): Promise<void> {
    this.#ended ??= Promise.all(this.#running).then(() => this.#folder.leave())
    return this.#ended
  }

  async #stored ({ status, headers = {}, body }: GivenResponse): Promise<RecordedResponse> {
    const clean = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), this.#sanitizer.text(value)]))
    if (body === undefined) return { status, headers: clean }
    if (body instanceof Uint8Array) return { status, headers: { 'content-length': String(body.byteLength), ...clean }, ...await storeRequestBody(body, this.#folder.contents, true, () => false) }
    return { status, headers: clean, body: this.#sanitizer.json(body) }
  }
}
