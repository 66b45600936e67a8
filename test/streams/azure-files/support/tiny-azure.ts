/**
 * As much of Azure Files as the flows of this client need to be seen at work in memory: files, ranges, leases, listings
 * and renames with the rules of the real service that matter to them, and a hook for trouble. Not an emulator.
 */
import { createHash } from 'node:crypto'
import { Dispatcher } from 'undici'
import type { Clock } from '../../../../lib/clock.ts'

export interface TinyRequest {
  method: string
  path: string
  query: URLSearchParams
  headers: Record<string, string>
  body: Buffer
}

export interface TinyAnswer {
  status: number
  headers?: Record<string, string>
  body?: string | Buffer
  /** Break the connection after so many bytes of the body. */
  cutAt?: number
}

interface TinyFile {
  name: string
  bytes: Buffer
  written: Array<[number, number]>
  headers: Record<string, string>
  id: string
  etag: string
  modified: number
  lease: { id: string, state: 'leased' | 'broken' } | undefined
}

/** Answers instead of the service, or `lose`: does the work and breaks the connection instead of answering. */
export type Trouble = (request: TinyRequest, operation: string) => TinyAnswer | 'lose' | undefined

const BOM = '\uFEFF'

export class TinyAzure extends Dispatcher {
  readonly files = new Map<string, TinyFile>()
  readonly directories = new Set<string>(['/share'])
  /** `PUT range bytes=0-3`, in the order of arrival. */
  readonly trace: string[] = []
  readonly requests: TinyRequest[] = []
  trouble: Trouble = () => undefined
  pageSize = 5000
  maxInFlight = 0
  #inFlight = 0
  #ticks = 0
  readonly #now: () => number

  constructor (clock: Pick<Clock, 'now'> = { now: () => Date.now() }) {
    super()
    this.#now = clock.now
  }

  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    let aborted: Error | undefined
    const controller = {
      aborted: false,
      paused: false,
      reason: null,
      rawHeaders: null,
      rawTrailers: null,
      pause () {},
      resume () {},
      abort: (reason: Error) => {
        if (aborted !== undefined) return
        aborted = reason
        handler.onResponseError?.(controller, reason)
      }
    }
    handler.onRequestStart?.(controller, {})
    if (aborted !== undefined) return true
    this.maxInFlight = Math.max(this.maxInFlight, ++this.#inFlight)
    setImmediate(() => {
      this.#inFlight--
      if (aborted === undefined) this.#reply(options, handler, controller, () => aborted !== undefined)
    })
    return true
  }

  override async close (): Promise<void> {}

  put (path: string, content: string | Buffer, headers: Record<string, string> = {}): void {
    const bytes = Buffer.from(content)
    const name = path.slice(path.lastIndexOf('/') + 1)
    this.files.set(key(path), { name, bytes, written: [[0, bytes.length - 1]], headers, id: String(this.files.size + 1), etag: '', modified: 0, lease: undefined })
    this.#touch(this.#file(path) as TinyFile)
  }

  text (path: string): string | undefined {
    return this.files.get(key(path))?.bytes.toString()
  }

  lease (path: string): string | undefined {
    const lease = this.files.get(key(path))?.lease
    return lease?.state === 'leased' ? lease.id : undefined
  }

  names (): string[] {
    return [...this.files.keys()].sort()
  }

