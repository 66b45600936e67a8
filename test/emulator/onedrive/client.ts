/** A client that sends exactly what a test says, over a real socket. */
import type { Readable } from 'node:stream'
import { Agent } from 'undici'
import type { Clock } from '../../../lib/clock.ts'
import { type Emulator, type EmulatorOptions, type OneDriveEmulator, startEmulator } from '../../../emulator/index.ts'

export type Json = Record<string, unknown>

export interface Ask {
  headers?: Record<string, string>
  body?: string | Buffer | Readable
  /** Sent as JSON, with its content type. */
  json?: unknown
}

export interface Reply {
  status: number
  headers: Record<string, string | undefined>
  bytes: Buffer
  text: string
  json: Json
}

export class GraphClient {
  readonly emulator: Emulator
  readonly agent = new Agent({ connections: 16 })
  /** Sent to Graph, and to no other host. */
  token: string

  constructor (emulator: Emulator, token = emulator.oneDrive.accessToken()) {
    this.emulator = emulator
    this.token = token
  }

  get oneDrive (): OneDriveEmulator {
    return this.emulator.oneDrive
  }

  /** `/me/drive/root` and the like, as sent. */
  graph (method: string, path: string, ask: Ask = {}): Promise<Reply> {
    return this.send(method, `${this.oneDrive.endpoint}${path}`, { ...ask, headers: { authorization: `Bearer ${this.token}`, ...ask.headers } })
  }

  /** The same with a link that Graph has given, as it is. */
  follow (link: unknown, ask: Ask = {}): Promise<Reply> {
    return this.send('GET', String(link), { ...ask, headers: { authorization: `Bearer ${this.token}`, ...ask.headers } })
  }

  /** Nothing but what is given: no token, no escaping. */
  async send (method: string, url: string, { headers = {}, body, json }: Ask = {}): Promise<Reply> {
    const { origin } = new URL(url)
    const response = await this.agent.request({
      origin,
      path: url.slice(origin.length),
      method: method as 'GET',
      headers: json === undefined ? headers : { 'content-type': 'application/json', ...headers },
      body: json === undefined ? body ?? null : JSON.stringify(json)
    })
    const bytes = Buffer.from(await response.body.arrayBuffer())
    const text = bytes.toString()
    return { status: response.statusCode, headers: response.headers as Reply['headers'], bytes, text, json: parse(text) }
  }

  get (path: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.graph('GET', path, { headers })
  }

  /** Simple upload below the root of the user's drive. */
  put (path: string, body: string | Buffer, headers: Record<string, string> = {}, query = ''): Promise<Reply> {
    return this.graph('PUT', `/me/drive/root:${path}:/content${query}`, { body, headers })
  }

  async folder (path: string, name: string): Promise<string> {
    const reply = await this.graph('POST', `/me/drive/${path}/children`, { json: { name, folder: {} } })
    return reply.json['id'] as string
  }

  /** The URL of a new session. */
  async session (path: string, item: Json = {}, rest: Json = {}): Promise<string> {
    const reply = await this.graph('POST', `/me/drive/root:${path}:/createUploadSession`, { json: { item, ...rest } })
    return reply.json['uploadUrl'] as string ?? `no upload URL in ${reply.text}`
  }

  fragment (url: string, body: Buffer, first: number, total: number | string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send('PUT', url, { body, headers: { 'content-range': `bytes ${first}-${first + body.length - 1}/${total}`, ...headers } })
  }

  /** The bytes of a file, by its redirect. */
  async download (path: string, headers: Record<string, string> = {}): Promise<Reply> {
    const { headers: { location }, status, text } = await this.get(`/me/drive/root:${path}:/content`)
    if (location === undefined) throw new Error(`${status} ${text}`)
    return this.send('GET', location, { headers })
  }

  /** All pages of a listing. */
  async pages (path: string): Promise<Json[][]> {
    const pages: Json[][] = []
    let reply = await this.get(path)
    for (;;) {
      pages.push(reply.json['value'] as Json[])
      const next = reply.json['@odata.nextLink']
      if (next === undefined) return pages
      reply = await this.follow(next)
    }
  }
}

interface Test {
  teardown (work: () => Promise<void>): void
}

/** An emulator and a client that go with the test. */
export async function startGraph (t: Test, options: EmulatorOptions['oneDrive'] = {}, others: EmulatorOptions = {}): Promise<GraphClient> {
  const client = new GraphClient(await startEmulator({ ...others, oneDrive: options }))
  t.teardown(async () => {
    await client.agent.destroy()
    await client.emulator.close()
  })
  return client
}

/** `409 nameAlreadyExists`, or `416 invalidRange/fragmentOverlap`, to compare in one line. */
export function outcome ({ status, json }: Reply): string {
  const error = json['error'] as { code?: string, innerError?: Json, innererror?: Json } | undefined
  if (error?.code === undefined) return String(status)
  const inner = (error.innerError ?? error.innererror)?.['code']
  return `${status} ${error.code}${inner === undefined ? '' : `/${String(inner)}`}`
}

export function namesIn (page: Json): string[] {
  return (page['value'] as Json[]).map(item => item['name'] as string)
}

/** A clock that a test sets; its sleeps are over at once. */
export class SetClock implements Clock {
  time: number

  constructor (time = Date.parse('2026-03-01T10:00:00.123Z')) {
    this.time = time
  }

  now (): number {
    return this.time
  }

  random (): number {
    return 0
  }

  async sleep (): Promise<void> {}

  pass (milliseconds: number): void {
    this.time += milliseconds
  }
}

function parse (text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return {}
  }
}
