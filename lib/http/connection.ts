/** One client's way to its service: the layers of the request path around one exchange. */
import type { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { roomForListener } from '../abort.ts'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { AbortError, NetworkError, ServerError, StorageError, TimeoutError } from '../errors.ts'
import { compose } from './call.ts'
import type { Call, ExecuteOptions, HttpRequest, HttpResponse, Operation, Send } from './call.ts'
import { CircuitBreaker, circuitBreaker } from './circuit-breaker.ts'
import type { CircuitBreakerOptions } from './circuit-breaker.ts'
import { checkClientOptions } from './client-options.ts'
import type { ClientOptions } from './client-options.ts'
import { createDispatcher } from './dispatcher.ts'
import type { DispatchSubject } from '../simulation/dispatch-subject.ts'
import type { RecordedService } from '../simulation/recording-profile.ts'
import { simulate } from '../simulation/simulation.ts'
import type { Simulation } from '../simulation/simulation.ts'
import { exchange } from './exchange.ts'
import type { Timeouts } from './exchange.ts'
import { silentLogger } from './logger.ts'
import type { Logger } from './logger.ts'
import { wasNeverSent } from './network-failure.ts'
import { observe } from './observe.ts'
import { snakeCase } from './operation-names.ts'
import { RateLimiter, rateLimit } from './rate-limit.ts'
import { retry } from './retry.ts'
import type { RetryPolicy } from './retry.ts'
import { createInstruments } from './telemetry.ts'
import type { Attributes, Instruments, MetricNames } from './telemetry.ts'
import { ThrottleGate } from './throttle-gate.ts'

/** An answer that is not the one that was wanted. */
export interface FailedAnswer {
  status: number
  headers: Record<string, string>
  /** The service's own format, HTML or text from something in between, or nothing. */
  body: string
}

/** What a cloud brings to the shared request path. */
export interface Service<Op extends Operation<unknown>> {
  /** Prefix of span attributes and name of the instruments, such as `r2`. */
  name: string
  metrics: MetricNames
  /** Attributes of every span. */
  attributes: Attributes
  /** How its traffic is recorded and replayed. Absent where it never is. */
  recording?: RecordedService
  timeouts: Timeouts
  breaker: CircuitBreakerOptions
  /** The row of the cloud's table for this kind of error. */
  policyFor (error: StorageError): RetryPolicy
  /** Address and credentials, anew for each attempt. */
  prepare (operation: Op): Promise<HttpRequest> | HttpRequest
  toError (answer: FailedAnswer, operation: Op): StorageError
  /** Once for each attempt: whether what the failure teaches (a clock, a token) makes the same request worth sending again. */
  learn? (failure: StorageError, answer: FailedAnswer, operation: Op): Promise<boolean> | boolean
}

const MAX_ERROR_BYTES = 256 * 1024

export class Connection<Op extends Operation<unknown>> {
  readonly clock: Clock
  readonly logger: Logger
  readonly instruments: Instruments
  /** Requests sent so far, and how many of them were retries. */
  readonly sent = { requests: 0, retries: 0 }
  readonly simulation: Simulation
  readonly #service: Service<Op>
  readonly #send: Send
  readonly #network: Dispatcher
  readonly #ownsDispatcher: boolean
  readonly #timeouts: Timeouts
  readonly #streams = new Set<Writable>()
  readonly #recordedNames = new Map<string, string>()
  #closed: Promise<void> | undefined

  /** @throws {ConfigurationError} naming the option that is wrong. */
  constructor (service: Service<Op>, options: ClientOptions) {
    checkClientOptions(options)
    this.clock = options.clock ?? systemClock
    this.logger = options.logger ?? silentLogger
    this.instruments = createInstruments(`sluice/${service.name}`, service.metrics, options.telemetry)
    this.#service = service
    this.#timeouts = Object.freeze({ ...service.timeouts, ...options.timeouts })
    this.#ownsDispatcher = options.dispatcher === undefined
    this.#network = options.dispatcher ?? createDispatcher({ connectMs: this.#timeouts.connectMs })
    this.simulation = simulate(options.simulation, this.#network, this.clock, service.recording)
    this.#send = this.#layers(options)
  }

  /** Sends one operation through all layers. */
  async execute<T> (operation: Op & Operation<T>, options: ExecuteOptions = {}): Promise<T> {
    const leave = roomForListener(options.signal)
    try {
      return await this.#send({ ...options, operation, attempt: 1 })
    } finally {
      leave()
    }
  }

  /** Keeps the connection open until what the stream left on the service is removed, should it be destroyed. */
  serve (stream: Writable): void {
    this.#streams.add(stream)
    stream.once('close', () => this.#streams.delete(stream))
  }

  /** Waits for the clean-up of streams that were destroyed, and for what is on its way. A second call waits for the first. */
  async close (): Promise<void> {
    this.#closed ??= this.#end()
    await this.#closed
  }

  /** The recording ends when nothing is on its way any more. */
  async #end (): Promise<void> {
    await turn() // A signal that was aborted just now destroys its streams a tick later.
    await Promise.all([...this.#streams].filter(stream => stream.destroyed).map(closeOf))
    if (this.#ownsDispatcher) await this.#network.close()
    await this.simulation.close()
  }

  #layers (options: ClientOptions): Send {
    const { clock, logger, instruments } = this
    const { name, attributes, breaker } = this.#service
    const layers = compose(
      observe({ instruments, logger, clock, prefix: name, attributes }),
      retry({ clock, logger, gate: new ThrottleGate(clock), policyFor: policyOf(this.#service, options.retry) }),
      ...(options.circuitBreaker === false ? [] : [circuitBreaker(new CircuitBreaker({ ...breaker, ...options.circuitBreaker }, clock, logger))]),
      ...(options.rateLimit === undefined ? [] : [rateLimit(new RateLimiter(options.rateLimit, clock))])
    )
    return layers(call => this.#attempt(call))
  }

  async #attempt<T> (call: Call<T>): Promise<T> {
    try {
      return await this.#read(call, await this.#exchange(call))
    } catch (error) {
      if (call.tally !== undefined && isLost(error)) call.tally.lost = (call.tally.lost ?? 0) + 1
      throw named(error, call.operation)
    }
  }

  async #exchange<T> (call: Call<T>): Promise<HttpResponse> {
    // The operation is the one that `execute` was given, possibly with its `read` wrapped.
    const operation = call.operation as Op & Operation<T>
    for (let taught = false; ; taught = true) {
      this.#count(call, taught)
      const response = await this.#sendOnce(operation, call.signal)
      if (response.status < 300) return response
      const answer = { status: response.status, headers: response.headers, body: await readErrorBody(response) }
      const failure = this.#service.toError(answer, operation)
      if (taught || await this.#service.learn?.(failure, answer, operation) !== true) throw failure
    }
  }

  #count<T> ({ attempt, tally }: Call<T>, taught: boolean): void {
    this.sent.requests++
    if (attempt > 1 || taught) this.sent.retries++
    if (tally !== undefined) tally.attempts++
  }

  async #sendOnce (operation: Op, signal: AbortSignal | undefined): Promise<HttpResponse> {
    const request = await this.#service.prepare(operation)
    const timeouts = operation.timeouts === undefined ? this.#timeouts : { ...this.#timeouts, ...operation.timeouts }
    return await exchange(this.simulation.dispatcher, request, timeouts, signal, this.#subjectOf(operation))
  }

  #subjectOf ({ description: { name }, action }: Op): DispatchSubject | undefined {
    const { recording } = this.#service
    if (recording === undefined) return undefined
    const operation = this.#recordedNames.get(name) ?? recording.profile.operations?.[name] ?? snakeCase(name)
    this.#recordedNames.set(name, operation)
    return { service: recording.profile.service, operation, action }
  }

  async #read<T> ({ operation }: Call<T>, response: HttpResponse): Promise<T> {
    let isPassedOn = false
    try {
      const result = await operation.read(response)
      isPassedOn = operation.streams === true
      return result
    } finally {
      // What nobody reads would hold its socket.
      if (!isPassedOn) response.body.destroy()
    }
  }
}

function closeOf (stream: Writable): Promise<void> {
  return new Promise(resolve => { stream.once('close', () => { resolve() }) })
}

/** What the service says of a failure. A page that is too large or breaks off says nothing: the status still does. */
async function readErrorBody ({ body }: HttpResponse): Promise<string> {
  try {
    return (await body.collect(MAX_ERROR_BYTES)).toString()
  } catch (error) {
    if (error instanceof StorageError) return ''
    throw error
  }
}

function policyOf<Op extends Operation<unknown>> (service: Service<Op>, option: ClientOptions['retry']): (error: StorageError) => RetryPolicy {
  if (option === false) return () => ({ retries: 0, initialMs: 0, maxMs: 0 })
  return error => ({ ...service.policyFor(error), ...option })
}

/** The request may have got through. A 503 says that it was not served. */
function isLost (error: unknown): boolean {
  if (error instanceof NetworkError || error instanceof TimeoutError) return !wasNeverSent(error)
  if (error instanceof AbortError) return true
  if (error instanceof ServerError) return error.status !== 503
  return error instanceof StorageError && error.code === 'MalformedAnswer'
}

/** Failures of the network know nothing of the operation: say what could not be done. */
function named (error: unknown, operation: Operation<unknown>): unknown {
  if (!(error instanceof StorageError) || error.operation !== undefined) return error
  error.operation = operation.description.name
  if (!error.message.startsWith('Cannot ')) error.message = `Cannot ${operation.action}: ${error.message}`
  return error
}
