/** Create, properties, metadata, delete. */
import { SortedMap } from '../sorted-map.ts'
import type { Answer } from '../service.ts'
import { answer, type Call, directoryAt, locate, rootOf, segmentsOf, stamp, writableShareOf } from './call.ts'
import { azureError } from './errors.ts'
import { savePermissions, touch } from './files.ts'
import { metadataHeaders, readMetadata } from './metadata.ts'
import { readChangedSmb, readNewSmb, smbHeaders } from './smb.ts'
import type { Directory, Share } from './state.ts'

const ENCRYPTED = { 'x-ms-request-server-encrypted': 'true' } as const

/** One level: the parent must be there. */
export async function createDirectory (call: Call): Promise<Answer> {
  const { context: { state }, headers, version } = call
  const share = writableShareOf(call)
  const segments = segmentsOf(call)
  if (segments.length === 0) throw azureError('ResourceAlreadyExists')
  const { directory, name, entry } = locate(share.root, segments)
  if (entry !== undefined) throw azureError('ResourceAlreadyExists')
  const metadata = readMetadata(headers)
  const modified = state.tick(call.now)
  const smb = readNewSmb(headers, version, share, 'directory', modified)
  const created: Directory = { kind: 'directory', id: state.newId(), parent: directory.id, name, metadata, smb, modified, children: new SortedMap() }
  await state.put(share, directory, created)
  await savePermissions(call, share)
  return answer(201, { ...stamp(created), ...ENCRYPTED, ...smbHeaders(created, version) })
}

export async function getDirectoryProperties (call: Call): Promise<Answer> {
  const directory = directoryAt(rootOf(call).root, segmentsOf(call))
  return answer(200, { ...stamp(directory), ...metadataHeaders(directory.metadata), 'x-ms-server-encrypted': 'true', ...smbHeaders(directory, call.version) })
}

export async function setDirectoryProperties (call: Call): Promise<Answer> {
  const { context: { state }, headers, version } = call
  const { share, directory } = writableDirectory(call)
  const modified = state.tick(call.now)
  directory.smb = readChangedSmb(headers, version, share, directory.smb, 'directory', modified)
  directory.modified = modified
  await state.saveEntry(share, directory)
  await savePermissions(call, share)
  return answer(200, { ...stamp(directory), ...ENCRYPTED, ...smbHeaders(directory, version) })
}

export async function getDirectoryMetadata (call: Call): Promise<Answer> {
  const directory = directoryAt(rootOf(call).root, segmentsOf(call))
  return answer(200, { ...stamp(directory), ...metadataHeaders(directory.metadata) })
}

/** Replaces all of it. */
export async function setDirectoryMetadata (call: Call): Promise<Answer> {
  const { share, directory } = writableDirectory(call)
  directory.metadata = readMetadata(call.headers)
  touch(call, directory)
  await call.context.state.saveEntry(share, directory)
  return answer(200, { ...stamp(directory), ...ENCRYPTED })
}

/** Only when nothing is in it; the root stays. */
export async function deleteDirectory (call: Call): Promise<Answer> {
  const { share, directory } = writableDirectory(call)
  if (directory === share.root) throw azureError('InvalidUri')
  if (directory.children.size > 0) throw azureError('DirectoryNotEmpty')
  await call.context.state.remove(share, locate(share.root, segmentsOf(call)).directory, directory, call.now)
  return answer(202)
}

function writableDirectory (call: Call): { share: Share, directory: Directory } {
  const share = writableShareOf(call)
  return { share, directory: directoryAt(share.root, segmentsOf(call)) }
}
