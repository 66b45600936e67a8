import { randomUUID } from 'node:crypto'
import { AbortError } from '../../lib/errors.ts'
import type { ExecuteOptions } from '../../lib/http/call.ts'
import type { AzureFilesConnection } from './connection.ts'
import { createIfAbsent } from './create-if-absent.ts'
import { LeaseError, isAbsent, isDoneBefore, mayBeDone } from './errors.ts'
import { HeldLock } from './held-lock.ts'
import type { Lease } from './held-lock.ts'
import { deadMarkers, markerOf, removeMarker, touchMarker } from './lock-markers.ts'
import type { Marker } from './lock-markers.ts'
import { checkShareName, filePath } from './names.ts'
import type { Target } from './names.ts'
import { quote } from './wire.ts'
import { getFileProperties } from './wire-files.ts'
import { INFINITE, acquireLease, breakLease, changeLease, releaseLease, renewLease } from './wire-lease.ts'
import type { LeaseTarget } from './wire-lease.ts'

export type { Lease } from './held-lock.ts'

export interface LeaseRequest {
  /** Default: the client's. */
  share?: string
  /** Without it the share itself is leased. */
  path?: string
  signal?: AbortSignal
}

export interface AcquireLeaseRequest extends LeaseRequest {
  /**
   * 15 to 60, or -1 for one without end (the default). The service knows times for shares only: a file's lease is without
   * end there, and the seconds count for `withLock` alone, which keeps them by itself.
   */
  durationSeconds?: number
  /** A GUID. Default: a new one. */
  proposedLeaseId?: string
}

export interface LockRequest extends AcquireLeaseRequest {
  /** How long to wait for a lock that somebody else has. Default 60,000; 0 does not wait. */
  timeoutMs?: number
  /** Between two tries, with jitter. Default 500. */
  pollMs?: number
  /** Makes an empty file where there is none to lock. Default false. */
  create?: boolean
}

export interface BreakLeaseRequest extends LeaseRequest {
  /** Seconds, 0 to 60; a file's lease breaks at once whatever it is. */
  breakPeriod?: number
}

/** What this client holds, by lease id. */
export type HeldLeases = Map<string, LeaseTarget>

/** What the work under a lock is given. */
export type LeaseGuard = Pick<HeldLock, 'id' | 'leaseId' | 'lease' | 'signal'>

