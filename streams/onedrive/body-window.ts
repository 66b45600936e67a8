import { Readable } from 'node:stream'

/**
 * Bytes `skip` to `skip + length` (exclusive) of a body, for hosts that ignore the range and serve the whole file: what lies
 * before is read and dropped, what lies behind is not read.
 */
export function bodyWindow (body: Readable, skip: number, length: number): Readable {
  return Readable.from(pieces(body, skip, length), { objectMode: false })
}

async function * pieces (body: Readable, skip: number, length: number): AsyncGenerator<Buffer, undefined> {
  let toSkip = skip
  let left = length
  // Leaving the loop destroys the body, and with it the request.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const dropped = Math.min(toSkip, chunk.length)
    toSkip -= dropped
    const piece = chunk.subarray(dropped, dropped + left)
    left -= piece.length
    if (piece.length > 0) yield piece
    if (left <= 0) break
  }
  return undefined
}
