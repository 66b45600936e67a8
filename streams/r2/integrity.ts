/**
 * How R2 is told what bytes to expect. Of the modes, `sha256` is part of the signature; R2 compares each of them with
 * what arrives and refuses a body that differs. Wire: https://developers.cloudflare.com/r2/api/s3/api/ (checksums).
 */
import { combineCrc } from '../../lib/digest/crc-combine.ts'
import type { DigestAlgorithm } from '../../lib/digest/digest.ts'
import { digestOffThread } from '../../lib/digest/off-thread.ts'
import { sha256Hex } from '../../lib/digest/sha256-off-thread.ts'
import { UNSIGNED_PAYLOAD } from './auth.ts'
import type { UploadedPart } from './wire-multipart.ts'

export const INTEGRITIES = ['sha256', 'crc32', 'crc64nvme', 'md5', 'unsigned'] as const

/** `unsigned` leaves the bytes to TLS. */
export type Integrity = typeof INTEGRITIES[number]

/** Bytes with the headers that vouch for them. */
export interface SealedBody {
  bytes: Uint8Array
  /** The value of `x-amz-content-sha256`. */
  payloadHash: string
  headers: Record<string, string>
  /** What Complete must repeat of a part. */
  checksum?: NonNullable<UploadedPart['checksum']>
}

/** Digests of parts are computed off the main thread, and SHA-256 of any 64 KiB and more; do not write to `bytes` meanwhile. */
export async function seal (bytes: Uint8Array, integrity: Integrity): Promise<SealedBody> {
  switch (integrity) {
    case 'sha256': return { bytes, payloadHash: await sha256Hex(bytes), headers: {} }
    case 'md5': return unsigned(bytes, { 'content-md5': await base64('md5', bytes) })
    case 'crc32': return withChecksum(bytes, 'x-amz-checksum-crc32', 'ChecksumCRC32', await base64('crc32', bytes))
    case 'crc64nvme': return withChecksum(bytes, 'x-amz-checksum-crc64nvme', 'ChecksumCRC64NVME', await base64('crc64nvme', bytes))
    case 'unsigned': return unsigned(bytes, {})
  }
}

async function base64 (algorithm: DigestAlgorithm, bytes: Uint8Array): Promise<string> {
  return (await digestOffThread(algorithm, bytes)).toString('base64')
}

function unsigned (bytes: Uint8Array, headers: Record<string, string>): SealedBody {
  return { bytes, payloadHash: UNSIGNED_PAYLOAD, headers }
}

function withChecksum (bytes: Uint8Array, header: string, element: string, value: string): SealedBody {
  return { ...unsigned(bytes, { [header]: value }), checksum: [element, value] }
}

/** What CreateMultipartUpload must announce: CRC-32 is composed of the parts' values, CRC-64 covers the whole object. */
export function multipartChecksumHeaders (integrity: Integrity): Record<string, string> {
  if (integrity === 'crc32') return { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'COMPOSITE' }
  if (integrity === 'crc64nvme') return { 'x-amz-checksum-algorithm': 'CRC64NVME', 'x-amz-checksum-type': 'FULL_OBJECT' }
  return {}
}

/** A stored part with its size, as far as the whole object's checksum needs it. */
export interface PartReceipt extends UploadedPart {
  size: number
}

/** The CRC-64 of the whole object from those of its parts, as a header of Complete; nothing for the other modes. */
export function wholeChecksumHeaders (integrity: Integrity, parts: readonly PartReceipt[]): Record<string, string> {
  if (integrity !== 'crc64nvme') return {}
  const whole = parts.reduce<Buffer | undefined>((crc, part) => {
    const own = Buffer.from(part.checksum?.[1] ?? '', 'base64')
    return crc === undefined ? own : combineCrc('crc64nvme', crc, own, part.size)
  }, undefined)
  return whole === undefined ? {} : { 'x-amz-checksum-crc64nvme': whole.toString('base64'), 'x-amz-checksum-type': 'FULL_OBJECT' }
}
