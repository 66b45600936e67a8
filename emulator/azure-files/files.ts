/** Create, read, properties, metadata, delete. */
import { createHash } from 'node:crypto'
import type { Answer } from '../service.ts'
import {
  answer, type Call, fileAt, leaseIdOf, locate, pathOf, type Place, readNumber, rootOf, segmentsOf, stamp, writableShareOf
} from './call.ts'
import { advanceCopy, dropCopy } from './copy-state.ts'
import { azureError, invalidHeader, missingHeader } from './errors.ts'
import { checkRead, checkWrite, leaseAt, NO_LEASE } from './lease.ts'
import { MAX_FILE, MAX_FILE_BEFORE, MAX_RANGE, QUOTA_UNIT } from './limits.ts'
import { metadataHeaders, readMetadata } from './metadata.ts'
import { fileHeaders, readContentHeaders, readNewContentHeaders } from './properties.ts'
import { readRange } from './range-header.ts'
import { payloadSize, receiveBody, type Received } from './receive.ts'
import { isReadOnly, readChangedSmb, readNewSmb, saysTime, smbHeaders } from './smb.ts'
import { SparseContent, type Span } from './sparse.ts'
import type { Directory, Entry, File, Share, SmbProperties } from './state.ts'
import { framed, framedSize, STRUCTURED } from './structured.ts'
import { type FileTime, parseTime } from './times.ts'
import { SINCE } from './versions.ts'

const ENCRYPTED = { 'x-ms-request-server-encrypted': 'true' } as const

/** A file of this size with nothing in it, in the place of whatever file had the name. */
export async function createFile (call: Call): Promise<Answer> {
  const { headers, version } = call
  if (headers['x-ms-type']?.toLowerCase() !== 'file') throw headers['x-ms-type'] === undefined ? missingHeader('x-ms-type') : invalidHeader('x-ms-type', headers['x-ms-type'])
  const size = readSize(call)
  const http = readNewContentHeaders(headers)
  const metadata = readMetadata(headers)
  checkOverwrite(call)
  const body = await receiveFirstBytes(call, size)
  // From here nothing waits: what is checked is still so when it is stored.
  const { share, directory, file, smb, modified } = admit(call, size, body)
  file.bytes.truncate(0)
  call.context.state.resize(share, file, size)
  Object.assign(file, { http, metadata, smb, modified })
  dropCopy(file)
  if (body !== undefined) file.bytes.write(0, body.content)
  await call.context.state.put(share, directory, file)
  await savePermissions(call, share)
  return answer(201, { ...stamp(file), ...ENCRYPTED, ...smbHeaders(file, version), ...(body?.md5 === undefined ? {} : { 'Content-MD5': body.md5 }) })
}

interface Admitted {
  share: Share
  directory: Directory
  file: File
  smb: SmbProperties
  modified: FileTime
}

/** All that can still go wrong; then the body goes, too. */
function admit (call: Call, size: number, body: Received | undefined): Admitted {
  try {
    const place = checkOverwrite(call)
    const { share, directory } = place
    const modified = modifiedAtCreation(call)
    const smb = readNewSmb(call.headers, call.version, share, 'file', modified)
    const file = prepareFile(call, place)
    checkQuota(share, size - file.size)
    return { share, directory, file, smb, modified }
  } catch (error) {
    if (body !== undefined) call.context.contents.release(body.content)
    throw error
  }
}

/** Where the file goes; whatever forbids to put it there is thrown. */
export function checkOverwrite (call: Call): Place & { share: Share, entry: File | undefined } {
  const share = writableShareOf(call)
  const place = locate(share.root, segmentsOf(call))
  const { entry } = place
  if (entry?.kind === 'directory') throw azureError('ResourceTypeMismatch')
  const lease = entry === undefined ? NO_LEASE : leaseAt(entry.lease, call.now)
  checkWrite(lease, leaseIdOf(call))
  if (entry !== undefined) {
    if (call.auth.kind === 'sas' && !call.auth.grant.permissions.includes('w')) throw azureError('AuthorizationPermissionMismatch')
    if (isReadOnly(entry) && call.headers['x-ms-file-copy-ignore-readonly']?.toLowerCase() !== 'true') throw azureError('ReadOnlyAttribute')
    if (entry.copy?.status === 'pending') throw azureError('PendingCopyOperation')
  }
  return { ...place, share, entry }
}

