import type { Readable, Writable } from 'node:stream'

/** Resolves when a stream is closed, with the error that it emitted on the way. */
export function closed (stream: Readable | Writable): Promise<Error | undefined> {
  let emitted: Error | undefined
  stream.on('error', error => { emitted = error })
  if (stream.closed) return Promise.resolve(stream.errored ?? undefined)
  return new Promise(resolve => stream.on('close', () => resolve(emitted)))
}

/** Lets everything happen that needs no event from outside. */
export function idle (): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
