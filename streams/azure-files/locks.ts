import type { ExecuteOptions } from '../../lib/http/call.ts'
import type { AzureFilesConnection } from './connection.ts'
import { createIfAbsent } from './create-if-absent.ts'
import { LeaseError, isAbsent } from './errors.ts'
import type { HeldLeases } from './held-leases.ts'
import { HeldLock } from './held-lock.ts'
import type { Lease } from './held-lock.ts'
import { nameOf } from './lease-requests.ts'
import type { LockRequest } from './lease-requests.ts'
import { deadMarkers, markerOf, removeMarker, touchMarker } from './lock-markers.ts'
import type { Marker } from './lock-markers.ts'
import type { Target } from './names.ts'
import { getFileProperties } from './wire-files.ts'
import { INFINITE, acquireLease, changeLease, releaseLease, renewLease } from './wire-lease.ts'
import type { LeaseTarget } from './wire-lease.ts'

/** What is asked for, checked and complete. */
export interface Wanted {
  /** Of our own: a second try after a lost answer finds the lease to be its own. */
  id: string
  lifetimeMs: number
  request: LockRequest
  options: ExecuteOptions
}

/**
 * Leases that are waited for, kept alive, and taken over from holders that have died. The service ends a share's lease by
 * itself; of a file's, which has no end, each contender leaves a sign of life whose name is the id of his lease. Whoever
 * finds an old one exchanges that id for his own: the service does so only while the lease has it, so that one taker wins
 * and the dead holder, should he wake, is shut out of every write.
 */
export class Locks {
  readonly #connection: AzureFilesConnection
  readonly #held: HeldLeases

  constructor (connection: AzureFilesConnection, held: HeldLeases) {
    this.#connection = connection
    this.#held = held
  }

  async lockFile (target: Target, { id, lifetimeMs, request, options }: Wanted): Promise<HeldLock> {
    const marker = markerOf(target, id, lifetimeMs)
    let touchedAt = -Infinity
    try {
      if (request.create === true) await createIfAbsent(this.#connection, target, 0, options)
      await this.#contend(target, request, async () => {
        // Before the lease is asked for: who dies between the two must be found.
        if (this.#now() - touchedAt > lifetimeMs / 3) touchedAt = await this.#touch(marker, options)
        return await this.#tryAcquire(target, id, INFINITE, options) || await this.#takeOver(target, id, options)
      })
    } catch (error) {
      // Where an answer was lost or not awaited, the lease may be ours all the same.
      if (isRefusal(error) || await this.freed(target, id)) await removeMarker(this.#connection, marker)
      throw error
    }
    const beat = async (signal: AbortSignal): Promise<void> => {
      await this.#connection.execute(getFileProperties(target, { leaseId: id }), { signal })
      await touchMarker(this.#connection, marker, { signal })
    }
    return this.#keep(leaseOf(target, id, lifetimeMs / 1000, touchedAt), lifetimeMs, beat, marker)
  }

  async lockShare (target: LeaseTarget, { id, lifetimeMs, request, options }: Wanted): Promise<HeldLock> {
    let acquiredAt = 0
    await this.#contend(target, request, async () => {
      acquiredAt = this.#now()
      return await this.#tryAcquire(target, id, lifetimeMs / 1000, options)
    })
    const beat = async (signal: AbortSignal): Promise<void> => { await this.#connection.execute(renewLease(target, id), { signal }) }
    return this.#keep(leaseOf(target, id, lifetimeMs / 1000, acquiredAt), lifetimeMs, beat)
  }

  /** Releases; whether it is certain now that the lease is not ours any more. */
  async freed (target: LeaseTarget, id: string): Promise<boolean> {
    try {
      await this.#connection.execute(releaseLease(target, id))
      return true
    } catch (error) {
      if (error instanceof LeaseError || isAbsent(error)) return true
      this.#connection.logger.warn({ share: target.share, path: target.path, error: String(error) }, 'Could not release the lock')
      return false
    }
  }

  #keep (lease: Lease, lifetimeMs: number, beat: (signal: AbortSignal) => Promise<void>, marker?: Marker): HeldLock {
    const { clock, logger } = this.#connection
    this.#held.add(lease, lease.id)
    return new HeldLock({
      lease,
      clock,
      lifetimeMs,
      beat,
      end: lost => this.#giveBack(lease, lost, marker),
      onLost: error => {
        logger.warn({ share: lease.share, path: lease.path, error: error.message }, 'Lock lost')
        this.#held.delete(lease.id)
      }
    })
  }

  /** What cannot be released is left with its marker, by which the next one takes it over. */
  async #giveBack (lease: Lease, lost: boolean, marker: Marker | undefined): Promise<void> {
    const free = lost || await this.freed(lease, lease.id)
    this.#held.delete(lease.id)
    if (free && marker !== undefined) await removeMarker(this.#connection, marker)
  }

  async #contend (target: LeaseTarget, { timeoutMs = 60_000, pollMs = 500, signal }: LockRequest, attempt: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#connection
    const deadline = clock.now() + timeoutMs
    while (!await attempt()) {
      if (timeoutMs === 0) throw new LeaseError(`Cannot lock ${nameOf(target)}: somebody else holds it`, { code: 'LeaseAlreadyPresent', operation: 'Lease' })
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
    const sentAt = this.#now()
    await touchMarker(this.#connection, marker, options)
    return sentAt
  }

  #now (): number {
    return this.#connection.clock.now()
  }
}

/** Our own word for a lease that every answer said to be another's. */
function isRefusal (error: unknown): boolean {
  return error instanceof LeaseError && error.status === undefined
}

export function leaseOf ({ share, path }: LeaseTarget, id: string, durationSeconds: number, acquiredAt: number): Lease {
  return { id, share, ...(path === undefined ? {} : { path }), ...(durationSeconds === INFINITE ? {} : { durationSeconds }), acquiredAt: new Date(acquiredAt) }
}
