import type { RequestHead } from '../service.ts'
import { azureError, invalidHeader, missingHeader } from './errors.ts'
import type { Span } from './sparse.ts'

const RANGE = /^bytes=(\d{1,15})-(\d{1,15})?$/

/**
 * The range that a read asks for, cut off at the end of the file; undefined for all of it. `x-ms-range` comes first.
 * @throws {AzureError} 416 when it starts at or after the end, which on an empty file any does
 */
export function readRange (headers: RequestHead['headers'], size: number): Span | undefined {
  const name = headers['x-ms-range'] === undefined ? 'range' : 'x-ms-range'
  const text = headers[name]
  if (text === undefined) return undefined
  const { start, end } = parse(name, text)
  if (start >= size) throw invalidRange(size)
  return { start, end: Math.min(end ?? size, size) }
}

/** The range that a write names in full. @throws {AzureError} 416 when it is not wholly within the file */
export function writtenRange (headers: RequestHead['headers'], size: number): Span {
  const span = fullRange(headers, 'x-ms-range', 'range')
  if (span.end > size) throw invalidRange(size)
  return span
}

/** `bytes=a-b` out of the first of these headers that is there. */
export function fullRange (headers: RequestHead['headers'], ...names: [string, ...string[]]): Span {
  const name = names.find(candidate => headers[candidate] !== undefined)
  if (name === undefined) throw missingHeader(names[0])
  const text = headers[name] ?? ''
  const { start, end } = parse(name, text)
  if (end === undefined) throw invalidHeader(name, text)
  return { start, end }
}

export function invalidRange (size: number): Error {
  return azureError('InvalidRange', {}, { 'Content-Range': `bytes */${size}` })
}

function parse (name: string, text: string): { start: number, end: number | undefined } {
  const match = RANGE.exec(text)
  if (match === null) throw invalidHeader(name, text)
  const start = Number(match[1])
  const end = match[2] === undefined ? undefined : Number(match[2]) + 1
  if (end !== undefined && end <= start) throw invalidHeader(name, text)
  return { start, end }
}
