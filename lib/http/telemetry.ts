import { createRequire } from 'node:module'

export type Attributes = Record<string, string | number | boolean>

/** What is used of OpenTelemetry's interfaces, so that our types stand without the optional package. */
export interface Span {
  setAttribute (name: string, value: string | number | boolean): unknown
  setStatus (status: { code: number, message?: string }): unknown
  recordException (exception: Error): void
  end (): void
}

export interface Tracer {
  startSpan (name: string, options?: { kind?: number, attributes?: Attributes }): Span
}

export interface Counter {
  add (value: number, attributes?: Attributes): void
}

export interface Histogram {
  record (value: number, attributes?: Attributes): void
}

export interface Meter {
  createCounter (name: string, options?: { description?: string, unit?: string }): Counter
  createHistogram (name: string, options?: { description?: string, unit?: string, advice?: { explicitBucketBoundaries?: number[] } }): Histogram
}

export interface TelemetryOptions {
  /** Default: the global tracer and meter of `@opentelemetry/api` when that is installed, else none. */
  tracer?: Tracer
  meter?: Meter
}

/** One cloud's metric names, as its document writes them. */
export interface MetricNames {
  requests: { name: string, description: string }
  duration: { name: string, description: string, buckets: number[] }
  bytes: { name: string, description: string }
  errors: { name: string, description: string }
}

export interface Instruments {
  tracer: Tracer | undefined
  requests: Counter | undefined
  duration: Histogram | undefined
  bytes: Counter | undefined
  errors: Counter | undefined
  meter: Meter | undefined
}

interface Api {
  metrics: { getMeter (scope: string): Meter }
  trace: { getTracer (scope: string): Tracer }
}

const ERROR_STATUS = 2
const OK_STATUS = 1
const CLIENT_SPAN = 2

/** `@opentelemetry/api` is an optional peer: it is looked for once, and without it nothing is measured. */
const api: Api | undefined = loadApi()

function loadApi (): Api | undefined {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as Api
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

export function createInstruments (scope: string, names: MetricNames, options: TelemetryOptions = {}): Instruments {
  const meter = options.meter ?? api?.metrics.getMeter(scope)
  return {
    tracer: options.tracer ?? api?.trace.getTracer(scope),
    meter,
    requests: meter?.createCounter(names.requests.name, { description: names.requests.description }),
    duration: meter?.createHistogram(names.duration.name, {
      description: names.duration.description, unit: 's', advice: { explicitBucketBoundaries: names.duration.buckets }
    }),
    bytes: meter?.createCounter(names.bytes.name, { description: names.bytes.description, unit: 'By' }),
    errors: meter?.createCounter(names.errors.name, { description: names.errors.description })
  }
}

export function startSpan (tracer: Tracer | undefined, name: string, attributes: Attributes): Span | undefined {
  return tracer?.startSpan(name, { kind: CLIENT_SPAN, attributes })
}

/** Ends the span well, or with the failure that ended the operation. */
export function endSpan (span: Span | undefined, failure?: Error): void {
  if (span === undefined) return
  if (failure === undefined) {
    span.setStatus({ code: OK_STATUS })
  } else {
    span.recordException(failure)
    span.setStatus({ code: ERROR_STATUS, message: failure.message })
  }
  span.end()
}
