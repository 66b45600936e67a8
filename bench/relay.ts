/**
 * Distance: a TCP relay in a process of its own between a client and the sink. Each connection has a round-trip time and
 * a bandwidth in each direction; opening one costs a round trip before the first byte. What is on its way is bounded, so a slow
 * reader stops a fast writer. No loss, and no slow start: a real link is worse for one connection than this.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { KiB } from '../lib/bytes/sizes.ts'

export interface RelayOptions {
  port: number
  roundTripMs: number
  /** For each connection, in each direction. */
  bytesPerSecond: number
}

export interface Relay extends AsyncDisposable { endpoint: string }

/** Starts the relay to a server on loopback as a child; it ends with its parent. */
export async function startRelay (options: RelayOptions): Promise<Relay> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], { env: { ...process.env, SLUICE_BENCH_RELAY: '1' } })
  const exited = once(child, 'exit')
  const answer = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
  if (answer === undefined) throw new Error(`the relay ended with code ${child.exitCode}`)
  return {
    endpoint: `http://127.0.0.1:${answer[0] as number}`,
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect()
      await exited
    }
  }
}

export function createRelay (options: RelayOptions): Server {
  return createServer({ noDelay: true, allowHalfOpen: true }, client => {
    const server = connect({ host: '127.0.0.1', port: options.port, noDelay: true, allowHalfOpen: true })
    new Direction(client, server, options, options.roundTripMs).start()
    new Direction(server, client, options, 0).start()
    client.on('error', () => server.destroy())
    server.on('error', () => client.destroy())
    client.on('close', () => server.destroy())
  })
}

/** One way of one connection: bytes leave the writer at its bandwidth, and arrive half a round trip later. */
class Direction {
  readonly #from: Socket
  readonly #to: Socket
  readonly #delayMs: number
  readonly #bytesPerMs: number
  /** The window: what the link holds, and a little more. */
  readonly #limit: number
  readonly #queue: Array<{ chunk: Buffer | undefined, dueAt: number }> = []
  #onTheWay = 0
  #freeAt: number
  #timer: NodeJS.Timeout | undefined

  constructor (from: Socket, to: Socket, { roundTripMs, bytesPerSecond }: RelayOptions, handshakeMs: number) {
    this.#from = from
    this.#to = to
    this.#delayMs = roundTripMs / 2
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#limit = this.#bytesPerMs * roundTripMs + 256 * KiB
    this.#freeAt = performance.now() + handshakeMs
  }

  start (): void {
    this.#from.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#from.on('end', () => this.#queueUp(undefined))
    this.#to.on('close', () => clearTimeout(this.#timer))
    this.#to.on('drain', () => this.#deliver())
  }

  #take (chunk: Buffer): void {
    this.#onTheWay += chunk.length
    this.#queueUp(chunk)
    if (this.#onTheWay >= this.#limit) this.#from.pause()
  }

  #queueUp (chunk: Buffer | undefined): void {
    this.#freeAt = Math.max(this.#freeAt, performance.now()) + (chunk?.length ?? 0) / this.#bytesPerMs
    this.#queue.push({ chunk, dueAt: this.#freeAt + this.#delayMs })
    if (this.#queue.length === 1) this.#deliver()
  }

  #deliver (): void {
    clearTimeout(this.#timer)
    for (let next = this.#queue[0]; next !== undefined && !this.#to.writableNeedDrain && !this.#to.destroyed; next = this.#queue[0]) {
      const wait = next.dueAt - performance.now()
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#deliver(), wait)
        return
      }
      this.#queue.shift()
      this.#pass(next.chunk)
    }
  }

  #pass (chunk: Buffer | undefined): void {
    if (chunk === undefined) {
      this.#to.end()
      return
    }
    this.#onTheWay -= chunk.length
    this.#to.write(chunk)
    if (this.#onTheWay < this.#limit) this.#from.resume()
  }
}

if (process.env['SLUICE_BENCH_RELAY'] === '1' && process.send !== undefined) {
  const server = createRelay(JSON.parse(process.argv[2] ?? '{}') as RelayOptions)
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.once('disconnect', () => process.exit())
}
