import { getMaxListeners, setMaxListeners } from 'node:events'
import type { Readable, Writable } from 'node:stream'

/** The common ways in which the streams of this folder are stopped and put away. */

/**
 * Calls `listener` with the reason when `signal` aborts; on the next tick if it already has, so that a constructor is
 * through before its stream is destroyed. Returns how to stop listening.
 */
export function onAbort (signal: AbortSignal | undefined, listener: (reason: unknown) => void): () => void {
  if (signal === undefined) return () => undefined
  const hear = (): void => listener(signal.reason)
  if (signal.aborted) {
    process.nextTick(hear)
    return () => undefined
  }
  makeRoom(signal, 1)
  signal.addEventListener('abort', hear, { once: true })
  let listening = true
  return () => {
    if (!listening) return
    listening = false
    signal.removeEventListener('abort', hear)
    makeRoom(signal, -1)
  }
}

/** A hundred streams on one signal are no leak, but Node warns from the eleventh: each brings room for its own listener. */
function makeRoom (signal: AbortSignal, listeners: 1 | -1): void {
  const limit = getMaxListeners(signal)
  if (limit > 0) setMaxListeners(limit + listeners, signal)
}

/** What `Symbol.asyncDispose` does: stops the stream where it has not ended, and resolves when its clean-up is done. */
export async function dispose (stream: Readable | Writable): Promise<void> {
  // An error that is still to come would end the process where nobody else listens any more.
  stream.on('error', () => undefined)
  if (stream.closed) return
  const closed = new Promise<void>(resolve => stream.once('close', resolve))
  stream.destroy()
  await closed
}

export function toError (thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
}
