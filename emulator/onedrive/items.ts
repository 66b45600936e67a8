/** Items by themselves: get, update (which renames and moves), delete. */
import type { Answer } from '../service.ts'
import { type Call, type Context, driveOf, factsOf, jsonAnswer, noContent } from './call.ts'
import type { Drive, ItemChange } from './drive.ts'
import { checkPreconditions, isNamedBy } from './etags.ts'
import { invalidRequest, itemNotFound, notSupported, preconditionFailed } from './errors.ts'
import { type Json, objectIn, readJson, textIn } from './incoming.ts'
import { itemContext } from './item-json.ts'
import { monitorUrl } from './monitor.ts'
import { checkName, identity } from './names.ts'
import { checkPath, resolveItem, resolveParent } from './resolve.ts'
import { checkQuota, readConflict, settleName } from './store-file.ts'
import { readTimes } from './times.ts'
import { currentVersion, type FileItem, type Folder, isWithin, type Item, namesOf } from './tree.ts'
import { viewItem } from './view.ts'

export async function getItem (call: Call): Promise<Answer> {
  const { context, headers } = call
  const { drive, item } = await resolveItem(call)
  hideNewItem(context, item)
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch !== undefined && isNamedBy(ifNoneMatch, item, drive.flavour)) return { status: 304, headers: {} }
  return jsonAnswer({ '@odata.context': itemContext(context, drive), ...viewItem(call, drive, item) })
}

export async function updateItem (call: Call): Promise<Answer> {
  const { context, incoming, headers, now } = call
  const json = await readJson(incoming)
  const { drive, item } = await resolveItem(call)
  checkPreconditions(headers, item, drive.flavour)
  const change = readChange(call, drive, item, json)
  const moved = change.name !== undefined || change.parent !== undefined
  if (!moved) await addVersionForTimes(context, drive, item, change, call)
  if (moved && context.quirks.moveResetsTimes) change.times = { modified: now, ...change.times }
  await drive.update(item, change, factsOf(call))
  if (moved && context.quirks.moveAnswer === 204) return noContent()
  if (moved && context.quirks.moveAnswer === 202) return acceptedMove(context, drive, item, now)
  return jsonAnswer({ '@odata.context': itemContext(context, drive), ...viewItem(call, drive, item) })
}

export async function deleteItem (call: Call): Promise<Answer> {
  return removeItem(call, true)
}

/** Beside the recycle bin. */
export async function permanentDelete (call: Call): Promise<Answer> {
  if (driveOf(call).flavour === 'personal') throw notSupported('permanentDelete is not supported on personal drives.')
  return removeItem(call, false)
}

async function removeItem (call: Call, recycle: boolean): Promise<Answer> {
  const { drive, item } = await resolveItem(call)
  checkPreconditions(call.headers, item, drive.flavour)
  if (call.headers['if-match'] !== undefined && call.context.quirks.deleteRefusesIfMatch) throw preconditionFailed()
  if (item.parent === undefined) throw invalidRequest('The root folder cannot be deleted.')
  await drive.remove(item, call.now, { recycle })
  return noContent()
}

/** What was just created may be unknown for a while to whoever looks. */
function hideNewItem ({ quirks, lookups }: Context, item: Item): void {
  const seen = lookups.get(item) ?? 0
  lookups.set(item, seen + 1)
  if (seen < quirks.notFoundAfterCreate) throw itemNotFound()
}

function readChange (call: Call, drive: Drive, item: Item, json: Json): ItemChange {
  const times = readTimes(json)
  const description = textIn(json, 'description')
  const name = textIn(json, 'name')
  const parent = readParent(call, drive, item, objectIn(json, 'parentReference'))
  const place = name === undefined && parent === undefined ? {} : settlePlace(drive, item, name ?? item.name, parent, json)
  return { ...place, times, description }
}

function settlePlace (drive: Drive, item: Item, name: string, parent: Folder | undefined, json: Json): Pick<ItemChange, 'name' | 'parent'> {
  if (item.parent === undefined) throw invalidRequest('The root folder cannot be moved or renamed.')
  const folder = parent ?? item.parent
  checkName(name, { flavour: drive.flavour, folder: item.kind === 'folder', atRoot: folder.parent === undefined })
  checkPath(drive, [...namesOf(folder), name])
  if (isWithin(folder, item)) throw invalidRequest('A folder cannot be moved into itself.')
  const itself = folder === item.parent && identity(name) === identity(item.name)
  const conflict = readConflict(textIn(json, '@microsoft.graph.conflictBehavior'), 'fail')
  if (conflict === 'replace' && !itself && folder.children.get(identity(name)) !== undefined) {
    throw invalidRequest('Name conflict behavior: replace is not valid for this operation.')
  }
  return { name: itself ? name : settleName(folder, name, conflict, item.kind), parent: folder }
}

function readParent ({ context }: Call, drive: Drive, item: Item, reference: Json | undefined): Folder | undefined {
  if (reference === undefined) return undefined
  const driveId = textIn(reference, 'driveId')
  if (driveId !== undefined && context.drives.byId(driveId) !== drive) throw invalidRequest('An item cannot be moved to another drive.')
  const [id, path] = [textIn(reference, 'id'), textIn(reference, 'path')]
  return id === undefined && path === undefined ? item.parent : resolveParent(drive, { id, path })
}

/** SharePoint keeps a version for every change of a file's times, and counts its bytes again. */
async function addVersionForTimes (context: Context, drive: Drive, item: Item, change: ItemChange, call: Call): Promise<void> {
  if (drive.flavour === 'personal' || item.kind !== 'file' || change.times === undefined) return
  const { content, hashes } = currentVersion(item)
  checkQuota(context, drive, content.size)
  const contentTag = item.contentTag
  await drive.addVersion(item, { content: context.contents.retain(content), hashes }, { ...factsOf(call), times: item.times })
  keepContentTag(item, contentTag)
}

/** The bytes are the same, and the cTag says so. */
function keepContentTag (file: FileItem, tag: number): void {
  file.contentTag = tag
}

function acceptedMove (context: Context, drive: Drive, item: Item, now: number): Answer {
  const job = context.jobs.start('ItemMove', async () => ({ driveId: drive.id, resourceId: item.id }), now)
  return { status: 202, headers: { Location: monitorUrl(context, job.id) } }
}
