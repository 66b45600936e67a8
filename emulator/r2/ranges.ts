import { invalidArgument, invalidRange } from './errors.ts'

/** Bytes `start` to `end`, exclusive. */
export interface ByteSpan {
  start: number
  end: number
}

/**
 * The one range that R2 serves, clamped to the size.
 * @throws {R2Error} 400 for several ranges, malformed or inverted ones; 416 when none of it is in the object
 */
export function parseRange (header: string, size: number): ByteSpan {
  const match = /^bytes=(?:(\d+)-(\d+)?|-(\d+))$/.exec(header)
  // The message ends in .' on the real service.
  if (match === null) throw invalidArgument("range must be in format 'bytes=start-end', 'bytes=start-' or 'bytes=-suffix'.'")
  const [, first, last, suffix] = match
  if (suffix !== undefined) {
    if (Number(suffix) === 0 || size === 0) throw invalidRange()
    return { start: Math.max(size - Number(suffix), 0), end: size }
  }
  const start = Number(first)
  if (last !== undefined && start > Number(last)) throw invalidArgument('range must be positive.')
  if (start >= size) throw invalidRange()
  return { start, end: last === undefined ? size : Math.min(Number(last) + 1, size) }
}

/** `x-amz-copy-source-range`, which takes only `bytes=a-b`. */
export function parseCopyRange (header: string, size: number): ByteSpan {
  const match = /^bytes=(\d+)-(\d+)$/.exec(header)
  if (match === null) throw invalidArgument(`Invalid x-amz-copy-source-range: ${header}`)
  const [start, last] = [Number(match[1]), Number(match[2])]
  if (last < start) throw invalidArgument('x-amz-copy-source-range must be positive.')
  if (start >= size) throw invalidRange()
  return { start, end: Math.min(last + 1, size) }
}
