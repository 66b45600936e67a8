/** A client that signs and sends exactly what a test says, over a real socket. */
import type { Readable } from 'node:stream'
import { Agent } from 'undici'
import type { Clock } from '../../../lib/clock.ts'
import { type Emulator, type EmulatorOptions, startEmulator } from '../../../emulator/index.ts'
import { hmacBase64, sharedKeyAuthorization, stringToSignLite } from '../../../streams/azure-files/auth.ts'
import { encodePath, encodeStrict } from '../../../streams/azure-files/names.ts'

export interface Ask {
  method?: string
  share?: string
  /** Decoded; absent for the share itself. */
  path?: string
  /** The path as sent, instead of one made of share and path. */
  rawPath?: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: string | Buffer | Readable
  version?: string | undefined
  /** When it was signed. */
  time?: number
  sign?: 'key' | 'lite' | 'none'
  /** Appended to the query as it is; the request then carries no other signature. */
  sas?: string
  /** The last word on the headers that are sent. */
  edit?: (headers: Record<string, string | undefined>) => Record<string, string | undefined>
}

export interface Reply {
  status: number
  headers: Record<string, string | undefined>
  bytes: Buffer
  text: string
}

export class Client {
  readonly emulator: Emulator
  readonly agent = new Agent({ connections: 16 })
  readonly #clock: Clock | undefined

  constructor (emulator: Emulator, clock?: Clock) {
    this.emulator = emulator
    this.#clock = clock
  }

  async send (ask: Ask): Promise<Reply> {
    const { body, ...answer } = await this.open(ask)
    const chunks: Buffer[] = []
    for await (const chunk of body) chunks.push(chunk as Buffer)
    const bytes = Buffer.concat(chunks)
    return { ...answer, bytes, text: bytes.toString() }
  }

