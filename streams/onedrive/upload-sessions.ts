import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Secret } from '../../lib/secret.ts'
import type { Address, ItemRef } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import type { OneDriveItem } from './item.ts'
import { checkFileSize } from './names.ts'
import type { OneDriveStoredItem } from './upload.ts'
import { cancelUploadSession, commitBySourceUrl, commitUploadSession, createUploadSession, getUploadSession } from './wire-session.ts'
import type { CreatedSession, SessionOptions, SessionStatus } from './wire-session.ts'
import { OneDriveSessionWritable, check } from './writable.ts'
import type { WriteStreamOptions } from './writable.ts'

interface CallOptions {
  signal?: AbortSignal
}

/** The URL of a session, as it was created or as it was kept. */
export type SessionRef = string | Secret | { uploadUrl: string | Secret }

export interface ResumeOptions extends Pick<WriteStreamOptions, 'fragmentSize' | 'conflictBehavior' | 'deferCommit' | 'signal'> {
  /** Bytes of the whole file, as the session was begun with. */
  size: number
  /** The file that the session makes: it is looked up where the last answer is lost. */
  item: ItemRef
  /** A failure leaves the session for another try. Default true. */
  keepSession?: boolean
}

/** The single steps of an upload session, for who keeps its URL and goes on in a later process. */
export class OneDriveUploadSessions {
  readonly #connection: OneDriveConnection
  readonly #resolve: (item: ItemRef) => Address

  constructor (connection: OneDriveConnection, resolve: (item: ItemRef) => Address) {
    this.#connection = connection
    this.#resolve = resolve
  }

  /** Folders above are made as needed. The URL in the answer is a secret: whoever holds it can write the file. */
  async create (item: ItemRef, options: Partial<SessionOptions> & CallOptions = {}): Promise<CreatedSession> {
    const address = this.#resolve(item)
    check(address, {})
    const { conflictBehavior = 'replace' } = options
    return await this.#connection.execute(createUploadSession(address, { ...options, conflictBehavior }), options)
  }

  /** What the session still lacks, and until when it lives. @throws {NotFoundError} `UploadSessionExpired`, also when it is complete. */
  async status (session: SessionRef, options: CallOptions = {}): Promise<SessionStatus> {
    return await this.#connection.execute(getUploadSession(urlOf(session), 'a file'), options)
  }

  /** The bytes that it has are dropped. @throws {NotFoundError} `UploadSessionExpired`: there is no such session any more. */
  async cancel (session: SessionRef, options: CallOptions = {}): Promise<void> {
    await this.#connection.execute(cancelUploadSession(urlOf(session), 'a file'), options)
  }

  /** Publishes a session of `deferCommit` whose bytes are all there; undefined where the answer shows no item. */
  async commit (session: SessionRef, options: CallOptions = {}): Promise<OneDriveItem | undefined> {
    return await this.#connection.execute(commitUploadSession(urlOf(session), 'a file'), options)
  }

  /** The same through Graph: on personal drives, and under another name where the first was taken meanwhile. */
  async commitAs (session: SessionRef, item: ItemRef, options: CallOptions & { conflictBehavior?: 'fail' | 'rename' } = {}): Promise<OneDriveItem | undefined> {
    return await this.#connection.execute(commitBySourceUrl(this.#resolve(item), urlOf(session), options.conflictBehavior ?? 'rename'), options)
  }

  /**
   * Goes on with a session of this or an earlier process: asks what it lacks and opens the source at that byte. Of the whole
   * file only the size is compared at the end, unless the session was still empty. Peak memory: 3 × `fragmentSize`.
   */
  async resume (session: SessionRef, source: (start: number) => Readable, options: ResumeOptions): Promise<OneDriveStoredItem> {
    const { size: total, item, keepSession = true, ...rest } = options
    checkFileSize(total)
    const uploadUrl = urlOf(session)
    const { missing } = await this.status(uploadUrl, rest)
    const next = nextOf(missing, total)
    const writable = new OneDriveSessionWritable(this.#connection, this.#resolve(item), { ...rest, keepSession, size: total - next, resume: { uploadUrl, next, total } })
    await pipeline(next < total ? source(next) : [], writable)
    return writable.result as OneDriveStoredItem
  }
}

/** A session that names no range has all its bytes where the list is empty, and none where there is no list. */
function nextOf (missing: SessionStatus['missing'], total: number): number {
  if (missing === undefined) return 0
  return missing.reduce((least, { start }) => Math.min(least, start), total)
}

function urlOf (session: SessionRef): Secret {
  const url = typeof session === 'object' && !(session instanceof Secret) ? session.uploadUrl : session
  if (typeof url === 'string' && url !== '') return new Secret(url)
  if (url instanceof Secret) return url
  throw new TypeError('Cannot address an upload session without its uploadUrl')
}
