import type { Logger } from '../../../../lib/http/logger.ts'
import type { Attributes, Counter, Histogram, Meter, Span, Tracer } from '../../../../lib/http/telemetry.ts'

export type Level = keyof Logger

export interface LogLine {
  level: Level
  message: string
  fields: Record<string, unknown>
}

export class RecordingLogger implements Logger {
  readonly lines: LogLine[] = []

  error (fields: object, message: string): void { this.#add('error', fields, message) }
  warn (fields: object, message: string): void { this.#add('warn', fields, message) }
  info (fields: object, message: string): void { this.#add('info', fields, message) }
  debug (fields: object, message: string): void { this.#add('debug', fields, message) }
  trace (fields: object, message: string): void { this.#add('trace', fields, message) }

  /** `level message` of each line. */
  get summary (): string[] {
    return this.lines.map(({ level, message }) => `${level} ${message}`)
  }

  #add (level: Level, fields: object, message: string): void {
    this.lines.push({ level, message, fields: { ...fields } })
  }
}

export interface RecordedSpan {
  name: string
  kind: number | undefined
  attributes: Attributes
  status: { code: number, message?: string } | undefined
  exceptions: Error[]
  ended: number
}

export class RecordingTracer implements Tracer {
  readonly spans: RecordedSpan[] = []

  startSpan (name: string, options: { kind?: number, attributes?: Attributes } = {}): Span {
    const span: RecordedSpan = { name, kind: options.kind, attributes: { ...options.attributes }, status: undefined, exceptions: [], ended: 0 }
    this.spans.push(span)
    return {
      setAttribute: (key, value) => { span.attributes[key] = value },
      setStatus: status => { span.status = status },
      recordException: exception => { span.exceptions.push(exception) },
      end: () => { span.ended++ }
    }
  }
}

export interface Measurement {
  name: string
  value: number
  attributes: Attributes
}

export class RecordingMeter implements Meter {
  readonly instruments: Array<{ kind: 'counter' | 'histogram', name: string, options: object | undefined }> = []
  readonly measurements: Measurement[] = []

  createCounter (name: string, options?: object): Counter {
    this.instruments.push({ kind: 'counter', name, options })
    return { add: (value, attributes = {}) => { this.measurements.push({ name, value, attributes }) } }
  }

  createHistogram (name: string, options?: object): Histogram {
    this.instruments.push({ kind: 'histogram', name, options })
    return { record: (value, attributes = {}) => { this.measurements.push({ name, value, attributes }) } }
  }

  of (name: string): Array<Omit<Measurement, 'name'>> {
    return this.measurements.filter(measurement => measurement.name === name).map(({ value, attributes }) => ({ value, attributes }))
  }
}
