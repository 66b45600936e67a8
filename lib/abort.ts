import { getMaxListeners, setMaxListeners } from 'node:events'
import type { Clock } from './clock.ts'

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
  const leave = roomForListener(signal)
  signal.addEventListener('abort', hear, { once: true })
  return () => {
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
    clock.sleep(ms, settled.signal).then(() => late.abort(reason), () => undefined) // `stop` has ended the wait
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
