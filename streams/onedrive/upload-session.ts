/** One upload session on its way: what is missing is asked for after any doubt, and only that is sent. */
import { NetworkError, StorageError, ThrottledError, TimeoutError } from '../../lib/errors.ts'
import { Patience } from '../../lib/flow/patience.ts'
import type { ExecuteOptions, Tally } from '../../lib/http/call.ts'
import type { Secret } from '../../lib/secret.ts'
import type { OneDriveConnection } from './connection.ts'
import { isSessionOver } from './errors.ts'
import type { OneDriveItem } from './item.ts'
import { FRAGMENT_UNIT } from './names.ts'
import { GetUploadSession, UploadFragment } from './operations.ts'
import type { GraphOperation } from './wire.ts'
import { commitUploadSession, getUploadSession, putFragment } from './wire-session.ts'
import type { FragmentAnswer, MissingRange, SessionStatus } from './wire-session.ts'

/** Where a session stands (ODA 5.2). */
export type SessionState =
  | { phase: 'created' }
  | { phase: 'uploading', next: number }
  /** All bytes are there and wait to be committed. */
  | { phase: 'stored' }
  /** The service says done, with the file or without a word of it. */
  | { phase: 'completed', item: OneDriveItem | undefined }
  | { phase: 'failed', error: Error }

export interface TransferOptions {
  uploadUrl: Secret
  /** Bytes of the whole file, fixed for the session. */
  total: number
  fragmentSize: number
  /** For messages, quoted. */
  name: string
  /** First byte that the session lacks. Default 0. */
  next?: number | undefined
  tally?: Tally | undefined
}

/** How often in a row a session may fail without taking a byte, and how long is waited before it is asked again. */
const PATIENCE = { attempts: 5, initialMs: 1000, maxMs: 30_000 }

/**
 * Sends the bytes of one session in order, one request at a time. A request without a good answer is not sent again blindly:
 * the session is asked what it lacks, so that a fault costs at most the one fragment.
 */
export class SessionTransfer {
  readonly uploadUrl: Secret
  readonly #connection: OneDriveConnection
  readonly #options: TransferOptions
  readonly #patience: Patience
  #state: SessionState = { phase: 'created' }
  #next: number
  /** Last byte of the first gap, where the session names one. */
  #gapEnd: number | undefined
  #doubtful = false
  /** The session never tells what it lacks. */
  #mute = false

  constructor (connection: OneDriveConnection, options: TransferOptions) {
    this.uploadUrl = options.uploadUrl
    this.#connection = connection
    this.#options = options
    this.#patience = new Patience(PATIENCE, connection.clock)
    this.#next = options.next ?? 0
  }

  get state (): SessionState {
    return this.#state
  }

  get total (): number {
    return this.#options.total
  }

  /** The first byte that the service is not known to have. */
  get next (): number {
    return this.#next
  }

  /** The last fragment was sent, and no answer tells whether the file is there. */
  get doubtful (): boolean {
    return this.#doubtful
  }

