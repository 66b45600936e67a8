import { quickXorBase64 } from '../../../../lib/digest/quick-xor.ts'
import { errorBody } from './answers.ts'
import type { Handler, Received, Reply } from './server.ts'

const UNIT = 327_680

/** What goes wrong with one fragment: how many of its bytes are kept, and how it is answered. */
export interface FragmentFault {
  /** 0 to 1. */
  kept: number
  answer: 'cut' | 'status' | '500' | '503' | '429' | '416'
}

/** A drive of one file and its upload sessions, which keeps what it is sent as the service does. */
export class MiniDrive {
  readonly files = new Map<string, Buffer>()
  readonly sessions: Array<{ name: string, bytes: Buffer[], kept: number, total: number | undefined, over: boolean, alignment: string[], deferred: boolean }> = []
  /** Bytes of all fragments that came. */
  received = 0
  faults: FragmentFault[] = []
  /** Writes bytes of its own into what is stored, as SharePoint does. */
  rewrite: ((bytes: Buffer) => Buffer) | undefined
  hideHash = false
  /** Forgets a session after so many fragments. */
  expireAfter: number | undefined
  loseLastAnswer = false
  showNoItem = false
  conflictAtEnd = false
  #fragments = 0

  readonly handle: Handler = request => {
    const session = /^\/up\/(\d+)\?tempauth=x'y'$/.exec(request.url)
    if (session !== null) return this.#session(Number(session[1]), request)
    const path = decodeURIComponent(/^\/v1\.0\/me\/drive\/root:\/([^:?]*)/.exec(request.url)?.[1] ?? '')
    if (request.url.includes(':/content')) return this.#put(path, request)
    if (request.url.endsWith('/createUploadSession')) return this.#create(path, request)
    if (request.method === 'PUT') return this.#commitByUrl(path, JSON.parse(request.body.toString()))
    if (request.method === 'PATCH') return { body: this.item(path) }
    return this.files.has(path) ? { body: this.item(path) } : { status: 404, body: errorBody(['itemNotFound']) }
  }

  origin = ''

  item (name: string): object {
    const bytes = this.files.get(name) ?? Buffer.alloc(0)
    const hashes = this.hideHash ? {} : { quickXorHash: quickXorBase64(bytes) }
    return {
      id: `id-${name}`,
      name,
      size: bytes.length,
      eTag: '"{G},1"',
      cTag: '"c:{G},1"',
      lastModifiedDateTime: new Date().toISOString(),
      parentReference: { driveId: 'b!x', driveType: 'business', path: '/drives/b!x/root:' },
      file: { hashes }
    }
  }

  #store (name: string, bytes: Buffer): Reply {
    this.files.set(name, this.rewrite?.(bytes) ?? bytes)
    return { status: 201, body: this.showNoItem ? '' : this.item(name) }
  }

  #put (name: string, { body }: Received): Reply {
    const lost = this.faults.shift()
    if (lost?.answer === '500') return { status: 500 }
    const reply = this.#store(name, body)
    return lost?.answer === 'cut' ? { cut: true } : reply
  }

  #create (name: string, { body }: Received): Reply {
    this.sessions.push({ name, bytes: [], kept: 0, total: undefined, over: false, alignment: [], deferred: JSON.parse(body.toString()).deferCommit === true })
    return { body: { uploadUrl: `${this.origin}/up/${this.sessions.length - 1}?tempauth=x'y'`, expirationDateTime: '2026-01-01T00:15:00.123Z', nextExpectedRanges: ['0-'] } }
  }

  #session (id: number, request: Received): Reply {
    const session = this.sessions[id]
    if (session === undefined || session.over || request.headers.authorization !== undefined) return { status: request.headers.authorization === undefined ? 404 : 401, body: errorBody(['itemNotFound'], 'innererror') }
    if (request.method === 'GET') return { body: this.#status(session) }
    if (request.method === 'DELETE') {
      session.over = true
      return { status: 204 }
    }
    if (request.method === 'POST') return this.#finish(session)
    return this.#fragment(session, request)
  }

  #status ({ kept, total }: { kept: number, total: number | undefined }): object {
    const end = total === undefined ? '' : String(total - 1)
    return { expirationDateTime: '2026-01-01T00:15:00Z', nextExpectedRanges: kept === total ? [] : [kept % 2 === 0 ? `${kept}-` : `${kept}-${end}`] }
  }

  #fragment (session: MiniDrive['sessions'][number], { headers, body }: Received): Reply {
    const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '')
    if (match === null || Number(headers['content-length']) !== body.length || headers['transfer-encoding'] !== undefined) return { status: 400, body: errorBody(['invalidRequest'], 'innererror') }
    const [start, end, total] = match.slice(1).map(Number) as [number, number, number]
    if (end - start + 1 !== body.length || total !== (session.total ?? total)) return { status: 400, body: errorBody(['invalidRequest', 'fragmentLengthMismatch'], 'innererror') }
    this.received += body.length
    if (start !== session.kept) return { status: 416, body: errorBody(['invalidRange', start < session.kept ? 'fragmentOverlap' : 'fragmentOutOfOrder'], 'innererror') }
    if (end + 1 < total && body.length % UNIT !== 0) session.alignment.push(`${start}-${end}`)
    session.total = total
    if (this.expireAfter !== undefined && ++this.#fragments > this.expireAfter) {
      this.expireAfter = undefined
      session.over = true
      return { status: 403, body: errorBody(['accessDenied'], 'innererror') }
    }
    return this.#keep(session, body, this.faults.shift())
  }

  #keep (session: MiniDrive['sessions'][number], body: Buffer, fault: FragmentFault | undefined): Reply {
    const kept = fault === undefined ? body.length : Math.floor(body.length * fault.kept)
    session.bytes.push(Buffer.from(body.subarray(0, kept)))
    session.kept += kept
    const whole = session.kept === session.total
    if (whole && !session.deferred) {
      if (this.conflictAtEnd) return { status: 409, body: errorBody(['nameAlreadyExists'], 'innererror') }
      const reply = this.#finish(session)
      return this.loseLastAnswer || (fault !== undefined && fault.answer !== 'status') ? this.#failure(fault?.answer ?? 'cut') : reply
    }
    return fault === undefined || fault.answer === 'status' ? { status: 202, body: this.#status(session) } : this.#failure(fault.answer)
  }

  #failure (answer: FragmentFault['answer']): Reply {
    if (answer === 'cut') return { cut: true }
    return { status: Number(answer), headers: answer === '429' ? { 'retry-after': '7' } : {}, body: errorBody(['generalException'], 'innererror') }
  }

  #finish (session: MiniDrive['sessions'][number]): Reply {
    session.over = true
    return this.#store(session.name, Buffer.concat(session.bytes))
  }

  #commitByUrl (name: string, json: Record<string, string>): Reply {
    const session = this.sessions[Number(/\/up\/(\d+)/.exec(json['@microsoft.graph.sourceUrl'] ?? '')?.[1])]
    if (session === undefined || json['name'] !== name) return { status: 400 }
    session.over = true
    const taken = json['@microsoft.graph.conflictBehavior'] === 'rename' ? `${name.replace('.bin', '')} 1.bin` : name
    return this.#store(taken, Buffer.concat(session.bytes))
  }
}
