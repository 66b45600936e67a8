import pLimit from 'p-limit'
import type { ByteRange } from '../../lib/bytes/byte-range.ts'
import { GiB } from '../../lib/bytes/sizes.ts'
import type { Tally } from '../../lib/http/call.ts'
import type { AzureFilesConnection } from './connection.ts'
import { seal } from './integrity.ts'
import type { Integrity } from './integrity.ts'
import { MAX_FILE_BYTES } from './names.ts'
import type { Target } from './names.ts'
import type { Written } from './wire.ts'
import { setFileProperties } from './wire-files.ts'
import { putRange } from './wire-ranges.ts'

export interface RangeFileOptions {
  /** Bytes that the file has now. */
  size: number
  rangeSize: number
  /** Ranges in flight; further ones are sealed meanwhile and wait. */
  concurrency: number
  integrity: Integrity
  tally: Tally
}

/** A file on the service that takes ranges in any order. It cannot be written past its end, so it grows ahead of them. */
export class RangeFile {
  readonly #connection: AzureFilesConnection
  readonly #target: Target
  readonly #options: RangeFileOptions
  readonly #sending: ReturnType<typeof pLimit>
  /** Goes with every write; a file may be leased after it was created. */
  leaseId: string | undefined
  #size: number
  #growing: Promise<void> = Promise.resolve()

  constructor (connection: AzureFilesConnection, target: Target, options: RangeFileOptions) {
    this.#connection = connection
    this.#target = target
    this.#options = options
    this.#sending = pLimit(options.concurrency)
    this.#size = options.size
  }

  /** Bytes that the file has on the service. */
  get size (): number {
    return this.#size
  }

  /** @param options.last nothing will come after: then the file does not grow further than needed. */
  async write (offset: number, bytes: Uint8Array, { last, signal }: { last: boolean, signal: AbortSignal }): Promise<Written> {
    const range = { start: offset, end: offset + bytes.length - 1 }
    await this.#makeRoom(range, last, signal)
    const sealed = await seal(bytes, this.#options.integrity)
    const { leaseId } = this
    const put = putRange(this.#target, range, sealed, { leaseId })
    const written = await this.#sending(() => this.#connection.execute(put, { signal, tally: this.#options.tally }))
    this.#connection.logger.trace({ ...this.#target, ...range }, 'Range stored')
    return written
  }

  async resize (size: number, signal?: AbortSignal): Promise<Written> {
    const { leaseId } = this
    const written = await this.#connection.execute(setFileProperties(this.#target, { size, leaseId }), { signal, tally: this.#options.tally })
    this.#size = size
    return written
  }

  /** One after the other, so that two ranges do not grow the file twice or cut it again. */
  #makeRoom ({ end }: ByteRange, last: boolean, signal: AbortSignal): Promise<void> {
    this.#growing = this.#growing.then(async () => {
      if (end >= this.#size) await this.resize(last ? end + 1 : this.#grown(end + 1), signal)
    })
    return this.#growing
  }

  /** Twice what it is, by at most 1 GiB: what is not used counts against the quota until the end. */
  #grown (needed: number): number {
    const { rangeSize } = this.#options
    const wanted = Math.max(needed, Math.min(this.#size * 2, this.#size + GiB))
    return Math.max(needed, Math.min(MAX_FILE_BYTES, Math.ceil(wanted / rangeSize) * rangeSize))
  }
}
