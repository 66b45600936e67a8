/** Rename File and Rename Directory: one call within one share. The URL is the destination. */
import type { Answer } from '../service.ts'
import { answer, type Call, leaseIdOf, locate, type Place, segmentsOf, stamp, writableShareOf } from './call.ts'
import { checkAccess, sourceRoute, sourceSegments } from './copy-source.ts'
import { azureError, invalidHeader, missingHeader } from './errors.ts'
import { savePermissions } from './files.ts'
import { checkWrite, leaseAt } from './lease.ts'
import { readMetadata } from './metadata.ts'
import { isReadOnly, readAttributes, readPermission, readSmbTime, smbHeaders } from './smb.ts'
import type { Directory, Entry, Share } from './state.ts'
import { SINCE } from './versions.ts'

export async function renameFile (call: Call): Promise<Answer> {
  return rename(call, 'file')
}

export async function renameDirectory (call: Call): Promise<Answer> {
  return rename(call, 'directory')
}

async function rename (call: Call, kind: Entry['kind']): Promise<Answer> {
  const { context: { state }, headers, version } = call
  if (version < SINCE.rename) throw azureError('FeatureVersionMismatch')
  const share = writableShareOf(call)
  const source = findSource(call, share, kind)
  const destination = locate(share.root, segmentsOf(call))
  checkDestination(call, destination, source.entry)
  if (source.entry.kind === 'directory' && isWithin(share, destination.directory, source.entry)) throw azureError('SharingViolation')
  const metadata = readMetadata(headers)
  applyHeaders(call, share, source.entry)
  state.take(source.directory, source.entry)
  if (destination.entry !== undefined && destination.entry !== source.entry) {
    await state.remove(share, destination.directory, destination.entry, call.now)
  }
  source.entry.name = destination.name
  if (Object.keys(metadata).length > 0) source.entry.metadata = metadata
  source.entry.modified = state.tick(call.now)
  await state.put(share, destination.directory, source.entry)
  await savePermissions(call, share)
  return answer(200, { ...stamp(source.entry), 'x-ms-request-server-encrypted': 'true', ...smbHeaders(source.entry, version) })
}

function findSource (call: Call, share: Share, kind: Entry['kind']): { directory: Directory, entry: Entry } {
  const url = call.headers['x-ms-file-rename-source']
  if (url === undefined) throw missingHeader('x-ms-file-rename-source')
  const placed = sourceRoute(call, url, 'x-ms-file-rename-source')
  checkAccess(call, placed, kind === 'file' ? 'RenameFile' : 'RenameDirectory')
  if (placed.share !== share.name) throw invalidHeader('x-ms-file-rename-source', url)
  const { directory, entry } = locate(share.root, sourceSegments(call, placed))
  if (entry === undefined) throw azureError('ResourceNotFound')
  if (entry.kind !== kind) throw azureError('ResourceTypeMismatch')
  if (entry.kind === 'file') checkWrite(leaseAt(entry.lease, call.now), leaseIdOf(call, 'x-ms-source-lease-id'))
  return { directory, entry }
}

/** Whatever is there stays unless the request says that it may go; a directory that holds something never goes. */
function checkDestination (call: Call, { entry }: Place, source: Entry): void {
  const leaseId = leaseIdOf(call, 'x-ms-destination-lease-id')
  const replace = call.headers['x-ms-file-rename-replace-if-exists']?.toLowerCase() === 'true'
  const ignoreReadOnly = call.headers['x-ms-file-rename-ignore-readonly']?.toLowerCase() === 'true'
  if (ignoreReadOnly && !replace) throw invalidHeader('x-ms-file-rename-ignore-readonly', 'true')
  if (entry === source) return // only the case of the name changes
  if (entry === undefined) {
    if (leaseId !== undefined) throw azureError('LeaseNotPresentWithFileOperation')
    return
  }
  if (!replace) throw azureError('ResourceAlreadyExists')
  if (entry.kind !== source.kind) throw azureError('ResourceTypeMismatch')
  if (entry.kind === 'directory' && entry.children.size > 0) throw azureError('DirectoryNotEmpty')
  if (entry.kind === 'file') checkWrite(leaseAt(entry.lease, call.now), leaseId)
  if (isReadOnly(entry) && !ignoreReadOnly) throw azureError('ReadOnlyAttribute')
}

function isWithin (share: Share, directory: Directory, ancestor: Directory): boolean {
  const below = new Set<Directory>([ancestor])
  for (const found of below) {
    for (const child of found.children.values()) if (child.kind === 'directory') below.add(child)
  }
  return directory !== share.root && below.has(directory)
}

function applyHeaders (call: Call, share: Share, entry: Entry): void {
  const { headers, context: { state } } = call
  const now = state.tick(call.now)
  entry.smb = {
    ...entry.smb,
    attributes: readAttributes(headers) ?? entry.smb.attributes,
    created: readSmbTime(headers, 'x-ms-file-creation-time', now, entry.smb.created),
    written: readSmbTime(headers, 'x-ms-file-last-write-time', now, entry.smb.written),
    changed: readSmbTime(headers, 'x-ms-file-change-time', now, now),
    permissionKey: readPermission(headers, share) ?? entry.smb.permissionKey
  }
  const type = headers['x-ms-content-type']
  if (type !== undefined && entry.kind === 'file') entry.http = { ...entry.http, 'content-type': type }
}
