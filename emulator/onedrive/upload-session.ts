/** CreateUploadSession, and FinishUpload: the PUT that makes a file of a session by its URL. */
import type { Answer } from '../service.ts'
import { type Call, type Context, driveOf, factsOf, jsonAnswer } from './call.ts'
import { commitSession } from './commit.ts'
import type { Drive } from './drive.ts'
import { checkPreconditions } from './etags.ts'
import { GraphError, invalidRequest, nameAlreadyExists, notSupported } from './errors.ts'
import { type Json, objectIn, readJson, textIn } from './incoming.ts'
import { identity } from './names.ts'
import { openFolder, resolveTarget, type Target } from './resolve.ts'
import type { Session } from './sessions.ts'
import { checkQuota, readConflict, storedAnswer } from './store-file.ts'
import { readTimes } from './times.ts'

const CONFLICT = '@microsoft.graph.conflictBehavior'
const SOURCE_URL = '@microsoft.graph.sourceUrl'

export async function createUploadSession (call: Call): Promise<Answer> {
  const { context, incoming, headers, by, now } = call
  const json = await readJson(incoming)
  const target = await resolveTarget(call)
  const { drive, name, item } = target
  const facets = objectIn(json, 'item') ?? {} // what stands beside `item` is not looked at
  checkFacets(context, target, facets)
  checkFileSize(context, drive, facets)
  checkPreconditions(headers, item, drive.flavour)
  const conflict = target.byPath ? readConflict(textIn(facets, CONFLICT), context.quirks.sessionConflict) : 'replace'
  if (item?.kind === 'folder' || (item !== undefined && conflict === 'fail')) throw nameAlreadyExists()
  await context.sessions.expire(now)
  const folder = await openFolder(target, factsOf(call))
  refuseSecondSession(context, drive.id, folder.id, name)
  const session = await context.sessions.create({
    driveId: drive.id,
    parentId: folder.id,
    name,
    conflict,
    deferCommit: json['deferCommit'] === true,
    times: readTimes(facets),
    description: drive.flavour === 'personal' ? textIn(facets, 'description') : undefined,
    ifMatch: headers['if-match'],
    by
  }, now)
  if (item !== undefined && context.quirks.sessionChangesETag) await drive.touch(item, now)
  return jsonAnswer({
    '@odata.context': `${context.graphOrigin}/onedrive/v1.0/$metadata#microsoft.graph.uploadSession`,
    uploadUrl: `${context.filesOrigin}${session.path}`,
    expirationDateTime: new Date(session.expires).toISOString(),
    nextExpectedRanges: ['0-']
  })
}

/** The documents want the path of the parent; the service wants that of the file. */
export async function finishUpload (call: Call): Promise<Answer> {
  const { context, incoming, now } = call
  const json = await readJson(incoming)
  const sourceUrl = textIn(json, SOURCE_URL)
  if (sourceUrl === undefined) throw notSupported('PUT of an item is served for upload sessions only.')
  const target = await resolveTarget(call)
  const name = textIn(json, 'name') ?? target.name
  if (identity(name) !== identity(target.name)) throw invalidRequest(`The name ${name} does not match the name in the URL`)
  const conflict = readConflict(textIn(json, CONFLICT), 'fail')
  if (conflict === 'replace' && target.drive.flavour === 'personal') {
    throw invalidRequest('Name conflict behavior: replace is not valid for this operation.')
  }
  checkPreconditions(call.headers, target.item, target.drive.flavour)
  const session = openSource(context, sourceUrl)
  if (session.driveId !== driveOf(call).id) throw invalidRequest('The upload session belongs to another drive.')
  const folder = await openFolder(target, factsOf(call))
  const stored = await commitSession(context, session, { drive: target.drive, folder, name, conflict }, now)
  return storedAnswer(context, target.drive, stored, now)
}

function checkFacets ({ quirks }: Context, { drive, name, byPath }: Target, facets: Json): void {
  if (!byPath && !quirks.sessionById) throw invalidRequest('File name not provided in url')
  const wanted = textIn(facets, 'name')
  if (wanted !== undefined && identity(wanted) !== identity(name)) {
    throw invalidRequest(`Name ${wanted} in the path doesn't match the name ${name} in the request`)
  }
  if ('size' in facets) throw invalidRequest('The property size is read-only.')
  if (drive.flavour === 'business' && '@odata.type' in facets) throw invalidRequest('The property @odata.type is not valid here.')
}

/** Of SharePoint; no request tells the URL of the first. */
function refuseSecondSession ({ quirks, sessions }: Context, driveId: string, parentId: string, name: string): void {
  if (!quirks.oneSessionPerName || sessions.findByName(driveId, parentId, name) === undefined) return
  throw new GraphError(409, 'nameAlreadyExists', 'An upload session already exists for this file')
}

function openSource (context: Context, sourceUrl: string): Session {
  const { pathname, search } = parseUrl(sourceUrl)
  const session = context.sessions.find(pathname, search.slice(1))
  if (session === undefined) throw invalidRequest('The upload session could not be found.', 'uploadSessionNotFound')
  if (session.received !== session.total) throw invalidRequest('The upload session is not complete.', 'uploadSessionIncomplete')
  return session
}

function parseUrl (text: string): URL {
  try {
    return new URL(text)
  } catch {
    throw invalidRequest('The source URL is not valid.')
  }
}

/** `fileSize` as the request gives it: for the quota on personal drives, an unknown property elsewhere. @throws {GraphError} */
function checkFileSize (context: Context, drive: Drive, facets: Json): void {
  const size = facets['fileSize']
  if (size === undefined) return
  if (context.quirks.refuseFileSize) throw invalidRequest('The property fileSize is not valid here.')
  if (typeof size === 'number') checkQuota(context, drive, size)
}
