import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { OneDrive } from '../../../../streams/onedrive/client.ts'
import type { OneDriveOptions } from '../../../../streams/onedrive/config.ts'
import { TestClock } from './clock.ts'

export interface Received {
  method: string
  /** Path and query as they came. */
  url: string
  headers: IncomingMessage['headers']
  body: Buffer
}

export interface Reply {
  status?: number
  headers?: Record<string, string>
  body?: object | string | Buffer
  /** Cuts the connection instead of answering, or after so many bytes of the body. */
  cut?: true | number
}

export type Handler = (request: Received) => Reply | Promise<Reply>

/** A server on loopback that answers as the test says, and remembers what came. */
export class LoopbackGraph {
  readonly requests: Received[] = []
  readonly clock = new TestClock()
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #clients: OneDrive[] = []
  origin = ''

  constructor (handler: Handler) {
    this.#server = createServer((request, response) => { this.#serve(request, response, handler).catch(() => response.destroy()) })
    this.#server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async start (t: { teardown (end: () => Promise<void>): void }, handler: Handler): Promise<LoopbackGraph> {
    const graph = new LoopbackGraph(handler)
    await new Promise<void>(resolve => graph.#server.listen(0, '127.0.0.1', resolve))
    graph.origin = `http://127.0.0.1:${(graph.#server.address() as AddressInfo).port}`
    t.teardown(() => graph.close())
    return graph
  }

  /** Of Graph under a path prefix, as the emulator has it. */
  get endpoint (): string {
    return `${this.origin}/v1.0`
  }

  client (options: OneDriveOptions = {}): OneDrive {
    const auth: OneDriveOptions = options.credential === undefined && options.clientId === undefined && options.accessToken === undefined ? { accessToken: 'token' } : {}
    const onedrive = new OneDrive({ endpoint: this.endpoint, authorityHost: `${this.origin}/login`, clock: this.clock, fragmentSize: 327_680, ...auth, ...options })
    this.#clients.push(onedrive)
    return onedrive
  }

  /** `GET /me/drive/root`, one line a request. */
  get trace (): string[] {
    return this.requests.map(({ method, url }) => `${method} ${url.replace(/^\/v1\.0/, '')}`)
  }

  async close (): Promise<void> {
    for (const client of this.#clients) await client.close()
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  async #serve (request: IncomingMessage, response: ServerResponse, handler: Handler): Promise<void> {
    const received = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: await buffer(request) }
    this.requests.push(received)
    const { status = 200, headers = {}, body = '', cut } = await handler(received)
    if (cut === true) request.socket.destroy()
    else send(request, response, { status, headers, body, cut })
  }
}

function send (request: IncomingMessage, response: ServerResponse, { status, headers, body, cut }: { status: number, headers: Record<string, string>, body: object | string | Buffer, cut: number | undefined }): void {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  response.writeHead(status, status === 204 || status === 304 ? headers : { 'content-length': bytes.length, ...headers })
  if (cut === undefined) response.end(bytes)
  else response.write(bytes.subarray(0, cut), () => setImmediate(() => request.socket.destroy()))
}
