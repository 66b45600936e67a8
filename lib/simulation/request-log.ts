/** What the emulator was asked, kept for tests and for people: a ring of the last requests and counters of all. */

const RING_SIZE = 10_000
const REDACTED = '[redacted]'
const SECRET_HEADERS = /^(?:.*authorization|cookie|.*security-token|.*customer-key)$/
const SECRET_PARAMETERS = /^(?:x-amz-signature|x-amz-security-token|sig|access_token|tempauth)$/i

/** One thing that was done, and to what. */
export interface Deed {
  /** In the service's own naming, such as `PutObject`. */
  operation: string
  key: string | undefined
}

export interface RequestEntry {
  /** Milliseconds since the epoch, by the emulator's clock. */
  readonly time: number
  readonly service: string
  /** In the service's own naming, such as `UploadPart`. */
  readonly operation: string
  readonly key: string | undefined
  readonly partNumber: number | undefined
  readonly method: string
  readonly path: string
  /** Without the question mark; signatures and tokens redacted. */
  readonly query: string
  /** Lower-case names; credentials redacted. */
  readonly headers: Readonly<Record<string, string>>
  /** Numbers the connection that carried the request, from 1. */
  readonly connection: number
  /**
   * What was done for it, whatever became of the answer: the operation itself, or each of several that came in one request,
   * with paths in place of ids. Nothing where the service refused.
   */
  done: readonly Deed[]
  /** 0 until answered, and for good when the connection was cut without an answer. */
  status: number
  bytesIn: number
  bytesOut: number
  /** Whether the exchange is over, well or not. */
  ended: boolean
}

export interface OperationCounter {
  count: number
  inFlight: number
  peakInFlight: number
  bytesIn: number
  bytesOut: number
}

export class RequestLog {
  readonly connections = { open: 0, peak: 0, total: 0 }
  readonly #ring: RequestEntry[] = []
  readonly #counters = new Map<string, OperationCounter>()
  #total = 0

  /** The requests still in the ring, oldest first; those of one operation when `operation` is given. */
  entries (operation?: string): RequestEntry[] {
    const start = this.#total > RING_SIZE ? this.#total % RING_SIZE : 0
    const all = [...this.#ring.slice(start), ...this.#ring.slice(0, start)]
    return operation === undefined ? all : all.filter(entry => entry.operation === operation)
  }

  /** The names of the operations in the order they arrived, such as `['PutObject', 'GetObject']`. */
  operations (): string[] {
    return this.entries().map(entry => entry.operation)
  }

  count (operation?: string): number {
    return operation === undefined ? this.#total : this.#counter(operation).count
  }

  inFlight (operation: string): number {
    return this.#counter(operation).inFlight
  }

  peakInFlight (operation: string): number {
    return this.#counter(operation).peakInFlight
  }

  /** Counters of all operations seen. */
  counters (): Record<string, Readonly<OperationCounter>> {
    return Object.fromEntries([...this.#counters].map(([name, counter]) => [name, { ...counter }]))
  }

  /** Forgets entries and counters; what is in flight stays counted. */
  clear (): void {
    this.#ring.length = 0
    this.#total = 0
    for (const counter of this.#counters.values()) {
      Object.assign(counter, { count: 0, peakInFlight: counter.inFlight, bytesIn: 0, bytesOut: 0 })
    }
  }

  begin (entry: RequestEntry): void {
    this.#ring[this.#total++ % RING_SIZE] = entry
    const counter = this.#counter(entry.operation)
    counter.count++
    counter.inFlight++
    counter.peakInFlight = Math.max(counter.peakInFlight, counter.inFlight)
  }

  end (entry: RequestEntry): void {
    if (entry.ended) return
    entry.ended = true
    const counter = this.#counter(entry.operation)
    counter.inFlight--
    counter.bytesIn += entry.bytesIn
    counter.bytesOut += entry.bytesOut
  }

  connectionOpened (): number {
    this.connections.open++
    this.connections.peak = Math.max(this.connections.peak, this.connections.open)
    return ++this.connections.total
  }

  connectionClosed (): void {
    this.connections.open--
  }

  #counter (operation: string): OperationCounter {
    let counter = this.#counters.get(operation)
    if (counter === undefined) {
      counter = { count: 0, inFlight: 0, peakInFlight: 0, bytesIn: 0, bytesOut: 0 }
      this.#counters.set(operation, counter)
    }
    return counter
  }
}

export function redactHeaders (headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(
    ([name, value]) => [name, SECRET_HEADERS.test(name) ? REDACTED : redactUrl(value)]
  ))
}

/** A header may name a source by a URL that has its own signature. */
function redactUrl (value: string): string {
  const mark = value.indexOf('?')
  return mark === -1 || !/^https?:/i.test(value) ? value : `${value.slice(0, mark + 1)}${redactQuery(value.slice(mark + 1))}`
}

export function redactQuery (query: string): string {
  if (query === '') return ''
  return query.split('&').map(parameter => {
    const name = parameter.split('=', 1)[0] as string
    return SECRET_PARAMETERS.test(name) ? `${name}=${REDACTED}` : parameter
  }).join('&')
}
