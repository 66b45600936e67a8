import { createDigest } from '../../lib/digest/digest.ts'
import type { Digest, DigestAlgorithm } from '../../lib/digest/digest.ts'
import { QuickXorDigest } from '../../lib/digest/quick-xor.ts'
import { AbortError, ConflictError, NotFoundError, PreconditionFailedError, SizeMismatchError, StorageError } from '../../lib/errors.ts'
import type { RemoteState } from '../../lib/errors.ts'
import type { Part, PartUpload, UploadInfo } from '../../lib/flow/part-writable.ts'
import { Patience } from '../../lib/flow/patience.ts'
import type { Tally } from '../../lib/http/call.ts'
import type { Secret } from '../../lib/secret.ts'
import { SpoolStore } from '../spool.ts'
import type { SpoolOptions } from '../spool.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import { isDoubtful, isSessionOver } from './errors.ts'
import type { Conditions } from './headers.ts'
import type { FileTimes, OneDriveItem } from './item.ts'
import type { ConflictBehavior } from './names.ts'
import { SessionTransfer } from './upload-session.ts'
import { isSameContent, verifyStored } from './verify.ts'
import type { SentContent, Verification } from './verify.ts'
import type { GraphOperation } from './wire.ts'
import { putContent } from './wire-content.ts'
import { getItem, itemById, updateItem } from './wire-items.ts'
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
/** SharePoint keeps whole seconds, and the two clocks may differ by as much again. */
const MODIFIED_SLACK_MS = 2000
/** Things just written are not found by every server at once. */
const LOOKUP = { attempts: 3, initialMs: 500, maxMs: 2000 }

/** One file on its way into OneDrive: a single PUT when it is small, else an upload session, spooled where its size is unknown. */
export class OneDriveUpload implements PartUpload<number, OneDriveStoredItem> {
  readonly #connection: OneDriveConnection
  readonly #address: Address
  readonly #options: UploadOptions
  readonly #tally: Tally = { attempts: 0 }
  readonly #quickXor = new QuickXorDigest()
  readonly #startedAt: number
  #digest: Digest | undefined
  #transfer: SessionTransfer | undefined
  #spool: SpoolStore | undefined
  /** Of the last part, what did not fill a fragment after a partial commit: below 320 KiB. */
  #carry: Uint8Array = NOTHING
  /** The file, where it was found before the end of the stream. */
  #found: Found | undefined
  #expiresAt: Date | undefined

  constructor (connection: OneDriveConnection, address: Address, options: UploadOptions) {
    this.#connection = connection
    this.#address = address
    this.#options = options
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
    if (total === undefined) this.#spool = new SpoolStore(spool)
    else this.#transfer = await this.#open(total, signal)
  }

  async putPart (part: Part, signal: AbortSignal): Promise<number> {
    this.#hash(part.bytes) // Before anything is awaited: parts are handed over in order.
    if (this.#spool !== undefined) await this.#spool.append(part.bytes)
    else await this.#sendPart(part, signal)
    return part.bytes.length
  }

  async complete (receipts: number[], size: number, signal: AbortSignal): Promise<OneDriveStoredItem> {
    const item = this.#spool === undefined ? await this.#finish(signal) : await this.#sendSpool(this.#spool, size, signal)
    return this.#stored(item, receipts.length)
  }

  async putWhole (bytes: Buffer, signal?: AbortSignal): Promise<OneDriveStoredItem> {
    await this.#startDigest()
    const { resume } = this.#options
    this.#hash(bytes)
    try {
      if (resume !== undefined) return await this.#stored(await this.#putRest(resume, bytes, signal), 1)
      if (this.#fitsOnePut(bytes)) return await this.#stored(await this.#putSimple(bytes, signal), 1)
      const item = await this.#sendAll(async (position, length) => bytes.subarray(position, position + length), bytes.length, signal)
      return await this.#stored(item, 1)
    } catch (error) {
      const remote = remoteOf(error) ?? await this.abort()
      if (error instanceof StorageError || error instanceof AbortError) error.remote = remote
      throw error
    }
  }

  async abort (): Promise<RemoteState> {
    await this.#spool?.close()
    const transfer = this.#transfer
    if (transfer === undefined) return 'clean'
    if (this.#options.keepSession === true && !isSessionOver(failureOf(transfer))) return 'checkpointed'
    return await this.#cancel(transfer)
  }

  #resume ({ uploadUrl, next, total }: NonNullable<UploadOptions['resume']>): void {
    this.#transfer = this.#transferTo(uploadUrl, total, next)
  }

  async #putRest (resume: NonNullable<UploadOptions['resume']>, bytes: Buffer, signal: AbortSignal | undefined): Promise<Found> {
    this.#resume(resume)
    this.#checkEnd(resume.next + bytes.length, resume.total, true)
    if (bytes.length > 0) await this.#sendOrRescue(this.#transfer as SessionTransfer, bytes, resume.next, signal)
    return await this.#finish(signal)
  }

  async #open (total: number, signal: AbortSignal | undefined): Promise<SessionTransfer> {
    const { uploadUrl, expiresAt } = await this.#execute(createUploadSession(this.#address, this.#options), signal)
    this.#expiresAt = expiresAt
    return this.#transferTo(uploadUrl, total)
  }

