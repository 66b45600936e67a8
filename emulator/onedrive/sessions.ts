/** Upload sessions that are open, with the bytes they hold. They outlive the emulator where a folder keeps them. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Content, ContentRecord, ContentStore } from '../content-store.ts'
import type { RecordStore } from '../record-store.ts'
import type { BodyHasher } from './hashes.ts'
import { SESSION_LIFE_BUSINESS, SESSION_LIFE_PERSONAL, UPLOAD_URL_LIFE } from './limits.ts'
import { identity } from './names.ts'
import type { Flavour } from './quirks.ts'
import type { FileTimes, Identity } from './tree.ts'

export type ConflictBehavior = 'fail' | 'replace' | 'rename'

/** What the creation of a session fixes. */
export interface SessionPlan {
  driveId: string
  parentId: string
  name: string
  conflict: ConflictBehavior
  deferCommit: boolean
  times?: Partial<FileTimes> | undefined
  description?: string | undefined
  /** Asked again when the file is complete. */
  ifMatch?: string | undefined
  by: Identity
}

export interface Session extends SessionPlan {
  id: string
  /** Path and query of its URL, as given out. */
  path: string
  created: number
  expires: number
  /** When the token in the URL is over. */
  urlExpires: number
  /** Of the whole file; fixed by the first fragment. */
  total: number | undefined
  received: number
  /** How many fragments were accepted. */
  fragments: number
  /** A fragment was no multiple of 320 KiB, which shows only at the end. */
  unaligned: boolean
  pieces: Content[]
  /** Of `received` bytes; undefined after a restart. */
  hasher: BodyHasher | undefined
  /** It is becoming a file at this moment. */
  committing: boolean
}

type SessionRecord = Omit<Session, 'pieces' | 'hasher' | 'total' | 'committing'> & { total?: number | undefined, pieceCount: number }
interface PieceRecord { session: string, index: number, content: ContentRecord }

const SESSIONS = 'onedrive/sessions'
const PIECES = 'onedrive/pieces'

export class Sessions {
  readonly #flavour: Flavour
  readonly #contents: ContentStore
  readonly #records: RecordStore
  readonly #open = new Map<string, Session>()
  /** How many fragments were kept in part only, by `partialCommit`. */
  partialCommits = 0

  constructor (flavour: Flavour, contents: ContentStore, records: RecordStore) {
    this.#flavour = flavour
    this.#contents = contents
    this.#records = records
  }

  async load (): Promise<void> {
    for (const { pieceCount, ...record } of await this.#records.load<SessionRecord>(SESSIONS)) {
      this.#open.set(record.id, { ...record, total: record.total, hasher: undefined, pieces: [], committing: false })
    }
    const pieces = await this.#records.load<PieceRecord>(PIECES)
    for (const { session, content } of pieces.sort((a, b) => a.index - b.index)) {
      this.#open.get(session)?.pieces.push(this.#contents.fromRecord(content))
    }
    // A process killed between the records of a piece and of its session: the client is told the truth by what is there.
    for (const session of this.#open.values()) session.received = session.pieces.reduce((sum, piece) => sum + piece.size, 0)
  }

  all (): Session[] {
    return [...this.#open.values()]
  }

  async create (plan: SessionPlan, now: number): Promise<Session> {
    const id = randomUUID()
    const session: Session = {
      ...plan,
      id,
      path: this.#flavour === 'business' ? businessPath(plan, id) : personalPath(plan, id),
      created: now,
      expires: now + this.#life,
      urlExpires: now + UPLOAD_URL_LIFE,
      total: undefined,
      received: 0,
      fragments: 0,
      unaligned: false,
      pieces: [],
      hasher: undefined,
      committing: false
    }
    this.#open.set(id, session)
    await this.#save(session)
    return session
  }

  /** The session of a URL's path and query, spelled as they may be. */
  find (path: string, query: string): Session | undefined {
    const id = readSessionId(path, query)
    return id === undefined ? undefined : this.#open.get(id)
  }

  /** It may have been cancelled or have expired while a fragment of it was on its way. */
  isOpen ({ id }: Session): boolean {
    return this.#open.has(id)
  }

  /** An open session for a name, which another may not have at the same time. */
  findByName (driveId: string, parentId: string, name: string): Session | undefined {
    return this.all().find(session => session.driveId === driveId && session.parentId === parentId && identity(session.name) === identity(name))
  }

  /** Takes over the reference to the content, and moves the expiry forward. */
  async append (session: Session, piece: Content, now: number): Promise<void> {
    session.pieces.push(piece)
    session.received += piece.size
    session.fragments++
    session.expires = now + this.#life
    const record: PieceRecord = { session: session.id, index: session.pieces.length - 1, content: this.#contents.toRecord(piece) }
    await this.#records.put(PIECES, pieceId(session, record.index), record)
    await this.#save(session)
  }

  /** Completed, cancelled or expired: its bytes go, apart from what a file has taken over. */
  async end (session: Session): Promise<void> {
    if (!this.#open.delete(session.id)) return
    for (const piece of session.pieces) this.#contents.release(piece)
    await this.#records.delete(SESSIONS, session.id)
    await Promise.all(session.pieces.map((_piece, index) => this.#records.delete(PIECES, pieceId(session, index))))
  }

  /** Ends what is over. Looked at when sessions are used, as no timer should keep a process alive. */
  async expire (now: number): Promise<void> {
    for (const session of this.all()) if (session.expires <= now && !session.committing) await this.end(session)
  }

  get #life (): number {
    return this.#flavour === 'business' ? SESSION_LIFE_BUSINESS : SESSION_LIFE_PERSONAL
  }

  async #save ({ pieces, hasher, committing, ...rest }: Session): Promise<void> {
    await this.#records.put(SESSIONS, rest.id, { ...rest, pieceCount: pieces.length } satisfies SessionRecord)
  }
}

function businessPath ({ driveId, parentId, name, conflict }: SessionPlan, id: string): string {
  const temporary = encodeURIComponent(`~tmp${id.slice(0, 2)}_${name}`).replaceAll("'", '%27%27')
  return `/onedrive/up/_api/v2.0/drives/${driveId}/items/${parentId}/uploadSession?guid='${id}'&path='${temporary}'` +
    `&overwrite=${conflict === 'replace' ? 'True' : 'False'}&rename=${conflict === 'rename' ? 'True' : 'False'}&dc=0&tempauth=v1.${randomBytes(48).toString('base64url')}`
}

function personalPath ({ driveId, name }: SessionPlan, id: string): string {
  return `/onedrive/up/rup/${driveId}/${id}/${encodeURIComponent(name)}?tempauth=${randomBytes(48).toString('base64url')}`
}

function readSessionId (path: string, query: string): string | undefined {
  return (/(?:^|&)guid=(?:'|%27)([0-9a-f-]{36})(?:'|%27)/.exec(query) ?? /\/rup\/[^/]+\/([0-9a-f-]{36})\//.exec(path))?.[1]
}

/** The name of the file that an upload URL is for; undefined when it is none. */
export function readSessionName (path: string, query: string): string | undefined {
  const [, business] = /(?:^|&)path=(?:'|%27)~tmp[0-9a-f]{2}_(.*?)(?:'|%27)(?:&|$)/.exec(query) ?? []
  const [, personal] = /\/rup\/[^/]+\/[^/]+\/([^/]+)$/.exec(path) ?? []
  const name = business?.replaceAll('%27%27', '%27') ?? personal
  try {
    return name === undefined ? undefined : decodeURIComponent(name)
  } catch {
    return undefined
  }
}

function pieceId (session: Session, index: number): string {
  return `${session.id}\n${index}`
}
