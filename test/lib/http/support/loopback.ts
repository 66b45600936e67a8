import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** What the next request is answered with: an answer, or a function that does as it likes with the request. */
export type Reply = Answer | ((request: IncomingMessage, response: ServerResponse) => void)

export interface Answer {
  /** Default 200. */
  status?: number
  headers?: Record<string, string>
  body?: string | Buffer
}

/** One request as it came over the wire. */
export interface Seen {
  method: string
  /** Path and query, as sent. */
  url: string
  headers: Record<string, string | string[] | undefined>
  body: Buffer
  /** The client's port, which names the connection. */
  port: number
}

interface Test {
  teardown (done: () => unknown): void
}

/** A server on loopback that answers from a queue, one entry a request, and remembers what it was asked. */
export class Loopback {
  readonly seen: Seen[] = []
  /** Of all connections so far. */
  connections = 0
  /** Requests whose answer has not ended, and the most of them at any time. */
  open = 0
  mostOpen = 0
  readonly replies: Reply[]
  /** Answers whatever finds the queue empty. */
  otherwise: Reply | undefined
  readonly sockets = new Set<Socket>()
  readonly #server: Server

  constructor (server: (listener: RequestListener) => Server, replies: Reply[]) {
    this.replies = replies
    this.#server = server((request, response) => { this.#answer(request, response).catch(() => response.destroy()) })
    this.#server.on('connection', (socket: Socket) => {
      this.connections++
      this.sockets.add(socket)
      socket.on('error', () => {}).once('close', () => this.sockets.delete(socket))
    })
  }

  static async start (t: Test, replies: Reply[] = [], server: (listener: RequestListener) => Server = createServer): Promise<Loopback> {
    const loopback = new Loopback(server, replies)
    await loopback.listen()
    t.teardown(() => loopback.close())
    return loopback
  }

  async listen (): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get port (): number {
    return (this.#server.address() as AddressInfo).port
  }

  get host (): string {
    return `127.0.0.1:${this.port}`
  }

  get origin (): string {
    return `http://${this.host}`
  }

  async close (): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #answer (request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.mostOpen = Math.max(this.mostOpen, ++this.open)
    response.once('close', () => { this.open-- })
    const { method = '', url = '', headers, socket } = request
    const port = socket.remotePort ?? 0
    const reply = this.replies.shift() ?? this.otherwise ?? { status: 501, body: 'The queue of answers is empty' }
    const body = await buffer(request).catch(() => Buffer.alloc(0))
    this.seen.push({ method, url, headers, body, port })
    if (typeof reply === 'function') return reply(request, response)
    response.writeHead(reply.status ?? 200, { 'content-length': Buffer.byteLength(reply.body ?? ''), ...reply.headers })
    response.end(method === 'HEAD' ? undefined : reply.body)
  }
}

/** Closes the connection without a word. */
export const reset: Reply = (_request, response) => { response.socket?.resetAndDestroy() }

/** Never answers. */
export const silence: Reply = () => {}

/** Sends the head and some of the body, then closes the connection. */
export function cut (body: string, length: number, headers: Record<string, string> = {}): Reply {
  return (_request, response) => {
    response.writeHead(200, { 'content-length': length, ...headers })
    response.write(body, () => response.socket?.destroy())
  }
}

/** Sends the head and some of the body, then nothing more. */
export function stall (body: string, length: number, headers: Record<string, string> = {}): Reply {
  return (_request, response) => {
    response.writeHead(200, { 'content-length': length, ...headers })
    response.write(body)
  }
}
