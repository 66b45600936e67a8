import type { Dispatcher } from 'undici'

/**
 * What a client holds of a request that something stands in front of: pause, resume and abort reach the real request when
 * there is one, and are remembered until then.
 */
export class Reins implements Dispatcher.DispatchController {
  aborted = false
  paused = false
  reason: Error | null = null
  readonly #cancel = new AbortController()
  #upstream: Dispatcher.DispatchController | undefined
  #held = 0
  #onResume: (() => void) | undefined

  /** Aborts when the client does. */
  get signal (): AbortSignal {
    return this.#cancel.signal
  }

  /** Whether there is a real request that will tell of its end. */
  get attached (): boolean {
    return this.#upstream !== undefined
  }

  attach (upstream: Dispatcher.DispatchController): void {
    this.#upstream = upstream
    if (this.reason !== null) upstream.abort(this.reason)
    else if (this.paused || this.#held > 0) upstream.pause()
  }

  /** Ends the real request, of which the client hears no more. */
  cut (reason: Error): void {
    this.#upstream?.abort(reason)
    this.#upstream = undefined
  }

  abort (reason: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#cancel.abort(reason)
    this.#onResume?.()
    this.#upstream?.abort(reason)
  }

  pause (): void {
    this.paused = true
    this.#upstream?.pause()
  }

  resume (): void {
    this.paused = false
    this.#onResume?.()
    if (this.#held === 0) this.#upstream?.resume()
  }

  /** Holds the real request back, whatever the client says, until `release`. */
  hold (): void {
    this.#held++
    this.#upstream?.pause()
  }

  release (): void {
    this.#held--
    if (this.#held === 0 && !this.paused) this.#upstream?.resume()
  }

  /** Until the client wants more, or nothing any more. */
  async flowing (): Promise<void> {
    if (this.paused && !this.aborted) await new Promise<void>(resolve => { this.#onResume = resolve })
  }
}