  #transferTo (uploadUrl: Secret, total: number, next = 0): SessionTransfer {
    const { fragmentSize } = this.#options
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
    const memory = Buffer.allocUnsafeSlow(Math.min(this.#options.fragmentSize, total))
    try {
      return await this.#sendAll(async (position, length) => {
        const target = memory.subarray(0, length)
        await spool.read(target, position)
        return target
      }, total, signal)
    } finally {
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
        if (restarts >= MAX_RESTARTS || transfer.doubtful || !mayStartAnew(error)) throw error
        this.#connection.logger.warn({ item: this.#address.name, error: String(error) }, 'Beginning the upload anew')
        await this.#cancel(transfer)
      }
    }
  }

  async #sendFrom (transfer: SessionTransfer, read: Replayable, signal: AbortSignal | undefined): Promise<void> {
    const { fragmentSize } = this.#options
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
      const item = await transfer.finish(signal)
      if (item !== undefined) return { item, reconciled: false }
      return await this.#lookUp(this.#sent(transfer.total), signal, false)
    } catch (error) {
      return await this.#rescue(error, transfer, signal)
    }
  }

  /** The name was taken meanwhile, or the answer was lost: the bytes are there all the same. */
  async #rescue (error: unknown, transfer: SessionTransfer, signal: AbortSignal | undefined): Promise<Found> {
    if (error instanceof ConflictError && this.#options.conflictBehavior === 'rename') {
      return { item: await this.#commitBySourceUrl(transfer, 'rename', signal), reconciled: false }
    }
    if (isRefusedCommit(error) && this.#options.deferCommit === true) {
      return { item: await this.#commitBySourceUrl(transfer, this.#options.conflictBehavior === 'rename' ? 'rename' : 'fail', signal), reconciled: false }
    }
    if (!transfer.doubtful) throw error
    return await this.#lookUp(this.#sent(transfer.total), signal, true, error)
  }

  async #commitBySourceUrl (transfer: SessionTransfer, behavior: 'fail' | 'rename', signal: AbortSignal | undefined): Promise<OneDriveItem> {
    const item = await this.#execute(commitBySourceUrl(this.#address, transfer.uploadUrl, behavior), signal)
    return item ?? (await this.#lookUp(this.#sent(transfer.total), signal, false)).item
  }

  async #putSimple (bytes: Buffer, signal: AbortSignal | undefined): Promise<Found> {
    const { conflictBehavior, contentType, fileTimes } = this.#options
    try {
      const item = await this.#execute(putContent(this.#address, bytes, conflictBehavior, this.#options, contentType), signal)
      const found = item ?? (await this.#lookUp(this.#sent(bytes.length), signal, false)).item
      return { item: fileTimes === undefined ? found : await this.#setTimes(found, fileTimes, signal), reconciled: false }
    } catch (error) {
      // After a lost answer our own first try may be what the condition or the name meets.
      if (error instanceof AbortError) error.remote = 'unknown'
      const maybeOurs = isDoubtful(error) || ((error instanceof PreconditionFailedError || error instanceof ConflictError) && error.attempts > 1)
      if (!maybeOurs) {
        if (error instanceof StorageError) error.remote ??= 'clean'
        throw error
      }
      return await this.#lookUp(this.#sent(bytes.length), signal, true, error)
    }
  }

  /** An empty file has no session that could tell them. */
  async #setTimes (item: OneDriveItem, fileTimes: FileTimes, signal: AbortSignal | undefined): Promise<OneDriveItem> {
    const updated = await this.#execute(updateItem(itemById(this.#address, item.id), { fileTimes }), signal)
    return updated.kind === 'item' ? updated.item : item
  }

  /**
   * The file that is there under the name, where it has the bytes that were sent.
   * @param reconciled whether anything but that it is there says that it is ours; then it must be proven.
   */
  async #lookUp (sent: SentContent, signal: AbortSignal | undefined, reconciled: boolean, cause?: unknown): Promise<Found> {
    const patience = new Patience(LOOKUP, this.#connection.clock)
    for (;;) {
      const item = await this.#find(signal)
      if (item !== undefined && (!reconciled || isSameContent(item, sent, this.#startedAt - MODIFIED_SLACK_MS))) return { item, reconciled }
      if (item !== undefined || !patience.fail()) break
      await patience.wait(0, signal ?? new AbortController().signal)
    }
    if (cause instanceof StorageError) cause.remote ??= 'unknown'
    throw cause ?? new StorageError(`Cannot upload ${this.#address.name}: the service said done and shows no such file`, { code: 'UploadIncomplete', remote: 'unknown' })
  }

  async #find (signal: AbortSignal | undefined): Promise<OneDriveItem | undefined> {
    try {
      return await this.#execute(getItem(this.#address), signal)
    } catch (error) {
      if (error instanceof NotFoundError) return undefined
      throw error
    }
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
    try {
      await this.#execute(cancelUploadSession(transfer.uploadUrl, this.#address.name))
      return 'clean'
    } catch (error) {
      if (isSessionOver(error)) return transfer.doubtful ? await this.#stateOfGoneSession(transfer.total) : 'clean'
      this.#connection.logger.error({ item: this.#address.name, error: String(error) }, 'Failed to cancel the upload session: it stays until it expires')
      return 'orphan'
    }
  }

  /** The session is no more: expired, or it has made its file after all. */
  async #stateOfGoneSession (total: number): Promise<RemoteState> {
    try {
      const item = await this.#find(undefined)
      return item !== undefined && isSameContent(item, this.#sent(total), this.#startedAt - MODIFIED_SLACK_MS) ? 'stored' : 'unknown'
    } catch {
      return 'unknown' // The first error is the one to report.
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

  #hash (bytes: Uint8Array): void {
    this.#quickXor.update(bytes)
    this.#digest?.update(bytes)
  }

  async #startDigest (): Promise<void> {
    if (this.#options.digest !== undefined) this.#digest = await createDigest(this.#options.digest)
  }

  #execute<T> (operation: GraphOperation<T>, signal?: AbortSignal): Promise<T> {
    return this.#connection.execute(operation, { signal, tally: this.#tally })
  }
}

interface Found { item: OneDriveItem, reconciled: boolean }

function remoteOf (error: unknown): RemoteState | undefined {
  return error instanceof StorageError || error instanceof AbortError ? error.remote : undefined
}

function failureOf ({ state }: SessionTransfer): Error | undefined {
  return state.phase === 'failed' ? state.error : undefined
}

/** The session is over, or lost what it had. */
function mayStartAnew (error: unknown): boolean {
  return isSessionOver(error) || (error instanceof StorageError && error.code === 'UploadSessionRewound')
}

/** Personal drives know no POST to the session. */
function isRefusedCommit (error: unknown): boolean {
  return error instanceof StorageError && error.operation === 'CommitUploadSession' && (error.status === 400 || error.status === 405 || error.status === 501)
}
