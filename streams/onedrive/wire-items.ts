/** Items, folders, listings, changes, search, moving and deleting: request in, response out. */
import type { HttpResponse } from '../../lib/http/call.ts'
import { encodeSegment, itemPath, odataText } from './addressing.ts'
import type { Address } from './addressing.ts'
import { conditionHeaders } from './headers.ts'
import type { Conditions } from './headers.ts'
import { fileSystemInfo, readItem } from './item.ts'
import type { FileTimes, OneDriveItem } from './item.ts'
import { defined, textOf } from './json.ts'
import type { ConflictBehavior } from './names.ts'
import { CreateFolder, CreateFolderRenaming, DeleteItem, GetItem, ListChildren, ListDelta, PermanentlyDeleteItem, Search, UpdateItem } from './operations.ts'
import { about, graph, itemOf, jsonBody, readItemAnswer, readJson, readJsonIfAny, readNothing, readPage, withQuery } from './wire.ts'
import type { GraphOperation, Page, Where } from './wire.ts'
import { readMonitor } from './wire-copy.ts'
import type { Monitor } from './wire-copy.ts'

export const CONFLICT = '@microsoft.graph.conflictBehavior'

/** Wire: https://learn.microsoft.com/graph/api/driveitem-get. `$select` would lose the download URL, so none is sent. */
export function getItem (address: Address, conditions: Conditions = {}): GraphOperation<OneDriveItem> {
  const told = about(GetItem, 'get', address.name)
  return {
    ...told,
    method: 'GET',
    where: graph(itemPath(address)),
    headers: conditionHeaders(conditions),
    read: response => readItemAnswer(response, told.action, knownPath(address))
  }
}

/** An item below the root has the path it was asked for by, in the caller's spelling. */
function knownPath ({ anchor, segments }: Address): string | undefined {
  return anchor === '/root' ? `/${segments.join('/')}` : undefined
}

export interface ChildrenOptions {
  /** Items a page, 1 to 1,000. */
  pageSize?: number | undefined
  /** `name`, and on personal drives also `size` or `lastModifiedDateTime`; `desc` may follow. */
  orderBy?: string | undefined
}

/** Wire: https://learn.microsoft.com/graph/api/driveitem-list-children */
export function listChildren (folder: Address, options: ChildrenOptions = {}, link?: string): GraphOperation<Page<OneDriveItem, string>> {
  const told = about(ListChildren, 'list', folder.name)
  const first = graph(withQuery(itemPath(folder, '/children'), { $top: options.pageSize, $orderby: options.orderBy }))
  return {
    ...told,
    method: 'GET',
    where: pageAt(link, first),
    read: async response => readPage(await readJson(response, told.action), json => readItem(json))
  }
}

function pageAt (link: string | undefined, first: Where): Where {
  return link === undefined ? first : { kind: 'page', link }
}

/** A page of changes; `deltaLink` on the last one, from which the next enumeration goes on. */
export interface DeltaPage extends Page<OneDriveItem, string> {
  deltaLink: string | undefined
}

/**
 * @param from a delta link or next link, used as it is, or a token: `latest`, or on SharePoint a time in ISO form.
 * Wire: https://learn.microsoft.com/graph/api/driveitem-delta
 */
export function listDelta (folder: Address, from?: string, pageSize?: number): GraphOperation<DeltaPage> {
  const told = about(ListDelta, 'list changes of', folder.name)
  const isLink = from !== undefined && /^https?:\/\//.test(from)
  const first = graph(withQuery(itemPath(folder, '/delta'), { token: from, $top: pageSize }))
  return {
    ...told,
    method: 'GET',
    where: pageAt(isLink ? from : undefined, first),
    read: async response => {
      const json = await readJson(response, told.action)
      return { ...readPage(json, entry => readItem(entry)), deltaLink: textOf(json['@odata.deltaLink']) }
    }
  }
}

