/** The headers of SMB: attributes, times, permissions. Required, optional or unknown, as the version of the request wants it. */
import { createHash } from 'node:crypto'
import type { RequestHead } from '../service.ts'
import { azureError, invalidHeader, missingHeader } from './errors.ts'
import type { Entry, Share, SmbProperties } from './state.ts'
import { type FileTime, parseTime } from './times.ts'
import { SINCE } from './versions.ts'

export type Attribute =
  | 'ReadOnly' | 'Hidden' | 'System' | 'Directory' | 'Archive' | 'Temporary' | 'None' | 'Offline' | 'NotContentIndexed' | 'NoScrubData'

const ATTRIBUTES: readonly Attribute[] = [
  'ReadOnly', 'Hidden', 'System', 'Directory', 'Archive', 'Temporary', 'None', 'Offline', 'NotContentIndexed', 'NoScrubData'
]
const MAX_SDDL = 8192
/** What a new file inherits. */
export const DEFAULT_SDDL = 'O:SYG:SYD:(A;;FA;;;BA)(A;;FA;;;SY)(A;;0x1301bf;;;AU)(A;;0x1200a9;;;BU)'

type Headers = RequestHead['headers']

/** Two numbers of 64 bits, of the text itself: the same descriptor always has the same key. */
export function permissionKeyOf (sddl: string): string {
  const hash = createHash('sha256').update(sddl).digest()
  return `${hash.readBigUInt64BE(0)}*${hash.readBigUInt64BE(8)}`
}

/** Of a new file or directory. `now` is the moment of its creation. */
export function readNewSmb (headers: Headers, version: string, share: Share, kind: Entry['kind'], now: FileTime): SmbProperties {
  requireSmb(headers, version)
  const time = (name: string): FileTime => readSmbTime(headers, name, now, now)
  const written = time('x-ms-file-last-write-time')
  return {
    attributes: withOwn(readAttributes(headers), kind),
    created: time('x-ms-file-creation-time'),
    written,
    accessed: now,
    changed: version >= SINCE.optionalSmbHeaders ? time('x-ms-file-change-time') : written,
    permissionKey: readPermission(headers, share) ?? permissionKeyOf(DEFAULT_SDDL)
  }
}

/** What there was, with what the headers change. Times that are not sent are kept, apart from that of the change. */
export function readChangedSmb (headers: Headers, version: string, share: Share, before: SmbProperties, kind: Entry['kind'], now: FileTime): SmbProperties {
  requireSmb(headers, version)
  const attributes = readAttributes(headers)
  const written = readSmbTime(headers, 'x-ms-file-last-write-time', now, before.written)
  return {
    attributes: attributes === undefined ? before.attributes : kind === 'directory' ? withOwn(attributes, kind) : attributes,
    created: readSmbTime(headers, 'x-ms-file-creation-time', now, before.created),
    written,
    accessed: before.accessed,
    changed: readSmbTime(headers, 'x-ms-file-change-time', now, now),
    permissionKey: readPermission(headers, share) ?? before.permissionKey
  }
}

/** `now`, a time, or `kept` for `preserve` and nothing. */
export function readSmbTime (headers: Headers, name: string, now: FileTime, kept: FileTime): FileTime {
  const text = headers[name]
  if (text === undefined || text.toLowerCase() === 'preserve') return kept
  if (text.toLowerCase() === 'now') return now
  const time = parseTime(text)
  if (time === undefined) throw invalidHeader(name, text)
  return time
}

export function saysTime (text: string | undefined): boolean {
  return text !== undefined && !['preserve', 'now'].includes(text.toLowerCase())
}

function requireSmb (headers: Headers, version: string): void {
  if (version < SINCE.smbHeaders || version >= SINCE.optionalSmbHeaders) return
  for (const name of ['x-ms-file-attributes', 'x-ms-file-creation-time', 'x-ms-file-last-write-time']) {
    if (headers[name] === undefined) throw missingHeader(name)
  }
  if (headers['x-ms-file-permission'] === undefined && headers['x-ms-file-permission-key'] === undefined) throw missingHeader('x-ms-file-permission')
}

/** `Archive|ReadOnly`; undefined when there is nothing to set. */
export function readAttributes (headers: Headers): Attribute[] | undefined {
  const text = headers['x-ms-file-attributes']
  if (text === undefined || text.toLowerCase() === 'preserve') return undefined
  const wanted = text.split(/[|,]/).map(name => name.trim().toLowerCase())
  const found = ATTRIBUTES.filter(attribute => wanted.includes(attribute.toLowerCase()))
  if (found.length !== new Set(wanted).size) throw invalidHeader('x-ms-file-attributes', text)
  return found
}

/** A new file is to be archived; a directory is one, whatever it was said to be. */
function withOwn (attributes: readonly Attribute[] | undefined, kind: Entry['kind']): Attribute[] {
  const own: Attribute = kind === 'directory' ? 'Directory' : 'Archive'
  const others = (attributes ?? []).filter(attribute => attribute !== 'None' && attribute !== own)
  return ATTRIBUTES.filter(attribute => attribute === own || others.includes(attribute))
}

/** The key of the permission that is sent in words or by key; undefined for `inherit`, `preserve` and nothing. */
export function readPermission (headers: Headers, share: Share): string | undefined {
  const sddl = headers['x-ms-file-permission']
  const key = headers['x-ms-file-permission-key']
  if (sddl !== undefined && key !== undefined) throw invalidHeader('x-ms-file-permission-key', key)
  if (sddl !== undefined) return ['inherit', 'preserve'].includes(sddl.toLowerCase()) ? undefined : keepPermission(share, sddl)
  if (key === undefined || key.toLowerCase() === 'preserve') return undefined
  if (!Object.hasOwn(share.permissions, key)) throw invalidHeader('x-ms-file-permission-key', key)
  return key
}

/** @throws {AzureError} 400 `FileInvalidPermission` */
export function keepPermission (share: Share, sddl: string): string {
  if (sddl === '' || sddl.length > MAX_SDDL) throw azureError('FileInvalidPermission')
  const key = permissionKeyOf(sddl)
  share.permissions[key] = sddl
  return key
}

export function isReadOnly ({ smb }: Entry): boolean {
  return smb.attributes.includes('ReadOnly')
}

export function attributesText ({ attributes }: SmbProperties): string {
  return attributes.length === 0 ? 'None' : attributes.join(' | ')
}

/** What every answer about an entry says of it. */
export function smbHeaders ({ id, parent, smb }: Entry, version: string): Record<string, string> {
  if (version < SINCE.smbHeaders) return {}
  return {
    'x-ms-file-attributes': attributesText(smb),
    'x-ms-file-creation-time': smb.created,
    'x-ms-file-last-write-time': smb.written,
    'x-ms-file-change-time': smb.changed,
    'x-ms-file-permission-key': smb.permissionKey,
    'x-ms-file-id': id,
    'x-ms-file-parent-id': parent
  }
}
