/** Compares what was sent or read with the quickXorHash that OneDrive reports, where it reports one. */
import { QuickXorDigest } from '../../lib/digest/quick-xor.ts'
import { DigestMismatchError, SizeMismatchError } from '../../lib/errors.ts'
import type { Verifier } from '../../lib/flow/range-readable.ts'
import type { OneDriveItem } from './item.ts'

/**
 * `verified`: the service holds the bytes that were sent; `unavailable`: it reported no hash, as old and fresh files
 * sometimes have none; `rewritten`: SharePoint wrote its properties into the file, as it does with documents, so that size
 * and hash are its own from then on.
 */
export type Verification = 'verified' | 'unavailable' | 'rewritten'

/** Kinds of files into which libraries write: https://github.com/OneDrive/onedrive-api-docs/issues/935 */
const REWRITTEN = /\.(doc|docm|docx|dot|dotm|dotx|htm|html|aspx|mht|mhtml|one|pdf|pot|potm|potx|ppam|pps|ppsm|ppsx|ppt|pptm|pptx|pub|rtf|vsd|vsdm|vsdx|xlam|xls|xlsb|xlsm|xlsx|xlt|xltm|xltx|xml|xsn)$/i

/** What was sent. */
export interface SentContent {
  size: number
  /** Base64; undefined where not all bytes passed through here. */
  quickXor: string | undefined
}

/** @throws {DigestMismatchError | SizeMismatchError} `remote` is `stored`: the file is there and is another one. */
export function verifyStored (item: OneDriveItem, sent: SentContent, name: string): Verification {
  const found = item.hashes.quickXor
  const sameHash = found === undefined || sent.quickXor === undefined || found === sent.quickXor
  if (sameHash && item.size === sent.size) return found === undefined || sent.quickXor === undefined ? 'unavailable' : 'verified'
  if (isRewritten(item)) return 'rewritten'
  if (!sameHash) {
    throw new DigestMismatchError(`Cannot trust the upload of ${name}: OneDrive holds quickXor ${found}, the bytes sent have ${sent.quickXor}`, {
      algorithm: 'quickXor', expected: sent.quickXor as string, found: found as string, size: sent.size, remote: 'stored', operation: 'UploadContent'
    })
  }
  throw new SizeMismatchError(`Cannot trust the upload of ${name}: OneDrive holds ${item.size} bytes, sent were ${sent.size}`, {
    expected: sent.size, found: item.size, remote: 'stored', operation: 'UploadContent'
  })
}

/** Personal drives leave files as they are; the etags of SharePoint are its own. */
function isRewritten (item: OneDriveItem): boolean {
  const isSharePoint = item.driveType === undefined ? /^"?\{/.test(item.etag ?? '') : item.driveType !== 'personal'
  return isSharePoint && REWRITTEN.test(item.name)
}

/** The same file, as far as the service tells: for an upload whose last answer was lost. */
export function isSameContent (item: OneDriveItem, sent: SentContent, notBefore: number): boolean {
  if (item.type !== 'file' || item.size !== sent.size) return false
  const { quickXor } = item.hashes
  if (quickXor !== undefined && sent.quickXor !== undefined) return quickXor === sent.quickXor
  return (item.modifiedAt?.getTime() ?? 0) >= notBefore
}

/**
 * The check of a download, or undefined where there is nothing to compare with: no hash, or a host that serves other bytes
 * than the item tells the size of.
 */
export function downloadVerifier (item: OneDriveItem, servedSize: number, name: string): Verifier | undefined {
  const expected = item.hashes.quickXor
  if (expected === undefined || item.size !== servedSize) return undefined
  const digest = new QuickXorDigest()
  return {
    update: chunk => { digest.update(chunk) },
    finish: () => {
      const found = digest.digest().toString('base64')
      if (found === expected) return
      throw new DigestMismatchError(`Cannot trust the ${digest.size} bytes read of ${name}: their quickXor is ${found}, OneDrive holds ${expected}`, {
        algorithm: 'quickXor', expected, found, size: digest.size, operation: 'DownloadContent'
      })
    }
  }
}