/** The file that has the name, to be overwritten, or a new and empty one, which is nowhere yet. */
export function prepareFile ({ context, now }: Call, { name, directory, entry }: Place & { entry: File | undefined }): File {
  if (entry !== undefined) return entry
  const time = context.state.tick(now)
  return {
    kind: 'file',
    id: context.state.newId(),
    parent: directory.id,
    name,
    metadata: {},
    smb: { attributes: [], created: time, written: time, accessed: time, changed: time, permissionKey: '' },
    modified: time,
    size: 0,
    bytes: new SparseContent(context.contents),
    http: {},
    lease: NO_LEASE
  }
}

/** Old versions take etag and date from the time of the last write that the client says. */
function modifiedAtCreation ({ context, headers, version, now }: Call): FileTime {
  const text = headers['x-ms-file-last-write-time']
  const explicit = version < SINCE.optionalSmbHeaders && saysTime(text) ? parseTime(text ?? '') : undefined
  return explicit ?? context.state.tick(now)
}

function readSize ({ headers, version }: Call): number {
  const text = headers['x-ms-content-length']
  if (text === undefined) throw missingHeader('x-ms-content-length')
  const size = readNumber('x-ms-content-length', text)
  if (size > (version >= SINCE.largeFiles ? MAX_FILE : MAX_FILE_BEFORE)) throw invalidHeader('x-ms-content-length', text)
  return size
}

/** Since 2026-06-06 a file can come with its first bytes. */
async function receiveFirstBytes (call: Call, size: number): Promise<Received | undefined> {
  const { contentLength } = call.exchange
  if (contentLength === undefined && call.headers['transfer-encoding'] === undefined) return undefined
  if (contentLength === 0) return undefined
  if (call.version < SINCE.createWithBody) throw invalidHeader('Content-Length', String(contentLength))
  const wanted = payloadSize(call)
  if (wanted > size) throw azureError('InvalidRange')
  return receiveBody(call, wanted)
}

/** Empty files are possible even on a full share. @throws {AzureError} 403 `ShareSizeLimitReached` */
export function checkQuota (share: Share, growth: number): void {
  if (growth > 0 && share.used + growth > share.quota * QUOTA_UNIT) throw azureError('ShareSizeLimitReached')
}

export async function savePermissions (call: Call, share: Share): Promise<void> {
  if (call.headers['x-ms-file-permission'] !== undefined) await call.context.state.saveShare(share)
}

export async function getFile (call: Call): Promise<Answer> {
  const file = readableFile(call)
  const span = readRange(call.headers, file.size)
  const structured = wantsStructured(call)
  const wanted = span ?? { start: 0, end: file.size }
  const content = file.bytes.read(wanted)
  const { contents } = call.context
  const headers = fileHeaders(call, file)
  const finish = (): void => contents.release(content)
  try {
    const range = span === undefined ? {} : await rangeHeaders(call, file, span, content)
    const { 'Content-MD5': stored, ...others } = headers
    const kept = span === undefined || stored === undefined ? headers : { ...others, 'x-ms-content-md5': stored }
    return {
      status: span === undefined ? 200 : 206,
      headers: { ...kept, 'Accept-Ranges': 'bytes', 'Content-Length': String(content.size), ...range, ...(structured ? structuredHeaders(content.size) : {}) },
      body: structured ? framed(contents.read(content), content.size) : contents.read(content),
      finish
    }
  } catch (error) {
    finish()
    throw error
  }
}

async function rangeHeaders ({ headers, context }: Call, file: File, span: Span, content: Parameters<Call['context']['contents']['read']>[0]): Promise<Record<string, string>> {
  const range = { 'Content-Range': `bytes ${span.start}-${span.end - 1}/${file.size}` }
  if (headers['x-ms-range-get-content-md5']?.toLowerCase() !== 'true') return range
  if (content.size > MAX_RANGE) throw azureError('OutOfRangeInput')
  const md5 = createHash('md5')
  for await (const chunk of context.contents.read(content)) md5.update(chunk)
  return { ...range, 'Content-MD5': md5.digest('base64') }
}

