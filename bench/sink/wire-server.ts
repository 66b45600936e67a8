/**
 * HTTP/1.1 with as little work as it can be done with, so that a bench measures its clients: bodies are read into one
 * buffer, counted and forgotten, and answers are cut from a buffer of zeros. No pipelining, no chunked request bodies.
 * Node's own server takes four times the processor time of `undici` sending to it; this one takes less than undici.
 */
import { Socket, createServer } from 'node:net'
import type { Server, SocketConstructorOpts } from 'node:net'
import { KiB, MiB } from '../../lib/bytes/sizes.ts'

export interface SinkOptions {
  /** Wait before each answer. */
  latencyMs?: number
  /** For each connection, in both directions. */
  bytesPerSecond?: number
}

/** A request whose body has ended. */
export interface SunkRequest {
  method: string
  path: string
  query: string
  /** By lower-case name. */
  headers: Record<string, string>
  /** Bytes of the body. */
  length: number
  /** Empty unless the service asked for the body. */
  body: Buffer
}

export interface SinkAnswer {
  status?: number
  headers?: Record<string, string | number>
  /** Bytes, or so many zeros; a HEAD has the length of the latter and no body. */
  body?: string | Buffer | number
}

export interface SinkService {
  /** Whether the body of this request is needed: asked when its head has come. */
  keeps (request: SunkRequest): boolean
  answer (request: SunkRequest): SinkAnswer | Promise<SinkAnswer>
}

/** What has passed since the server began. */
export interface SinkCounters { requests: number, bytesIn: number, bytesOut: number }

const READ_BUFFER = Buffer.alloc(MiB)
const ZEROS = Buffer.alloc(4 * MiB)
const PACED = 256 * KiB
/** What is decoded in the search for the end of a head: the body that follows should not be. */
const HEAD_AT_ONCE = 4 * KiB
const HEAD_END = '\r\n\r\n'
const NOTHING = Buffer.alloc(0)

export function createWireServer (service: SinkService, options: SinkOptions, counters: SinkCounters): Server {
  // Only a socket that is made with `onread` reads into the same memory again and again.
  return createServer({ noDelay: true, pauseOnConnect: true }, accepted => {
    const { _handle: handle } = accepted as unknown as { _handle: unknown }
    const connection = new Connection(service, options, counters)
    connection.serve({ handle, onread: { buffer: READ_BUFFER, callback: (length: number, bytes: Uint8Array) => connection.take(Buffer.from(bytes.buffer, bytes.byteOffset, length)) } } as SocketConstructorOpts)
  })
}

class Connection {
  readonly #service: SinkService
  readonly #options: SinkOptions
  readonly #counters: SinkCounters
  #socket: Socket | undefined
  #head = ''
  #request: SunkRequest | undefined
  #left = 0
  #kept: Buffer[] | undefined

  constructor (service: SinkService, options: SinkOptions, counters: SinkCounters) {
    this.#service = service
    this.#options = options
    this.#counters = counters
  }

  serve (options: SocketConstructorOpts): void {
    this.#socket = new Socket(options)
    this.#socket.on('error', () => this.#socket?.destroy()) // The client has gone: the rest is not wanted.
    this.#socket.on('end', () => this.#socket?.end())
    this.#socket.resume()
  }

