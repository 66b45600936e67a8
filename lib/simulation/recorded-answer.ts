import type { RecordedExchangeOptions } from './recorded-exchange.ts'
import { ContentRecorder } from './recorded-content.ts'
import type { RecordedFailure, RecordedRequest, RecordedResponse } from './recording-format.ts'

/** Of one connection and its hop; and what a recording must not hold, or what its reader works out anew. */
const LEFT_OUT = new Set(['connection', 'keep-alive', 'transfer-encoding', 'proxy-authenticate', 'set-cookie', 'authorization', 'strict-transport-security', 'server', 'alt-svc'])

/** An answer on its way through the recorder. */
export interface RecordedAnswer {
  readonly latencyMs: number
  receive (chunk: Uint8Array): void
  /** When it is on disk. A `redirection` of content is no interaction: the request that follows is. @param broken how it ended before its end. */
  finish (broken: { error?: RecordedFailure } | undefined): Promise<RecordedResponse | 'redirection'>
}

export interface AnswerOptions extends RecordedExchangeOptions {
  request: RecordedRequest
  status: number
  headers: Record<string, string | string[] | undefined>
  latencyMs: number
  hold (held: boolean): void
  fail (error: Error): void
}

export function recordedAnswer (options: AnswerOptions): RecordedAnswer {
  const { profile, subject, status, request } = options
  const isContent = profile.contents.received.includes(subject.operation) && status < 300 && request.method !== 'HEAD'
  return isContent ? new ContentAnswer(options) : new DocumentAnswer(options)
}

class ContentAnswer implements RecordedAnswer {
  readonly latencyMs: number
  readonly #status: number
  readonly #headers: Record<string, string>
  readonly #content: ContentRecorder

  constructor (options: AnswerOptions) {
    this.latencyMs = options.latencyMs
    this.#status = options.status
    this.#headers = cleanHeaders(options)
    this.#content = new ContentRecorder(options.folder.contents, held => options.hold(held), error => options.fail(error))
  }

  receive (chunk: Uint8Array): void {
    this.#content.receive(chunk)
  }

  async finish (broken: { error?: RecordedFailure } | undefined): Promise<RecordedResponse> {
    const stored = await this.#content.finish()
    const isWhole = this.#headers['content-length'] === String(this.#content.size)
    return { status: this.#status, headers: this.#headers, ...stored, ...(broken === undefined || isWhole ? {} : { broken }) }
  }
}

/** What the client reads whole, too. */
class DocumentAnswer implements RecordedAnswer {
  readonly latencyMs: number
  readonly #options: AnswerOptions
  readonly #chunks: Buffer[] = []

  constructor (options: AnswerOptions) {
    this.latencyMs = options.latencyMs
    this.#options = options
  }

  receive (chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk))
  }

  async finish (broken: { error?: RecordedFailure } | undefined): Promise<RecordedResponse | 'redirection'> {
    const { status, subject, profile, request } = this.#options
    const headers = cleanHeaders(this.#options)
    if (status >= 300 && status < 400 && profile.links?.redirected.includes(subject.operation) === true && 'location' in headers) return 'redirection'
    const bytes = Buffer.concat(this.#chunks)
    if (request.method !== 'HEAD') delete headers['content-length']
    return { status, headers, ...await this.#body(bytes), ...(broken === undefined ? {} : { broken }) }
  }

  async #body (bytes: Buffer): Promise<Pick<RecordedResponse, 'body' | 'content_hash' | 'content_length'>> {
    const { sanitizer, subject, folder } = this.#options
    if (bytes.length === 0) return {}
    const text = bytes.toString()
    if (Buffer.from(text).equals(bytes)) return { body: sanitizer.answer(subject.operation, text) }
    const content = new ContentRecorder(folder.contents, () => undefined, error => this.#options.fail(error))
    content.receive(bytes)
    return await content.finish()
  }
}

/** Lower-case names; repeated headers are joined with a comma, as the client does. */
function cleanHeaders ({ headers, sanitizer, subject, request, profile }: AnswerOptions): Record<string, string> {
  const isRedirected = profile.links?.redirected.includes(subject.operation) === true
  const target = request.query === '' ? request.path : `${request.path}?${request.query}`
  const clean: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || LEFT_OUT.has(name)) continue
    const text = typeof value === 'string' ? value : value.join(', ')
    clean[name] = name === 'location' ? sanitizer.location(subject.operation, text, isRedirected ? target : undefined) : sanitizer.text(text)
  }
  return clean
}
