/**
 * UTF-8 byte order of two strings, which is code point order. UTF-16 order differs where a surrogate pair meets a
 * character from U+E000 to U+FFFF.
 */
export function compareUtf8 (a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index)
    const right = b.charCodeAt(index)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

/** Lifts surrogates above all other code units. */
function rank (unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** A map whose keys can also be walked in UTF-8 order from any point. */
export class SortedMap<V> {
  readonly #values = new Map<string, V>()
  readonly #keys: string[] = []

  get size (): number {
    return this.#values.size
  }

  get (key: string): V | undefined {
    return this.#values.get(key)
  }

  set (key: string, value: V): void {
    if (!this.#values.has(key)) this.#insert(key)
    this.#values.set(key, value)
  }

  delete (key: string): boolean {
    if (!this.#values.delete(key)) return false
    this.#keys.splice(this.lowerBound(key), 1)
    return true
  }

  at (index: number): readonly [string, V] | undefined {
    const key = this.#keys[index]
    return key === undefined ? undefined : [key, this.#values.get(key) as V]
  }

  /** All values in the order of their keys. */
  values (): V[] {
    return this.#keys.map(key => this.#values.get(key) as V)
  }

  /** Index of the first key that is not before `key`. */
  lowerBound (key: string): number {
    return this.#firstIndex(0, candidate => compareUtf8(candidate, key) >= 0)
  }

  /** Index of the first key after `key`. */
  upperBound (key: string): number {
    return this.#firstIndex(0, candidate => compareUtf8(candidate, key) > 0)
  }

  /** Index of the first key at or after `index` that does not start with `prefix`, where the key at `index` does. */
  endOfPrefix (prefix: string, index: number): number {
    return this.#firstIndex(index, candidate => !candidate.startsWith(prefix))
  }

  #firstIndex (from: number, holds: (key: string) => boolean): number {
    let low = from
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (holds(this.#keys[middle] as string)) high = middle
      else low = middle + 1
    }
    return low
  }

  #insert (key: string): void {
    const last = this.#keys.at(-1)
    if (last === undefined || compareUtf8(last, key) < 0) this.#keys.push(key)
    else this.#keys.splice(this.lowerBound(key), 0, key)
  }
}
