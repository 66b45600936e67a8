/**
 * The flexible checksums that R2 takes: CRC64NVME over a whole multipart object, the others composite, part by part.
 * Wire: https://developers.cloudflare.com/r2/api/s3/api/
 */
import { combineCrc } from '../../lib/digest/crc-combine.ts'
import { createDigest, DIGEST_SIZES, type Digest, type DigestAlgorithm } from '../../lib/digest/digest.ts'
import { badDigest, headerNotImplemented, invalidDigest, invalidRequest } from './errors.ts'
import { leaf } from './xml.ts'

type Headers = Readonly<Record<string, string | undefined>>

export type ChecksumAlgorithm = 'CRC32' | 'CRC32C' | 'CRC64NVME' | 'SHA1' | 'SHA256'
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE'

export interface Checksum {
  algorithm: ChecksumAlgorithm
  /** Base64; of a composite with `-N`. */
  value: string
  type: ChecksumType
}

const DIGESTS: Readonly<Record<ChecksumAlgorithm, DigestAlgorithm>> = {
  CRC32: 'crc32', CRC32C: 'crc32c', CRC64NVME: 'crc64nvme', SHA1: 'sha1', SHA256: 'sha256'
}
const ALGORITHMS = Object.keys(DIGESTS) as ChecksumAlgorithm[]

export function checksumHeaderName (algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`
}

export function startChecksum (algorithm: ChecksumAlgorithm): Promise<Digest> {
  return createDigest(DIGESTS[algorithm])
}

/** The checksum that the request claims for its body. @throws {R2Error} 400 when it is malformed or there are several */
export function claimedChecksum (headers: Headers): Checksum | undefined {
  const given = ALGORITHMS.filter(algorithm => headers[checksumHeaderName(algorithm)] !== undefined)
  const algorithm = given[0]
  if (algorithm === undefined) return undefined
  if (given.length > 1) throw invalidRequest('Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.')
  const value = headers[checksumHeaderName(algorithm)] ?? ''
  checkBase64(value, DIGEST_SIZES[DIGESTS[algorithm]])
  return { algorithm, value, type: 'FULL_OBJECT' }
}

/** Which checksum a trailer of an aws-chunked body will carry. */
export function announcedChecksum (headers: Headers): ChecksumAlgorithm | undefined {
  const trailer = headers['x-amz-trailer']?.toLowerCase()
  return ALGORITHMS.find(algorithm => checksumHeaderName(algorithm) === trailer)
}

/** @throws {R2Error} 400 `BadDigest` when they differ */
export function compareChecksum (claimed: Checksum, found: Buffer): void {
  const actual = found.toString('base64')
  if (actual !== claimed.value) throw badDigest(claimed.algorithm, claimed.value, actual)
}

/** @throws {R2Error} 400 `InvalidDigest` unless it is base64 of so many bytes */
export function checkBase64 (text: string, size: number): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== size || bytes.toString('base64') !== text.trim()) throw invalidDigest()
  return bytes
}

/** What CreateMultipartUpload asked for. @throws {R2Error} 501 for a pair that R2 does not offer */
export function requestedChecksum (headers: Headers): { algorithm: ChecksumAlgorithm, type: ChecksumType } | undefined {
  const name = headers['x-amz-checksum-algorithm']
  if (name === undefined) return undefined
  const algorithm = ALGORITHMS.find(candidate => candidate === name.toUpperCase())
  if (algorithm === undefined) throw headerNotImplemented('x-amz-checksum-algorithm', name)
  const only: ChecksumType = algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE'
  const type = headers['x-amz-checksum-type'] ?? only
  if (type !== only) throw headerNotImplemented('x-amz-checksum-type', type)
  return { algorithm, type: only }
}

/** The checksum of a whole upload from those of its parts. */
export async function joinChecksums (algorithm: ChecksumAlgorithm, parts: ReadonlyArray<{ value: string, size: number }>): Promise<Checksum> {
  const digests = parts.map(part => Buffer.from(part.value, 'base64'))
  if (algorithm === 'CRC64NVME') {
    const whole = digests.slice(1).reduce<Buffer>(
      (sum, digest, index) => combineCrc('crc64nvme', sum, digest, parts[index + 1]?.size ?? 0), digests[0] ?? Buffer.alloc(8))
    return { algorithm, value: whole.toString('base64'), type: 'FULL_OBJECT' }
  }
  const joined = (await startChecksum(algorithm)).update(Buffer.concat(digests)).digest()
  return { algorithm, value: `${joined.toString('base64')}-${parts.length}`, type: 'COMPOSITE' }
}

export function checksumHeaders (checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {}
  return { [checksumHeaderName(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type }
}

export function checksumElements (checksum: Checksum | undefined): Array<string | undefined> {
  if (checksum === undefined) return []
  return [leaf(`Checksum${checksum.algorithm}`, checksum.value), leaf('ChecksumType', checksum.type)]
}
