/** Counts requests per file and second, for 503 `ServerBusy`. */
const WINDOW_MS = 1000
const MAX_TRACKED = 10_000

export class BusyFiles {
  readonly #limit: number
  readonly #recent = new Map<string, number[]>()

  constructor (requestsPerSecond: number) {
    this.#limit = requestsPerSecond
  }

  /** False when the file had its share of this second already. */
  admit (path: string, now: number): boolean {
    if (this.#limit === Infinity) return true
    const recent = (this.#recent.get(path) ?? []).filter(time => now - time < WINDOW_MS)
    if (recent.length >= this.#limit) return false
    if (this.#recent.size > MAX_TRACKED) this.#recent.clear()
    this.#recent.set(path, [...recent, now])
    return true
  }
}
