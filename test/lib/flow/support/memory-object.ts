import { Readable } from 'node:stream'
import type { Clock } from '../../../../lib/clock.ts'
import type { AskedRange, OpenedRange, RangeSource, Verifier } from '../../../../lib/flow/range-readable.ts'

export interface Info { size: number }

/** What goes wrong with one open: it is refused, or its body breaks off after some bytes, by an error or by ending. */
export type Fault = { refuse: Error } | { after: number, error?: Error } | undefined

export interface MemoryObjectOptions {
  etag?: string
  chunkSize?: number
  /** One for each open, in order. */
  faults?: Fault[]
  verifier?: Verifier
  /** Changes an answer before it is given. */
  falsify?: (opened: OpenedRange, asked: AskedRange) => Partial<OpenedRange>
}

/** An object in memory behind the contract of a `RangeReadable`, with the trace of what was asked. */
export class MemoryObject implements RangeSource<Info> {
  readonly opens: string[] = []
  readonly bodies: Readable[] = []
  readonly signals: AbortSignal[] = []
  etag: string | undefined
  served = 0
  mostOpen = 0
  readonly #data: Buffer
  readonly #options: MemoryObjectOptions

  constructor (data: Buffer, options: MemoryObjectOptions = {}) {
    this.#data = data
    this.#options = options
    this.etag = options.etag ?? '"1"'
  }

  async open (asked: AskedRange, signal: AbortSignal): Promise<OpenedRange & { info: Info }> {
    const { start, end, validator } = asked
    this.opens.push(`${start}-${end ?? ''}${validator === undefined ? '' : ` if ${validator}`}`)
    this.signals.push(signal)
    await Promise.resolve()
    const fault = this.#options.faults?.shift()
    if (fault !== undefined && 'refuse' in fault) throw fault.refuse
    const size = this.#data.length
    const last = Math.min(end ?? Infinity, size - 1)
    const opened = { start, end: last, size, validator: this.etag, info: { size }, body: this.#body(start, last + 1, fault) }
    return { ...opened, ...this.#options.falsify?.(opened, asked) }
  }

  verifier (): Verifier | undefined {
    return this.#options.verifier
  }

  #body (start: number, end: number, fault: Exclude<Fault, { refuse: Error }>): Readable {
    const { chunkSize = 7 } = this.#options
    const cut = fault === undefined ? Infinity : start + fault.after
    const body = new Readable({
      highWaterMark: chunkSize,
      read: () => {
        const chunk = this.#data.subarray(start, Math.min(start + chunkSize, end, cut))
        start += chunk.length
        this.served += chunk.length
        if (chunk.length > 0) body.push(chunk)
        else if (start >= cut && start < end && fault?.error !== undefined) body.destroy(fault.error)
        else body.push(null)
      }
    })
    this.bodies.push(body)
    this.mostOpen = Math.max(this.mostOpen, this.bodies.filter(body => !body.destroyed).length)
    return body
  }
}

/** A clock whose waits are over at once, and are remembered. */
export class QuickClock implements Clock {
  readonly waits: number[] = []
  now (): number { return 0 }
  random (): number { return 0.5 }
  async sleep (ms: number, _signal?: AbortSignal): Promise<void> { this.waits.push(ms) }
}