  /** False stops the reading until the socket is resumed. */
  take (bytes: Buffer): boolean {
    const wait = this.#options.bytesPerSecond === undefined ? 0 : bytes.length / this.#options.bytesPerSecond * 1000
    for (let rest = bytes; rest.length > 0;) rest = this.#request === undefined ? this.#takeHead(rest) : this.#takeBody(this.#request, rest)
    if (wait === 0) return true
    setTimeout(() => this.#socket?.resume(), wait)
    return false
  }

  #takeHead (bytes: Buffer): Buffer {
    const before = this.#head.length
    this.#head += bytes.toString('latin1', 0, HEAD_AT_ONCE)
    const end = this.#head.indexOf(HEAD_END)
    if (end < 0) return bytes.subarray(HEAD_AT_ONCE)
    const request = parseHead(this.#head.slice(0, end))
    const rest = bytes.subarray(end + HEAD_END.length - before)
    this.#head = ''
    if (request.headers['transfer-encoding'] !== undefined) {
      this.#refuse()
      return NOTHING
    }
    this.#begin(request)
    return rest
  }

  #begin (request: SunkRequest): void {
    this.#request = request
    this.#left = request.length
    this.#kept = this.#service.keeps(request) ? [] : undefined
    if (request.headers['expect']?.toLowerCase() === '100-continue') this.#socket?.write(`HTTP/1.1 100 Continue${HEAD_END}`)
    if (this.#left === 0) this.#answer(request)
  }

  #takeBody (request: SunkRequest, bytes: Buffer): Buffer {
    const taken = Math.min(this.#left, bytes.length)
    this.#left -= taken
    this.#counters.bytesIn += taken
    this.#kept?.push(Buffer.from(bytes.subarray(0, taken)))
    if (this.#left === 0) this.#answer(request)
    return bytes.subarray(taken)
  }

  #answer (request: SunkRequest): void {
    if (this.#kept !== undefined) request.body = Buffer.concat(this.#kept)
    this.#request = undefined
    this.#counters.requests++
    this.#respond(request).catch((error: Error) => this.#socket?.destroy(error))
  }

  #refuse (): void {
    this.#socket?.end(`HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\nconnection: close${HEAD_END}`)
  }

  async #respond (request: SunkRequest): Promise<void> {
    const { status = 200, headers = {}, body = '' } = await this.#service.answer(request)
    if (this.#options.latencyMs !== undefined) await new Promise(resolve => setTimeout(resolve, this.#options.latencyMs))
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const length = typeof bytes === 'number' ? bytes : bytes.length
    const closes = request.headers['connection']?.toLowerCase() === 'close'
    const lines = Object.entries({ 'content-length': length, ...(closes ? { connection: 'close' } : {}), ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
    this.#socket?.cork()
    this.#socket?.write(`HTTP/1.1 ${status} Sunk\r\n${lines.join('')}\r\n`, 'latin1')
    if (request.method !== 'HEAD') {
      this.#counters.bytesOut += length
      if (typeof bytes === 'number') this.#writeZeros(bytes)
      else if (bytes.length > 0) this.#socket?.write(bytes)
    }
    this.#socket?.uncork()
    if (closes) this.#socket?.end()
  }

  #writeZeros (left: number): void {
    const { bytesPerSecond } = this.#options
    const length = Math.min(left, bytesPerSecond === undefined ? ZEROS.length : PACED)
    if (length === 0 || this.#socket === undefined || this.#socket.destroyed) return
    const goesOn = (): void => this.#writeZeros(left - length)
    const flows = this.#socket.write(ZEROS.subarray(0, length))
    if (length === left) return
    if (bytesPerSecond !== undefined) setTimeout(goesOn, length / bytesPerSecond * 1000)
    else if (flows) setImmediate(goesOn)
    else this.#socket.once('drain', goesOn)
  }
}

function parseHead (head: string): SunkRequest {
  const [first = '', ...lines] = head.split('\r\n')
  const [method = '', target = ''] = first.split(' ')
  const [path = '', query = ''] = target.split('?')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return { method, path, query, headers, length: Number(headers['content-length'] ?? 0), body: NOTHING }
}

/** The bytes asked for of `size`, the end inclusive; `range` is the value of a header. */
export function rangeOf (range: string | undefined, size: number): [start: number, end: number] {
  const found = /bytes=(\d+)-(\d*)/.exec(range ?? '')
  const end = found?.[2] === undefined || found[2] === '' ? size - 1 : Number(found[2])
  return [Number(found?.[1] ?? 0), Math.min(end, size - 1)]
}

/** The size of what nobody made stands in its name: `zeros-1048576`. */
export function namedSize (path: string): number {
  return Number(/zeros-(\d+)/.exec(path)?.[1] ?? 0)
}
