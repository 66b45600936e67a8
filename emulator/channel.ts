/** The way of one request to the emulator and of its answer back, whatever carries them: a socket, or a dispatcher of this process. */

/** The client, or a fault, ended the connection: there is nobody left to answer. */
export class ConnectionEnded extends Error {
  override name = 'ConnectionEnded'

  constructor () {
    super('Cannot go on with the exchange as the connection has ended')
  }
}

export interface Channel {
  /** Numbers the connection that carries the request, from 1. */
  readonly connection: number
  /** Aborts when the answer is through, or the connection has ended before. */
  readonly ended: AbortSignal
  /** Whether the connection is gone, so that there is nobody to answer; may be known before `ended` aborts. */
  readonly gone: boolean
  /** Whether all of the request's body was read. */
  readonly bodyRead: boolean
  readonly headSent: boolean
  /** Whether all of it has arrived; known when there is no more to read. */
  readonly bodyWhole: boolean
  /** What is left of the request's body. Leaving early keeps the rest. */
  body (): AsyncIterable<Buffer>
  /** Header values as bytes in Latin-1. */
  sendHead (status: number, reason: string | undefined, headers: Readonly<Record<string, string>>): void
  /** A promise means: wait for it before the next chunk. */
  write (chunk: Buffer): Promise<void> | undefined
  /** Until all that was written, or the head alone, has gone to the operating system. */
  flushed (): Promise<void>
  /** The answer is whole. */
  finish (): void
  /** Ends the connection in good order although more was promised. */
  close (): void
  /** Ends the connection at once, unkindly. */
  reset (): void
  /** Ends it for a defect of ours. */
  destroy (): void
  /** Nothing will follow: who keeps time for the client need not wait in earnest. */
  stalled? (): void
}
