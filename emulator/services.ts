/** All services behind one origin: routes by the first segment of the path, keeps the log, and makes things go wrong. Knows no cloud and no socket. */
import type { Clock } from '../lib/clock.ts'
import type { FaultPlan } from '../lib/simulation/faults.ts'
import { type Deed, redactHeaders, redactQuery, type RequestEntry, type RequestLog } from '../lib/simulation/request-log.ts'
import { type Channel, ConnectionEnded } from './channel.ts'
import { Exchange } from './exchange.ts'
import type { Answer, RequestHead, Service, Subject } from './service.ts'

export class Services {
  readonly #services: ReadonlyMap<string, Service>
  readonly #faults: FaultPlan
  readonly #log: RequestLog
  readonly #clock: Clock
  readonly #serving = new Set<Promise<void>>()

  /** `services` by the first segment of the paths that they own. */
  constructor (services: ReadonlyMap<string, Service>, faults: FaultPlan, log: RequestLog, clock: Clock) {
    this.#services = services
    this.#faults = faults
    this.#log = log
    this.#clock = clock
  }

  get log (): RequestLog {
    return this.#log
  }

  /** The one that a request is for. */
  find (head: RequestHead): Service | undefined {
    const owner = this.#services.get(head.path.split('/', 2)[1] ?? '')
    return owner ?? [...this.#services.values()].find(service => service.claims?.(head) === true)
  }

  serve (head: RequestHead, channel: Channel): void {
    const served = this.#serve(head, channel).catch(() => { channel.destroy() }).finally(() => this.#serving.delete(served))
    this.#serving.add(served)
  }

  /** Until nothing is being served any more. */
  async idle (): Promise<void> {
    await Promise.all(this.#serving)
  }

  async #serve (head: RequestHead, channel: Channel): Promise<void> {
    const service = this.find(head)
    if (service === undefined) return await refuse(head, channel)
    const subject = service.describe(head)
    const entry = this.#newEntry(service.name, subject, head, channel.connection)
    this.#log.begin(entry)
    channel.ended.addEventListener('abort', () => this.#log.end(entry), { once: true })
    const exchange = new Exchange(channel, head, entry, this.#faults.effectsFor(subject), this.#clock)
    try {
      await this.#answer(service, exchange, entry)
      this.#log.end(entry) // before the client can see the end and ask the log
    } catch (error) {
      if (!(error instanceof ConnectionEnded) && !exchange.ended) await answerDefect(service, exchange, channel, error)
    }
  }

  async #answer (service: Service, exchange: Exchange, entry: RequestEntry): Promise<void> {
    const { effects } = exchange
    if (effects.reset === 'before') exchange.reset()
    if (effects.latencyMs !== undefined) await exchange.delay(effects.latencyMs)
    if (effects.changeObject === true) await service.changeObject(exchange.head)
    const answer = await this.#work(service, exchange, entry)
    const { finish } = answer
    try {
      if (effects.loseAnswer === true) exchange.reset()
      const midway = effects.changeObject === 'midway' ? () => service.changeObject(exchange.head) : undefined
      await exchange.send({ ...answer, headers: { ...service.commonHeaders(), ...answer.headers } }, midway)
    } finally {
      finish?.()
    }
  }

  /** The service's answer, or the one that a fault puts in its place. */
  async #work (service: Service, exchange: Exchange, entry: RequestEntry): Promise<Answer> {
    const { effects } = exchange
    if (effects.stall === 'response') {
      await exchange.drain()
      await exchange.stall()
    }
    if (effects.status !== undefined) {
      await exchange.drain()
      return faultAnswer(service, exchange, effects.status)
    }
    if (effects.errorIn200 !== undefined) {
      await exchange.drain()
      return { ...service.errorAnswer({ status: 500, code: effects.errorIn200, message: effects.message }, exchange.head), status: 200, reason: 'OK' }
    }
    const answer = await service.handle(exchange)
    entry.done = answer.done ?? doneBy(entry, answer.status)
    if (effects.loseAnswerWith === undefined) return answer
    answer.finish?.()
    return faultAnswer(service, exchange, effects.loseAnswerWith)
  }

  #newEntry (service: string, subject: Subject, head: RequestHead, connection: number): RequestEntry {
    return {
      time: this.#clock.now(),
      service,
      operation: subject.operation,
      key: subject.key,
      partNumber: subject.partNumber,
      method: head.method,
      path: head.path,
      query: redactQuery(head.query),
      headers: redactHeaders(head.headers),
      connection,
      done: [],
      status: 0,
      bytesIn: 0,
      bytesOut: 0,
      ended: false
    }
  }
}

function doneBy ({ operation, key }: RequestEntry, status: number): Deed[] {
  return status < 300 ? [{ operation, key }] : []
}

/** No service of ours: a text, for whoever mistyped an address. */
async function refuse ({ path }: RequestHead, channel: Channel): Promise<void> {
  const text = Buffer.from(`No service of the emulator owns "${path}"\n`)
  channel.sendHead(404, undefined, { 'Content-Type': 'text/plain', 'Content-Length': String(text.length) })
  await channel.write(text)
  channel.finish()
}

/** A defect of the emulator itself: said in the answer, since a test that sees only a 500 would look elsewhere. */
async function answerDefect (service: Service, exchange: Exchange, channel: Channel, error: unknown): Promise<void> {
  if (channel.headSent) {
    channel.destroy()
    return
  }
  const message = `Emulator defect: ${error instanceof Error ? error.stack : String(error)}`
  await exchange.send(service.errorAnswer({ status: 500, code: 'InternalError', message }, exchange.head)).catch(() => {}) // the client has gone: nobody is left to tell
}

function faultAnswer (service: Service, exchange: Exchange, status: number): Answer {
  const { html, code, message, retryAfter } = exchange.effects
  const answer: Answer = html === true
    ? { status, headers: { 'Content-Type': 'text/html' }, body: `<!DOCTYPE html>\n<html><head><title>${status}</title></head><body>error code: ${status}</body></html>\n` }
    : service.errorAnswer({ status, code, message }, exchange.head)
  return retryAfter === undefined ? answer : { ...answer, headers: { ...answer.headers, 'Retry-After': String(retryAfter) } }
}
