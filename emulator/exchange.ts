/**
 * One request and its answer as they cross the wire, with what shall go wrong on the way. Services see a body to read and
 * give an answer to write; cuts, stalls, flips and slowness happen here, where the bytes pass.
 */
import type { Clock } from '../lib/clock.ts'
import type { FaultEffects } from '../lib/simulation/faults.ts'
import type { RequestEntry } from '../lib/simulation/request-log.ts'
import { type Channel, ConnectionEnded } from './channel.ts'
import type { Answer, RequestHead } from './service.ts'

/** Slow bodies move in steps of this many milliseconds. */
const PACE_MS = 50
const PRINTABLE = /^[\x20-\x7e\t]*$/
const BODILESS_STATUS: ReadonlySet<number> = new Set([204, 304])

export class Exchange {
  readonly head: RequestHead
  readonly effects: FaultEffects
  readonly #channel: Channel
  readonly #entry: RequestEntry
  readonly #clock: Clock
  #end: Promise<void> | undefined

  constructor (channel: Channel, head: RequestHead, entry: RequestEntry, effects: FaultEffects, clock: Clock) {
    this.#channel = channel
    this.head = head
    this.#entry = entry
    this.effects = effects
    this.#clock = clock
  }

  /** The service's time, which a fault may have set ahead or back. */
  now (): number {
    return this.#clock.now() + (this.effects.skewDate ?? 0)
  }

  /** The declared length of the request body, if it was declared. */
  get contentLength (): number | undefined {
    const header = this.head.headers['content-length']
    return header === undefined ? undefined : Number(header)
  }

  async * body (): AsyncGenerator<Buffer> {
    const { reset, flipBit } = this.effects
    const resetAt = typeof reset === 'object' && 'requestByte' in reset ? reset.requestByte : Infinity
    const flipAt = flipBit !== undefined && 'requestBody' in flipBit ? flipBit.requestBody : Infinity
    for await (const chunk of this.#channel.body()) {
      const position = this.#entry.bytesIn
      this.#entry.bytesIn += chunk.length
      if (this.#entry.bytesIn >= resetAt) this.reset()
      await this.#pace(chunk.length)
      yield flipped(chunk, flipAt - position)
    }
    if (!this.#channel.bodyWhole) throw new ConnectionEnded()
    if (this.#entry.bytesIn >= resetAt) this.reset()
  }

  /** Reads the rest of the request body and throws it away. */
  async drain (): Promise<void> {
    if (this.#channel.bodyRead) return
    const body = this.body()
    while ((await body.next()).done !== true) continue
  }

  /** Whether the connection is gone, so that there is nobody to answer. */
  get ended (): boolean {
    return this.#channel.gone
  }

  async delay (milliseconds: number): Promise<void> {
    const slept = this.#clock.sleep(milliseconds, this.#channel.ended).catch(() => {}) // cut short by the end: told below
    await Promise.race([slept, this.#connectionEnd()])
    if (this.#channel.ended.aborted) throw new ConnectionEnded()
  }

  /** Ends the connection at once, unkindly. */
  reset (): never {
    this.#channel.reset()
    throw new ConnectionEnded()
  }

  /** Never answers; comes back when the connection has ended. */
  async stall (): Promise<never> {
    this.#channel.stalled?.()
    await this.#connectionEnd()
    throw new ConnectionEnded()
  }

  async send (answer: Answer, midway?: () => Promise<void>): Promise<void> {
    this.#entry.status = answer.status
    this.#channel.sendHead(answer.status, answer.reason === undefined ? undefined : sendableText(answer.reason), {
      ...this.#lengthOf(answer), ...sendable(answer.headers), Date: new Date(this.now()).toUTCString()
    })
    if (this.effects.reset === 'after-headers') {
      await this.#channel.flushed()
      this.reset()
    }
    if (this.head.method !== 'HEAD' && !BODILESS_STATUS.has(answer.status)) await this.#sendBody(answer, midway)
    this.#channel.finish()
  }

  /** The length of a body at hand; a stream's is the service's to say, and HEAD answers have none unless the service says. */
  #lengthOf ({ status, body }: Answer): Record<string, string> {
    if (this.head.method === 'HEAD' || BODILESS_STATUS.has(status) || typeof body === 'object') return {}
    return { 'Content-Length': String(body === undefined ? 0 : Buffer.byteLength(body)) }
  }

  async #sendBody (answer: Answer, midway?: () => Promise<void>): Promise<void> {
    const body = typeof answer.body === 'string' ? [Buffer.from(answer.body)] : answer.body ?? []
    const stopAt = this.#stopByte()
    const flipAt = this.effects.flipBit !== undefined && 'at' in this.effects.flipBit ? this.effects.flipBit.at : Infinity
    let change = midway
    const changeAt = Number(answer.headers['Content-Length'] ?? 0) / 2
    if (stopAt === 0) await this.#stop()
    for await (const chunk of body) {
      const sent = this.#entry.bytesOut
      await this.#write(flipped(chunk, flipAt - sent).subarray(0, stopAt - sent))
      if (change !== undefined && this.#entry.bytesOut >= changeAt) {
        await change()
        change = undefined
      }
      if (this.#entry.bytesOut >= stopAt) await this.#stop()
    }
  }

  /** After how many bytes of the response body something ends it. */
  #stopByte (): number {
    const { reset, stall, truncate } = this.effects
    if (typeof reset === 'object' && 'responseByte' in reset) return reset.responseByte
    if (typeof stall === 'object') return stall.responseByte
    return truncate?.responseByte ?? Infinity
  }

  async #stop (): Promise<void> {
    await this.#channel.flushed()
    if (this.effects.reset !== undefined) this.reset()
    if (this.effects.stall !== undefined) await this.stall()
    if (this.effects.truncate?.ended === true) this.#channel.finish()
    else this.#channel.close()
    throw new ConnectionEnded()
  }

  async #write (chunk: Buffer): Promise<void> {
    const step = this.effects.bytesPerSecond === undefined
      ? chunk.length
      : Math.max(1, Math.floor(this.effects.bytesPerSecond * PACE_MS / 1000))
    for (let start = 0; start < chunk.length; start += step) {
      const piece = chunk.subarray(start, start + step)
      await this.#pace(piece.length)
      if (this.#channel.ended.aborted) throw new ConnectionEnded()
      this.#entry.bytesOut += piece.length
      const full = this.#channel.write(piece)
      if (full === undefined) continue
      await full
      if (this.#channel.ended.aborted) throw new ConnectionEnded()
    }
  }

  async #pace (bytes: number): Promise<void> {
    if (this.effects.bytesPerSecond !== undefined) await this.delay(bytes / this.effects.bytesPerSecond * 1000)
  }

  #connectionEnd (): Promise<void> {
    this.#end ??= new Promise(resolve => {
      if (this.#channel.ended.aborted) resolve()
      else this.#channel.ended.addEventListener('abort', () => resolve(), { once: true })
    })
    return this.#end
  }
}

function sendable (headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, sendableText(value)]))
}

/** Text of a head as UTF-8, which Node wants to be given as Latin-1; what cannot be in a head becomes a space. */
function sendableText (value: string): string {
  if (PRINTABLE.test(value)) return value
  // eslint-disable-next-line no-control-regex
  return Buffer.from(value.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, ' ')).toString('latin1')
}

function flipped (chunk: Buffer, at: number): Buffer {
  if (!(at >= 0 && at < chunk.length)) return chunk
  const copy = Buffer.from(chunk)
  copy[at] = (copy[at] as number) ^ 1
  return copy
}
