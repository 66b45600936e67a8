/** Copy File, done at once or left pending, and its abort. */
import { randomUUID } from 'node:crypto'
import type { Answer } from '../service.ts'
import { answer, type Call, stamp } from './call.ts'
import { readSource } from './copy-source.ts'
import { dropCopy } from './copy-state.ts'
import { azureError, invalidHeader, missingHeader } from './errors.ts'
import { checkOverwrite, checkQuota, prepareFile, savePermissions, writableFile } from './files.ts'
import { readMetadata } from './metadata.ts'
import { type Attribute, DEFAULT_SDDL, permissionKeyOf, readAttributes, readPermission, readSmbTime } from './smb.ts'
import type { CopyState, File, Share, SmbProperties } from './state.ts'
import { SparseContent } from './sparse.ts'

export async function copyFile (call: Call): Promise<Answer> {
  const { context: { state, contents, quirks }, headers } = call
  const url = headers['x-ms-copy-source'] ?? ''
  const { file: source } = readSource(call, url)
  const place = checkOverwrite(call)
  const { share } = place
  const sent = readMetadata(headers)
  const file = prepareFile(call, place)
  checkQuota(share, source.size - file.size)
  const modified = state.tick(call.now)
  const smb = copiedSmb(call, share, source, modified)
  const bytes = source.bytes.clone() // before anything is cut: a file can be copied onto itself
  dropCopy(file)
  file.bytes.truncate(0)
  state.resize(share, file, source.size)
  file.bytes.release()
  const pending = quirks.pendingCopies !== false
  Object.assign(file, {
    metadata: Object.keys(sent).length === 0 ? { ...source.metadata } : sent,
    http: { ...source.http },
    smb,
    modified,
    bytes: pending ? new SparseContent(contents) : bytes,
    incoming: pending ? bytes : undefined,
    copy: newCopy(call, url, source)
  } satisfies Partial<File>)
  if (file.copy?.status === 'success') file.copy.completed = modified
  await state.put(share, place.directory, file)
  await savePermissions(call, share)
  return answer(202, { ...stamp(file), 'x-ms-copy-id': file.copy?.id ?? '', 'x-ms-copy-status': file.copy?.status ?? 'success' })
}

function newCopy ({ context }: Call, url: string, source: File): CopyState {
  const { pendingCopies } = context.quirks
  const copy = { id: randomUUID(), source: withoutQuery(url), total: source.size }
  if (pendingCopies === false) return { ...copy, status: 'success', done: source.size }
  const { polls } = pendingCopies
  return { ...copy, status: 'pending', done: 0, ...(Number.isFinite(polls) ? { pollsLeft: polls } : {}) }
}

/** A signature in the source's URL is nobody else's business. */
function withoutQuery (url: string): string {
  const mark = url.indexOf('?')
  return mark === -1 ? url : url.slice(0, mark)
}

/** `source` takes it from there; what is not said is as of a new file. */
function copiedSmb (call: Call, share: Share, source: File, now: string): SmbProperties {
  const { headers } = call
  const time = (name: string, own: string, usual: string): string =>
    headers[name]?.toLowerCase() === 'source' ? own : readSmbTime(headers, name, now, usual)
  return {
    attributes: copiedAttributes(call, source),
    created: time('x-ms-file-creation-time', source.smb.created, now),
    written: time('x-ms-file-last-write-time', source.smb.written, now),
    accessed: now,
    changed: time('x-ms-file-change-time', source.smb.changed, now),
    permissionKey: copiedPermission(call, share, source)
  }
}

function copiedAttributes ({ headers }: Call, source: File): Attribute[] {
  const attributes = headers['x-ms-file-attributes']?.toLowerCase() === 'source' ? source.smb.attributes : readAttributes(headers) ?? []
  const archived = headers['x-ms-file-copy-set-archive']?.toLowerCase() !== 'false'
  const others = attributes.filter(attribute => attribute !== 'Archive' && attribute !== 'None')
  return archived ? [...others, 'Archive'] : attributes.filter(attribute => attribute !== 'None')
}

function copiedPermission ({ headers }: Call, share: Share, source: File): string {
  const mode = headers['x-ms-file-permission-copy-mode']?.toLowerCase()
  if (mode !== undefined && mode !== 'source' && mode !== 'override') throw invalidHeader('x-ms-file-permission-copy-mode', mode)
  if (mode === 'source') return source.smb.permissionKey
  const given = readPermission(headers, share)
  if (mode === 'override' && given === undefined) throw missingHeader('x-ms-file-permission')
  return given ?? permissionKeyOf(DEFAULT_SDDL)
}

/** Leaves an empty file with all its metadata. */
export async function abortCopyFile (call: Call): Promise<Answer> {
  const { headers, query, context: { state } } = call
  const action = headers['x-ms-copy-action']
  if (action?.toLowerCase() !== 'abort') throw action === undefined ? missingHeader('x-ms-copy-action') : invalidHeader('x-ms-copy-action', action)
  const { share, file } = writableFile(call, { copying: 'allow' })
  const { copy } = file
  if (copy?.status !== 'pending' || copy.id !== query.get('copyid')) throw azureError('NoPendingCopyOperation')
  file.incoming?.release()
  file.incoming = undefined
  state.resize(share, file, 0)
  file.modified = state.tick(call.now)
  Object.assign(copy, { status: 'aborted', completed: file.modified } satisfies Partial<CopyState>)
  delete copy.pollsLeft
  await state.saveEntry(share, file)
  return answer(204)
}
