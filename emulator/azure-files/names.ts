/**
 * Names of shares, directories and files: what is allowed, and when two are one.
 * Wire: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-shares--directories--files--and-metadata
 */
import { azureError } from './errors.ts'

const SHARE = /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/
const MAX_PATH = 2048
const MAX_NAME = 255
const MAX_DEPTH = 250
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /["\\/:|<>*?\u0000-\u001f\u0081\u008d\u008f\u0090\u009d]/
const RESERVED = /^(?:lpt[1-9]|com[1-9]|prn|aux|nul|con|clock\$|\.{1,2})$/i

/** @throws {AzureError} 400 `InvalidResourceName` */
export function checkShareName (name: string): void {
  if (!SHARE.test(name)) throw azureError('InvalidResourceName')
}

/** One path may end its parts with dots; otherwise they are cut off without a word, as Windows does. */
export function splitPath (path: string, keepTrailingDots: boolean): string[] {
  if (path === '') return []
  const segments = path.split('/').map(segment => checkedName(segment, keepTrailingDots))
  if (path.length > MAX_PATH || segments.length > MAX_DEPTH) throw azureError('InvalidFileOrDirectoryPathName')
  return segments
}

function checkedName (encoded: string, keepTrailingDots: boolean): string {
  const name = decodeSegment(encoded)
  if (RESERVED.test(name) || FORBIDDEN.test(name)) throw azureError('InvalidResourceName')
  if (name.length > MAX_NAME) throw azureError('InvalidFileOrDirectoryPathName')
  const kept = keepTrailingDots ? name : name.replace(/\.+$/, '')
  if (kept === '') throw azureError('InvalidResourceName') // also of a slash at the end
  return kept
}

/** Bytes that are no UTF-8 name nothing. */
function decodeSegment (encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    throw azureError('InvalidUri')
  }
}

/** For the log, where nothing may fail. */
export function decodeLoosely (path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** What two spellings of one name have in common: each character in upper case where that is one character. */
export function foldName (name: string): string {
  let folded = ''
  for (const character of name) {
    const upper = character.toUpperCase()
    folded += upper.length === character.length ? upper : character
  }
  return folded
}