  async open (ask: Ask): Promise<{ status: number, headers: Reply['headers'], body: Readable }> {
    const { azureFiles } = this.emulator
    const { method = 'GET', body } = ask
    const path = ask.rawPath ?? this.pathOf(ask.share ?? azureFiles.share, ask.path)
    const query = Object.entries(ask.query ?? {})
    const headers = Object.entries(this.#headers(ask, method, path, query)).filter((pair): pair is [string, string] => pair[1] !== undefined)
    const text = [...query.map(([name, value]) => `${name}=${encodeStrict(value)}`), ...(ask.sas === undefined ? [] : [ask.sas])].join('&')
    const response = await this.agent.request({
      origin: new URL(azureFiles.endpoint).origin,
      path: text === '' ? path : `${path}?${text}`,
      method: method as 'GET',
      headers: Object.fromEntries(headers),
      body: body ?? null
    })
    return { status: response.statusCode, headers: response.headers as Reply['headers'], body: response.body }
  }

  pathOf (share: string, path?: string): string {
    const base = `/${this.emulator.azureFiles.accountName}/${share}`
    return path === undefined || path === '' ? base : `${base}/${encodePath(path)}`
  }

  url (path: string, share = this.emulator.azureFiles.share): string {
    return new URL(this.emulator.azureFiles.endpoint).origin + this.pathOf(share, path)
  }

  #headers (ask: Ask, method: string, path: string, query: Array<[string, string]>): Record<string, string | undefined> {
    const { accountName, accountKey } = this.emulator.azureFiles
    const version = 'version' in ask ? ask.version : '2023-11-03'
    const { body } = ask
    const headers: Record<string, string> = {
      ...ask.headers,
      ...(version === undefined ? {} : { 'x-ms-version': version }),
      ...(typeof body === 'string' || body instanceof Buffer ? { 'content-length': String(Buffer.byteLength(body)) } : {}),
      ...(body === undefined && (method === 'PUT' || method === 'POST') ? { 'content-length': '0' } : {}),
      'x-ms-date': new Date(ask.time ?? this.#clock?.now() ?? Date.now()).toUTCString()
    }
    const request = { method, path, query, headers }
    if (ask.sas === undefined && ask.sign !== 'none') {
      headers['authorization'] = ask.sign === 'lite'
        ? `SharedKeyLite ${accountName}:${hmacBase64(accountKey, stringToSignLite(accountName, request))}`
        : sharedKeyAuthorization(accountName, accountKey, request)
    }
    return ask.edit?.(headers) ?? headers
  }

  create (path: string, size: number, headers: Record<string, string> = {}, more: Partial<Ask> = {}): Promise<Reply> {
    return this.send({ method: 'PUT', path, headers: { 'x-ms-type': 'file', 'x-ms-content-length': String(size), ...headers }, ...more })
  }

  putRange (path: string, start: number, body: string | Buffer, headers: Record<string, string> = {}, more: Partial<Ask> = {}): Promise<Reply> {
    const range = `bytes=${start}-${start + Buffer.byteLength(body) - 1}`
    return this.send({ method: 'PUT', path, query: { comp: 'range' }, headers: { 'x-ms-write': 'update', 'x-ms-range': range, ...headers }, body, ...more })
  }

  clear (path: string, start: number, end: number, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ method: 'PUT', path, query: { comp: 'range' }, headers: { 'x-ms-write': 'clear', 'x-ms-range': `bytes=${start}-${end}`, ...headers } })
  }

  /** A file that holds these bytes. */
  async put (path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<void> {
    await this.create(path, Buffer.byteLength(body), headers)
    if (Buffer.byteLength(body) > 0) await this.putRange(path, 0, body)
  }

  get (path: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ path, headers })
  }

  head (path: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ method: 'HEAD', path, headers })
  }

  delete (path: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ method: 'DELETE', path, headers })
  }

  set (path: string, comp: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ method: 'PUT', path, query: { comp }, headers })
  }

  mkdir (path: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ method: 'PUT', path, query: { restype: 'directory' }, headers })
  }

  list (path: string, query: Record<string, string> = {}, more: Partial<Ask> = {}): Promise<Reply> {
    return this.send({ path, query: { restype: 'directory', comp: 'list', ...query }, ...more })
  }

  share (method: string, name: string, query: Record<string, string> = {}, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ method, share: name, query: { restype: 'share', ...query }, headers })
  }

  lease (path: string, action: string, headers: Record<string, string> = {}): Promise<Reply> {
    const duration: Record<string, string> = action === 'acquire' ? { 'x-ms-lease-duration': '-1' } : {}
    return this.set(path, 'lease', { 'x-ms-lease-action': action, ...duration, ...headers })
  }
}

interface Test {
  teardown (work: () => Promise<void>): void
}

/** An emulator and a client that go with the test. */
export async function startClient (t: Test, options: EmulatorOptions = {}): Promise<Client> {
  const client = new Client(await startEmulator(options), options.clock)
  t.teardown(async () => {
    await client.agent.destroy()
    await client.emulator.close()
  })
  return client
}

/** A clock that stands until it is told to go on. */
export interface ManualClock extends Clock {
  time: number
}

export function manualClock (start = Date.parse('2024-03-01T12:00:00Z')): ManualClock {
  const clock: ManualClock = { time: start, now: () => clock.time, random: () => 0, sleep: async ms => { clock.time += ms } }
  return clock
}

/** `404 ResourceNotFound`, or the status alone, to compare in one line. */
export function outcome ({ status, headers }: Reply): string {
  const code = headers['x-ms-error-code']
  return code === undefined ? String(status) : `${status} ${code}`
}

/** The texts of all elements of that name. */
export function elements (xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?: [^>]*)?>([^<]*)</${name}>`, 'g'))].map(match => (match[1] as string)
    .replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'))
}

export const A = 'aaaaaaaa-0000-0000-0000-00000000000a'
export const B = 'bbbbbbbb-0000-0000-0000-00000000000b'
