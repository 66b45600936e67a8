/** The list of parts that Complete sends, and R2's checks of it in the order of its simulator. */
import { type ChecksumAlgorithm } from './checksums.ts'
import { badDigest, entityTooLarge, entityTooSmall, invalidPart, malformedXml } from './errors.ts'
import { MAX_OBJECT_SIZE, MAX_PART_NUMBER } from './limits.ts'
import type { R2Quirks } from './quirks.ts'
import type { Part, Upload } from './state.ts'
import { childrenOf, parseDocument, type Parsed, textOf } from './xml.ts'

export interface ListedPart {
  number: number
  /** Without quotes. */
  etag: string
  checksums: Partial<Record<ChecksumAlgorithm, string>>
}

const CHECKSUMS: readonly ChecksumAlgorithm[] = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']
const NOT_FOUND = 'One or more of the specified parts could not be found.'
const PROBLEM = 'There was a problem with the multipart upload.'
const UNEQUAL = 'All non-trailing parts must have the same length.'

/** @throws {R2Error} 400 `MalformedXML`, or `InvalidPart` for a number that no part can have or that comes twice */
export function parsePartList (text: string): ListedPart[] {
  const request = parseDocument(text, 'CompleteMultipartUpload')
  if (request === undefined) throw malformedXml()
  const list = childrenOf(request, 'Part').map(parsePart)
  if (list.length === 0) throw malformedXml()
  return list
}

function parsePart (part: Parsed): ListedPart {
  const text = textOf(part, 'PartNumber')?.trim() ?? ''
  const number = text === '' ? NaN : Number(text)
  const etag = textOf(part, 'ETag')
  if (!Number.isInteger(number) || etag === undefined) throw malformedXml()
  if (number < 1 || number > MAX_PART_NUMBER) throw invalidPart(NOT_FOUND)
  const checksums: ListedPart['checksums'] = {}
  for (const algorithm of CHECKSUMS) {
    const value = textOf(part, `Checksum${algorithm}`)
    if (value !== undefined) checksums[algorithm] = value
  }
  return { number, etag: etag.trim().replace(/^"|"$/g, ''), checksums }
}

/**
 * The parts to join, by number: R2 sorts them itself. Duplicates, then existence and etags, then the minimum size, then
 * equality.
 * @throws {R2Error} 400
 */
export function selectParts (list: readonly ListedPart[], upload: Upload, quirks: Readonly<R2Quirks>): Part[] {
  if (new Set(list.map(listed => listed.number)).size < list.length) throw invalidPart(PROBLEM)
  const parts = list.map(listed => findPart(listed, upload)).sort((a, b) => a.number - b.number)
  checkSizes(parts.map(part => part.content.size), quirks)
  return parts
}

function findPart (listed: ListedPart, upload: Upload): Part {
  const part = upload.parts.get(listed.number)
  if (part === undefined || part.etag !== listed.etag) throw invalidPart(NOT_FOUND)
  const { checksum } = part
  const claimed = checksum === undefined ? undefined : listed.checksums[checksum.algorithm]
  if (checksum !== undefined && claimed !== undefined && claimed !== checksum.value) {
    throw badDigest(checksum.algorithm, claimed, checksum.value)
  }
  return part
}

function checkSizes (sizes: readonly number[], { minPartSize, equalParts }: Readonly<R2Quirks>): void {
  const last = sizes.at(-1) ?? 0
  const others = sizes.slice(0, -1)
  if (others.some(size => size < minPartSize)) throw entityTooSmall()
  const [first] = others
  if (equalParts && first !== undefined && (others.some(size => size !== first) || last > first)) throw invalidPart(UNEQUAL)
  if (sizes.reduce((sum, size) => sum + size, 0) > MAX_OBJECT_SIZE) throw entityTooLarge()
}
