import type { LeaseGauge } from './metrics.ts'
import type { LeaseTarget } from './wire-lease.ts'

/** The leases that a client holds, by id, and their gauge: up on acquire, down on release, break and loss, each once. */
export class HeldLeases {
  readonly #targets = new Map<string, LeaseTarget>()
  readonly #gauge: LeaseGauge

  constructor (gauge: LeaseGauge) {
    this.#gauge = gauge
  }

  add (target: LeaseTarget, id: string): void {
    if (!this.#targets.has(id)) this.#gauge?.add(1, { share: target.share })
    this.#targets.set(id, target)
  }

  delete (id: string): void {
    const target = this.#targets.get(id)
    if (target === undefined) return
    this.#targets.delete(id)
    this.#gauge?.add(-1, { share: target.share })
  }

  /** Whatever is held on this file or share. */
  deleteAll (target: LeaseTarget): void {
    for (const [id, held] of this.#targets) if (keyOf(held) === keyOf(target)) this.delete(id)
  }
}

function keyOf ({ share, path }: LeaseTarget): string {
  return `${share}/${path?.toLowerCase() ?? ''}`
}