function wantsStructured ({ headers, version }: Call): boolean {
  const kind = headers['x-ms-structured-body']
  if (kind === undefined) return false
  if (version < SINCE.structuredBody || kind !== STRUCTURED) throw invalidHeader('x-ms-structured-body', kind)
  return true
}

function structuredHeaders (size: number): Record<string, string> {
  return { 'x-ms-structured-body': STRUCTURED, 'x-ms-structured-content-length': String(size), 'Content-Length': String(framedSize(size)) }
}

export async function getFileProperties (call: Call): Promise<Answer> {
  const file = readableFile(call)
  await advanceCopy(call, file)
  return answer(200, { ...fileHeaders(call, file), 'Accept-Ranges': 'bytes' })
}

/** @throws {AzureError} 404, 409, or 412 for a wrong lease id */
export function readableFile (call: Call): File {
  const { root } = rootOf(call)
  const file = fileAt(root, segmentsOf(call))
  checkRead(leaseAt(file.lease, call.now), leaseIdOf(call))
  return file
}

/** @throws {AzureError} 404, 409, or 412 for a lease that is missing or wrong */
export function writableFile (call: Call, { readOnly = 'refuse', copying = 'refuse' }: { readOnly?: 'refuse' | 'allow', copying?: 'refuse' | 'allow' } = {}): {
  share: Share, file: File
} {
  const share = writableShareOf(call)
  const file = fileAt(share.root, segmentsOf(call))
  checkWrite(leaseAt(file.lease, call.now), leaseIdOf(call))
  if (readOnly === 'refuse' && isReadOnly(file)) throw azureError('ReadOnlyAttribute')
  if (copying === 'refuse' && file.copy?.status === 'pending') throw azureError('PendingCopyOperation')
  return { share, file }
}

/** Resizes, or sets the content headers (all of them, or none when none is sent), or what SMB knows. */
export async function setFileProperties (call: Call): Promise<Answer> {
  const { context: { state }, headers, version } = call
  const { share, file } = writableFile(call, { readOnly: 'allow' })
  const http = readContentHeaders(headers)
  const size = headers['x-ms-content-length'] === undefined ? undefined : readSize(call)
  if (size !== undefined) checkQuota(share, size - file.size)
  const modified = state.tick(call.now)
  const smb = readChangedSmb(headers, version, share, file.smb, 'file', modified)
  if (size !== undefined && !saysTime(headers['x-ms-file-last-write-time'])) smb.written = modified
  if (size !== undefined) state.resize(share, file, size)
  Object.assign(file, { smb, modified, ...(http === undefined ? {} : { http }) })
  dropCopy(file)
  await state.saveEntry(share, file)
  await savePermissions(call, share)
  return answer(200, { ...stamp(file), ...ENCRYPTED, ...smbHeaders(file, version) })
}

export async function getFileMetadata (call: Call): Promise<Answer> {
  const file = readableFile(call)
  return answer(200, { ...stamp(file), ...metadataHeaders(file.metadata) })
}

/** Replaces all of it. */
export async function setFileMetadata (call: Call): Promise<Answer> {
  const { share, file } = writableFile(call, { readOnly: 'allow' })
  file.metadata = readMetadata(call.headers)
  touch(call, file)
  await call.context.state.saveEntry(share, file)
  return answer(200, { ...stamp(file), ...ENCRYPTED })
}

/** A new etag; the time of the last write stays. */
export function touch ({ context, now }: Call, entry: Entry): void {
  entry.modified = context.state.tick(now)
  entry.smb.changed = entry.modified
}

export async function deleteFile (call: Call): Promise<Answer> {
  const { share, file } = writableFile(call)
  const { directory } = locate(share.root, segmentsOf(call))
  await call.context.state.remove(share, directory, file, call.now)
  return answer(202)
}

/** For the history of leases. */
export function fileWhere (call: Call): { share: string, path: string } {
  return { share: call.route.share, path: pathOf(segmentsOf(call)) }
}
