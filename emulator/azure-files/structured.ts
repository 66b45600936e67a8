/**
 * Structured bodies: data in segments, each followed by its CRC64, with one over all at the end. Numbers and sums are
 * little-endian. Wire: `x-ms-structured-body: XSM/1.0; properties=crc64`.
 */
import { MiB } from '../../lib/bytes/sizes.ts'
import { createDigest, type Digest } from '../../lib/digest/digest.ts'
import { azureError } from './errors.ts'

export const STRUCTURED = 'XSM/1.0; properties=crc64'

const HEADER = 13
const SEGMENT_HEADER = 10
const CRC = 8
const SEGMENT = 4 * MiB
const VERSION = 1
const WITH_CRC64 = 1

/** How long data of that size is in its frame. */
export function framedSize (size: number): number {
  return HEADER + size + segmentsOf(size) * (SEGMENT_HEADER + CRC) + CRC
}

function segmentsOf (size: number): number {
  return Math.max(1, Math.ceil(size / SEGMENT))
}

/** The data in its frame. */
export async function * framed (source: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  yield header(size)
  const whole = await createDigest('crc64nvme')
  const reader = new Reader(source)
  try {
    for (let number = 1; number <= segmentsOf(size); number++) {
      const length = Math.min(SEGMENT, size - (number - 1) * SEGMENT)
      yield segmentHeader(number, length)
      yield * reader.segment(length, whole)
      yield reader.sum()
    }
    yield whole.digest().reverse()
  } finally {
    await reader.close()
  }
}

function header (size: number): Buffer {
  const bytes = Buffer.alloc(HEADER)
  bytes.writeUInt8(VERSION, 0)
  bytes.writeBigUInt64LE(BigInt(framedSize(size)), 1)
  bytes.writeUInt16LE(WITH_CRC64, 9)
  bytes.writeUInt16LE(segmentsOf(size), 11)
  return bytes
}

function segmentHeader (number: number, length: number): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER)
  bytes.writeUInt16LE(number, 0)
  bytes.writeBigUInt64LE(BigInt(length), 2)
  return bytes
}

/** The data without its frame. @throws {AzureError} 400 when the frame is wrong or a sum does not fit */
export async function * unframed (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const reader = new Reader(source)
  try {
    const head = await reader.take(HEADER)
    if (head.readUInt8(0) !== VERSION || head.readUInt16LE(9) !== WITH_CRC64) throw malformed()
    const whole = await createDigest('crc64nvme')
    for (let number = 1; number <= head.readUInt16LE(11); number++) {
      const segment = await reader.take(SEGMENT_HEADER)
      if (segment.readUInt16LE(0) !== number) throw malformed()
      yield * reader.segment(Number(segment.readBigUInt64LE(2)), whole)
      compare(reader.sum(), await reader.take(CRC))
    }
    compare(whole.digest().reverse(), await reader.take(CRC))
    if (!await reader.ended() || BigInt(reader.position) !== head.readBigUInt64LE(1)) throw malformed()
  } finally {
    await reader.close()
  }
}

function compare (found: Buffer, stated: Buffer): void {
  if (!found.equals(stated)) throw azureError('Crc64Mismatch', { UserSpecifiedCrc: stated.toString('base64'), ServerCalculatedCrc: found.toString('base64') })
}

function malformed (): Error {
  return azureError('InvalidInput')
}

/** Takes so many bytes from a stream as are wanted. */
class Reader {
  position = 0
  readonly #source: AsyncIterator<Buffer>
  #left: Buffer = Buffer.alloc(0)
  #sum: Buffer = Buffer.alloc(0)

  constructor (source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** At least one byte and at most `size`. */
  async some (size: number): Promise<Buffer> {
    if (await this.ended()) throw malformed()
    const piece = this.#left.subarray(0, size)
    this.#left = this.#left.subarray(piece.length)
    this.position += piece.length
    return piece
  }

  /** So many bytes as they come, added to the sum over all; their own is `sum()` afterwards. */
  async * segment (size: number, whole: Digest): AsyncGenerator<Buffer> {
    const crc = await createDigest('crc64nvme')
    for (let wanted = size; wanted > 0;) {
      const piece = await this.some(wanted)
      wanted -= piece.length
      crc.update(piece)
      whole.update(piece)
      yield piece
    }
    this.#sum = crc.digest().reverse()
  }

  /** CRC64 of the last segment, as it is sent. */
  sum (): Buffer {
    return this.#sum
  }

  /** Lets the source close what it has open. */
  async close (): Promise<void> {
    await this.#source.return?.()
  }

  async take (size: number): Promise<Buffer> {
    const pieces: Buffer[] = []
    for (let wanted = size; wanted > 0;) {
      const piece = await this.some(wanted)
      pieces.push(piece)
      wanted -= piece.length
    }
    return Buffer.concat(pieces)
  }

  async ended (): Promise<boolean> {
    while (this.#left.length === 0) {
      const next = await this.#source.next()
      if (next.done === true) return true
      this.#left = next.value
    }
    return false
  }
}
