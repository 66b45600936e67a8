import { watch } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import { NotFoundError } from '../../lib/errors.ts'
import { LeaseError } from './errors.ts'
import { quote } from './wire.ts'

/** The right to write a file, or to change a share, until it is released, broken or expired. */
export interface Lease {
  id: string
  share: string
  /** Absent for the lease of a share. */
  path?: string
  /** How long it lives without a renewal: by the service for a share, by our own rule for a file. Absent for one without end. */
  durationSeconds?: number
  acquiredAt: Date
}

export interface HeldLockOptions {
  lease: Lease
  clock: Clock
  lifetimeMs: number
  /** Proves that the lease is still ours and tells the others that we live. */
  beat (signal: AbortSignal): Promise<void>
  /** Gives the lease back, unless it was lost. */
  end (lost: boolean): Promise<void>
  onLost (error: LeaseError): void
}

/**
 * A lease that is kept alive from now on: three beats in each lifetime, more after one that failed. `signal` aborts when the lock is lost: somebody
 * else has the lease, or for a whole lifetime no beat got through. Its timer does not keep the process alive.
 */
export class HeldLock {
  readonly lease: Lease
  readonly #options: HeldLockOptions
  readonly #lost = new AbortController()
  readonly #stopped = new AbortController()
  readonly #beating: Promise<void>
  #aliveSince: number
  #ended: Promise<void> | undefined

  /** `acquiredAt` is when the first beat was sent. */
  constructor (options: HeldLockOptions) {
    this.lease = options.lease
    this.#options = options
    this.#aliveSince = options.lease.acquiredAt.getTime()
    this.#beating = this.#keepAlive()
  }

  get leaseId (): string {
    return this.lease.id
  }

  /** As the specification calls it. */
  get id (): string {
    return this.lease.id
  }

  get signal (): AbortSignal {
    return this.#lost.signal
  }

  /** Why the lock is lost; undefined while it is held. */
  get lost (): LeaseError | undefined {
    return this.#lost.signal.reason as LeaseError | undefined
  }

  /** Stops the beats, then gives the lease back. Again, it does nothing more. */
  release (): Promise<void> {
    this.#ended ??= this.#end()
    return this.#ended
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.release()
  }

  async #end (): Promise<void> {
    this.#stopped.abort()
    await this.#beating
    await this.#options.end(this.lost !== undefined)
  }

  /** Never rejects. */
  async #keepAlive (): Promise<void> {
    const { clock, lifetimeMs } = this.#options
    for (let waitMs = lifetimeMs / 3; !this.#stopped.signal.aborted && this.lost === undefined;) {
      try {
        await watch(clock, waitMs, this.#stopped.signal)
        const sentAt = clock.now()
        await this.#beatInTime()
        this.#aliveSince = sentAt
        waitMs = lifetimeMs / 3
      } catch (error) {
        this.#judge(error)
        waitMs = lifetimeMs / 10
      }
    }
  }

  /** A beat that hangs must not hide that the time is over. */
  async #beatInTime (): Promise<void> {
    const { clock, lifetimeMs, beat } = this.#options
    const done = new AbortController()
    const signal = AbortSignal.any([this.#stopped.signal, done.signal])
    const late = watch(clock, Math.max(0, this.#aliveSince + lifetimeMs - clock.now()), signal).then(() => { throw this.#expired() })
    late.catch(() => undefined) // Heard below, or of no interest any more.
    try {
      await Promise.race([beat(signal), late])
    } finally {
      done.abort()
    }
  }

  #judge (error: unknown): void {
    if (this.#stopped.signal.aborted) return
    const { clock, lifetimeMs } = this.#options
    if (error instanceof LeaseError && error.code === 'LeaseExpired') return this.#lose(error)
    if (error instanceof LeaseError || error instanceof NotFoundError) return this.#lose(this.#error('LeaseLost', 'somebody else has taken or broken it', error))
    if (clock.now() - this.#aliveSince >= lifetimeMs) this.#lose(this.#expired(error))
  }

  #lose (error: LeaseError): void {
    this.#lost.abort(error)
    this.#options.onLost(error)
  }

  #expired (cause?: unknown): LeaseError {
    return this.#error('LeaseExpired', `no sign of life got through for ${this.#options.lifetimeMs} ms`, cause)
  }

  #error (code: string, why: string, cause?: unknown): LeaseError {
    const { path, share } = this.lease
    return new LeaseError(`Cannot keep the lock of ${path === undefined ? `share ${quote(share)}` : quote(path)}: ${why}`, { code, operation: 'LeaseFile', cause })
  }
}
