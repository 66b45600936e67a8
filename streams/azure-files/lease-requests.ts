import type { HeldLock } from './held-lock.ts'
import { quote } from './wire.ts'
import { INFINITE } from './wire-lease.ts'
import type { LeaseTarget } from './wire-lease.ts'

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

/** What the work under a lock is given. */
export type LeaseGuard = Pick<HeldLock, 'id' | 'leaseId' | 'lease' | 'signal'>

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function isLeaseId (id: unknown): id is string {
  return typeof id === 'string' && GUID.test(id)
}

export function checkLeaseId (id: string): void {
  if (!isLeaseId(id)) throw new RangeError(`Cannot use lease id ${JSON.stringify(id)} as it must be a GUID`)
}

/** Wire: https://learn.microsoft.com/rest/api/storageservices/lease-share */
export function checkDuration (seconds: number): void {
  if (seconds === INFINITE || (Number.isInteger(seconds) && seconds >= 15 && seconds <= 60)) return
  throw new RangeError(`Cannot lease for durationSeconds ${seconds} as it must be 15 to 60, or -1 for a lease without end`)
}

export function checkBreakPeriod (seconds: number | undefined): void {
  if (seconds === undefined || (Number.isInteger(seconds) && seconds >= 0 && seconds <= 60)) return
  throw new RangeError(`Cannot break a lease as breakPeriod must be whole seconds from 0 to 60: received ${seconds}`)
}

/** For messages. */
export function nameOf ({ share, path }: LeaseTarget): string {
  return path === undefined ? `share ${quote(share)}` : quote(path)
}
