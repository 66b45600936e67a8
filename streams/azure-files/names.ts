/** What Azure Files accepts as account, share, path and size, checked before anything is sent. */
import { MiB, TiB, formatSize } from '../../lib/bytes/sizes.ts'
import { ConfigurationError } from '../../lib/errors.ts'

/** Every segment encoded once as UTF-8, with only the unreserved characters of RFC 3986 left: what is sent is what is signed. */
export { encodePath, encodeStrict } from '../../lib/http/percent-encoding.ts'

/** Wire: https://learn.microsoft.com/rest/api/storageservices/put-range */
export const MAX_RANGE_BYTES = 4 * MiB
/** Wire: https://learn.microsoft.com/rest/api/storageservices/create-file */
export const MAX_FILE_BYTES = 4 * TiB

/** Wire: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-shares--directories--files--and-metadata */
const MAX_PATH_LENGTH = 2048
const MAX_COMPONENT_LENGTH = 255
const MAX_DEPTH = 250

const ACCOUNT = /^[a-z0-9]{3,24}$/
const SHARE = /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/
/** The characters that Windows refuses too, and the two control ranges. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /["\\:|<>*?\u0000-\u001f\u007f-\u009f]/
const RESERVED = /^(LPT[1-9]|COM[1-9]|PRN|AUX|NUL|CON|CLOCK\$|\.{1,2})$/i

export interface ShareRef {
  share: string
}

/** A file or directory of a share; the path has no slash at either end, and '' is the root directory. */
export interface Target extends ShareRef {
  path: string
}

export function checkAccountName (name: string): void {
  if (typeof name === 'string' && ACCOUNT.test(name)) return
  throw new ConfigurationError(`Cannot use accountName ${JSON.stringify(name)} as it must have 3 to 24 lower-case letters and digits`, { code: 'InvalidAccountName' })
}

export function checkShareName (name: unknown): asserts name is string {
  if (typeof name !== 'string') throw new TypeError(`Cannot address a share as its name must be a string: received ${typeof name}`)
  if (SHARE.test(name)) return
  throw new ConfigurationError(`Cannot address share ${JSON.stringify(name)} as its name must have 3 to 63 lower-case letters, digits and single "-" between them`, { code: 'InvalidShareName' })
}

/** The path of a file: one slash at its start is taken off. @throws {ConfigurationError} code `InvalidPath` */
export function filePath (path: unknown): string {
  const normal = withoutLeadingSlash(path)
  if (normal === '') throw new ConfigurationError('Cannot address a file as its path is empty', { code: 'InvalidPath' })
  checkPath(normal)
  return normal
}

/** The path of a directory: slashes at its ends are taken off, '' is the root of the share. @throws {ConfigurationError} code `InvalidPath` */
export function directoryPath (path: unknown): string {
  const normal = withoutLeadingSlash(path).replace(/\/$/, '')
  if (normal !== '') checkPath(normal)
  return normal
}

function withoutLeadingSlash (path: unknown): string {
  if (typeof path !== 'string') throw new TypeError(`Cannot address a file as its path must be a string: received ${typeof path}`)
  return path.startsWith('/') ? path.slice(1) : path
}

function checkPath (path: string): void {
  const why = whatIsWrong(path)
  if (why !== undefined) throw new ConfigurationError(`Cannot address path ${JSON.stringify(path)} as ${why}`, { code: 'InvalidPath' })
}

function whatIsWrong (path: string): string | undefined {
  if (path.length > MAX_PATH_LENGTH) return `it has ${path.length} characters: at most ${MAX_PATH_LENGTH} are allowed`
  const components = path.split('/')
  if (components.length > MAX_DEPTH) return `it is ${components.length} deep: at most ${MAX_DEPTH} are allowed`
  if (Buffer.from(path).toString() !== path) return 'it holds half a surrogate pair'
  for (const component of components) {
    if (component === '') return 'it has an empty component'
    if (component.length > MAX_COMPONENT_LENGTH) return `a component has ${component.length} characters: at most ${MAX_COMPONENT_LENGTH} are allowed`
    if (RESERVED.test(component)) return `${JSON.stringify(component)} is a reserved name`
    const forbidden = FORBIDDEN.exec(component)
    if (forbidden !== null) return `it holds the forbidden character ${JSON.stringify(forbidden[0])}`
  }
  return undefined
}

/** `dir` and `name` of a path. */
export function splitPath (path: string): { parent: string, name: string } {
  const slash = path.lastIndexOf('/')
  return { parent: path.slice(0, Math.max(slash, 0)), name: path.slice(slash + 1) }
}

export function joinPath (parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`
}

export function checkRangeSize (rangeSize: number): void {
  if (Number.isSafeInteger(rangeSize) && rangeSize >= 1 && rangeSize <= MAX_RANGE_BYTES) return
  throw new RangeError(`Cannot write ranges of ${rangeSize} bytes as Azure Files takes 1 to ${MAX_RANGE_BYTES} (4 MiB)`)
}

export function checkFileSize (size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`Cannot store a file as its size must be a whole number of bytes: received ${size}`)
  if (size > MAX_FILE_BYTES) throw new RangeError(`Cannot store ${size} bytes as a file has at most ${MAX_FILE_BYTES} (${formatSize(MAX_FILE_BYTES)})`)
}

const MAX_CONCURRENCY = 16

export function checkConcurrency (concurrency: number): void {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_CONCURRENCY) return
  throw new RangeError(`Cannot keep ${concurrency} requests in flight as concurrency must be a whole number from 1 to ${MAX_CONCURRENCY}`)
}

/** Entries a page. Wire: https://learn.microsoft.com/rest/api/storageservices/list-directories-and-files */
export function checkPageSize (pageSize: number | undefined): void {
  if (pageSize === undefined || (Number.isInteger(pageSize) && pageSize >= 1 && pageSize <= 5000)) return
  throw new RangeError(`Cannot list pages of ${pageSize} entries as pageSize must be a whole number from 1 to 5000`)
}
