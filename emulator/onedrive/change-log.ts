/** The order in which items of a drive last changed. Each item counts once, at its last change. */
export interface Change {
  sequence: number
  /** Milliseconds since the epoch. */
  time: number
  id: string
}

const COMPACT_ABOVE = 1000

export class ChangeLog {
  #entries: Change[] = []
  #latest = new Map<string, number>()
  #last = 0

  /** The sequence number of the last change of all. */
  get last (): number {
    return this.#last
  }

  add (id: string, time: number): number {
    const sequence = ++this.#last
    this.put({ sequence, time, id })
    this.#compact()
    return sequence
  }

  /** Puts back what was read from a folder; in order. */
  put (change: Change): void {
    this.#entries.push(change)
    this.#latest.set(change.id, change.sequence)
    this.#last = Math.max(this.#last, change.sequence)
  }

  /** Changes after `sequence`, in order. */
  * after (sequence: number): Generator<Change> {
    for (let index = this.#indexAfter(entry => entry.sequence > sequence); index < this.#entries.length; index++) {
      const entry = this.#entries[index] as Change
      if (this.#latest.get(entry.id) === entry.sequence) yield entry
    }
  }

  /** The last sequence number at or before `time`. */
  sequenceAt (time: number): number {
    return this.#entries[this.#indexAfter(entry => entry.time > time) - 1]?.sequence ?? 0
  }

  #indexAfter (holds: (entry: Change) => boolean): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (holds(this.#entries[middle] as Change)) high = middle
      else low = middle + 1
    }
    return low
  }

  #compact (): void {
    if (this.#entries.length < COMPACT_ABOVE || this.#entries.length < this.#latest.size * 2) return
    this.#entries = this.#entries.filter(({ id, sequence }) => this.#latest.get(id) === sequence)
  }
}
