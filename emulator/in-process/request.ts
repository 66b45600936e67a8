/** What undici would put on the wire for a request: its raw head, and its body in chunks. */
import { Readable } from 'node:stream'
import { type Dispatcher, errors } from 'undici'
import { KiB } from '../../lib/bytes/sizes.ts'
import { readHead } from '../request-head.ts'
import type { RequestHead } from '../service.ts'

/** As much as a socket hands over at once. */
export const CHUNK_SIZE = 64 * KiB
/** RFC 9110: a body has a meaning for these, so that its absence is told too. */
const EXPECTS_BODY: ReadonlySet<string> = new Set(['PUT', 'POST', 'PATCH'])

type Options = Dispatcher.DispatchOptions

export interface WireRequest {
  head: RequestHead
  body: AsyncGenerator<Buffer>
  /** The stream that the body comes from, to be destroyed with the request. */
  stream: Readable | undefined
}

/** @throws {InvalidArgumentError | RequestContentLengthMismatchError} as undici would */
export function wireRequest (options: Options): WireRequest {
  const { body, method } = options
  if (typeof options.path !== 'string' || !options.path.startsWith('/')) throw new errors.InvalidArgumentError('path must be an absolute path')
  if (body !== null && body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array) && !(body instanceof Readable)) {
    throw new errors.NotSupportedError('body must be a string, bytes or a Readable')
  }
  const stream = body instanceof Readable ? body : undefined
  const bytes = body instanceof Readable ? undefined : bytesOf(body)
  const raw = rawHeaders(options.headers)
  if (valueOf(raw, 'host') === undefined) raw.push('host', new URL(String(options.origin)).host)
  const declared = valueOf(raw, 'content-length')
  if (bytes !== undefined && declared !== undefined && Number(declared) !== bytes.length) throw new errors.RequestContentLengthMismatchError()
  if (declared === undefined && bytes === undefined) raw.push('transfer-encoding', 'chunked')
  if (declared === undefined && bytes !== undefined && (bytes.length > 0 || EXPECTS_BODY.has(method))) raw.push('content-length', String(bytes.length))
  return {
    head: readHead(method, target(options), raw),
    body: bytes === undefined ? counted(stream as Readable, declared) : pieces(bytes),
    stream
  }
}

function bytesOf (body: string | Uint8Array | null | undefined): Buffer {
  if (body === null || body === undefined) return Buffer.alloc(0)
  return typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}

function target ({ path, query }: Options): string {
  return query === undefined || query === null ? path : `${path}?${new URLSearchParams(query as Record<string, string>).toString()}`
}

function rawHeaders (headers: Options['headers']): string[] {
  if (headers === null || headers === undefined) return []
  if (Array.isArray(headers)) return headers.map(String)
  const entries: Iterable<[string, string | string[] | undefined]> = Symbol.iterator in headers ? headers : Object.entries(headers)
  return [...entries].flatMap(([name, value]) => value === undefined ? [] : [value].flat().flatMap(one => [name, checked(name, String(one))]))
}

/** Undici refuses what no head can carry. */
function checked (name: string, value: string): string {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return value
  throw new errors.InvalidArgumentError(`invalid ${name} header`)
}

function valueOf (raw: readonly string[], name: string): string | undefined {
  const index = raw.findIndex((text, at) => at % 2 === 0 && text.toLowerCase() === name)
  return index === -1 ? undefined : raw[index + 1]
}

async function * pieces (bytes: Buffer): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += CHUNK_SIZE) yield bytes.subarray(start, start + CHUNK_SIZE)
}

async function * counted (stream: Readable, declared: string | undefined): AsyncGenerator<Buffer> {
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > Number(declared ?? Infinity)) throw new errors.RequestContentLengthMismatchError()
    yield * pieces(bytes)
  }
  if (declared !== undefined && size !== Number(declared)) throw new errors.RequestContentLengthMismatchError()
}
