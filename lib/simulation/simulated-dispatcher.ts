import { Dispatcher } from 'undici'

/** A dispatcher that serves requests itself, for handlers of undici's new form and its older one; the two ways to end it, each with a promise or a callback, are one method. */
export abstract class SimulatedDispatcher extends Dispatcher {
  readonly #dispatch: Dispatcher.Dispatch

  constructor () {
    super()
    // `compose` gives handlers of the older form the new one.
    const composed = this.compose(() => (options, handler) => this.serve(options, handler))
    this.#dispatch = (options, handler) => composed.dispatch(options, handler)
  }

  protected abstract serve (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean
  protected abstract end (): Promise<void>

  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#dispatch(options, handler)
  }

  override close (): Promise<void>
  override close (callback: () => void): void
  override close (callback?: () => void): Promise<void> | void {
    const ended = this.end()
    if (callback === undefined) return ended
    ended.then(callback, callback)
  }

  override destroy (error?: Error | null): Promise<void>
  override destroy (callback: () => void): void
  override destroy (error: Error | null, callback: () => void): void
  override destroy (error?: Error | null | (() => void), callback: (() => void) | undefined = typeof error === 'function' ? error : undefined): Promise<void> | void {
    return callback === undefined ? this.close() : this.close(callback)
  }
}
