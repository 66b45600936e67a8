/** Who held which lease from when to when, so that a test can show that two never held one at once. */
import type { Lease } from './lease.ts'

export interface LeaseRecord {
  readonly share: string
  /** '' for the lease of the share itself. */
  readonly path: string
  readonly leaseId: string
  /** Milliseconds since the epoch, by the emulator's clock. */
  readonly acquired: number
  /** Counts beginnings and ends of all leases, for what happens within one millisecond. */
  readonly acquiredOrder: number
  ended?: number
  endedOrder?: number
  /** `changed` to another id; `gone` with the file or share. */
  end?: LeaseEnd
}

export type LeaseEnd = 'released' | 'broken' | 'expired' | 'changed' | 'gone'

interface Holding {
  record: LeaseRecord
  /** When it ends by itself, and how. */
  until: { time: number, end: LeaseEnd } | undefined
}

const KEPT = 10_000

export class LeaseHistory {
  readonly #records: LeaseRecord[] = []
  readonly #held = new Map<object, Holding>()
  #order = 0

  /** In the order of their beginnings. */
  records (now: number): LeaseRecord[] {
    for (const owner of [...this.#held.keys()]) this.#settle(owner, now)
    return this.#records.map(record => ({ ...record }))
  }

  /** `owner` is the file or share itself, whatever it is called meanwhile; `lease` is what it has now. */
  note (owner: object, where: { share: string, path: string }, lease: Lease, now: number): void {
    this.#settle(owner, now)
    const holding = this.#held.get(owner)
    const holder = holderOf(lease)
    if (holding !== undefined && holding.record.leaseId === holder) {
      holding.until = untilOf(lease)
      return
    }
    if (holding !== undefined) this.#close(owner, holding, holder !== undefined ? 'changed' : lease.state === 'broken' ? 'broken' : 'released', now)
    if (holder !== undefined) this.#begin(owner, { ...where, leaseId: holder, acquired: now, acquiredOrder: ++this.#order }, lease)
  }

  gone (owner: object, now: number): void {
    this.#settle(owner, now)
    const holding = this.#held.get(owner)
    if (holding !== undefined) this.#close(owner, holding, 'gone', now)
  }

  #begin (owner: object, record: LeaseRecord, lease: Lease): void {
    this.#held.set(owner, { record, until: untilOf(lease) })
    this.#records.push(record)
    if (this.#records.length > KEPT) this.#records.shift()
  }

  /** Ends what has ended by itself, at the time when it did. */
  #settle (owner: object, now: number): void {
    const holding = this.#held.get(owner)
    if (holding?.until !== undefined && holding.until.time <= now) this.#close(owner, holding, holding.until.end, holding.until.time)
  }

  #close (owner: object, { record }: Holding, end: LeaseEnd, time: number): void {
    this.#held.delete(owner)
    Object.assign(record, { ended: time, endedOrder: ++this.#order, end })
  }
}

/** A lease that is breaking is still held. */
function holderOf (lease: Lease): string | undefined {
  return lease.state === 'leased' || lease.state === 'breaking' ? lease.id : undefined
}

function untilOf (lease: Lease): Holding['until'] {
  if (lease.state === 'breaking') return { time: lease.ends, end: 'broken' }
  return lease.state === 'leased' && lease.expires !== undefined ? { time: lease.expires, end: 'expired' } : undefined
}
