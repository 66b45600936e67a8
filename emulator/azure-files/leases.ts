/** Lease File and Lease Share. */
import { randomUUID } from 'node:crypto'
import type { Answer } from '../service.ts'
import { answer, type Call, fileAt, leaseIdOf, segmentsOf, shareOf, snapshotOf, stamp, writableShareOf } from './call.ts'
import { invalidHeader, invalidQuery, missingHeader } from './errors.ts'
import { fileWhere } from './files.ts'
import * as lease from './lease.ts'
import type { File, Share, Snapshot } from './state.ts'
import { SINCE } from './versions.ts'

type Leased = File | Share | Snapshot

/** What may be asked of a lease of this kind. */
interface Rules {
  /** Whether it may last 15 to 60 seconds and be renewed. */
  timed: boolean
}

export async function leaseFile (call: Call): Promise<Answer> {
  checkVersion(call, SINCE.fileLease)
  const share = writableShareOf(call)
  const file = fileAt(share.root, segmentsOf(call))
  const done = act(call, file, { timed: call.context.quirks.timedFileLeases })
  call.context.state.leases.note(file, fileWhere(call), file.lease, call.now)
  await call.context.state.saveEntry(share, file)
  return done
}

/** @throws {AzureError} 400 for a version that knows no such thing */
function checkVersion ({ version }: Call, since: string): void {
  if (version < since) throw invalidQuery('comp', 'lease', `Leases need version ${since} or later.`)
}

export async function leaseShare (call: Call): Promise<Answer> {
  checkVersion(call, SINCE.shareLease)
  const share = shareOf(call)
  const snapshot = snapshotOf(call, share)
  const done = act(call, snapshot ?? share, { timed: true })
  if (snapshot === undefined) call.context.state.leases.note(share, { share: share.name, path: '' }, share.lease, call.now)
  await call.context.state.saveShare(share)
  return done
}

function act (call: Call, leased: Leased, rules: Rules): Answer {
  const { headers, now } = call
  const current = lease.leaseAt(leased.lease, now)
  const action = headers['x-ms-lease-action']?.toLowerCase()
  switch (action) {
    case 'acquire':
      leased.lease = lease.acquire(current, leaseIdOf(call, 'x-ms-proposed-lease-id') ?? randomUUID(), readDuration(call, rules), now)
      return withId(201, leased)
    case 'renew':
      if (!rules.timed) throw invalidHeader('x-ms-lease-action', 'renew')
      leased.lease = lease.renew(current, requiredId(call), now)
      return withId(200, leased)
    case 'change':
      leased.lease = lease.change(current, requiredId(call), requiredId(call, 'x-ms-proposed-lease-id'))
      return withId(200, leased)
    case 'release':
      leased.lease = lease.release(current, requiredId(call))
      return answer(200, stamp(leased))
    case 'break':
      leased.lease = lease.breakLease(current, rules.timed ? readPeriod(call) : undefined, now)
      return answer(202, { ...stamp(leased), 'x-ms-lease-time': String(lease.secondsLeft(leased.lease, now)) })
    default:
      throw action === undefined ? missingHeader('x-ms-lease-action') : invalidHeader('x-ms-lease-action', action)
  }
}

function withId (status: number, leased: Leased): Answer {
  return answer(status, { ...stamp(leased), ...('id' in leased.lease ? { 'x-ms-lease-id': leased.lease.id } : {}) })
}

function requiredId (call: Call, name = 'x-ms-lease-id'): string {
  const id = leaseIdOf(call, name)
  if (id === undefined) throw missingHeader(name)
  return id
}

/** Undefined for an infinite one. */
function readDuration ({ headers }: Call, { timed }: Rules): number | undefined {
  const text = headers['x-ms-lease-duration']
  if (text === undefined) throw missingHeader('x-ms-lease-duration')
  if (text === '-1') return undefined
  const seconds = Number(text)
  if (!timed || !Number.isInteger(seconds) || seconds < 15 || seconds > 60) throw invalidHeader('x-ms-lease-duration', text)
  return seconds
}

function readPeriod ({ headers }: Call): number | undefined {
  const text = headers['x-ms-lease-break-period']
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 60) throw invalidHeader('x-ms-lease-break-period', text)
  return seconds
}
