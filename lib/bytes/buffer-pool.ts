/**
 * Memory of parts that are done, for those that come: fresh memory costs a page fault for every 4 KiB, more than the copy
 * into it. It is shared memory, so that threads hash it where it is. What is idle is held weakly, so that the collector takes it when nobody wants it again.
 */
export class BufferPool {
  readonly #idle = new Map<number, Array<WeakRef<SharedArrayBuffer>>>()

  /** Memory of exactly `size` bytes, with whatever was in it. */
  take (size: number): Buffer {
    const idle = this.#idle.get(size)
    for (let ref = idle?.pop(); ref !== undefined; ref = idle?.pop()) {
      const memory = ref.deref()
      if (memory !== undefined) return Buffer.from(memory)
    }
    this.#idle.delete(size)
    return Buffer.from(new SharedArrayBuffer(size))
  }

  /** Only what `take` gave, once, and what nobody reads or writes any more. */
  giveBack ({ buffer, length }: Buffer): void {
    if (!(buffer instanceof SharedArrayBuffer)) return
    const idle = this.#idle.get(length) ?? []
    idle.push(new WeakRef(buffer))
    this.#idle.set(length, idle)
  }
}

/** Of whole parts: those of all uploads of the process. */
export const partPool = new BufferPool()
