import { Dispatcher } from 'undici'

/** The two ways to end a dispatcher, each with a promise or a callback, on one method. */
export abstract class SimulatedDispatcher extends Dispatcher {
  protected abstract end (): Promise<void>

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
