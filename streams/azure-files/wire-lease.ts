/**
 * Leases of files and shares: request in, response out. A file's lease is without end and cannot be renewed; a share's
 * lasts 15 to 60 seconds or without end. Wire: https://learn.microsoft.com/rest/api/storageservices/lease-file, …/lease-share
 */
import { KEEP_TRAILING_DOT, addressed, quote, readNothing } from './wire.ts'
import type { AzureOperation } from './wire.ts'
import type { Target } from './names.ts'
import { LeaseFile, LeaseShare, TIMEOUTS } from './operations.ts'

export const INFINITE = -1

/** Without a path the share itself is leased. */
export type LeaseTarget = { share: string, path?: string | undefined }

type Action = 'acquire' | 'renew' | 'change' | 'release' | 'break'

function lease<T> (target: LeaseTarget, action: Action, headers: Record<string, string>, read: (headers: Record<string, string>) => T): AzureOperation<T> {
  const file: Target | undefined = target.path === undefined ? undefined : { share: target.share, path: target.path }
  const leaseId = headers['x-ms-proposed-lease-id'] ?? headers['x-ms-lease-id']
  const subject = { action, ...(leaseId === undefined ? {} : { lease_id: leaseId }) }
  return {
    description: file === undefined ? LeaseShare : LeaseFile,
    action: `${action} the lease of ${file === undefined ? `share ${quote(target.share)}` : quote(file.path)}`,
    method: 'PUT',
    ...(file === undefined ? addressed('share', { share: target.share }, subject) : addressed('file', file, subject)),
    query: file === undefined ? [['restype', 'share'], ['comp', 'lease']] : [['comp', 'lease']],
    headers: { ...(file === undefined ? {} : KEEP_TRAILING_DOT), 'x-ms-lease-action': action, ...headers },
    timeouts: TIMEOUTS.lease,
    read: async response => {
      await readNothing(response)
      return read(response.headers)
    }
  }
}

const readLeaseId = (headers: Record<string, string>): string => headers['x-ms-lease-id'] ?? ''
const nothing = (): void => undefined

/** With an id of our own, so that a second try after a lost answer finds the lease to be its own. */
export function acquireLease (target: LeaseTarget, proposedLeaseId: string, durationSeconds = INFINITE): AzureOperation<string> {
  return lease(target, 'acquire', { 'x-ms-lease-duration': String(durationSeconds), 'x-ms-proposed-lease-id': proposedLeaseId }, readLeaseId)
}

/** Of shares only. */
export function renewLease (target: { share: string }, leaseId: string): AzureOperation<string> {
  return lease({ share: target.share }, 'renew', { 'x-ms-lease-id': leaseId }, readLeaseId)
}

/** Only if the lease has this id now: what a takeover needs. Again after a lost answer it succeeds again. */
export function changeLease (target: LeaseTarget, leaseId: string, proposedLeaseId: string): AzureOperation<string> {
  return lease(target, 'change', { 'x-ms-lease-id': leaseId, 'x-ms-proposed-lease-id': proposedLeaseId }, readLeaseId)
}

export function releaseLease (target: LeaseTarget, leaseId: string): AzureOperation<void> {
  return lease(target, 'release', { 'x-ms-lease-id': leaseId }, nothing)
}

/** Needs no id. Returns the seconds that the lease still runs: 0 for a file, whatever `breakPeriod`. */
export function breakLease (target: LeaseTarget, breakPeriod?: number): AzureOperation<number> {
  return lease(target, 'break', breakPeriod === undefined ? {} : { 'x-ms-lease-break-period': String(breakPeriod) }, headers => Number(headers['x-ms-lease-time'] ?? 0))
}
