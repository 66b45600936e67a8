/** The six content headers of a file, and all headers of an answer about it. */
import type { RequestHead } from '../service.ts'
import { type Call, stamp } from './call.ts'
import { azureError } from './errors.ts'
import { leaseAt, leaseHeaders } from './lease.ts'
import { metadataHeaders } from './metadata.ts'
import { smbHeaders } from './smb.ts'
import type { CopyState, File } from './state.ts'
import { httpDate } from './times.ts'
import { SINCE } from './versions.ts'

/** As they are stored and served, and how requests name them. */
const CONTENT_HEADERS = {
  'content-type': 'x-ms-content-type',
  'content-encoding': 'x-ms-content-encoding',
  'content-language': 'x-ms-content-language',
  'content-md5': 'x-ms-content-md5',
  'cache-control': 'x-ms-cache-control',
  'content-disposition': 'x-ms-content-disposition'
} as const
const WIRE_NAMES: Readonly<Record<string, string>> = {
  'content-type': 'Content-Type',
  'content-encoding': 'Content-Encoding',
  'content-language': 'Content-Language',
  'content-md5': 'Content-MD5',
  'cache-control': 'Cache-Control',
  'content-disposition': 'Content-Disposition'
}
/** Those that may also come under their plain names when a file is created; the MD5 would be of the body. */
const PLAIN_NAMES = ['content-type', 'content-encoding', 'content-language', 'cache-control', 'content-disposition']

/** Of a new file. */
export function readNewContentHeaders (headers: RequestHead['headers']): Record<string, string> {
  const plain = Object.fromEntries(PLAIN_NAMES.flatMap(name => headers[name] === undefined ? [] : [[name, headers[name]]]))
  return { 'content-type': 'application/octet-stream', ...plain, ...readContentHeaders(headers) }
}

/** Undefined when none is sent: then those that are stored stay, else they go. */
export function readContentHeaders (headers: RequestHead['headers']): Record<string, string> | undefined {
  const sent = Object.entries(CONTENT_HEADERS).filter(([, header]) => headers[header] !== undefined)
  if (sent.length === 0) return undefined
  const values = sent.map(([name, header]): [string, string] => [name, headers[header] ?? '']).filter(([, value]) => value !== '')
  const md5 = values.find(([name]) => name === 'content-md5')?.[1]
  if (md5 !== undefined) checkMd5(md5)
  return Object.fromEntries(values)
}

/** @throws {AzureError} 400 `InvalidMd5` */
export function checkMd5 (text: string): void {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== 16 || bytes.toString('base64') !== text) throw azureError('InvalidMd5')
}

/** Of a read of all of it, or of its properties. A read of a range has its own length and MD5. */
export function fileHeaders ({ version, auth, now }: Call, file: File): Record<string, string> {
  const stored = Object.entries(file.http).map(([name, value]) => [WIRE_NAMES[name] ?? name, value])
  return {
    ...Object.fromEntries(stored) as Record<string, string>,
    ...(auth.kind === 'sas' ? auth.grant.overrides : {}),
    ...stamp(file),
    ...metadataHeaders(file.metadata),
    'x-ms-type': 'File',
    'x-ms-server-encrypted': 'true',
    'Content-Length': String(file.size),
    ...smbHeaders(file, version),
    ...(version >= SINCE.fileLease ? leaseHeaders(leaseAt(file.lease, now)) : {}),
    ...copyHeaders(file.copy)
  }
}

function copyHeaders (copy: CopyState | undefined): Record<string, string> {
  if (copy === undefined) return {}
  return {
    'x-ms-copy-id': copy.id,
    'x-ms-copy-source': copy.source,
    'x-ms-copy-status': copy.status,
    'x-ms-copy-progress': `${copy.done}/${copy.total}`,
    ...(copy.completed === undefined ? {} : { 'x-ms-copy-completion-time': httpDate(copy.completed) }),
    ...(copy.description === undefined ? {} : { 'x-ms-copy-status-description': copy.description })
  }
}
