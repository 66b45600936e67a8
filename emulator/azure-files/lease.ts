/**
 * The lease of a file or share as a value: each action gives the next one or the error that it deserves. Files have infinite
 * leases only, so that they never see `expired` and `breaking`.
 * Wire: https://learn.microsoft.com/rest/api/storageservices/lease-file, …/lease-share
 */
import { azureError } from './errors.ts'

/** Times in milliseconds; a lease without `expires` is infinite. */
export type Lease =
  | { state: 'available' }
  | { state: 'leased', id: string, seconds?: number, expires?: number }
  | { state: 'expired', id: string, seconds: number }
  | { state: 'breaking', id: string, ends: number }
  | { state: 'broken', id: string }

export const NO_LEASE: Lease = { state: 'available' }

/** What has become of it by `now`. */
export function leaseAt (lease: Lease, now: number): Lease {
  if (lease.state === 'leased' && lease.expires !== undefined && lease.seconds !== undefined && lease.expires <= now) {
    return { state: 'expired', id: lease.id, seconds: lease.seconds }
  }
  if (lease.state === 'breaking' && lease.ends <= now) return { state: 'broken', id: lease.id }
  return lease
}

/** `seconds` is undefined for an infinite one. @throws {AzureError} */
export function acquire (lease: Lease, id: string, seconds: number | undefined, now: number): Lease {
  if (lease.state === 'leased' && lease.id !== id) throw azureError('LeaseAlreadyPresent')
  if (lease.state === 'breaking') throw azureError(lease.id === id ? 'LeaseIsBreakingAndCannotBeAcquired' : 'LeaseAlreadyPresent')
  return held(id, seconds, now)
}

function held (id: string, seconds: number | undefined, now: number): Lease {
  return seconds === undefined ? { state: 'leased', id } : { state: 'leased', id, seconds, expires: now + seconds * 1000 }
}

/** @throws {AzureError} */
export function renew (lease: Lease, id: string, now: number): Lease {
  checkHolder(lease, id)
  if (lease.state === 'leased') return held(id, lease.seconds, now)
  if (lease.state === 'expired') return held(id, lease.seconds, now)
  throw azureError('LeaseIsBrokenAndCannotBeRenewed')
}

/** A repeated change finds the proposed id in place and is content. @throws {AzureError} */
export function change (lease: Lease, id: string, proposed: string): Lease {
  if (lease.state === 'breaking') throw azureError('LeaseIsBreakingAndCannotBeChanged')
  if (lease.state !== 'leased') throw azureError('LeaseNotPresentWithLeaseOperation')
  if (lease.id !== id && lease.id !== proposed) throw azureError('LeaseIdMismatchWithLeaseOperation')
  return { ...lease, id: proposed }
}

/** @throws {AzureError} */
export function release (lease: Lease, id: string): Lease {
  checkHolder(lease, id)
  return NO_LEASE
}

/** `period` in seconds; an infinite lease without one breaks at once. @throws {AzureError} */
export function breakLease (lease: Lease, period: number | undefined, now: number): Lease {
  switch (lease.state) {
    case 'available': throw azureError('LeaseNotPresentWithLeaseOperation')
    case 'leased': return breakHeld(lease, period, now)
    case 'breaking': return { ...lease, ends: Math.min(lease.ends, now + (period ?? Infinity) * 1000) }
    default: return { state: 'broken', id: lease.id }
  }
}

function breakHeld ({ id, expires }: Extract<Lease, { state: 'leased' }>, period: number | undefined, now: number): Lease {
  const remaining = expires === undefined ? (period ?? 0) * 1000 : expires - now
  const wait = Math.min(remaining, (period ?? Infinity) * 1000)
  return wait <= 0 ? { state: 'broken', id } : { state: 'breaking', id, ends: now + wait }
}

function checkHolder (lease: Lease, id: string): asserts lease is Exclude<Lease, { state: 'available' }> {
  if (lease.state === 'available') throw azureError('LeaseNotPresentWithLeaseOperation')
  if (lease.id !== id) throw azureError('LeaseIdMismatchWithLeaseOperation')
}

/** Whole seconds until it is broken. */
export function secondsLeft (lease: Lease, now: number): number {
  return lease.state === 'breaking' ? Math.ceil((lease.ends - now) / 1000) : 0
}

export type LeasedThing = 'File' | 'Container'

/** Reads go without an id, but not with a wrong one. @throws {AzureError} 412 */
export function checkRead (lease: Lease, id: string | undefined, thing: LeasedThing = 'File'): void {
  if (id === undefined) return
  if (lease.state === 'available') throw azureError(`LeaseNotPresentWith${thing}Operation`)
  if (lease.id !== id) throw azureError(isActive(lease) ? `LeaseIdMismatchWith${thing}Operation` : `LeaseNotPresentWith${thing}Operation`)
  if (!isActive(lease)) throw azureError('LeaseLost')
}

/** @throws {AzureError} 412 */
export function checkWrite (lease: Lease, id: string | undefined, thing: LeasedThing = 'File'): void {
  if (id === undefined && isActive(lease)) throw azureError('LeaseIdMissing')
  checkRead(lease, id, thing)
}

export function isActive (lease: Lease): boolean {
  return lease.state === 'leased' || lease.state === 'breaking'
}

/** `x-ms-lease-*` of a property read. */
export function leaseHeaders (lease: Lease): Record<string, string> {
  return {
    'x-ms-lease-status': isActive(lease) ? 'locked' : 'unlocked',
    'x-ms-lease-state': lease.state,
    ...(lease.state === 'leased' ? { 'x-ms-lease-duration': lease.expires === undefined ? 'infinite' : 'fixed' } : {})
  }
}

const GUIDS = [
  /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/i,
  /^[{(]([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})[})]$/i
]

/** A lease id in one of .NET's forms, as lower-case digits with hyphens; undefined when it is none. */
export function parseLeaseId (text: string): string | undefined {
  for (const form of GUIDS) {
    const match = form.exec(text.trim())
    if (match !== null) return match.slice(1).join('-').toLowerCase()
  }
  return undefined
}
