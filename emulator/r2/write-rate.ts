const WINDOW_MS = 1000
const KEYS_REMEMBERED = 10_000

/** Counts writes to each key in the last second. */
export class WriteRate {
  readonly #limit: number | false
  readonly #times = new Map<string, number[]>()

  constructor (limit: number | false) {
    this.#limit = limit
  }

  /** Whether one more write of this key is within the rate; counts it if so. */
  admit (bucket: string, key: string, now: number): boolean {
    if (this.#limit === false) return true
    if (this.#times.size > KEYS_REMEMBERED) this.#forget(now)
    const id = `${bucket}\n${key.normalize('NFC')}`
    const recent = (this.#times.get(id) ?? []).filter(time => now - time < WINDOW_MS)
    const admitted = recent.length < this.#limit
    if (admitted) recent.push(now)
    this.#times.set(id, recent)
    return admitted
  }

  #forget (now: number): void {
    for (const [id, times] of this.#times) if (times.every(time => now - time >= WINDOW_MS)) this.#times.delete(id)
  }
}