/** Wire: https://learn.microsoft.com/graph/api/driveitem-search */
export function searchItems (folder: Address, query: string, options: ChildrenOptions = {}, link?: string): GraphOperation<Page<OneDriveItem, string>> {
  const told = about(Search, 'search below', folder.name)
  const first = graph(withQuery(itemPath(folder, `/search(q='${odataText(query)}')`), { $top: options.pageSize }))
  return {
    ...told,
    method: 'GET',
    where: pageAt(link, first),
    read: async response => readPage(await readJson(response, told.action), json => readItem(json))
  }
}

/** The conflict behaviour stands in the body here. Wire: https://learn.microsoft.com/graph/api/driveitem-post-children */
export function createFolder (parent: Address, name: string, conflictBehavior: ConflictBehavior): GraphOperation<OneDriveItem> {
  const told = about(conflictBehavior === 'rename' ? CreateFolderRenaming : CreateFolder, `create folder ${JSON.stringify(name)} in`, parent.name)
  const { body, headers } = jsonBody({ name, folder: {}, [CONFLICT]: conflictBehavior })
  return {
    ...told,
    method: 'POST',
    where: graph(itemPath(parent, '/children')),
    headers,
    body,
    read: response => readItemAnswer(response, told.action)
  }
}

export interface ItemChanges {
  name?: string | undefined
  /** The id of the folder that it moves to; `root` is refused by the service. */
  parentId?: string | undefined
  fileTimes?: FileTimes | undefined
}

/** How an update ended: with the item, with a monitor where SharePoint takes its time, or with no word of it. */
export type UpdateResult = { kind: 'item', item: OneDriveItem } | { kind: 'monitor', monitor: Monitor } | { kind: 'done' }

/** Renames, moves, sets times. Wire: https://learn.microsoft.com/graph/api/driveitem-move */
export function updateItem (address: Address, changes: ItemChanges, conditions: Conditions & { conflictBehavior?: ConflictBehavior | undefined } = {}): GraphOperation<UpdateResult> {
  const told = about(UpdateItem, changes.name === undefined && changes.parentId === undefined ? 'update' : 'move', address.name)
  const { body, headers } = jsonBody(defined({
    name: changes.name,
    parentReference: changes.parentId === undefined ? undefined : { id: changes.parentId },
    fileSystemInfo: fileSystemInfo(changes.fileTimes)
  }))
  return {
    ...told,
    method: 'PATCH',
    where: graph(withConflict(itemPath(address), conditions.conflictBehavior)),
    headers: { ...headers, ...conditionHeaders(conditions) },
    body,
    read: response => readUpdate(response, told.action)
  }
}

async function readUpdate (response: HttpResponse, action: string): Promise<UpdateResult> {
  const item = itemOf(await readJsonIfAny(response))
  if (item !== undefined) return { kind: 'item', item }
  return response.status === 202 ? { kind: 'monitor', monitor: readMonitor(response, action) } : { kind: 'done' }
}

export function withConflict (path: string, behavior: ConflictBehavior | undefined): string {
  return withQuery(path, { [CONFLICT]: behavior })
}

export interface DeleteItemOptions extends Conditions {
  /** Past the recycle bin; SharePoint and OneDrive for Business only. */
  permanent?: boolean
}

/** Wire: https://learn.microsoft.com/graph/api/driveitem-delete and .../driveitem-permanentdelete */
export function deleteItem (address: Address, options: DeleteItemOptions = {}): GraphOperation<void> {
  const permanent = options.permanent === true
  return {
    ...about(permanent ? PermanentlyDeleteItem : DeleteItem, permanent ? 'delete for ever' : 'delete', address.name),
    ...deleteRequest(address, permanent),
    headers: conditionHeaders(options),
    read: readNothing
  }
}

/** The same request as `$batch` takes it. */
export function deleteRequest (address: Address, permanent: boolean): { method: 'POST' | 'DELETE', where: { kind: 'graph', path: string } } {
  const path = itemPath(address, permanent ? '/permanentDelete' : '')
  return { method: permanent ? 'POST' : 'DELETE', where: { kind: 'graph', path } }
}

export function itemById (address: Address, id: string): Address {
  return { drive: address.drive, anchor: `/items/${encodeSegment(id)}`, segments: [], name: address.name }
}