  #reply (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler, controller: Dispatcher.DispatchController, isAborted: () => boolean): void {
    const url = new URL(options.path, 'http://x')
    const body = options.body instanceof Uint8Array ? Buffer.from(options.body) : Buffer.alloc(0)
    const request = { method: options.method, path: decodeURIComponent(url.pathname), query: url.searchParams, headers: options.headers as Record<string, string>, body }
    this.requests.push(request)
    const operation = nameOf(request)
    this.trace.push(describe(request, operation))
    const trouble = this.trouble(request, operation)
    const answer = trouble === undefined || trouble === 'lose' ? this.#serve(request, operation) : trouble
    if (trouble === 'lose') return handler.onResponseError?.(controller, Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
    const bytes = Buffer.from(answer.body ?? '')
    const length = request.method === 'HEAD' || answer.headers?.['content-length'] !== undefined ? {} : { 'content-length': String(bytes.length) }
    handler.onResponseStart?.(controller, answer.status, { date: new Date(this.#now()).toUTCString(), ...length, ...answer.headers }, 'x')
    const sent = answer.cutAt === undefined ? bytes : bytes.subarray(0, answer.cutAt)
    for (let start = 0; start < sent.length && !isAborted(); start += 65536) handler.onResponseData?.(controller, sent.subarray(start, start + 65536))
    if (isAborted()) return
    if (answer.cutAt !== undefined) setImmediate(() => handler.onResponseError?.(controller, Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' })))
    else handler.onResponseEnd?.(controller, {})
  }

  #serve (request: TinyRequest, operation: string): TinyAnswer {
    const { path, headers } = request
    const file = this.#file(path)
    const refusal = this.#leaseRefusal(request, operation, file)
    if (refusal !== undefined) return refusal
    switch (operation) {
      case 'CreateFile': return this.#create(request, file)
      case 'CreateDirectory': return this.#createDirectory(path)
      case 'DeleteDirectory': return this.#deleteDirectory(path)
      case 'List': return this.#list(request)
      case 'Rename': return this.#rename(request)
      case 'ShareLease': return { status: 201, headers: { 'x-ms-lease-id': headers['x-ms-proposed-lease-id'] ?? headers['x-ms-lease-id'] ?? '' } }
    }
    if (file === undefined) return failure(404, this.directories.has(parent(path)) ? 'ResourceNotFound' : 'ParentNotFound')
    switch (operation) {
      case 'Head': return { status: 200, headers: this.#describeFile(file) }
      case 'Get': return this.#get(request, file)
      case 'Range': return this.#range(request, file)
      case 'SetProperties': return this.#setProperties(request, file)
      case 'SetMetadata': return this.#setMetadata(request, file)
      case 'RangeList': return this.#rangeList(file)
      case 'Lease': return this.#leaseFile(request, file)
      case 'Delete':
        this.files.delete(key(path))
        return { status: 202 }
      default: return failure(400, 'InvalidInput')
    }
  }

  #file (path: string): TinyFile | undefined {
    return this.files.get(key(path))
  }

  #touch (file: TinyFile): void {
    file.modified = this.#now()
    file.etag = `"0x${(0x8D0000000 + ++this.#ticks).toString(16).toUpperCase()}"`
  }

  #describeFile (file: TinyFile): Record<string, string> {
    return {
      'content-length': String(file.bytes.length),
      etag: file.etag,
      'last-modified': new Date(file.modified).toUTCString(),
      'x-ms-file-id': file.id,
      'x-ms-type': 'File',
      'x-ms-lease-state': file.lease?.state ?? 'available',
      ...file.headers
    }
  }

  #leaseRefusal (request: TinyRequest, operation: string, file: TinyFile | undefined): TinyAnswer | undefined {
    if (operation === 'Lease' || operation === 'ShareLease') return undefined
    const given = request.headers['x-ms-lease-id'] ?? request.headers['x-ms-destination-lease-id']
    const at = operation === 'Rename' ? this.#file(request.path) : file
    const held = at?.lease?.state === 'leased' ? at.lease.id : undefined
    if (given !== undefined && held === undefined) return failure(412, 'LeaseNotPresentWithFileOperation')
    if (given !== undefined && held !== given) return failure(412, 'LeaseIdMismatchWithFileOperation')
    const writes = ['CreateFile', 'Range', 'SetProperties', 'SetMetadata', 'Delete', 'Rename'].includes(operation)
    return writes && held !== undefined && given === undefined ? failure(412, 'LeaseIdMissing') : undefined
  }

  #create ({ path, headers }: TinyRequest, before: TinyFile | undefined): TinyAnswer {
    if (!this.directories.has(parent(path))) return failure(404, 'ParentNotFound')
    this.put(path, Buffer.alloc(Number(headers['x-ms-content-length'])), storedHeaders(headers))
    const file = this.#file(path) as TinyFile
    file.written = []
    file.lease = before?.lease
    return { status: 201, headers: { etag: file.etag, 'x-ms-file-id': file.id, 'last-modified': new Date(file.modified).toUTCString() } }
  }

