import { randomUUID } from 'node:crypto'
import { AbortError } from '../../lib/errors.ts'
import type { ExecuteOptions } from '../../lib/http/call.ts'
import type { AzureFilesConnection } from './connection.ts'
import { LeaseError, isDoneBefore, mayBeDone } from './errors.ts'
import { HeldLeases } from './held-leases.ts'
import type { HeldLock, Lease } from './held-lock.ts'
import { checkBreakPeriod, checkDuration, checkLeaseId, nameOf } from './lease-requests.ts'
import type { AcquireLeaseRequest, BreakLeaseRequest, LeaseGuard, LeaseRequest, LockRequest } from './lease-requests.ts'
import { Locks, leaseOf } from './locks.ts'
import { checkShareName, filePath } from './names.ts'
import { getFileProperties } from './wire-files.ts'
import { INFINITE, acquireLease, breakLease, changeLease, releaseLease, renewLease } from './wire-lease.ts'
import type { LeaseTarget } from './wire-lease.ts'

/** Seconds for which a dead holder keeps a lock, unless the request says otherwise. */
const LOCK_SECONDS = 30

/**
 * The service's locks. A file's lease keeps others from writing, resizing and deleting it, never from reading; it has no
 * end and no renewal, so that a holder that dies would block the file for ever: `lock` and `withLock` add a sign of life
 * and a takeover, in small files under `.sluice-locks` of the same share. A share's lease guards the share itself, not
 * what is in it, and serves as a lock with an end that the service keeps.
 */
export class AzureLeases {
  readonly #connection: AzureFilesConnection
  readonly #shareOf: (share: string | undefined) => string
  readonly #held: HeldLeases
  readonly #locks: Locks

  constructor (connection: AzureFilesConnection, shareOf: (share: string | undefined) => string, held = new HeldLeases(connection.leaseGauge)) {
    this.#connection = connection
    this.#shareOf = shareOf
    this.#held = held
    this.#locks = new Locks(connection, held)
  }

  /** @throws {LeaseError} `LeaseAlreadyPresent`: somebody else has it. */
  async acquire (request: string | AcquireLeaseRequest): Promise<Lease> {
    const { target, durationSeconds, id, options } = this.#asked(request)
    const acquiredAt = this.#connection.clock.now()
    try {
      await this.#connection.execute(acquireLease(target, id, target.path === undefined ? durationSeconds : INFINITE), options)
    } catch (error) {
      // Nobody would know the id of a lease whose answer was lost.
      if (mayBeDone(error)) await this.#locks.freed(target, id)
      throw error
    }
    this.#held.add(target, id)
    return leaseOf(target, id, durationSeconds, acquiredAt)
  }

