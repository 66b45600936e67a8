import { type Dispatcher, errors } from 'undici'

/** What the client's handler holds of a request: it pauses and resumes the answer, or ends the request. */
export class AnswerFlow implements Dispatcher.DispatchController {
  readonly #end: (reason: Error) => void
  #reason: Error | null = null
  #paused = false
  #flowing: Promise<void> | undefined
  #resume: (() => void) | undefined

  /** `end` hears of an abort, once. */
  constructor (end: (reason: Error) => void) {
    this.#end = end
  }

  get aborted (): boolean {
    return this.#reason !== null
  }

  get reason (): Error | null {
    return this.#reason
  }

  get paused (): boolean {
    return this.#paused
  }

  /** Undefined when the client takes bytes now, else until it does or the request is over. */
  get flowing (): Promise<void> | undefined {
    return this.#flowing
  }

  pause (): void {
    if (this.#paused || this.aborted) return
    this.#paused = true
    this.#flowing = new Promise(resolve => { this.#resume = resolve })
  }

  resume (): void {
    this.#paused = false
    this.#flowing = undefined
    this.#resume?.()
  }

  abort (reason?: Error): void {
    if (this.aborted) return
    this.#reason = reason ?? new errors.RequestAbortedError()
    this.#end(this.#reason)
  }
}
