import { getMaxListeners, setMaxListeners } from 'node:events'
import { watch } from './clock.ts'
import type { Clock } from './clock.ts'

/**
 * Calls `listener` with the reason on the tick after `signal` has aborted, also where it already has: so the constructor
 * is through before its stream is destroyed, and so is a `pipeline` that begins in the same turn. One that meets a
 * destroyed stream listens for no error, and the process would end. Returns how to stop listening.
 */
export function onAbort (signal: AbortSignal | undefined, listener: (reason: unknown) => void): () => void {
  if (signal === undefined) return () => undefined
  let listening = true
  const hear = (): void => process.nextTick(() => { if (listening) listener(signal.reason) })
  const leave = signal.aborted ? () => undefined : roomForListener(signal)
  if (signal.aborted) hear()
  else signal.addEventListener('abort', hear, { once: true })
  return () => {
    listening = false
    signal.removeEventListener('abort', hear)
    leave()
  }
}

/**
 * A signal that follows `signal` only after `ms`: for a request whose answer names what a clean-up has to remove.
 * `stop` when that answer is there.
 */
export function aWhileAfter (signal: AbortSignal, ms: number, clock: Clock): { signal: AbortSignal, stop: () => void } {
  const late = new AbortController()
  const settled = new AbortController()
  const stopListening = onAbort(signal, reason => {
    watch(clock, ms, settled.signal).then(() => late.abort(reason), () => undefined) // `stop` has ended the wait
  })
  const stop = (): void => {
    stopListening()
    settled.abort()
  }
  return { signal: late.signal, stop }
}

/**
 * Room for one listener more, until the returned function is called. A hundred streams on one signal are no leak, but Node
 * warns from the eleventh: each brings room for its own listener.
 */
export function roomForListener (signal: AbortSignal | undefined): () => void {
  if (signal === undefined || listenerLimit(signal) === 0) return () => undefined
  setMaxListeners(listenerLimit(signal) + 1, signal)
  let taken = true
  return () => {
    const limit = listenerLimit(signal)
    if (taken && limit > 1) setMaxListeners(limit - 1, signal)
    taken = false
  }
}

/** 0 is none. */
function listenerLimit (signal: AbortSignal): number {
  try {
    return getMaxListeners(signal)
  } catch {
    return 0 // Node 20 takes a signal without a limit for no signal.
  }
}
