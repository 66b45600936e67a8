import type { Readable, Writable } from 'node:stream'

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
