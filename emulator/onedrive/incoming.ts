import type { RequestHead } from '../service.ts'
import { badRequest, errorForStatus, invalidRequest } from './errors.ts'
import { MAX_JSON_BYTES } from './limits.ts'

/** A request of its own, or one inside a batch. */
export interface Incoming {
  readonly head: RequestHead
  readonly contentLength: number | undefined
  now (): number
  body (): AsyncIterable<Buffer>
  /** Cuts the connection; inside a batch there is none to cut. */
  reset? (): never
}

/** Reads a small body whole. @throws {GraphError} 413 */
export async function readText (incoming: Incoming): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming.body()) {
    size += chunk.length
    if (size > MAX_JSON_BYTES) throw errorForStatus(413)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export type Json = Readonly<Record<string, unknown>>

/** The body as a JSON object, empty when there is none. @throws {GraphError} 400 */
export async function readJson (incoming: Incoming): Promise<Json> {
  const text = await readText(incoming)
  if (text.trim() === '') return {}
  if (!/\bjson\b/i.test(incoming.head.headers['content-type'] ?? '')) {
    throw badRequest('Write requests (excluding DELETE) must contain the Content-Type header declaration.')
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw badRequest('Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.')
  }
  if (!isObject(value)) throw badRequest('Unable to read JSON request payload.')
  return value
}

export function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws {GraphError} 400 when it is there and no text */
export function textIn (json: Json, name: string): string | undefined {
  const value = json[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw invalidRequest(`The value of ${name} must be a string`)
  return value
}

/** @throws {GraphError} 400 when it is there and no object */
export function objectIn (json: Json, name: string): Json | undefined {
  const value = json[name]
  if (value === undefined || value === null) return undefined
  if (!isObject(value)) throw invalidRequest(`The value of ${name} must be an object`)
  return value
}
