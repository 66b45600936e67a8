import type { Clock } from '../clock.ts'
import { AbortError, ConflictError, NotFoundError, NotModifiedError, PreconditionFailedError } from '../errors.ts'
import type { HttpResponse, Layer, Operation } from './call.ts'
import type { Logger } from './logger.ts'
import { endSpan, startSpan } from './telemetry.ts'
import type { Attributes, Instruments, Span } from './telemetry.ts'

export interface ObserveOptions {
  instruments: Instruments
  logger: Logger
  clock: Clock
  /** Prefix of span attributes, such as `r2`. */
  prefix: string
  /** Attributes of every span of this client. */
  attributes: Attributes
}

/** The outermost layer: one span, one count, one duration and its log lines for each operation, whatever its retries. */
export function observe (options: ObserveOptions): Layer {
  return next => async call => {
    const watch = new Observation(call.operation, options)
    try {
      const result = await next({ ...call, operation: { ...call.operation, read: response => watch.read(response) } })
      watch.succeeded(result)
      return result
    } catch (error) {
      watch.failed(error as Error)
      throw error
    }
  }
}

class Observation<T> {
  readonly #operation: Operation<T>
  readonly #options: ObserveOptions
  readonly #startedAt: number
  readonly #span: Span | undefined
  readonly #labels: Attributes
  #streaming: HttpResponse | undefined

  constructor (operation: Operation<T>, options: ObserveOptions) {
    this.#operation = operation
    this.#options = options
    this.#startedAt = options.clock.now()
    this.#labels = { operation: operation.description.name, ...operation.labels }
    this.#span = startSpan(options.instruments.tracer, operation.description.span, this.#attributes())
    options.logger.debug(operation.subject ?? {}, operation.description.begin)
  }

  /** Reads the answer within the attempt and counts its bytes as far as they came. */
  async read (response: HttpResponse): Promise<T> {
    if (response.headers['etag'] !== undefined) this.#tellEtag(response.headers['etag'])
    if (this.#operation.streams === true) this.#streaming = response
    else response.body.once('close', () => this.#countBytes('download', response.body.bytesReceived))
    return await this.#operation.read(response)
  }

  succeeded (result: unknown): void {
    if (typeof result === 'object' && result !== null && 'etag' in result && typeof result.etag === 'string') this.#tellEtag(result.etag)
    this.#countBytes('upload', this.#operation.body?.byteLength ?? 0)
    this.#options.instruments.requests?.add(1, { ...this.#labels, status: 'success' })
    this.#measure()
    if (this.#streaming === undefined) return this.#ended()
    const { body } = this.#streaming
    body.once('close', () => {
      this.#countBytes('download', body.bytesReceived)
      if (body.errored !== null) this.#broke(body.errored, true)
      else if (body.readableEnded) this.#ended()
      else this.#left(body.bytesReceived)
    })
  }

  failed (error: Error): void {
    this.#options.instruments.requests?.add(1, { ...this.#labels, status: 'error' })
    this.#measure()
    this.#broke(error)
  }

  /** The operation, or the body that it gave, ended in a failure. Whoever reads a body may go on with another. */
  #broke (error: Error, mayHeal = false): void {
    const { instruments, logger } = this.#options
    instruments.errors?.add(1, { ...this.#labels, error_type: errorType(error) })
    endSpan(this.#span, error)
    const { subject = {}, description } = this.#operation
    if (error instanceof NotFoundError) return logger.warn(subject, description.missing)
    const fields = { ...subject, error: error.message, error_type: errorType(error) }
    if (mayHeal || isExpected(error)) logger.warn(fields, description.failed)
    else logger.error(fields, description.failed)
  }

  #ended (): void {
    endSpan(this.#span)
    const { logger } = this.#options
    const { description, subject = {} } = this.#operation
    if (description.piece === true) logger.debug(subject, description.end)
    else logger.info(subject, description.end)
  }

  /** Nobody wanted the rest of the body. */
  #left (bytes: number): void {
    endSpan(this.#span)
    const { description, subject } = this.#operation
    this.#options.logger.debug({ ...subject, bytes }, `${description.end} in part`)
  }

  #tellEtag (etag: string): void {
    this.#span?.setAttribute(`${this.#options.prefix}.e_tag`, etag)
  }

  #measure (): void {
    const { instruments, clock } = this.#options
    instruments.duration?.record((clock.now() - this.#startedAt) / 1000, this.#labels)
  }

  #countBytes (direction: 'upload' | 'download', bytes: number): void {
    if (bytes > 0) this.#options.instruments.bytes?.add(bytes, { ...this.#labels, direction })
  }

  #attributes (): Attributes {
    const attributes: Attributes = { ...this.#options.attributes }
    for (const [name, value] of Object.entries(this.#operation.subject ?? {})) attributes[`${this.#options.prefix}.${name}`] = value
    const { body } = this.#operation
    if (body !== undefined) attributes[`${this.#options.prefix}.content_length`] = body.byteLength
    return attributes
  }
}

function errorType (error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

/** Answers that a caller provokes on purpose: conditions that fail, an abort. */
function isExpected (error: Error): boolean {
  return error instanceof ConflictError || error instanceof PreconditionFailedError ||
    error instanceof NotModifiedError || error instanceof AbortError
}
