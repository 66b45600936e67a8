/** How the bytes of a range are proved on their way to the service. */
import { md5Base64OffThread } from '../../lib/digest/md5-off-thread.ts'
import { DigestMismatchError } from '../../lib/errors.ts'
import { STRUCTURED_BODY, STRUCTURED_BODY_VERSION, frame } from './structured-body.ts'

/**
 * `none`, the default: TLS alone, which proves the bytes from socket to socket.
 * `md5`: sent with each range, checked by the service before it stores a byte, and compared with its answer. Also proves what
 * a proxy that ends TLS or a buffer written too early makes of the bytes. Off the main thread for ranges of 256 KiB or more.
 * `crc64`: each range in a structured body, checked by the service; on the main thread, and one copy of the range more.
 * Needs a service of version 2026-04-06.
 */
export type Integrity = 'md5' | 'crc64' | 'none'

/** How many ranges may be held so that `concurrency` of them are in flight: others are hashed ahead meanwhile. */
export function rangesHeld (integrity: Integrity, concurrency: number): number {
  return integrity === 'md5' ? 2 * concurrency : concurrency
}

export const INTEGRITIES: readonly string[] = ['md5', 'crc64', 'none'] satisfies Integrity[]

/** One range, ready to be sent. */
export interface SealedRange {
  /** What goes on the wire. */
  body: Uint8Array
  headers: Record<string, string>
  version?: string
  /** Base64; what the answer must say. */
  md5?: string
}

export async function seal (bytes: Uint8Array, integrity: Integrity): Promise<SealedRange> {
  if (integrity === 'none') return { body: bytes, headers: {} }
  if (integrity === 'md5') {
    const md5 = await md5Base64OffThread(bytes)
    return { body: bytes, headers: { 'content-md5': md5 }, md5 }
  }
  const headers = { 'x-ms-structured-body': STRUCTURED_BODY, 'x-ms-structured-content-length': String(bytes.length) }
  return { body: await frame(bytes), headers, version: STRUCTURED_BODY_VERSION }
}

/** The service answers with the MD5 of what it stored. */
export function compareMd5 (sealed: SealedRange, found: string | undefined, action: string): void {
  if (sealed.md5 === undefined || found === undefined || found === sealed.md5) return
  throw new DigestMismatchError(`Cannot ${action}: the service stored other bytes, their MD5 is ${found} instead of ${sealed.md5}`, {
    expected: sealed.md5, found, algorithm: 'md5', size: sealed.body.byteLength, temporary: true, operation: 'PutRange'
  })
}
