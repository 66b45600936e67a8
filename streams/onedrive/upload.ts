import { partPool } from '../../lib/bytes/buffer-pool.ts'
import { defaultBudget } from '../../lib/bytes/byte-budget.ts'
import type { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import { createDigest } from '../../lib/digest/digest.ts'
import type { Digest, DigestAlgorithm } from '../../lib/digest/digest.ts'
import { quickXorOffThread } from '../../lib/digest/off-thread.ts'
import { QuickXorDigest } from '../../lib/digest/quick-xor.ts'
import { AbortError, ConflictError, SizeMismatchError, StorageError } from '../../lib/errors.ts'
import type { RemoteState } from '../../lib/errors.ts'
import type { Part, PartUpload, UploadInfo } from '../../lib/flow/part-writable.ts'
import type { Tally } from '../../lib/http/call.ts'
import type { Secret } from '../../lib/secret.ts'
import { SpoolStore } from '../spool.ts'
import type { SpoolOptions } from '../spool.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import { isSessionOver } from './errors.ts'
import type { Conditions } from './headers.ts'
import type { FileTimes, OneDriveItem } from './item.ts'
import { FRAGMENT_UNIT } from './names.ts'
import type { ConflictBehavior } from './names.ts'
import { UploadLookup } from './lookup.ts'
import type { Found } from './lookup.ts'
import { putSimple } from './simple-upload.ts'
import { SessionTransfer } from './upload-session.ts'
import { verifyStored } from './verify.ts'
import type { SentContent, Verification } from './verify.ts'
import type { GraphOperation } from './wire.ts'
import { cancelUploadSession, commitBySourceUrl, createUploadSession } from './wire-session.ts'

/** What was stored. */
export interface OneDriveStoredItem {
  id: string
  name: string
  /** From the root of the drive, where the service tells. */
  path: string | undefined
  /** Bytes that the service holds: more than were sent where `verification` is `rewritten`. */
  size: number
  etag: string | undefined
  ctag: string | undefined
  item: OneDriveItem
  /** quickXor in base64, others in lower-case hex; of the bytes that were sent. */
  digests: Record<string, string>
  verification: Verification
  /** Fragments that the stream was cut into; 1 for a single PUT. */
  parts: number
  /** Requests sent for it, retries included. */
  attempts: number
  /** The last answer was lost; a look at the item found that the file is there, with the bytes that were sent. */
  reconciled: boolean
}

export interface UploadOptions extends Conditions {
  conflictBehavior: ConflictBehavior
  fragmentSize: number
  simpleUploadLimit: number
  fileTimes?: FileTimes | undefined
  description?: string | undefined
  contentType?: string | undefined
  deferCommit?: boolean | undefined
  keepSession?: boolean | undefined
  digest?: DigestAlgorithm | undefined
  spool?: SpoolOptions | undefined
  /** A session of an earlier process, and the first byte that it lacks. */
  resume?: { uploadUrl: Secret, next: number, total: number } | undefined
}

/** A whole file at hand: a session that dies is begun anew. */
type Replayable = (position: number, length: number) => Promise<Uint8Array>

const NOTHING = Buffer.alloc(0)
/** How often a session that dies is begun anew where the bytes are at hand. */
const MAX_RESTARTS = 2

/** One file on its way into OneDrive: a single PUT when it is small, else an upload session, spooled where its size is unknown. */
export class OneDriveUpload implements PartUpload<number, OneDriveStoredItem> {
  readonly #connection: OneDriveConnection
  readonly #address: Address
  readonly #options: UploadOptions
  readonly #budget: ByteBudget
  readonly #tally: Tally & { lost: number } = { attempts: 0, lost: 0 }
  readonly #lookup: UploadLookup
  readonly #quickXor = new QuickXorDigest()
  readonly #startedAt: number
  #fragmentSize: number
  #digest: Digest | undefined
  #transfer: SessionTransfer | undefined
  #spool: SpoolStore | undefined
  /** Of the last part, what did not fill a fragment after a partial commit: below 320 KiB. */
  #carry: Uint8Array = NOTHING
  /** The file, where it was found before the end of the stream. */
  #found: Found | undefined
  #expiresAt: Date | undefined
  /** A session may be there whose URL nobody knows. */
  #lostCreation = false
  /** A session that died could not be cancelled. */
  #orphaned = false
  #viaSession = false
  /** The file may have been made by another request than those of its session. */
  #committing = false

  constructor (connection: OneDriveConnection, address: Address, options: UploadOptions, budget: ByteBudget = defaultBudget) {
    this.#connection = connection
    this.#address = address
    this.#options = options
    this.#budget = budget
    this.#fragmentSize = options.fragmentSize
    this.#lookup = new UploadLookup(connection, address, this.#tally)
    this.#startedAt = connection.clock.now()
  }

  /** The session under way, for who wants to go on with it in a later process. */
  get session (): { uploadUrl: Secret, expiresAt: Date | undefined, total: number, next: number } | undefined {
    if (this.#transfer === undefined) return undefined
    const { uploadUrl, total, next } = this.#transfer
    return { uploadUrl, expiresAt: this.#expiresAt, total, next }
  }

  async begin ({ size, expected }: UploadInfo, signal: AbortSignal): Promise<void> {
    await this.#startDigest()
    const { resume, fragmentSize, spool } = this.#options
    if (resume !== undefined) return this.#resume(resume)
    // A hint that the first fragment has passed already is none.
    const total = size ?? (expected !== undefined && expected > fragmentSize ? expected : undefined)
    if (total === undefined) this.#spool = new SpoolStore(spool, this.#budget)
    else this.#transfer = await this.#open(total, signal)
  }

  async putPart (part: Part, signal: AbortSignal): Promise<number> {
    const hashed = this.#hash(part.bytes, part.offset)
    hashed.catch(() => undefined) // Heard below, unless the part fails before.
    try {
      // The last one may end the file, whose digest is compared at once.
      if (part.last) await hashed
      if (this.#spool !== undefined) await this.#spool.append(part.bytes)
      else await this.#sendPart(part, signal)
    } finally {
      await hashed // The memory of the part is used again.
    }
    return part.bytes.length
  }

  async complete (receipts: number[], size: number, signal: AbortSignal): Promise<OneDriveStoredItem> {
    const item = this.#spool === undefined ? await this.#finish(signal) : await this.#sendSpool(this.#spool, size, signal)
    return this.#stored(item, receipts.length)
  }

  async putWhole (bytes: Buffer, signal?: AbortSignal): Promise<OneDriveStoredItem> {
    await this.#startDigest()
    await this.#hash(bytes, 0)
    try {
      return await this.#stored(await this.#sendWhole(bytes, signal), 1)
    } catch (error) {
      const remote = remoteOf(error)
      setRemote(error, remote === 'stored' || !this.#viaSession ? remote ?? 'clean' : await this.abort())
      throw error
    }
  }

  async abort (): Promise<RemoteState> {
    await this.#spool?.close()
    const state = await this.#stateOfTransfer()
    return state === 'clean' && this.#orphaned ? 'orphan' : state
  }

  async #stateOfTransfer (): Promise<RemoteState> {
    const transfer = this.#transfer
    if (transfer === undefined) return this.#lostCreation ? 'unknown' : 'clean'
    if (transfer.state.phase === 'completed') return 'stored'
    if (this.#options.keepSession === true && !isSessionOver(failureOf(transfer))) return 'checkpointed'
    return await this.#cancel(transfer)
  }

  async #sendWhole (bytes: Buffer, signal: AbortSignal | undefined): Promise<Found> {
    if (this.#options.resume !== undefined) return await this.#putRest(this.#options.resume, bytes, signal)
    if (!this.#fitsOnePut(bytes)) return await this.#sendAll(async (position, length) => bytes.subarray(position, position + length), bytes.length, signal)
    const upload = { connection: this.#connection, address: this.#address, options: this.#options, tally: this.#tally, lookup: this.#lookup, sent: this.#sent(bytes.length) }
    return await putSimple(upload, bytes, signal)
  }

  #resume ({ uploadUrl, next, total }: NonNullable<UploadOptions['resume']>): void {
    this.#viaSession = true
    this.#transfer = this.#transferTo(uploadUrl, total, next)
  }

  async #putRest (resume: NonNullable<UploadOptions['resume']>, bytes: Buffer, signal: AbortSignal | undefined): Promise<Found> {
    this.#resume(resume)
    this.#checkEnd(resume.next + bytes.length, resume.total, true)
    if (bytes.length > 0) await this.#sendOrRescue(this.#transfer as SessionTransfer, bytes, resume.next, signal)
    return await this.#finish(signal)
  }

  async #open (total: number, signal: AbortSignal | undefined): Promise<SessionTransfer> {
    this.#viaSession = true
    const lostBefore = this.#tally.lost
    try {
      const { uploadUrl, expiresAt } = await this.#execute(createUploadSession(this.#address, this.#options), signal)
      this.#expiresAt = expiresAt
      return this.#transferTo(uploadUrl, total)
    } catch (error) {
      // No request tells of a session whose URL is lost: on SharePoint its name is taken until it expires.
      this.#lostCreation = this.#tally.lost > lostBefore
      if (this.#lostCreation) setRemote(error, 'unknown')
      throw error
    }
  }

  #transferTo (uploadUrl: Secret, total: number, next = 0): SessionTransfer {
    const fragmentSize = this.#fragmentSize
    return new SessionTransfer(this.#connection, { uploadUrl, total, next, fragmentSize, name: this.#address.name, tally: this.#tally })
  }

  async #sendPart (part: Part, signal: AbortSignal): Promise<void> {
    const transfer = this.#transfer as SessionTransfer
    const start = (this.#options.resume?.next ?? 0) + part.offset
    this.#checkEnd(start + part.bytes.length, transfer.total, part.last)
    const pending = this.#carry.length === 0 ? part.bytes : Buffer.concat([this.#carry, part.bytes])
    const offset = start - this.#carry.length
    this.#carry = NOTHING
    await this.#sendOrRescue(transfer, pending, offset, signal)
    // A copy, as the memory of the part is used for another one.
    if (transfer.next < offset + pending.length) this.#carry = Buffer.from(pending.subarray(transfer.next - offset))
  }

  /** The total is fixed by then: a fragment that reached it would publish the file, whole or not. */
  #checkEnd (end: number, total: number, last: boolean): void {
    if (last ? end === total : end < total) return
    const relation = end < total ? 'shorter' : 'longer'
    throw new SizeMismatchError(`Cannot upload ${this.#address.name} as the stream is ${relation} than the ${total} bytes that its session was opened for: received ${end}`, {
      expected: total, found: end, code: 'UploadIncomplete'
    })
  }

  async #sendSpool (spool: SpoolStore, total: number, signal: AbortSignal): Promise<Found> {
    const release = this.#budget.take(Math.min(this.#fragmentSize, total))
    let memory = partPool.take(Math.min(this.#fragmentSize, total))
    try {
      return await this.#sendAll(async (position, length) => {
        if (length > memory.length) memory = partPool.take(length)
        const target = memory.subarray(0, length)
        await spool.read(target, position)
        return target
      }, total, signal)
    } finally {
      release()
      await spool.close()
    }
  }

  async #sendAll (read: Replayable, total: number, signal: AbortSignal | undefined): Promise<Found> {
    for (let restarts = 0; ; restarts++) {
      const transfer = await this.#open(total, signal)
      this.#transfer = transfer
      try {
        await this.#sendFrom(transfer, read, signal)
        return await this.#finish(signal)
      } catch (error) {
        if (restarts >= MAX_RESTARTS || !await this.#mayStartAnew(error, transfer)) throw error
        this.#connection.logger.warn({ item: this.#address.name, error: String(error) }, 'Beginning the upload anew')
        this.#transfer = undefined
      }
    }
  }

  /** The session is over or lost what it had; or it refuses its end, which other fragments may get through, once. */
  async #mayStartAnew (error: unknown, transfer: SessionTransfer): Promise<boolean> {
    if (isRefusedEnd(error, transfer, this.#fragmentSize) && this.#fragmentSize === this.#options.fragmentSize) {
      // In doubt `#cancel` looks whether the file was made all the same.
      if (await this.#cancel(transfer) !== 'clean') return false
      this.#fragmentSize = otherFragmentSize(Math.min(this.#fragmentSize, transfer.total))
      return true
    }
    if (transfer.doubtful || !mayStartAnew(error)) return false
    this.#orphaned ||= await this.#cancel(transfer) !== 'clean'
    return true
  }

  async #sendFrom (transfer: SessionTransfer, read: Replayable, signal: AbortSignal | undefined): Promise<void> {
    const fragmentSize = this.#fragmentSize
    while (transfer.next < transfer.total) {
      const start = transfer.next
      const bytes = await read(start, Math.min(fragmentSize, transfer.total - start))
      await this.#sendOrRescue(transfer, bytes, start, signal)
      if (this.#found !== undefined) return
    }
  }

  async #sendOrRescue (transfer: SessionTransfer, bytes: Uint8Array, offset: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await transfer.send(bytes, offset, signal ?? new AbortController().signal)
    } catch (error) {
      this.#found = await this.#rescue(error, transfer, signal)
    }
  }

  /** The end of a session: the file as the last answer tells, or as it is found. */
  async #finish (signal: AbortSignal | undefined): Promise<Found> {
    if (this.#found !== undefined) return this.#found
    const transfer = this.#transfer as SessionTransfer
    try {
      return { item: await transfer.finish(signal) ?? await this.#lookup.stored(signal), reconciled: false }
    } catch (error) {
      return await this.#rescue(error, transfer, signal)
    }
  }

  /** The name was taken meanwhile, or the answer was lost: the bytes are there all the same. */
  async #rescue (error: unknown, transfer: SessionTransfer, signal: AbortSignal | undefined): Promise<Found> {
    const { conflictBehavior, deferCommit } = this.#options
    if (error instanceof ConflictError && conflictBehavior === 'rename') return await this.#commitBySourceUrl(transfer, 'rename', signal)
    if (isRefusedCommit(error) && deferCommit === true) return await this.#commitBySourceUrl(transfer, conflictBehavior === 'rename' ? 'rename' : 'fail', signal)
    const item = transfer.doubtful && error instanceof StorageError ? await this.#lookup.ours(this.#sent(transfer.total), signal) : undefined
    if (item === undefined) throw error
    return { item, reconciled: true }
  }

  async #commitBySourceUrl (transfer: SessionTransfer, behavior: 'fail' | 'rename', signal: AbortSignal | undefined): Promise<Found> {
    this.#committing = true
    const item = await this.#execute(commitBySourceUrl(this.#address, transfer.uploadUrl, behavior), signal)
    return { item: item ?? await this.#lookup.stored(signal), reconciled: false }
  }

  async #stored ({ item, reconciled }: Found, parts: number): Promise<OneDriveStoredItem> {
    const sent = this.#sent(this.#options.resume?.total ?? this.#quickXor.size)
    const verification = verifyStored(item, sent, this.#address.name)
    if (verification === 'rewritten') this.#connection.logger.warn({ item: this.#address.name, sent: sent.size, stored: item.size }, 'SharePoint rewrote the file')
    const digests: Record<string, string> = {}
    if (sent.quickXor !== undefined) digests['quickXor'] = sent.quickXor
    if (this.#digest !== undefined && this.#options.digest !== undefined) digests[this.#options.digest] = this.#digest.digest().toString('hex')
    this.#connection.uploads?.add(1)
    this.#connection.uploadDuration?.record((this.#connection.clock.now() - this.#startedAt) / 1000)
    const { id, name, path, size, etag, ctag } = item
    return { id, name, path, size, etag, ctag, item, digests, verification, parts, attempts: this.#tally.attempts, reconciled }
  }

  /** Of a resumed upload only the rest passed through here. */
  #sent (size: number): SentContent {
    const whole = (this.#options.resume?.next ?? 0) === 0
    return { size, quickXor: whole ? this.#quickXor.digest().toString('base64') : undefined }
  }

  async #cancel (transfer: SessionTransfer): Promise<RemoteState> {
    const doubtful = transfer.doubtful || this.#committing
    try {
      await this.#execute(cancelUploadSession(transfer.uploadUrl, this.#address.name))
      if (!doubtful) return 'clean'
      // The last fragment may have been on its way while its session was cancelled.
      const state = await this.#lookup.state(this.#sent(transfer.total))
      return state === 'absent' ? 'clean' : state
    } catch (error) {
      // A session that cannot be cancelled may have made its file.
      if (doubtful) return await this.#lookup.state(this.#sent(transfer.total)) === 'stored' ? 'stored' : 'unknown'
      // A dead token says nothing of the session.
      if (isSessionOver(error) && error.status !== 401 && error.status !== 403) return 'clean'
      this.#connection.logger.error({ item: this.#address.name, error: String(error) }, 'Failed to cancel the upload session: it stays until it expires')
      return 'orphan'
    }
  }

  /**
   * A session tells the times of the file; a PUT cannot, and a change afterwards would be a second version. With `rename` a
   * PUT that is sent again would make a second file, while a session asks.
   */
  #fitsOnePut (bytes: Buffer): boolean {
    const { simpleUploadLimit, fileTimes, deferCommit, description, conflictBehavior } = this.#options
    if (bytes.length === 0) return true // A session cannot carry nothing.
    return bytes.length <= simpleUploadLimit && fileTimes === undefined && description === undefined && deferCommit !== true && conflictBehavior !== 'rename'
  }

  /** The digest of the user's first: parts are handed over in order, and quickXor does not care. */
  async #hash (bytes: Uint8Array, offset: number): Promise<void> {
    this.#digest?.update(bytes)
    this.#quickXor.fold(await quickXorOffThread(bytes), offset)
  }

  async #startDigest (): Promise<void> {
    if (this.#options.digest !== undefined) this.#digest = await createDigest(this.#options.digest)
  }

  #execute<T> (operation: GraphOperation<T>, signal?: AbortSignal): Promise<T> {
    return this.#connection.execute(operation, { signal, tally: this.#tally })
  }
}

function remoteOf (error: unknown): RemoteState | undefined {
  return error instanceof StorageError || error instanceof AbortError ? error.remote : undefined
}

function setRemote (error: unknown, remote: RemoteState): void {
  if (error instanceof StorageError || error instanceof AbortError) error.remote = remote
}

function failureOf ({ state }: SessionTransfer): Error | undefined {
  return state.phase === 'failed' ? state.error : undefined
}

/** The session is over, or lost what it had. */
function mayStartAnew (error: unknown): boolean {
  return isSessionOver(error) || (error instanceof StorageError && error.code === 'UploadSessionRewound')
}

/** SharePoint may answer 500 to the last fragment of a file however often it comes: reported for some sizes of fragments. */
function isRefusedEnd (error: unknown, { next, total }: SessionTransfer, fragmentSize: number): boolean {
  return error instanceof StorageError && error.operation === 'UploadFragment' && error.status === 500 && next < total && total - next <= fragmentSize
}

/** Half of it, in whole units; of the least, twice as much. */
function otherFragmentSize (size: number): number {
  return Math.max(Math.floor(size / 2 / FRAGMENT_UNIT), size === FRAGMENT_UNIT ? 2 : 1) * FRAGMENT_UNIT
}

/** Personal drives know no POST to the session. */
function isRefusedCommit (error: unknown): boolean {
  return error instanceof StorageError && error.operation === 'CommitUploadSession' && (error.status === 400 || error.status === 405 || error.status === 501)
}