  #createDirectory (path: string): TinyAnswer {
    if (this.directories.has(key(path)) || this.files.has(key(path))) return failure(409, 'ResourceAlreadyExists')
    if (!this.directories.has(parent(path))) return failure(404, 'ParentNotFound')
    this.directories.add(key(path))
    return { status: 201, headers: { etag: '"0x1"' } }
  }

  #deleteDirectory (path: string): TinyAnswer {
    if (!this.directories.has(key(path))) return failure(404, 'ResourceNotFound')
    const inside = [...this.files.keys(), ...this.directories].some(name => name.startsWith(`${key(path)}/`))
    if (inside) return failure(409, 'DirectoryNotEmpty')
    this.directories.delete(key(path))
    return { status: 202 }
  }

  #list ({ path, query }: TinyRequest): TinyAnswer {
    if (!this.directories.has(key(path))) return failure(404, 'ResourceNotFound')
    const prefix = query.get('prefix')?.toLowerCase() ?? ''
    const inside = [...this.files.keys(), ...this.directories].filter(name => parent(name) === key(path)).map(name => name.slice(name.lastIndexOf('/') + 1))
    const names = inside.filter(name => name.startsWith(prefix)).sort()
    const size = Number(query.get('maxresults') ?? this.pageSize)
    const from = names.findIndex(name => name >= (query.get('marker') ?? ''))
    const page = from === -1 ? [] : names.slice(from, from + size)
    const next = from === -1 ? '' : names[from + size] ?? ''
    const entries = page.map(name => this.#listed(this.#file(`${path}/${name}`), name)).join('')
    return { status: 200, body: `${BOM}<?xml version="1.0" encoding="utf-8"?><EnumerationResults ShareName="share"><Entries>${entries}</Entries><NextMarker>${next}</NextMarker></EnumerationResults>` }
  }

  #listed (file: TinyFile | undefined, name: string): string {
    if (file === undefined) return `<Directory><Name>${name}</Name><Properties /></Directory>`
    return `<File><Name>${file.name}</Name><Properties><Content-Length>${file.bytes.length}</Content-Length><Last-Modified>${new Date(file.modified).toUTCString()}</Last-Modified><Etag>${file.etag}</Etag></Properties></File>`
  }

  #rename ({ path, headers }: TinyRequest): TinyAnswer {
    const source = key(decodeURIComponent(new URL(headers['x-ms-file-rename-source'] ?? '').pathname))
    const file = this.files.get(source)
    if (file === undefined) return failure(404, 'ResourceNotFound')
    if (!this.directories.has(parent(path))) return failure(404, 'ParentNotFound')
    if (this.files.has(key(path)) && headers['x-ms-file-rename-replace-if-exists'] !== 'true') return failure(409, 'ResourceAlreadyExists')
    this.files.delete(source)
    this.files.set(key(path), { ...file, name: path.slice(path.lastIndexOf('/') + 1) })
    this.#touch(this.#file(path) as TinyFile)
    return this.#written(path)
  }

  #written (path: string, status = 200): TinyAnswer {
    const file = this.#file(path) as TinyFile
    return { status, headers: { etag: file.etag, 'last-modified': new Date(file.modified).toUTCString() } }
  }

  #get ({ headers }: TinyRequest, file: TinyFile): TinyAnswer {
    const described = this.#describeFile(file)
    const asked = /^bytes=(\d+)-(\d*)$/.exec(headers['x-ms-range'] ?? '')
    if (asked === null) return { status: 200, headers: described, body: file.bytes }
    const start = Number(asked[1])
    const size = file.bytes.length
    if (start >= size) return { ...failure(416, 'InvalidRange'), headers: { 'x-ms-error-code': 'InvalidRange', 'content-range': `bytes */${size}` } }
    const end = Math.min(asked[2] === '' ? size - 1 : Number(asked[2]), size - 1)
    const body = file.bytes.subarray(start, end + 1)
    const md5 = headers['x-ms-range-get-content-md5'] === 'true' ? { 'content-md5': md5Of(body), ...(described['content-md5'] === undefined ? {} : { 'x-ms-content-md5': described['content-md5'] }) } : {}
    return { status: 206, headers: { ...described, ...md5, 'content-length': String(body.length), 'content-range': `bytes ${start}-${end}/${size}` }, body }
  }

  #range ({ path, headers, body }: TinyRequest, file: TinyFile): TinyAnswer {
    const [start = 0, end = 0] = (headers['x-ms-range'] ?? '').slice('bytes='.length).split('-').map(Number)
    if (end >= file.bytes.length) return failure(416, 'InvalidRange')
    if (headers['x-ms-write'] === 'clear') file.bytes.fill(0, start, end + 1)
    else if (headers['content-md5'] !== undefined && headers['content-md5'] !== md5Of(body)) return failure(400, 'Md5Mismatch')
    else body.copy(file.bytes, start)
    file.written.push([start, end])
    this.#touch(file)
    return { status: 201, headers: { ...this.#written(path).headers, 'content-md5': md5Of(body) } }
  }

  #setProperties ({ path, headers }: TinyRequest, file: TinyFile): TinyAnswer {
    const size = headers['x-ms-content-length']
    if (size !== undefined) file.bytes = Buffer.concat([file.bytes], Number(size))
    const stored = storedHeaders(headers)
    const metadata = Object.fromEntries(Object.entries(file.headers).filter(([name]) => name.startsWith('x-ms-meta-')))
    // One content header clears the others.
    if (Object.keys(stored).length > 0) file.headers = { ...metadata, ...stored }
    this.#touch(file)
    return this.#written(path)
  }

  #setMetadata ({ path, headers }: TinyRequest, file: TinyFile): TinyAnswer {
    const kept = Object.entries(file.headers).filter(([name]) => !name.startsWith('x-ms-meta-'))
    file.headers = { ...Object.fromEntries(kept), ...storedHeaders(headers) }
    this.#touch(file)
    return this.#written(path)
  }

  #rangeList (file: TinyFile): TinyAnswer {
    const ranges = file.written.map(([start, end]) => `<Range><Start>${start}</Start><End>${end}</End></Range>`).join('')
    return { status: 200, headers: { etag: file.etag, 'x-ms-content-length': String(file.bytes.length) }, body: `${BOM}<?xml version="1.0"?><Ranges>${ranges}</Ranges>` }
  }

  #leaseFile ({ headers }: TinyRequest, file: TinyFile): TinyAnswer {
    const given = headers['x-ms-lease-id']
    const proposed = headers['x-ms-proposed-lease-id'] ?? ''
    const held = file.lease?.state === 'leased' ? file.lease.id : undefined
    switch (headers['x-ms-lease-action']) {
      case 'acquire':
        if (headers['x-ms-lease-duration'] !== '-1') return failure(400, 'InvalidHeaderValue')
        if (held !== undefined && held !== proposed) return failure(409, 'LeaseAlreadyPresent')
        file.lease = { id: proposed, state: 'leased' }
        return { status: 201, headers: { 'x-ms-lease-id': proposed } }
      case 'change':
        if (held === undefined) return failure(409, 'LeaseNotPresentWithLeaseOperation')
        if (held !== given && held !== proposed) return failure(409, 'LeaseIdMismatchWithLeaseOperation')
        file.lease = { id: proposed, state: 'leased' }
        return { status: 200, headers: { 'x-ms-lease-id': proposed } }
      case 'release':
        if (held !== given) return failure(409, held === undefined ? 'LeaseNotPresentWithLeaseOperation' : 'LeaseIdMismatchWithLeaseOperation')
        file.lease = undefined
        return { status: 200 }
      case 'break':
        if (file.lease === undefined) return failure(409, 'LeaseNotPresentWithLeaseOperation')
        file.lease.state = 'broken'
        return { status: 202, headers: { 'x-ms-lease-time': '0' } }
      default: return failure(400, 'InvalidHeaderValue') // There is no renew.
    }
  }
}

