/** What OneDrive accepts as names, paths and sizes, checked before anything is sent. */
import { GiB, KiB, MiB, formatSize } from '../../lib/bytes/sizes.ts'

/**
 * Every fragment of an upload session but the last is a multiple of this, and none reaches 60 MiB.
 * Wire: https://learn.microsoft.com/graph/api/driveitem-createuploadsession
 */
export const FRAGMENT_UNIT = 320 * KiB
export const MAX_FRAGMENT_BYTES = 191 * FRAGMENT_UNIT
export const DEFAULT_FRAGMENT_BYTES = 10 * MiB

/** The document's limit of a single PUT, and the one that mature clients keep to: the service takes more only at times. */
export const SIMPLE_UPLOAD_BYTES = 4 * MiB
/** The largest single PUT that the service's own page allows. */
export const MAX_SIMPLE_UPLOAD_BYTES = 250 * MiB

/** Wire: https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa */
export const MAX_FILE_BYTES = 250 * GiB
/** Characters of a decoded path; libraries of SharePoint take 400. */
const MAX_PATH = 430

const FORBIDDEN_CHARACTER = /["*:<>?/\\|]/
const RESERVED = /^(\.lock|con|prn|aux|nul|com\d|lpt\d|desktop\.ini)$/i

/**
 * The segments of a path below the root of a drive, or below an item; leading and closing slashes do not count.
 * @throws {RangeError} a segment is empty, `.` or `..` (URL parsers remove such ones, so that another item would be meant),
 *   holds a character that no name can, or the path is too long.
 */
export function splitPath (path: unknown): string[] {
  if (typeof path !== 'string') throw new TypeError(`Cannot address an item as its path must be a string: received ${typeof path}`)
  const trimmed = path.replace(/^\/+|\/+$/g, '')
  if (trimmed === '') return []
  if (trimmed.length > MAX_PATH) throw new RangeError(`Cannot address an item as its path has ${trimmed.length} characters: OneDrive takes at most ${MAX_PATH}`)
  const segments = trimmed.split('/')
  for (const segment of segments) checkSegment(segment, path)
  return segments
}

function checkSegment (segment: string, path: string): void {
  if (segment === '') throw new RangeError(`Cannot address ${JSON.stringify(path)} as a segment of it is empty`)
  if (segment === '.' || segment === '..') throw new RangeError(`Cannot address ${JSON.stringify(path)} as "." and ".." cannot be segments of it`)
  const forbidden = FORBIDDEN_CHARACTER.exec(segment)?.[0]
  if (forbidden !== undefined) throw new RangeError(`Cannot address ${JSON.stringify(path)} as names cannot hold ${JSON.stringify(forbidden)}`)
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(segment)) throw new RangeError(`Cannot address ${JSON.stringify(path)} as names cannot hold control characters`)
  if (!isWellFormed(segment)) throw new RangeError(`Cannot address ${JSON.stringify(path)} as it holds half a surrogate pair`)
}

/** Half a surrogate pair has no UTF-8. */
export function isWellFormed (text: string): boolean {
  return Buffer.from(text).toString() === text
}

/** @throws {RangeError} OneDrive or SharePoint would refuse to create an item of this name. */
export function checkNewName (name: unknown): asserts name is string {
  if (typeof name !== 'string') throw new TypeError(`Cannot name an item as its name must be a string: received ${typeof name}`)
  const quoted = JSON.stringify(name)
  if (name === '') throw new RangeError('Cannot name an item as its name is empty')
  if (name.includes('/')) throw new RangeError(`Cannot name an item ${quoted} as names cannot hold "/"`)
  checkSegment(name, name)
  if (name.startsWith(' ') || name.endsWith(' ')) throw new RangeError(`Cannot name an item ${quoted} as names cannot start or end with a space`)
  if (name.endsWith('.')) throw new RangeError(`Cannot name an item ${quoted} as names cannot end with "."`)
  if (name.startsWith('~$')) throw new RangeError(`Cannot name an item ${quoted} as names cannot start with "~$"`)
  if (/_vti_/i.test(name)) throw new RangeError(`Cannot name an item ${quoted} as names cannot hold "_vti_"`)
  if (RESERVED.test(name)) throw new RangeError(`Cannot name an item ${quoted} as the name is reserved`)
}

/** The segments of a path that is about to be created. */
export function splitNewPath (path: unknown): string[] {
  const segments = splitPath(path)
  for (const segment of segments) checkNewName(segment)
  return segments
}

export function checkFragmentSize (fragmentSize: number): void {
  if (typeof fragmentSize !== 'number') throw new TypeError(`Cannot open an upload session as fragmentSize must be a number: received ${typeof fragmentSize}`)
  if (!Number.isSafeInteger(fragmentSize) || fragmentSize < FRAGMENT_UNIT || fragmentSize % FRAGMENT_UNIT !== 0) {
    throw new RangeError(`Cannot open an upload session as fragmentSize must be a multiple of ${FRAGMENT_UNIT}: received ${fragmentSize}`)
  }
  if (fragmentSize > MAX_FRAGMENT_BYTES) {
    throw new RangeError(`Cannot open an upload session as fragmentSize must be below 60 MiB, at most ${MAX_FRAGMENT_BYTES}: received ${fragmentSize}`)
  }
}

export function checkFileSize (size: number): void {
  if (typeof size !== 'number') throw new TypeError(`Cannot upload as size must be a number of bytes: received ${typeof size}`)
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`Cannot upload as size must be a whole number of bytes: received ${size}`)
  if (size > MAX_FILE_BYTES) throw new RangeError(`Cannot upload ${size} bytes as OneDrive stores files of at most ${MAX_FILE_BYTES} bytes (${formatSize(MAX_FILE_BYTES)})`)
}

export function checkSimpleUploadLimit (limit: number): void {
  if (Number.isSafeInteger(limit) && limit >= 0 && limit <= MAX_SIMPLE_UPLOAD_BYTES) return
  throw new RangeError(`Cannot use simpleUploadLimit ${limit} as it must be 0 to ${MAX_SIMPLE_UPLOAD_BYTES} bytes (250 MiB)`)
}

/** Wire: https://learn.microsoft.com/graph/api/driveitem-list-children (200 unless told, 1,000 at most). */
export function checkPageSize (pageSize: number | undefined): void {
  if (pageSize === undefined || (Number.isInteger(pageSize) && pageSize >= 1 && pageSize <= 1000)) return
  throw new RangeError(`Cannot list pages of ${pageSize} items as pageSize must be a whole number from 1 to 1000`)
}

const MAX_CONCURRENCY = 16

export function checkConcurrency (concurrency: number): void {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_CONCURRENCY) return
  throw new RangeError(`Cannot keep ${concurrency} requests in flight as concurrency must be a whole number from 1 to ${MAX_CONCURRENCY}`)
}

export const CONFLICT_BEHAVIORS = ['fail', 'replace', 'rename'] as const

/** What happens where an item of that name exists: an error, a new version of it, or another name such as `a 1.txt`. */
export type ConflictBehavior = typeof CONFLICT_BEHAVIORS[number]

export function checkConflictBehavior (behavior: unknown): asserts behavior is ConflictBehavior {
  if ((CONFLICT_BEHAVIORS as readonly unknown[]).includes(behavior)) return
  throw new RangeError(`Cannot use conflictBehavior ${JSON.stringify(behavior)} as it must be one of ${CONFLICT_BEHAVIORS.join(', ')}`)
}
