import { AbortError } from '../errors.ts'
import { MiB } from './sizes.ts'

export interface AcquireOptions {
  /** Ends the wait with an `AbortError`. */
  signal?: AbortSignal | undefined
  /** Never waits, even over the limit: the first buffer of a transfer, so that no transfer starves another into a deadlock. */
  guaranteed?: boolean
}

/** Gives the bytes back; a second call does nothing. */
export type Release = () => void

interface Waiter { bytes: number, grant: (release: Release) => void }

/**
 * A limit on the memory of many transfers together. Whoever waits is served in order, so a large claim is not
 * overtaken for ever by small ones. Each transfer has its first buffer for certain, so `inUse` may pass the limit by that.
 */
export class ByteBudget {
  #limit: number
  #inUse = 0
  #peak = 0
  readonly #queue = new Set<Waiter>()

  /** @throws {RangeError} `limit` is not a positive whole number of bytes. */
  constructor (options: { limit: number }) {
    this.#limit = checkLimit(options.limit)
  }

  /** Bytes. May be set at any time: a lower one holds for new claims, and transfers under way shrink to it as parts end. */
  get limit (): number {
    return this.#limit
  }

  set limit (bytes: number) {
    this.#limit = checkLimit(bytes)
    this.#serve()
  }

  get inUse (): number {
    return this.#inUse
  }

  /** The most bytes that were ever in use at once. */
  get peak (): number {
    return this.#peak
  }

  /** How many claims wait. */
  get waiting (): number {
    return this.#queue.size
  }

  /** More is wanted than there is: whoever has more than it needs at the moment should give it back. */
  get pressed (): boolean {
    return this.#queue.size > 0 || this.#inUse > this.#limit
  }

  /**
   * @throws {RangeError} `bytes` exceeds the limit: the claim could never be granted.
   * @throws {AbortError} `signal` aborted first.
   */
  async acquire (bytes: number, { signal, guaranteed = false }: AcquireOptions = {}): Promise<Release> {
    if (guaranteed) return this.take(bytes)
    if (bytes > this.#limit) throw new RangeError(`Cannot acquire ${bytes} bytes from a budget of ${this.#limit}`)
    if (signal?.aborted === true) throw new AbortError(signal.reason)
    return this.tryTake(bytes) ?? await this.#wait(bytes, signal)
  }

  /** The bytes if they are free and nobody has waited for them. */
  tryTake (bytes: number): Release | undefined {
    return this.#queue.size === 0 && this.#fits(bytes) ? this.take(bytes) : undefined
  }

  /** What `guaranteed` does, without a promise. */
  take (bytes: number): Release {
    this.#inUse += bytes
    this.#peak = Math.max(this.#peak, this.#inUse)
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#inUse -= bytes
      this.#serve()
    }
  }

  #fits (bytes: number): boolean {
    return this.#inUse + bytes <= this.#limit
  }

  #wait (bytes: number, signal: AbortSignal | undefined): Promise<Release> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#queue.delete(waiter)
        this.#serve()
        reject(new AbortError(signal?.reason))
      }
      const waiter: Waiter = {
        bytes,
        grant: (release) => {
          signal?.removeEventListener('abort', leave)
          resolve(release)
        }
      }
      this.#queue.add(waiter)
      signal?.addEventListener('abort', leave, { once: true })
      this.#serve()
    })
  }

  #serve (): void {
    for (const waiter of this.#queue) {
      if (waiter.bytes > this.#limit) continue // Since the limit was lowered it can never be served, and must not hold up the others.
      if (!this.#fits(waiter.bytes)) return
      this.#queue.delete(waiter)
      waiter.grant(this.take(waiter.bytes))
    }
  }
}

function checkLimit (limit: number): number {
  if (!Number.isSafeInteger(limit) || limit <= 0) throw new RangeError(`Cannot keep a budget as limit must be a positive number of bytes: received ${limit}`)
  return limit
}

/**
 * What all transfers of all clients of the process share that are not given another `budget`: 256 MiB until its `limit` is
 * set. Part buffers of uploads count, ranges that downloads read ahead, and what OneDrive spools in memory.
 */
export const defaultBudget = new ByteBudget({ limit: 256 * MiB })
