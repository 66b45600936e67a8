/** Versions of files, newest first. */
import type { Answer } from '../service.ts'
import { type Call, factsOf, jsonAnswer, noContent } from './call.ts'
import type { Drive } from './drive.ts'
import { invalidRequest, itemNotFound, notSupported } from './errors.ts'
import { itemContext } from './item-json.ts'
import { nextLink, readCursor, readIndex } from './paging.ts'
import { resolveFile } from './resolve.ts'
import { checkQuota } from './store-file.ts'
import { formatTime } from './times.ts'
import { currentVersion, type FileItem, type Version } from './tree.ts'
import { readTop } from './view.ts'

export async function listVersions (call: Call): Promise<Answer> {
  if (call.query.option('orderby') !== undefined) throw notSupported('$orderby is not supported on versions.')
  const { drive, file } = await resolveFile(call)
  const from = readIndex(readCursor(call, drive.flavour))
  const end = from + readTop(call.query)
  const newestFirst = file.versions.toReversed()
  return jsonAnswer({
    '@odata.context': itemContext(call.context, drive, `items('${encodeURIComponent(file.id)}')/versions`),
    ...(end < newestFirst.length ? { '@odata.nextLink': nextLink(call, drive.flavour, String(end + 1)) } : {}),
    value: newestFirst.slice(from, end).map(version => versionJson(drive, version))
  })
}

export async function getVersion (call: Call): Promise<Answer> {
  const { drive, version } = await resolveVersion(call)
  return jsonAnswer({ '@odata.context': itemContext(call.context, drive, 'items/versions/$entity'), ...versionJson(drive, version) })
}

/** The current version has no content of its own to ask for. */
export async function getVersionContent (call: Call): Promise<Answer> {
  const { context, now } = call
  const { drive, file, version } = await resolveVersion(call)
  if (version === currentVersion(file)) throw invalidRequest('You cannot get the content of the current version.')
  return { status: 302, headers: { Location: context.tickets.url(context.filesOrigin, drive, file, now, version.number) } }
}

/** The old bytes become a new version. */
export async function restoreVersion (call: Call): Promise<Answer> {
  const { context } = call
  const { drive, file, version } = await resolveVersion(call)
  if (version === currentVersion(file)) throw invalidRequest('The current version cannot be restored.')
  checkQuota(context, drive, version.content.size)
  await drive.addVersion(file, { content: context.contents.retain(version.content), hashes: version.hashes }, factsOf(call))
  return noContent()
}

export async function deleteVersion (call: Call): Promise<Answer> {
  const { drive, file, version } = await resolveVersion(call)
  if (drive.flavour === 'personal') throw notSupported('Versions cannot be deleted on personal drives.')
  if (version === currentVersion(file)) throw invalidRequest('You cannot delete the current version.')
  await drive.deleteVersion(file, version, call.now)
  return noContent()
}

/** @throws {GraphError} 404 */
async function resolveVersion (call: Call): Promise<{ drive: Drive, file: FileItem, version: Version }> {
  const { drive, file } = await resolveFile(call)
  const version = call.route.version === 'current' ? currentVersion(file) : file.versions.find(each => versionId(each) === call.route.version)
  if (version === undefined) throw itemNotFound('The version could not be found.')
  return { drive, file, version }
}

/** Neither hash nor download URL. */
function versionJson (drive: Drive, version: Version): Record<string, unknown> {
  return {
    id: versionId(version),
    lastModifiedDateTime: formatTime(version.modified, drive.flavour),
    size: version.content.size,
    lastModifiedBy: version.modifiedBy
  }
}

function versionId ({ number }: Version): string {
  return `${number}.0`
}
