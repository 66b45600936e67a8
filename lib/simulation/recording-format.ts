/** The form of recordings on disk, one for all clouds: that of OneDrive's document (7.2) and R2's latency. */
import { ReplayError } from '../errors.ts'

export const FORMAT_VERSION = '1.0'

export interface RecordingFile {
  metadata: RecordingMetadata
  /** In the order in which the requests began. */
  interactions: Interaction[]
  /** What had begun and had no answer when the recording ended. */
  unfinished?: BegunInteraction[]
}

export interface RecordingMetadata {
  version: string
  /** ISO time. */
  created: string
  /** OneDrive's, where the client names one. */
  drive_id?: string
}

/** What the journal says of a request as soon as it goes out. */
export interface BegunInteraction {
  /** A UUID. */
  id: string
  timestamp?: string
  service?: string
  /** In snake case, as in the public API of the documents. */
  operation: string
  method: string
  path: string
}

export interface Interaction {
  id: string
  timestamp?: string
  /** `r2`, `onedrive`, `azure-files`. What is absent here or in the request is not compared. */
  service?: string
  operation: string
  /** To the head of the answer. */
  latency_ms?: number
  request: RecordedRequest
  /** Absent where the network failed before one came. */
  response?: RecordedResponse
  error?: RecordedFailure
}

export interface RecordedRequest {
  method: string
  /** Below the client's endpoint, escaped as it was sent, without the query. */
  path: string
  /** Sorted; without credentials. */
  query?: string
  /** Sent to a link that carries its own authorization, as after a redirection. */
  by_link?: boolean
  /** Those that tell one request from another. */
  headers?: Record<string, string>
  /** `sha256:<hex>` of the body. */
  content_hash?: string
  content_length?: number
}

export interface RecordedResponse {
  status: number
  headers?: Record<string, string>
  /** JSON, or any other small text. */
  body?: unknown
  /** `sha256:<hex>`, whose bytes are in `content/<hex>`. */
  content_hash?: string
  content_length?: number
  /** The body ended before its end: the bytes are those that came. Without an `error` nobody wanted the rest. */
  broken?: { error?: RecordedFailure }
}

export interface RecordedFailure {
  code: string
  message: string
}

const PREFIX = 'sha256:'

export function contentHash (sha256: string): string {
  return PREFIX + sha256
}

/** The bare digest; undefined where the text is none, as in the document's sample, which then is not compared. */
export function sha256Of (hash: string | undefined): string | undefined {
  return hash !== undefined && /^sha256:[0-9a-f]{64}$/.test(hash) ? hash.slice(PREFIX.length) : undefined
}

/** The text of a recording piece by piece, as `JSON.stringify` with an indent of two would write it: it may be longer than a string can be. */
export function * formatRecording ({ metadata, interactions, unfinished }: RecordingFile): Generator<string, undefined> {
  yield `{\n  "metadata": ${indented(metadata, 2)},\n  "interactions": [`
  for (const [index, interaction] of interactions.entries()) yield `${index === 0 ? '' : ','}\n    ${indented(interaction, 4)}`
  yield interactions.length === 0 ? ']' : '\n  ]'
  yield unfinished === undefined ? '\n}\n' : `,\n  "unfinished": ${indented(unfinished, 2)}\n}\n`
  return undefined
}

function indented (value: object, spaces: number): string {
  return JSON.stringify(value, null, 2).replaceAll('\n', `\n${' '.repeat(spaces)}`)
}

/** @throws {ReplayError} naming what is wrong, and where. */
export function parseRecording (text: string, source: string): RecordingFile {
  const file = parseJson(text, source)
  if (!isObject(file) || !isObject(file['metadata']) || !Array.isArray(file['interactions'])) throw refused(source, 'it must have "metadata" and a list "interactions"')
  const { version } = file['metadata']
  if (version !== FORMAT_VERSION) throw refused(source, `its version is ${JSON.stringify(version)}, wanted "${FORMAT_VERSION}"`)
  file['interactions'].forEach((interaction, index) => checkInteraction(interaction, `interactions[${index}]`, source))
  return file as unknown as RecordingFile
}

function checkInteraction (value: unknown, where: string, source: string): void {
  if (!isObject(value)) throw refused(source, `${where} is no object`)
  checkField(value, 'id', 'string', where, source)
  checkField(value, 'operation', 'string', where, source)
  const { request, response, error } = value
  if (!isObject(request)) throw refused(source, `${where} has no request`)
  checkField(request, 'method', 'string', `${where}.request`, source)
  checkField(request, 'path', 'string', `${where}.request`, source)
  if (isObject(response)) checkField(response, 'status', 'number', `${where}.response`, source)
  else if (!isObject(error)) throw refused(source, `${where} has neither response nor error`)
}

function checkField (value: Record<string, unknown>, name: string, type: 'string' | 'number', where: string, source: string): void {
  const found: string = typeof value[name]
  if (found !== type) throw refused(source, `${where}.${name} must be a ${type}: it is ${JSON.stringify(value[name])}`)
}

function parseJson (text: string, source: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ReplayError(`Cannot read the recording "${source}" as it is no JSON: ${(cause as Error).message}`, { cause })
  }
}

function refused (source: string, reason: string): ReplayError {
  return new ReplayError(`Cannot read the recording "${source}": ${reason}`)
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
