/** A client that signs and sends exactly what a test says, over a real socket. */
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { Agent } from 'undici'
import { type Emulator, type EmulatorOptions, startEmulator } from '../../emulator/index.ts'
import { encodePath, encodeStrict, type R2Credentials, Signer, UNSIGNED_PAYLOAD } from '../../streams/r2/auth.ts'

export interface Ask {
  method?: string
  bucket?: string
  key?: string
  /** The path as sent, instead of one made of bucket and key. */
  path?: string
  query?: Array<readonly [string, string]>
  headers?: Record<string, string>
  body?: string | Buffer | Readable
  payloadHash?: string
  /** When it was signed. */
  time?: number
  credentials?: Partial<R2Credentials>
  region?: string
  /** The last word on the headers that are sent. */
  edit?: (headers: Record<string, string | undefined>) => Record<string, string | undefined>
  signal?: AbortSignal
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
  readonly #signer = new Signer()

  constructor (emulator: Emulator) {
    this.emulator = emulator
  }

  async send (ask: Ask): Promise<Reply> {
    const { body, ...answer } = await this.open(ask)
    const chunks: Buffer[] = []
    for await (const chunk of body) chunks.push(chunk as Buffer)
    const bytes = Buffer.concat(chunks)
    return { ...answer, bytes, text: bytes.toString() }
  }

  async open (ask: Ask): Promise<{ status: number, headers: Reply['headers'], body: Readable }> {
    const { r2 } = this.emulator
    const { origin, host } = new URL(r2.endpoint)
    const path = ask.path ?? pathOf(ask.bucket ?? r2.bucket, ask.key)
    const query = ask.query ?? []
    const method = ask.method ?? 'GET'
    const signed = this.#signer.signHeaders({ method, path: encodePath(decodeURIComponent(path)), query, headers: { ...ask.headers, host } },
      { accessKeyId: r2.accessKeyId, secretAccessKey: r2.secretAccessKey, ...ask.credentials },
      ask.payloadHash ?? UNSIGNED_PAYLOAD, { time: ask.time ?? Date.now(), ...(ask.region === undefined ? {} : { region: ask.region }) })
    const headers = Object.entries(ask.edit?.(signed) ?? signed).filter((pair): pair is [string, string] => pair[1] !== undefined)
    return this.sendRaw(origin, method, `${path}${queryText(query)}`, Object.fromEntries(headers), ask)
  }

  async sendRaw (origin: string, method: string, path: string, headers: Record<string, string>, { body, signal }: Pick<Ask, 'body' | 'signal'> = {}): Promise<{
    status: number, headers: Reply['headers'], body: Readable
  }> {
    const response = await this.agent.request({
      origin, path, method: method as 'GET', headers, body: body ?? null, ...(signal === undefined ? {} : { signal })
    })
    return { status: response.statusCode, headers: response.headers as Reply['headers'], body: response.body }
  }

  put (key: string, body: Ask['body'], headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ method: 'PUT', key, headers, ...(body === undefined ? {} : { body }) })
  }

  get (key: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ key, headers })
  }

  head (key: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({ method: 'HEAD', key, headers })
  }

  list (parameters: Record<string, string>): Promise<Reply> {
    return this.send({ query: Object.entries(parameters) })
  }

  async createUpload (key: string, headers: Record<string, string> = {}): Promise<string> {
    const reply = await this.send({ method: 'POST', key, query: [['uploads', '']], headers })
    return element(reply.text, 'UploadId') ?? `no upload id in ${reply.text}`
  }

  putPart (key: string, uploadId: string, partNumber: number, body: Ask['body'], headers: Record<string, string> = {}): Promise<Reply> {
    return this.send({
      method: 'PUT', key, headers, query: [['partNumber', String(partNumber)], ['uploadId', uploadId]], ...(body === undefined ? {} : { body })
    })
  }

  complete (key: string, uploadId: string, parts: ReadonlyArray<readonly [number, string]>, headers: Record<string, string> = {}): Promise<Reply> {
    const list = parts.map(([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`).join('')
    return this.send({
      method: 'POST', key, headers, query: [['uploadId', uploadId]], body: `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`
    })
  }

  abort (key: string, uploadId: string): Promise<Reply> {
    return this.send({ method: 'DELETE', key, query: [['uploadId', uploadId]] })
  }
}

interface Test {
  teardown (work: () => Promise<void>): void
}

/** An emulator and a client that go with the test. */
export async function startClient (t: Test, options: EmulatorOptions = {}): Promise<Client> {
  const client = new Client(await startEmulator(options))
  t.teardown(async () => {
    await client.agent.destroy()
    await client.emulator.close()
  })
  return client
}

export function pathOf (bucket: string, key?: string): string {
  return `/r2/${bucket}${key === undefined ? '' : `/${encodePath(key)}`}`
}

export function queryText (query: Array<readonly [string, string]>): string {
  return query.length === 0 ? '' : `?${query.map(([name, value]) => `${encodeStrict(name)}=${encodeStrict(value)}`).join('&')}`
}

/** The text of the first element of that name. */
export function element (xml: string, name: string): string | undefined {
  return elements(xml, name)[0]
}

export function elements (xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(match => (match[1] as string)
    .replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'))
}

/** `404 NoSuchKey`, to compare in one line. */
export function outcome (reply: Reply): string {
  const code = element(reply.text, 'Code')
  return code === undefined ? String(reply.status) : `${reply.status} ${code}`
}

export function errorXml (code: string, message: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`
}

/** The stream to its end, or the error that ended it. */
export async function readToEnd (body: Readable): Promise<{ bytes: Buffer, error: Error | undefined }> {
  const chunks: Buffer[] = []
  let error: Error | undefined
  body.on('data', chunk => chunks.push(chunk as Buffer))
  body.on('error', cause => { error = cause })
  if (!body.closed) await once(body, 'close').catch((cause: Error) => { error = cause })
  return { bytes: Buffer.concat(chunks), error }
}
