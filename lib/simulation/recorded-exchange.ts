import type { Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import { StorageError } from '../errors.ts'
import { describeRequest, recordedBody } from './described-request.ts'
import type { DispatchSubject } from './dispatch-subject.ts'
import { recordedAnswer } from './recorded-answer.ts'
import type { RecordedAnswer } from './recorded-answer.ts'
import { storeRequestBody } from './recorded-content.ts'
import type { StoredContent } from './recorded-content.ts'
import type { RecordingFolder } from './recording-folder.ts'
import type { BegunInteraction, RecordedFailure, RecordedRequest } from './recording-format.ts'
import type { RecordingProfile } from './recording-profile.ts'
import { Reins } from './reins.ts'
import type { Sanitizer } from './sanitizer.ts'

export interface RecordedExchangeOptions {
  options: Dispatcher.DispatchOptions
  subject: DispatchSubject
  folder: RecordingFolder
  profile: RecordingProfile
  sanitizer: Sanitizer
  clock: Clock
  keepsContent: boolean
}

/** One request and its answer on their way through the recorder. */
export class RecordedExchange implements Dispatcher.DispatchHandler {
  /** When nothing of it is written any more. */
  readonly over: Promise<void>
  readonly #next: Dispatcher.DispatchHandler
  readonly #options: RecordedExchangeOptions
  readonly #reins = new Reins()
  readonly #request: RecordedRequest
  #isOver: () => void = () => undefined
  #begun: BegunInteraction | undefined
  #startedAt = 0
  #requestStored: Promise<StoredContent> = Promise.resolve({})
  #answer: RecordedAnswer | undefined
  #failure: StorageError | undefined

  constructor (next: Dispatcher.DispatchHandler, options: RecordedExchangeOptions) {
    this.#next = next
    this.#options = options
    this.#request = describeRequest(options.options, options.profile, options.sanitizer)
    this.over = new Promise(resolve => { this.#isOver = resolve })
  }

  onRequestStart (controller: Dispatcher.DispatchController, context: unknown): void {
    this.#reins.attach(controller)
    this.#next.onRequestStart?.(this.#reins, context)
    // undici starts a request again when the socket that it waited for was closed.
    if (this.#begun !== undefined || this.#reins.aborted) return
    this.#attempt(() => this.#begin())
  }

  onResponseStart (_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>, statusMessage?: string): void {
    if (status >= 200) {
      this.#answer = recordedAnswer({
        ...this.#options,
        request: this.#request,
        status,
        headers,
        latencyMs: this.#options.clock.now() - this.#startedAt,
        hold: held => { held ? this.#reins.hold() : this.#reins.release() },
        fail: error => this.#fail(error)
      })
    }
    this.#next.onResponseStart?.(this.#reins, status, headers, statusMessage)
  }

  onResponseData (_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#answer?.receive(chunk)
    this.#next.onResponseData?.(this.#reins, chunk)
  }

  onResponseEnd (_controller: Dispatcher.DispatchController, trailers: Record<string, string | string[] | undefined>): void {
    void this.#finish(undefined).then(() => {
      if (this.#failure !== undefined) this.#next.onResponseError?.(this.#reins, this.#failure)
      else this.#next.onResponseEnd?.(this.#reins, trailers)
      this.#isOver()
    })
  }

  /** The sender may reuse its buffer once it hears of the error. */
  onResponseError (_controller: Dispatcher.DispatchController, error: Error): void {
    void this.#finish(error).then(() => {
      this.#next.onResponseError?.(this.#reins, this.#failure ?? error)
      this.#isOver()
    })
  }

  #begin (): void {
    const { folder, clock, subject, profile, sanitizer, options, keepsContent } = this.#options
    this.#startedAt = clock.now()
    const { method, path } = this.#request
    this.#begun = { id: folder.nextId(), timestamp: new Date(this.#startedAt).toISOString(), service: profile.service, operation: subject.operation, method, path }
    folder.begin(this.#begun)
    const body = recordedBody(options, subject, profile, sanitizer)
    if (body === undefined) return
    this.#requestStored = storeRequestBody(body, folder.contents, keepsContent, () => this.#reins.aborted).catch((error: Error) => {
      this.#fail(error)
      return {}
    })
  }

  /** Never rejects: what goes wrong is `#failure`. */
  async #finish (error: Error | undefined): Promise<void> {
    const stored = await this.#requestStored
    const broken = error === undefined ? undefined : this.#reins.aborted ? {} : { error: failureOf(error) }
    try {
      const response = await this.#answer?.finish(broken)
      if (this.#begun !== undefined && this.#failure === undefined) this.#write(stored, response, broken?.error)
    } catch (failure) {
      this.#fail(failure as Error)
    }
  }

  /** What its sender gave up before an answer came stays begun and not finished. */
  #write (stored: StoredContent, response: Awaited<ReturnType<RecordedAnswer['finish']>> | undefined, error: RecordedFailure | undefined): void {
    const { id, timestamp, service, operation } = this.#begun as Required<BegunInteraction>
    const { folder } = this.#options
    if (response === 'redirection') return folder.drop(id)
    const request = { ...this.#request, ...stored }
    if (response !== undefined) folder.end({ id, timestamp, service, operation, latency_ms: this.#answer?.latencyMs ?? 0, request, response })
    else if (error !== undefined) folder.end({ id, timestamp, service, operation, request, error })
  }

  #attempt (work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  /** The dispatcher below answers an abort with its reason. */
  #fail (cause: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = new StorageError(`Cannot ${this.#options.subject.action}: its recording failed: ${cause.message}`, { code: 'RecordingFailed', cause })
    this.#reins.cut(this.#failure)
  }
}

function failureOf (error: Error): RecordedFailure {
  return { code: 'code' in error && typeof error.code === 'string' ? error.code : error.name, message: error.message }
}
