/** The loopback server in front of the services: sockets, and nothing that they carry. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { KiB } from '../lib/bytes/sizes.ts'
import { HttpChannel } from './http-channel.ts'
import { readHead } from './request-head.ts'
import type { RequestHead } from './service.ts'
import type { Services } from './services.ts'

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost'])
/** Room for 8 KiB of metadata, encoded, and a long signature. */
const MAX_HEADER_SIZE = 64 * KiB

export class EmulatorServer {
  readonly #services: Services
  readonly #server: Server
  readonly #connectionIds = new WeakMap<Socket, number>()

  constructor (services: Services) {
    this.#services = services
    this.#server = createServer({ maxHeaderSize: MAX_HEADER_SIZE, requestTimeout: 0, keepAliveTimeout: 60_000, noDelay: true })
    this.#server.on('connection', (socket: Socket) => this.#countConnection(socket))
    this.#server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#serve(request, response))
    // Without this listener Node would send 100 Continue whatever the service does.
    this.#server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      if (services.find(headOf(request))?.answersContinue === true) response.writeContinue()
      this.#serve(request, response)
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
    await this.#services.idle()
  }

  #countConnection (socket: Socket): void {
    const { log } = this.#services
    this.#connectionIds.set(socket, log.connectionOpened())
    socket.once('close', () => log.connectionClosed())
  }

  #serve (request: IncomingMessage, response: ServerResponse): void {
    const channel = new HttpChannel(request, response, this.#connectionIds.get(request.socket) ?? 0)
    this.#services.serve(headOf(request), channel)
  }
}

function headOf (request: IncomingMessage): RequestHead {
  return readHead(request.method ?? 'GET', request.url ?? '/', request.rawHeaders)
}
