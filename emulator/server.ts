/**
 * The loopback server under all services: it routes by the first segment of the path, keeps the log, and makes things go
 * wrong. It knows no cloud.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { KiB } from '../lib/bytes/sizes.ts'
import type { Clock } from '../lib/clock.ts'
import { ConnectionEnded, Exchange } from './exchange.ts'
import type { FaultPlan } from './faults.ts'
import { redactHeaders, redactQuery, type RequestEntry, type RequestLog } from './request-log.ts'
import type { Answer, RequestHead, Service } from './service.ts'

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost'])
/** Room for 8 KiB of metadata, encoded, and a long signature. */
const MAX_HEADER_SIZE = 64 * KiB

export class EmulatorServer {
  readonly #services: ReadonlyMap<string, Service>
  readonly #faults: FaultPlan
  readonly #log: RequestLog
  readonly #clock: Clock
  readonly #server: Server
  readonly #connectionIds = new WeakMap<Socket, number>()
  readonly #serving = new Set<Promise<void>>()

  /** `services` by the first segment of the paths that they own. */
  constructor (services: ReadonlyMap<string, Service>, faults: FaultPlan, log: RequestLog, clock: Clock) {
    this.#services = services
    this.#faults = faults
    this.#log = log
    this.#clock = clock
    this.#server = createServer({ maxHeaderSize: MAX_HEADER_SIZE, requestTimeout: 0, keepAliveTimeout: 60_000, noDelay: true })
    this.#server.on('connection', (socket: Socket) => this.#countConnection(socket))
    const serve = (request: IncomingMessage, response: ServerResponse): void => {
      const served = this.#serve(request, response).catch(() => { response.destroy() }).finally(() => this.#serving.delete(served))
      this.#serving.add(served)
    }
    this.#server.on('request', serve)
    // Without this listener Node would send 100 Continue whatever the service does.
    this.#server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      if (this.#serviceOf(readHead(request))?.answersContinue === true) response.writeContinue()
      serve(request, response)
    })
  }

  async listen (port: number, host: string): Promise<string> {
    if (!LOOPBACK.has(host)) {
      throw new RangeError(`Cannot start the emulator as host must be a loopback address: received "${host}"`)
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    const address = this.#server.address() as AddressInfo
    return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`
  }

  /** Cuts all connections, waits until nothing is being served any more, and gives the port back. */
  async close (): Promise<void> {
    await new Promise<void>(resolve => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
    await Promise.all(this.#serving)
  }

  #countConnection (socket: Socket): void {
    this.#connectionIds.set(socket, this.#log.connectionOpened())
    socket.once('close', () => this.#log.connectionClosed())
  }

  #serviceOf (head: RequestHead): Service | undefined {
    const owner = this.#services.get(head.path.split('/', 2)[1] ?? '')
    return owner ?? [...this.#services.values()].find(service => service.claims?.(head) === true)
  }

  async #serve (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const head = readHead(request)
    const service = this.#serviceOf(head)
    if (service === undefined) {
      response.writeHead(404, { 'Content-Type': 'text/plain' })
      response.end(`No service of the emulator owns "${head.path}"\n`)
      return
    }
    const subject = service.describe(head)
    const entry = this.#newEntry(service.name, subject, head, request.socket)
    this.#log.begin(entry)
    response.on('close', () => this.#log.end(entry))
    const exchange = new Exchange(request, response, head, entry, this.#faults.effectsFor(subject), this.#clock)
    try {
      await this.#answer(service, exchange)
      this.#log.end(entry) // before the client can see the end and ask the log
    } catch (error) {
      if (!(error instanceof ConnectionEnded) && !exchange.ended) await this.#answerDefect(service, exchange, response, error)
    }
  }

  async #answer (service: Service, exchange: Exchange): Promise<void> {
    const { effects } = exchange
    if (effects.reset === 'before') exchange.reset()
    if (effects.latencyMs !== undefined) await exchange.delay(effects.latencyMs)
    if (effects.changeObject === true) await service.changeObject(exchange.head)
    const answer = await this.#work(service, exchange)
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
  async #work (service: Service, exchange: Exchange): Promise<Answer> {
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
    if (effects.loseAnswerWith === undefined) return answer
    answer.finish?.()
    return faultAnswer(service, exchange, effects.loseAnswerWith)
  }

  /** A defect of the emulator itself: said in the answer, since a test that sees only a 500 would look elsewhere. */
  async #answerDefect (service: Service, exchange: Exchange, response: ServerResponse, error: unknown): Promise<void> {
    if (response.headersSent) {
      response.destroy()
      return
    }
    const message = `Emulator defect: ${error instanceof Error ? error.stack : String(error)}`
    await exchange.send(service.errorAnswer({ status: 500, code: 'InternalError', message }, exchange.head)).catch(() => {}) // the client has gone: nobody is left to tell
  }

  #newEntry (service: string, subject: ReturnType<Service['describe']>, head: RequestHead, socket: Socket): RequestEntry {
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
      connection: this.#connectionIds.get(socket) ?? 0,
      status: 0,
      bytesIn: 0,
      bytesOut: 0,
      ended: false
    }
  }
}

function faultAnswer (service: Service, exchange: Exchange, status: number): Answer {
  const { html, code, message, retryAfter } = exchange.effects
  const answer: Answer = html === true
    ? { status, headers: { 'Content-Type': 'text/html' }, body: `<!DOCTYPE html>\n<html><head><title>${status}</title></head><body>error code: ${status}</body></html>\n` }
    : service.errorAnswer({ status, code, message }, exchange.head)
  return retryAfter === undefined ? answer : { ...answer, headers: { ...answer.headers, 'Retry-After': String(retryAfter) } }
}

function readHead (request: IncomingMessage): RequestHead {
  const target = request.url ?? '/'
  const mark = target.indexOf('?')
  return {
    method: request.method ?? 'GET',
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? '' : target.slice(mark + 1),
    headers: readHeaders(request.rawHeaders),
    repeated: repeatedHeaders(request.rawHeaders)
  }
}

function repeatedHeaders (raw: readonly string[]): string[] {
  const names = raw.filter((_, index) => index % 2 === 0).map(name => name.toLowerCase())
  return names.filter((name, index) => names.indexOf(name) !== index)
}

/** Repeated headers join with a bare comma, as signatures want them; bytes above ASCII are read as UTF-8 where they are. */
function readHeaders (raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] as string).toLowerCase()
    const value = decodeValue(raw[index + 1] as string)
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before},${value}`
  }
  return headers
}

function decodeValue (latin1: string): string {
  if (/^[\x20-\x7e\t]*$/.test(latin1)) return latin1
  const bytes = Buffer.from(latin1, 'latin1')
  const text = bytes.toString('utf8')
  return text.includes('\uFFFD') ? latin1 : text
}
