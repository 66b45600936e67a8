/** Ranges that were never asked for when the recording was made, and whose bytes are in it all the same. */
import { parseContentRange } from '../bytes/byte-range.ts'
import type { Interaction, RecordedRequest, RecordedResponse } from './recording-format.ts'
import { sha256Of } from './recording-format.ts'

/** Headers in which a request for a part of an object differs from another. */
export const RANGE_HEADERS: ReadonlySet<string> = new Set(['range', 'x-ms-range', 'if-match'])

/** Bytes `from` to `to` (inclusive) of one recorded content. */
export interface ContentPiece {
  contentHash: string
  contentLength: number
  from: number
  to: number
}

/** An answer put together from recorded contents. */
export interface ContentSlice {
  status: number
  headers: Record<string, string>
  /** Bytes of the body. */
  size: number
  pieces: ContentPiece[]
}

interface Span {
  response: RecordedResponse
  /** First byte of the object that the content holds. */
  start: number
  /** Last byte of it, inclusive. */
  end: number
  /** Of the whole object. */
  size: number
  etag: string
}

/**
 * The answer to a request for any part of an object, from what was recorded of one version of it.
 * @param candidates the best first: its version is the one that is answered with.
 * @returns undefined where a byte is missing, or the request is pinned to another version.
 */
export function sliceOf (candidates: readonly Interaction[], asked: RecordedRequest): ContentSlice | undefined {
  const spans = candidates.flatMap(({ response }) => response === undefined ? [] : spanOf(response) ?? [])
  const pinned = asked.headers?.['if-match']
  const version = spans.find(({ etag }) => pinned === undefined || bare(pinned) === etag)
  const range = askedRange(asked)
  if (version === undefined || range === undefined) return undefined
  const end = Math.min(range.end ?? Infinity, version.size - 1)
  const pieces = cover(range.start, end, spans.filter(({ etag, size }) => etag === version.etag && size === version.size))
  if (pieces === undefined) return undefined
  const { 'content-md5': _, 'content-range': _range, ...headers } = version.response.headers ?? {}
  const size = end - range.start + 1
  const length = { 'content-length': String(size) }
  if (!range.isRanged) return { status: 200, size, pieces, headers: { ...headers, ...length } }
  return { status: 206, size, pieces, headers: { ...headers, ...length, 'content-range': `bytes ${range.start}-${end}/${version.size}` } }
}

/** Each time the span that reaches furthest from where the last one ended. */
function cover (start: number, end: number, spans: Span[]): ContentPiece[] | undefined {
  const pieces: ContentPiece[] = []
  for (let at = start; at <= end;) {
    const holding = spans.filter(span => span.start <= at && span.end >= at)
    const best = holding.reduce<Span | undefined>((furthest, span) => furthest === undefined || span.end > furthest.end ? span : furthest, undefined)
    if (best === undefined) return undefined
    const to = Math.min(best.end, end)
    const { content_hash: contentHash, content_length: contentLength } = best.response as Required<RecordedResponse>
    pieces.push({ contentHash, contentLength, from: at - best.start, to: to - best.start })
    at = to + 1
  }
  return pieces.length === 0 ? undefined : pieces
}

/** A body that is framed is no part of the object. */
function spanOf (response: RecordedResponse): Span | undefined {
  const { status, headers = {}, content_hash: hash, content_length: length } = response
  if (sha256Of(hash) === undefined || length === undefined || 'x-ms-structured-body' in headers) return undefined
  const declared = Number(headers['content-length'] ?? length)
  const place = placeOf(status, headers['content-range'], declared)
  return place && { response, start: place.start, end: place.start + length - 1, size: place.size, etag: bare(headers['etag'] ?? '') }
}

function placeOf (status: number, contentRange: string | undefined, declared: number): { start: number, size: number } | undefined {
  if (status === 200) return { start: 0, size: declared }
  const range = parseContentRange(contentRange ?? '')
  if (range?.kind !== 'range' || range.size === undefined || range.end - range.start + 1 !== declared) return undefined
  return { start: range.start, size: range.size }
}

function askedRange ({ headers = {} }: RecordedRequest): { start: number, end: number | undefined, isRanged: boolean } | undefined {
  const header = headers['x-ms-range'] ?? headers['range']
  if (header === undefined) return { start: 0, end: undefined, isRanged: false }
  const match = /^bytes=(\d+)-(\d*)$/.exec(header)
  return match === null ? undefined : { start: Number(match[1]), end: match[2] === '' ? undefined : Number(match[2]), isRanged: true }
}

function bare (etag: string): string {
  return etag.replace(/^W\//, '').replaceAll('"', '')
}