  /**
   * Of a share: starts its time anew. Of a file: proves that it is still ours, as there is nothing to renew.
   * @throws {LeaseError} `LeaseLost`: it is not.
   */
  async renew (lease: Lease, options: { signal?: AbortSignal } = {}): Promise<Lease> {
    const acquiredAt = new Date(this.#connection.clock.now())
    try {
      await this.#prove(lease, options)
    } catch (error) {
      if (!(error instanceof LeaseError)) throw error
      this.#held.delete(lease.id)
      throw new LeaseError(`Cannot renew the lease of ${nameOf(lease)}: it is lost`, { code: 'LeaseLost', operation: 'Lease', cause: error, ...(error.status === undefined ? {} : { status: error.status }) })
    }
    return { ...lease, acquiredAt }
  }

  /** Gives it another id; whoever still uses the old one is shut out. */
  async change (lease: Lease, proposedLeaseId: string = randomUUID(), options: { signal?: AbortSignal } = {}): Promise<Lease> {
    checkLeaseId(proposedLeaseId)
    await this.#connection.execute(changeLease(lease, lease.id, proposedLeaseId), options)
    this.#held.delete(lease.id)
    this.#held.add(lease, proposedLeaseId)
    return { ...lease, id: proposedLeaseId }
  }

  /** Once: a second time the service answers that there is no such lease. */
  async release (lease: Lease, options: { signal?: AbortSignal } = {}): Promise<void> {
    try {
      await this.#connection.execute(releaseLease(lease, lease.id), options)
    } catch (error) {
      if (!isDoneBefore(error, LeaseError)) throw error
    } finally {
      this.#held.delete(lease.id)
    }
  }

  /** Ends whatever lease there is; needs no id. Resolves with the seconds that it still runs: 0 for a file. */
  async break (request: string | BreakLeaseRequest): Promise<number> {
    const asked = typeof request === 'string' ? { path: request } : request
    const target = this.#target(asked)
    checkBreakPeriod(asked.breakPeriod)
    const seconds = await this.#connection.execute(breakLease(target, asked.breakPeriod), asked)
    this.#held.deleteAll(target)
    return seconds
  }

  /** As the specification's sketch calls it. */
  breakLease (request: string | BreakLeaseRequest): Promise<number> {
    return this.break(request)
  }

  /**
   * Waits for the lock, then keeps it alive until `release()`. A holder that has shown no sign of life for its
   * `durationSeconds` (default 30) loses it to the next one that asks, by an exchange of lease ids that only one can win.
   * Needs the rights to list, create and delete in the share; the lease of others, without a sign of life, is never touched.
   * @throws {LeaseError} `LockTimeout`: it was not free within `timeoutMs`; `LeaseAlreadyPresent` where that is 0.
   */
  async lock (request: string | LockRequest): Promise<HeldLock> {
    const asked = typeof request === 'string' ? { path: request } : request
    const { target, id, options } = this.#asked(asked)
    const lifetimeMs = 1000 * (asked.durationSeconds === undefined || asked.durationSeconds === INFINITE ? LOCK_SECONDS : asked.durationSeconds)
    const wanted = { id, lifetimeMs, request: asked, options }
    if (target.path === undefined) return await this.#locks.lockShare(target, wanted)
    return await this.#locks.lockFile({ share: target.share, path: target.path }, wanted)
  }

  /**
   * Runs `fn` under the lock of a file, or of a share where the request has no path, and releases it in any case. `fn` is
   * given the lease id for its writes, and a signal that aborts when the lock is lost.
   * @throws {LeaseError} `LockTimeout`, or `LeaseLost` and `LeaseExpired` where `fn` ended without the lock. An error of
   * `fn` itself is passed on, whatever becomes of the release.
   */
  async withLock<T> (request: string | LockRequest, fn: (guard: LeaseGuard) => Promise<T> | T): Promise<T> {
    const lock = await this.lock(request)
    try {
      const result = await fn(lock)
      if (lock.lost !== undefined) throw lock.lost
      return result
    } catch (error) {
      throw error instanceof AbortError && lock.lost !== undefined ? lock.lost : error
    } finally {
      await lock.release()
    }
  }

  async #prove (lease: Lease, options: ExecuteOptions): Promise<void> {
    const { share, path, id } = lease
    if (path === undefined) await this.#connection.execute(renewLease({ share }, id), options)
    else await this.#connection.execute(getFileProperties({ share, path }, { leaseId: id }), options)
  }

  #asked (request: string | AcquireLeaseRequest): { target: LeaseTarget, durationSeconds: number, id: string, options: ExecuteOptions } {
    const asked = typeof request === 'string' ? { path: request } : request
    const { durationSeconds = INFINITE, proposedLeaseId = randomUUID(), signal } = asked
    checkDuration(durationSeconds)
    checkLeaseId(proposedLeaseId)
    return { target: this.#target(asked), durationSeconds, id: proposedLeaseId, options: { signal } }
  }

  #target ({ share, path }: LeaseRequest): LeaseTarget {
    const name = this.#shareOf(share)
    checkShareName(name)
    return path === undefined ? { share: name } : { share: name, path: filePath(path) }
  }
}
