/**
 * Azure's structured body: the payload in segments, each with its CRC64, and one over all. The service checks both and
 * stores the payload alone. Wire: `x-ms-structured-body: XSM/1.0; properties=crc64`, since 2026-04-06. Numbers are
 * little-endian, as is the CRC.
 */
import { createDigest } from '../../lib/digest/digest.ts'
import { DigestMismatchError } from '../../lib/errors.ts'

/** The first version of the service that takes it. */
export const STRUCTURED_BODY_VERSION = '2026-04-06'
export const STRUCTURED_BODY = 'XSM/1.0; properties=crc64'

const HEADER_BYTES = 13
const SEGMENT_HEADER_BYTES = 10
const CRC_BYTES = 8
const FRAME_VERSION = 1
const WITH_CRC64 = 1

/** One segment, as a range has at most its 4 MiB. Copies the payload once. */
export async function frame (payload: Uint8Array): Promise<Buffer> {
  const length = HEADER_BYTES + SEGMENT_HEADER_BYTES + payload.length + 2 * CRC_BYTES
  const framed = Buffer.allocUnsafe(length)
  framed.writeUInt8(FRAME_VERSION, 0)
  framed.writeBigUInt64LE(BigInt(length), 1)
  framed.writeUInt16LE(WITH_CRC64, 9)
  framed.writeUInt16LE(1, 11)
  framed.writeUInt16LE(1, HEADER_BYTES)
  framed.writeBigUInt64LE(BigInt(payload.length), HEADER_BYTES + 2)
  framed.set(payload, HEADER_BYTES + SEGMENT_HEADER_BYTES)
  const crc = await crc64(payload)
  framed.set(crc, length - 2 * CRC_BYTES)
  framed.set(crc, length - CRC_BYTES)
  return framed
}

/** The payload of a frame whose sums are right, its segments joined. @throws {RangeError} it is no such frame. @throws {DigestMismatchError} */
export async function unframe (framed: Buffer): Promise<Buffer> {
  const segments = readHeader(framed)
  const payload: Buffer[] = []
  let offset = HEADER_BYTES
  for (let number = 1; number <= segments; number++) {
    if (offset + SEGMENT_HEADER_BYTES > framed.length || framed.readUInt16LE(offset) !== number) throw noFrame(`segment ${number} is missing`)
    const length = Number(framed.readBigUInt64LE(offset + 2))
    const start = offset + SEGMENT_HEADER_BYTES
    offset = start + length + CRC_BYTES
    if (offset > framed.length) throw noFrame(`segment ${number} breaks off`)
    const data = framed.subarray(start, start + length)
    await compare(data, framed.subarray(start + length, offset))
    payload.push(data)
  }
  if (framed.length !== offset + CRC_BYTES) throw noFrame(`its length is ${framed.length} and should be ${offset + CRC_BYTES}`)
  const whole = Buffer.concat(payload)
  await compare(whole, framed.subarray(offset))
  return whole
}

function readHeader (framed: Buffer): number {
  if (framed.length < HEADER_BYTES + CRC_BYTES) throw noFrame('it is too short')
  if (framed.readUInt8(0) !== FRAME_VERSION) throw noFrame(`its version is ${framed.readUInt8(0)}`)
  if (framed.readBigUInt64LE(1) !== BigInt(framed.length)) throw noFrame(`it says ${framed.readBigUInt64LE(1)} bytes and has ${framed.length}`)
  if (framed.readUInt16LE(9) !== WITH_CRC64) throw noFrame('it has no CRC64')
  return framed.readUInt16LE(11)
}

async function compare (bytes: Buffer, stated: Buffer): Promise<void> {
  const expected = stated.toString('base64')
  const found = (await crc64(bytes)).toString('base64')
  if (found === expected) return
  throw new DigestMismatchError(`Cannot accept a structured body of ${bytes.length} bytes as its crc64 differs: stated ${expected}, found ${found}`, {
    expected, found, algorithm: 'crc64nvme', size: bytes.length
  })
}

function noFrame (why: string): RangeError {
  return new RangeError(`Cannot read a structured body as ${why}`)
}

/** The eight bytes least significant first, unlike `Digest`. */
export async function crc64 (bytes: Uint8Array): Promise<Buffer> {
  const digest = await createDigest('crc64nvme')
  return digest.update(bytes).digest().reverse()
}
