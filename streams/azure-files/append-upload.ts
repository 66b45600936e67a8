import { NotFoundError } from '../../lib/errors.ts'
import type { RemoteState } from '../../lib/errors.ts'
import type { Part, PartUpload } from '../../lib/flow/part-writable.ts'
import type { Tally } from '../../lib/http/call.ts'
import type { AzureFilesConnection } from './connection.ts'
import { createIfAbsent } from './create-if-absent.ts'
import type { HeldLock } from './held-lock.ts'
import type { Integrity } from './integrity.ts'
import type { AzureLeases } from './leases.ts'
import type { Target } from './names.ts'
import { RangeFile } from './range-file.ts'
import type { AzureStoredFile } from './upload.ts'
import type { Written } from './wire.ts'
import { getFileProperties } from './wire-files.ts'

export interface AppendOptions {
  integrity: Integrity
  rangeSize: number
  concurrency: number
  lease: 'auto' | 'none' | { leaseId: string }
  /** How long to wait for the lease of another writer. */
  timeoutMs: number
  create: boolean
}

/** Bytes on their way to the end of a file: lock it, learn its size, grow, write, and cut back to the old size on failure. */
export class AppendUpload implements PartUpload<Written | undefined, AzureStoredFile> {
  readonly #connection: AzureFilesConnection
  readonly #leases: AzureLeases
  readonly #target: Target
  readonly #options: AppendOptions
  readonly #tally: Tally = { attempts: 0 }
  #lock: HeldLock | undefined
  #file: RangeFile | undefined
  #base = 0

  constructor (connection: AzureFilesConnection, leases: AzureLeases, target: Target, options: AppendOptions) {
    this.#connection = connection
    this.#leases = leases
    this.#target = target
    this.#options = options
  }

  async begin (_info: object, signal: AbortSignal): Promise<void> {
    const execute = { signal, tally: this.#tally }
    if (this.#options.create) await createIfAbsent(this.#connection, this.#target, 0, execute)
    if (this.#options.lease === 'auto') this.#lock = await this.#leases.lock({ ...this.#target, timeoutMs: this.#options.timeoutMs, signal })
    const { size } = await this.#connection.execute(getFileProperties(this.#target, { leaseId: this.#leaseId }), execute)
    this.#base = size
    this.#file = new RangeFile(this.#connection, this.#target, { ...this.#options, size, tally: this.#tally })
    this.#file.leaseId = this.#leaseId
  }

  async putPart (part: Part, signal: AbortSignal): Promise<Written | undefined> {
    if (part.bytes.length === 0) return undefined
    return await this.#file?.write(this.#base + part.offset, part.bytes, { last: part.last, signal })
  }

  async complete (parts: Array<Written | undefined>, size: number, signal: AbortSignal): Promise<AzureStoredFile> {
    const whole = this.#base + size
    if (this.#file !== undefined && this.#file.size !== whole) await this.#file.resize(whole, signal)
    const { etag, lastModified } = await this.#connection.execute(getFileProperties(this.#target, { leaseId: this.#leaseId }), { signal, tally: this.#tally })
    await this.#lock?.release()
    const { share, path } = this.#target
    return { share, path, size: whole, etag, lastModified, digests: {}, parts: parts.filter(part => part !== undefined).length, attempts: this.#tally.attempts, reconciled: false }
  }

  async abort (): Promise<RemoteState> {
    try {
      // What was there before is untouched by ranges behind it.
      if (this.#file !== undefined) await this.#file.resize(this.#base)
      return 'clean'
    } catch (error) {
      if (error instanceof NotFoundError) return 'clean'
      this.#connection.logger.error({ ...this.#target, error: String(error) }, 'Failed to cut a file back to its size before the append')
      return 'orphan'
    } finally {
      await this.#lock?.release()
    }
  }

  get #leaseId (): string | undefined {
    const { lease } = this.#options
    return this.#lock?.leaseId ?? (typeof lease === 'object' ? lease.leaseId : undefined)
  }
}
