import type { Dispatcher } from 'undici'
import type { Timeouts } from './exchange.ts'
import type { ResponseBody } from './response-body.ts'

/** How an operation is called in spans, metrics and log lines. */
export interface OperationDescription {
  /** The service's own name, such as `PutObject`. */
  name: string
  /** Span name, such as `r2.put_object`. */
  span: string
  /** Log messages: before, after, and for each kind of failure. */
  begin: string
  end: string
  missing: string
  failed: string
  /** Pieces of a larger operation are logged at debug level when they end well. */
  piece?: boolean
}

/** What an operation says of its request; the address and the credentials are added for each attempt. */
export interface Operation<T> {
  description: OperationDescription
  /** What is being done, for messages: `put "videos/a.mp4"`. */
  action: string
  method: Dispatcher.HttpMethod
  /** Lower-case names. */
  headers?: Record<string, string>
  body?: Uint8Array
  /** Metric labels beside operation and status, such as `bucket`. */
  labels?: Record<string, string>
  /** Span attributes and log fields, such as `key`. */
  subject?: Record<string, string | number>
  /** Where they differ from the client's. */
  timeouts?: Partial<Timeouts>
  /** The result is the body itself, which outlives the call: the span and the byte counter end with it. */
  streams?: boolean
  /** Turns the answer into the result, inside the attempt: an answer that breaks off here is tried again. */
  read (response: HttpResponse): Promise<T> | T
}

/** What goes on the wire in one attempt: encoded, signed, final. */
export interface HttpRequest {
  origin: string
  /** Path and query in the very form that was signed. */
  target: string
  method: Dispatcher.HttpMethod
  /** Lower-case names. */
  headers: Record<string, string>
  body?: Uint8Array
}

export interface HttpResponse {
  status: number
  /** Lower-case names; repeated headers are joined with a comma. */
  headers: Record<string, string>
  /** Bytes as they arrive; `collect(limit)` takes all of a small one. */
  body: ResponseBody
}

/** Requests of one transfer, retries included. */
export interface Tally {
  attempts: number
  /** How many of them ended without an answer that tells whether the work was done. */
  lost?: number
}

export interface ExecuteOptions {
  signal?: AbortSignal | undefined
  tally?: Tally | undefined
}

/** One operation on its way through the layers. */
export interface Call<T> extends ExecuteOptions {
  operation: Operation<T>
  /** Set by the retry layer; attempt 1 is the first try. */
  attempt: number
}

export type Send = <T>(call: Call<T>) => Promise<T>

/** A layer wraps what sends. `compose(a, b)(send)` lets a call pass a, then b, then send. */
export type Layer = (next: Send) => Send

export function compose (...layers: Layer[]): Layer {
  return send => layers.reduceRight<Send>((next, layer) => layer(next), send)
}