const CONTENT = ['content-type', 'content-md5', 'content-encoding', 'content-language', 'content-disposition']

function storedHeaders (headers: Record<string, string>): Record<string, string> {
  const stored: Record<string, string> = {}
  for (const name of CONTENT) if (headers[`x-ms-${name}`] !== undefined) stored[name] = headers[`x-ms-${name}`] as string
  if (headers['x-ms-cache-control'] !== undefined) stored['cache-control'] = headers['x-ms-cache-control']
  for (const [name, value] of Object.entries(headers)) if (name.startsWith('x-ms-meta-')) stored[name] = value
  return stored
}

function nameOf ({ method, query }: TinyRequest): string {
  const comp = query.get('comp')
  if (query.get('restype') === 'share') return comp === 'lease' ? 'ShareLease' : 'Share'
  if (query.get('restype') === 'directory') {
    if (comp === 'list') return 'List'
    return method === 'PUT' ? 'CreateDirectory' : method === 'DELETE' ? 'DeleteDirectory' : 'HeadDirectory'
  }
  const named: Record<string, string> = { range: 'Range', properties: 'SetProperties', metadata: 'SetMetadata', rename: 'Rename', rangelist: 'RangeList', lease: 'Lease' }
  if (comp !== null) return named[comp] ?? comp
  return { PUT: 'CreateFile', GET: 'Get', HEAD: 'Head', DELETE: 'Delete' }[method] ?? method
}

function describe ({ path, headers }: TinyRequest, operation: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/\.sluice-.*\.part/, 'TEMPORARY')
  const detail = headers['x-ms-range'] ?? headers['x-ms-lease-action'] ?? headers['x-ms-content-length']
  return `${operation} ${name}${detail === undefined ? '' : ` ${detail}`}`
}

export function failure (status: number, code: string, headers: Record<string, string> = {}): TinyAnswer {
  return { status, headers: { 'x-ms-error-code': code, ...headers }, body: `${BOM}<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>It is so.\nRequestId:1\nTime:2</Message></Error>` }
}

function md5Of (bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('base64')
}

function key (path: string): string {
  return path.toLowerCase().replace(/\/$/, '')
}

function parent (path: string): string {
  const name = key(path)
  return name.slice(0, name.lastIndexOf('/'))
}