/** Seconds for which a dead holder keeps a lock, unless the request says otherwise. */
const LOCK_SECONDS = 30
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

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

  constructor (connection: AzureFilesConnection, shareOf: (share: string | undefined) => string, held: HeldLeases = new Map()) {
    this.#connection = connection
    this.#shareOf = shareOf
    this.#held = held
  }

  /** @throws {LeaseError} `LeaseAlreadyPresent`: somebody else has it. */
  async acquire (request: string | AcquireLeaseRequest): Promise<Lease> {
    const { target, durationSeconds, id, options } = this.#asked(request)
    const acquiredAt = this.#now()
    try {
      await this.#connection.execute(acquireLease(target, id, target.path === undefined ? durationSeconds : INFINITE), options)
    } catch (error) {
      // Nobody would know the id of a lease whose answer was lost.
      if (mayBeDone(error)) await this.#freed(target, id)
      throw error
    }
    this.#hold(target, id)
    return leaseOf(target, id, durationSeconds, acquiredAt)
  }

  /**
   * Of a share: starts its time anew. Of a file: proves that it is still ours, as there is nothing to renew.
   * @throws {LeaseError} `LeaseLost`: it is not.
   */
  async renew (lease: Lease, options: { signal?: AbortSignal } = {}): Promise<Lease> {
    const acquiredAt = this.#now()
    try {
      await this.#prove(lease, options)
    } catch (error) {
      if (!(error instanceof LeaseError)) throw error
      this.#drop(lease.id)
      throw new LeaseError(`Cannot renew the lease of ${nameOf(lease)}: it is lost`, { code: 'LeaseLost', operation: 'Lease', cause: error, ...(error.status === undefined ? {} : { status: error.status }) })
    }
    return { ...lease, acquiredAt }
  }

  /** Gives it another id; whoever still uses the old one is shut out. */
  async change (lease: Lease, proposedLeaseId: string = randomUUID(), options: { signal?: AbortSignal } = {}): Promise<Lease> {
    checkLeaseId(proposedLeaseId)
    await this.#connection.execute(changeLease(lease, lease.id, proposedLeaseId), options)
    this.#drop(lease.id)
    this.#hold(lease, proposedLeaseId)
    return { ...lease, id: proposedLeaseId }
  }

  /** Once: a second time the service answers that there is no such lease. */
  async release (lease: Lease, options: { signal?: AbortSignal } = {}): Promise<void> {
    try {
      await this.#connection.execute(releaseLease(lease, lease.id), options)
    } catch (error) {
      if (!isDoneBefore(error, LeaseError)) throw error
    } finally {
      this.#drop(lease.id)
    }
  }

  /** Ends whatever lease there is; needs no id. Resolves with the seconds that it still runs: 0 for a file. */
  async break (request: string | BreakLeaseRequest): Promise<number> {
    const asked = typeof request === 'string' ? { path: request } : request
    const target = this.#target(asked)
    if (asked.breakPeriod !== undefined && !(Number.isInteger(asked.breakPeriod) && asked.breakPeriod >= 0 && asked.breakPeriod <= 60)) {
      throw new RangeError(`Cannot break a lease as breakPeriod must be whole seconds from 0 to 60: received ${asked.breakPeriod}`)
    }
    const seconds = await this.#connection.execute(breakLease(target, asked.breakPeriod), asked)
    for (const [id, held] of this.#held) if (keyOf(held) === keyOf(target)) this.#drop(id)
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
   * @throws {LeaseError} `LockTimeout`: it was not free within `timeoutMs`.
   */
  async lock (request: string | LockRequest): Promise<HeldLock> {
    const asked = typeof request === 'string' ? { path: request } : request
    const { target, id, options } = this.#asked(asked)
    const lifetimeMs = 1000 * (asked.durationSeconds === undefined || asked.durationSeconds === INFINITE ? LOCK_SECONDS : asked.durationSeconds)
    if (target.path === undefined) return await this.#lockShare(target, id, lifetimeMs, asked, options)
    return await this.#lockFile({ share: target.share, path: target.path }, id, lifetimeMs, asked, options)
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

  async #lockFile (target: Target, id: string, lifetimeMs: number, asked: LockRequest, options: ExecuteOptions): Promise<HeldLock> {
    const marker = markerOf(target, id, lifetimeMs)
    let touchedAt = -Infinity
    try {
      if (asked.create === true) await createIfAbsent(this.#connection, target, 0, options)
      await this.#contend(target, asked, async () => {
        // Before the lease is asked for: who dies between the two must be found.
        if (this.#now().getTime() - touchedAt > lifetimeMs / 3) touchedAt = await this.#touch(marker, options)
        return await this.#tryAcquire(target, id, INFINITE, options) || await this.#takeOver(target, id, options)
      })
    } catch (error) {
      // Where an answer was lost or not awaited, the lease may be ours all the same.
      const free = (error instanceof LeaseError && error.code === 'LockTimeout') || await this.#freed(target, id)
      if (free) await removeMarker(this.#connection, marker)
      throw error
    }
    this.#hold(target, id)
    const beat = async (signal: AbortSignal): Promise<void> => {
      await this.#connection.execute(getFileProperties(target, { leaseId: id }), { signal })
      await touchMarker(this.#connection, marker, { signal })
    }
    return this.#keep(leaseOf(target, id, lifetimeMs / 1000, new Date(touchedAt)), lifetimeMs, beat, marker)
  }

  async #lockShare (target: LeaseTarget, id: string, lifetimeMs: number, asked: LockRequest, options: ExecuteOptions): Promise<HeldLock> {
    let acquiredAt = this.#now()
    await this.#contend(target, asked, async () => {
      acquiredAt = this.#now()
      return await this.#tryAcquire(target, id, lifetimeMs / 1000, options)
    })
    this.#hold(target, id)
    const beat = async (signal: AbortSignal): Promise<void> => { await this.#connection.execute(renewLease(target, id), { signal }) }
    return this.#keep(leaseOf(target, id, lifetimeMs / 1000, acquiredAt), lifetimeMs, beat)
  }

  #keep (lease: Lease, lifetimeMs: number, beat: (signal: AbortSignal) => Promise<void>, marker?: Marker): HeldLock {
    const { clock, logger } = this.#connection
    return new HeldLock({
      lease,
      clock,
      lifetimeMs,
      beat,
      end: lost => this.#giveBack(lease, lost, marker),
      onLost: error => {
        logger.warn({ share: lease.share, path: lease.path, error: error.message }, 'Lock lost')
        this.#drop(lease.id)
      }
    })
  }

  /** What cannot be released is left with its marker, by which the next one takes it over. */
  async #giveBack (lease: Lease, lost: boolean, marker: Marker | undefined): Promise<void> {
    const free = lost || await this.#freed(lease, lease.id)
    this.#drop(lease.id)
    if (free && marker !== undefined) await removeMarker(this.#connection, marker)
  }

  /** Releases; whether it is certain now that the lease is not ours any more. */
  async #freed (target: LeaseTarget, id: string): Promise<boolean> {
    try {
      await this.#connection.execute(releaseLease(target, id))
      return true
    } catch (error) {
      if (error instanceof LeaseError || isAbsent(error)) return true
      this.#connection.logger.warn({ share: target.share, path: target.path, error: String(error) }, 'Could not release the lock')
      return false
    }
  }

  async #contend (target: LeaseTarget, { timeoutMs = 60_000, pollMs = 500, signal }: LockRequest, attempt: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#connection
    const deadline = clock.now() + timeoutMs
    while (!await attempt()) {
      const wait = pollMs * (0.5 + clock.random())
      if (clock.now() + wait > deadline) {
        throw new LeaseError(`Cannot lock ${nameOf(target)}: somebody else has held it for ${timeoutMs} ms`, { code: 'LockTimeout', operation: 'Lease' })
      }
      await clock.sleep(wait, signal)
    }
  }

  async #tryAcquire (target: LeaseTarget, id: string, durationSeconds: number, options: ExecuteOptions): Promise<boolean> {
    try {
      await this.#connection.execute(acquireLease(target, id, durationSeconds), options)
      return true
    } catch (error) {
      if (error instanceof LeaseError && error.code === 'LeaseAlreadyPresent') return false
      throw error
    }
  }

  /** The exchange of ids succeeds only against the one that holds the lease now, so that of several takers one wins. */
  async #takeOver (target: Target, id: string, options: ExecuteOptions): Promise<boolean> {
    for (const dead of await deadMarkers(this.#connection, target, options)) {
      const taken = await this.#tryChange(target, dead.leaseId, id, options)
      await removeMarker(this.#connection, dead)
      if (!taken) continue
      this.#connection.logger.warn({ ...target, lease_id: id, from: dead.leaseId }, 'Took the lock over from a holder without a sign of life')
      return true
    }
    return false
  }

  async #tryChange (target: Target, from: string, to: string, options: ExecuteOptions): Promise<boolean> {
    try {
      await this.#connection.execute(changeLease(target, from, to), options)
      return true
    } catch (error) {
      if (error instanceof LeaseError) return false
      throw error
    }
  }

  async #touch (marker: Marker, options: ExecuteOptions): Promise<number> {
    const sentAt = this.#now().getTime()
    await touchMarker(this.#connection, marker, options)
    return sentAt
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

  #hold (target: LeaseTarget, id: string): void {
    if (!this.#held.has(id)) this.#connection.leaseGauge?.add(1, { share: target.share })
    this.#held.set(id, target)
  }

  #drop (id: string): void {
    const target = this.#held.get(id)
    if (this.#held.delete(id)) this.#connection.leaseGauge?.add(-1, { share: target?.share ?? '' })
  }

  #now (): Date {
    return new Date(this.#connection.clock.now())
  }
}

function keyOf ({ share, path }: LeaseTarget): string {
  return `${share}/${path?.toLowerCase() ?? ''}`
}

function leaseOf ({ share, path }: LeaseTarget, id: string, durationSeconds: number, acquiredAt: Date): Lease {
  return { id, share, ...(path === undefined ? {} : { path }), ...(durationSeconds === INFINITE ? {} : { durationSeconds }), acquiredAt }
}

function nameOf ({ share, path }: LeaseTarget): string {
  return path === undefined ? `share ${quote(share)}` : quote(path)
}

/** Wire: https://learn.microsoft.com/rest/api/storageservices/lease-share */
function checkDuration (seconds: number): void {
  if (seconds === INFINITE || (Number.isInteger(seconds) && seconds >= 15 && seconds <= 60)) return
  throw new RangeError(`Cannot lease for durationSeconds ${seconds} as it must be 15 to 60, or -1 for a lease without end`)
}

export function checkLeaseId (id: string): void {
  if (typeof id !== 'string' || !GUID.test(id)) throw new RangeError(`Cannot use lease id ${JSON.stringify(id)} as it must be a GUID`)
}
