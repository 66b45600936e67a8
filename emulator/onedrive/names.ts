/** Which names a drive takes. */
import { invalidRequest } from './errors.ts'
import { MAX_PATH } from './limits.ts'
import type { Flavour } from './quirks.ts'

const FORBIDDEN_CHARACTER = /["*:<>?/\\|]/
// eslint-disable-next-line no-control-regex
const CONTROL_CHARACTER = /[\x00-\x1f]/
const FORBIDDEN_NAME = /^(?:\.lock|con|prn|aux|nul|com\d|lpt\d|desktop\.ini)$/i

/** Names are one name when they differ in case only. */
export function identity (name: string): string {
  return name.toLowerCase()
}

export interface NameUse {
  flavour: Flavour
  folder: boolean
  /** Whether it lies directly below the root. */
  atRoot: boolean
}

/** @throws {GraphError} 400 */
export function checkName (name: string, { flavour, folder, atRoot }: NameUse): void {
  const reason = forbiddenCharacter(name) ?? forbiddenName(name) ?? (flavour === 'business' ? forbiddenInSharePoint(name, folder, atRoot) : undefined)
  if (reason !== undefined) throw invalidRequest(`The provided name cannot be used: ${reason}`, 'invalidPath')
}

function forbiddenCharacter (name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'it is empty or only dots'
  if (FORBIDDEN_CHARACTER.test(name) || CONTROL_CHARACTER.test(name)) return 'it contains a character that is not allowed'
  if (name !== name.trim()) return 'it begins or ends with a space'
  return name.endsWith('.') ? 'it ends with a dot' : undefined
}

function forbiddenName (name: string): string | undefined {
  if (FORBIDDEN_NAME.test(name)) return 'it is reserved'
  return name.startsWith('~$') ? 'it begins with ~$' : undefined
}

function forbiddenInSharePoint (name: string, folder: boolean, atRoot: boolean): string | undefined {
  if (/_vti_/i.test(name)) return 'it contains _vti_'
  if (atRoot && identity(name) === 'forms') return 'forms is reserved at the root of a library'
  return folder && name.startsWith('~') ? 'a folder begins with ~' : undefined
}

/** `path` decoded, from the root, with the name. @throws {GraphError} 400 `pathIsTooLong` */
export function checkPathLength (path: string, flavour: Flavour): void {
  if ([...path].length > MAX_PATH[flavour]) throw invalidRequest('The path is too long.', 'pathIsTooLong')
}

/** `a.txt` → `a 1.txt`, `a 2.txt` …; of a folder the number comes last. */
export function freeName (name: string, folder: boolean, isTaken: (name: string) => boolean): string {
  const dot = folder ? -1 : name.lastIndexOf('.')
  const [stem, extension] = dot <= 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot)]
  for (let number = 1; ; number++) {
    const candidate = `${stem} ${number}${extension}`
    if (!isTaken(candidate)) return candidate
  }
}

export function extensionOf (name: string): string {
  const dot = name.lastIndexOf('.')
  return dot === -1 ? '' : name.slice(dot + 1).toLowerCase()
}
