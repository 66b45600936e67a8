import { Agent } from 'undici'

export interface DispatcherOptions {
  connectMs: number
  /** Sockets to one host; requests beyond them wait for one. */
  connections?: number
  /** How long an idle socket is kept. */
  idleMs?: number
}

/** The connection defaults of the specification (R2A 9.4): 20 sockets, 90 s idle, keep-alive, no delay, TLS 1.2 or newer. */
export function createDispatcher ({ connectMs, connections = 20, idleMs = 90_000 }: DispatcherOptions): Agent {
  return new Agent({
    connections,
    pipelining: 1,
    keepAliveTimeout: idleMs,
    keepAliveMaxTimeout: idleMs,
    // Node passes `noDelay` from here to the socket.
    connect: { timeout: connectMs, keepAlive: true, noDelay: true, minVersion: 'TLSv1.2', autoSelectFamily: true } as Agent.Options['connect'] & { noDelay: boolean }
  })
}
