/** Ranges that were never asked for when the recording was made, and whose bytes are in it all the same. */
import { parseContentRange } from '../bytes/byte-range.ts'
import type { RecordedRequest, RecordedResponse } from './recording-format.ts'
import { sha256Of } from './recording-format.ts'

export const RANGE_HEADERS: ReadonlySet<string> = new Set(['range', 'x-ms-range', 'if-match'])

/** Bytes `from` to `to` (inclusive) of the recorded content answer the request. */
export interface ContentSlice {
  from: number
  to: number
  status: number
  headers: Record<string, string>
}

interface Span {
  /** First byte of the object that the content holds. */
  start: number
  /** Bytes that it holds. */
  length: number
  /** Of the whole object. */
  size: number
}

/** Undefined where the recorded content does not hold the range, or is that of another version than the request is pinned to. */
export function sliceOf (response: RecordedResponse, asked: RecordedRequest): ContentSlice | undefined {
  const span = spanOf(response)
  if (span === undefined || !isPinnedTo(response, asked)) return undefined
  const range = askedRange(asked)
  if (range === undefined) return undefined
  const end = Math.min(range.end ?? Infinity, span.size - 1)
  if (range.start > end || range.start < span.start || end >= span.start + span.length) return undefined
  const { 'content-md5': _, 'content-range': _r, ...headers } = response.headers ?? {}
  const length = { 'content-length': String(end - range.start + 1) }
  return {
    from: range.start - span.start,
    to: end - span.start,
    ...(range.ranged
      ? { status: 206, headers: { ...headers, ...length, 'content-range': `bytes ${range.start}-${end}/${span.size}` } }
      : { status: 200, headers: { ...headers, ...length } })
  }
}

/** A body that is framed is no part of the object: its length is another than its range. */
function spanOf ({ status, headers = {}, content_hash: hash, content_length: length }: RecordedResponse): Span | undefined {
  if ((status !== 200 && status !== 206) || sha256Of(hash) === undefined || length === undefined) return undefined
  const declared = Number(headers['content-length'] ?? length)
  if (status === 200) return 'x-ms-structured-body' in headers ? undefined : { start: 0, length, size: declared }
  const range = parseContentRange(headers['content-range'] ?? '')
  if (range?.kind !== 'range' || range.size === undefined || range.end - range.start + 1 !== declared) return undefined
  return { start: range.start, length, size: range.size }
}

function askedRange ({ headers = {} }: RecordedRequest): { start: number, end: number | undefined, ranged: boolean } | undefined {
  const header = headers['x-ms-range'] ?? headers['range']
  if (header === undefined) return { start: 0, end: undefined, ranged: false }
  const match = /^bytes=(\d+)-(\d*)$/.exec(header)
  return match === null ? undefined : { start: Number(match[1]), end: match[2] === '' ? undefined : Number(match[2]), ranged: true }
}

function isPinnedTo ({ headers = {} }: RecordedResponse, asked: RecordedRequest): boolean {
  const etag = asked.headers?.['if-match']
  return etag === undefined || bare(etag) === bare(headers['etag'] ?? '')
}

function bare (etag: string): string {
  return etag.replace(/^W\//, '').replaceAll('"', '')
}