  /**
   * Sends what the session lacks of `bytes`, which start at `offset` of the file, as far as fragments go: each but the last
   * one of the file is a multiple of 320 KiB, counted from where the session stands. The rest is behind `next`.
   * @throws {StorageError} `UploadSessionExpired`, `UploadSessionRewound` where the service lost what it had, or the refusal.
   */
  async send (bytes: Uint8Array, offset: number, signal: AbortSignal): Promise<void> {
    const end = offset + bytes.length
    try {
      while (this.#next < end && !this.#isWhole()) {
        if (this.#next < offset) throw this.#lost(offset)
        const length = this.#fragmentLength(end)
        if (length === 0) return
        const start = this.#next - offset
        await this.#sendFragment(bytes.subarray(start, start + length), signal)
      }
    } catch (error) {
      this.#state = { phase: 'failed', error: error as Error }
      throw error
    }
  }

  /** The file, once all bytes are sent; undefined where the service shows none and it has to be looked up. */
  async finish (signal: AbortSignal | undefined): Promise<OneDriveItem | undefined> {
    try {
      if (!this.#isWhole()) await this.#ask(signal)
      if (this.#state.phase === 'completed') return this.#state.item
      if (this.#state.phase === 'stored') return await this.#commit(signal)
      throw this.#incomplete()
    } catch (error) {
      this.#state = { phase: 'failed', error: error as Error }
      throw error
    }
  }

  /** Where the session stands, by its own word; false where it has none. */
  async #ask (signal: AbortSignal | undefined): Promise<boolean> {
    try {
      const status = await this.#execute(getUploadSession(this.uploadUrl, this.#options.name), signal)
      if (this.#heed(status)) return true
      // An empty list says that nothing is missing, which can only be when everything was sent.
      const whole = status.missing !== undefined && (this.#doubtful || this.#next >= this.total)
      if (whole) this.#stand(this.total, undefined)
      return whole
    } catch (error) {
      // A session that has made its file is no more, just as one that has expired.
      if (isSessionOver(error) && this.#next >= this.total) this.#doubtful = true
      throw error
    }
  }

  async #sendFragment (bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const start = this.#next
    const end = start + bytes.length
    try {
      this.#doubtful = end === this.total
      await this.#admit(await this.#execute(putFragment(this.uploadUrl, this.#options.name, start, bytes, this.total), signal), end, signal)
      this.#doubtful = false
      if (this.#next <= start) throw this.#stalled(start, end)
    } catch (error) {
      await this.#recover(error, end, signal)
    }
    if (this.#next > start) this.#patience.progress()
  }

  async #admit (answer: FragmentAnswer, end: number, signal: AbortSignal): Promise<void> {
    if (answer.kind === 'more') return await this.#believe(answer, end, signal)
    this.#state = { phase: 'completed', item: answer.kind === 'item' ? answer.item : undefined }
    this.#next = this.total
  }

  /**
   * An accepted fragment is stored as far as the answer tells; where it does not tell, the session is asked while the bytes
   * are still at hand, and one that never tells is believed.
   */
  async #believe (status: SessionStatus, end: number, signal: AbortSignal): Promise<void> {
    if (this.#heed(status)) return
    if (end === this.total && status.missing !== undefined) return this.#stand(end, undefined)
    if (!this.#mute) this.#mute = !await this.#ask(signal)
    if (this.#mute) this.#stand(end, undefined)
  }

  /** Whether the status tells what is missing. */
  #heed ({ missing }: SessionStatus): boolean {
    const gap = firstGap(missing ?? [])
    if (gap !== undefined) this.#stand(gap.start, gap.end)
    return gap !== undefined
  }

  #stand (next: number, gapEnd: number | undefined): void {
    this.#next = next
    this.#gapEnd = gapEnd
    this.#state = next >= this.total ? { phase: 'stored' } : { phase: 'uploading', next }
  }

  /** After a fragment without a good answer: waits, and asks what the session has of it; or says that it is over. */
  async #recover (error: unknown, end: number, signal: AbortSignal): Promise<void> {
    if (!(error instanceof StorageError)) throw error // An abort leaves open whether the fragment came through.
    if (!isRecoverable(error, this.#next)) {
      this.#doubtful &&= error.operation === GetUploadSession.name // Then the last fragment was taken, and its session is gone.
      throw error
    }
    if (!this.#patience.fail()) throw error
    if (error instanceof ThrottledError || error.retryAfterMs !== undefined) this.#connection.pause(error.retryAfterMs ?? 0)
    this.#connection.logger.warn({ operation: error.operation, next: this.#next, end, error: error.message }, 'Asking the upload session what it lacks')
    await this.#patience.wait(error.retryAfterMs ?? 0, signal)
    await this.#askAfter(error, end, signal)
  }

  async #askAfter (cause: StorageError, end: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#ask(signal)
      this.#doubtful = false
    } catch (error) {
      if (!isSessionOver(error)) throw error
      this.#doubtful = end === this.total && isUnanswered(cause)
      throw error
    }
  }

  async #commit (signal: AbortSignal | undefined): Promise<OneDriveItem | undefined> {
    try {
      const item = await this.#execute(commitUploadSession(this.uploadUrl, this.#options.name), signal)
      this.#state = { phase: 'completed', item }
      return item
    } catch (error) {
      this.#doubtful = !(error instanceof StorageError) || isUnanswered(error) || isSessionOver(error)
      throw error
    }
  }

  #fragmentLength (end: number): number {
    const available = Math.min(end - this.#next, this.#options.fragmentSize)
    const gap = this.#gapEnd === undefined ? Infinity : this.#gapEnd + 1 - this.#next
    if (gap <= available) return gap // What lies behind it is stored and would be refused.
    return this.#next + available === this.total ? available : available - available % FRAGMENT_UNIT
  }

  #isWhole (): boolean {
    return this.#state.phase === 'completed' || this.#state.phase === 'stored'
  }

  #lost (offset: number): StorageError {
    return new StorageError(`Cannot upload ${this.#options.name}: the session wants bytes from ${this.#next} on again, and those before ${offset} are gone`, { code: 'UploadSessionRewound' })
  }

  #stalled (start: number, end: number): StorageError {
    return new StorageError(`Cannot upload bytes ${start}-${end - 1} of ${this.#options.name}: the session accepts them and takes none`, { code: 'ChunkUploadFailed', operation: UploadFragment.name, temporary: true })
  }

  #incomplete (): StorageError {
    return new StorageError(`Cannot upload ${this.#options.name}: the session still lacks bytes from ${this.#next} on, of ${this.total}`, { code: 'UploadIncomplete' })
  }

  #execute<T> (operation: GraphOperation<T>, signal: AbortSignal | undefined): Promise<T> {
    const options: ExecuteOptions = { signal, tally: this.#options.tally }
    return this.#connection.execute(operation, options)
  }
}

/** Ranges that touch are one gap, in whatever order they come. */
function firstGap (missing: readonly MissingRange[]): MissingRange | undefined {
  const [first, ...others] = [...missing].sort((a, b) => a.start - b.start)
  return first === undefined ? undefined : others.reduce((gap, range) => gap.end !== undefined && range.start <= gap.end + 1 ? { start: gap.start, end: range.end } : gap, first)
}

/**
 * Troubles that pass, and ranges that the session refuses as it has them already. A session that is not found before its
 * first byte may not have come to every server yet.
 */
function isRecoverable (error: StorageError, next: number): boolean {
  return error.temporary || error.status === 416 || (next === 0 && error.status === 404 && isSessionOver(error))
}

/** The fragment may have been stored although its answer says otherwise, or never came. */
function isUnanswered (error: StorageError): boolean {
  return error instanceof NetworkError || error instanceof TimeoutError || (error.status ?? 0) >= 500 || error.status === 416
}
