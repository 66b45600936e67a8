/** ListChildren and CreateFolder. */
import { compareUtf8 } from '../sorted-map.ts'
import type { Answer } from '../service.ts'
import { type Call, factsOf, jsonAnswer } from './call.ts'
import type { Drive } from './drive.ts'
import { invalidRequest, notSupported } from './errors.ts'
import { isObject, readJson, textIn } from './incoming.ts'
import { itemContext } from './item-json.ts'
import { checkName, identity } from './names.ts'
import { nextLink, readCursor, readIndex } from './paging.ts'
import { checkPath, resolveFolder } from './resolve.ts'
import { readConflict, settleName } from './store-file.ts'
import { readTimes } from './times.ts'
import { type Folder, type Item, namesOf, pathOf, sizeOf } from './tree.ts'
import { readTop, refuseOptions, viewItem } from './view.ts'

interface Page {
  items: Item[]
  /** Where the next page goes on, when there is more. */
  next: string | undefined
}

export async function listChildren (call: Call): Promise<Answer> {
  refuseOptions(call.query)
  const { drive, folder } = await resolveFolder(call)
  const { items, next } = pageOf(call, drive, folder)
  return jsonAnswer({
    '@odata.context': itemContext(call.context, drive, `items('${encodeURIComponent(folder.id)}')/children`),
    ...(next === undefined ? {} : { '@odata.nextLink': nextLink(call, drive.flavour, next) }),
    value: items.map(item => viewItem(call, drive, item))
  })
}

export async function createFolder (call: Call): Promise<Answer> {
  const { context, incoming } = call
  const json = await readJson(incoming)
  const { drive, folder: parent } = await resolveFolder(call)
  const name = textIn(json, 'name')
  if (name === undefined || !isObject(json['folder'])) throw invalidRequest('A new item needs a name and the folder facet.')
  checkName(name, { flavour: drive.flavour, folder: true, atRoot: parent.parent === undefined })
  checkPath(drive, [...namesOf(parent), name])
  const settled = settleName(parent, name, readConflict(textIn(json, '@microsoft.graph.conflictBehavior'), 'fail'), 'folder')
  const existing = parent.children.get(identity(settled))
  const facts = { ...factsOf(call), times: readTimes(json), description: textIn(json, 'description') }
  const folder = existing ?? await drive.createFolder(parent, settled, facts)
  const answer = jsonAnswer({ '@odata.context': itemContext(context, drive), ...viewItem(call, drive, folder) }, existing === undefined ? 201 : 200)
  return { ...answer, done: [{ operation: 'CreateFolder', key: pathOf(folder) }] }
}

/** SharePoint goes on after a name; personal drives count, so that a write in between shifts the page. */
function pageOf (call: Call, drive: Drive, folder: Folder): Page {
  const cursor = readCursor(call, drive.flavour)
  const top = readTop(call.query)
  const order = readOrder(call, drive)
  const wanted = readFilter(call, drive)
  if (drive.flavour === 'personal' || order !== undefined) return pageByIndex(ordered(folder, order).filter(wanted), readIndex(cursor), top)
  return pageByName(folder, wanted, cursor, top)
}

function pageByIndex (items: readonly Item[], from: number, top: number): Page {
  const end = from + top
  return { items: items.slice(from, end), next: end < items.length ? String(end + 1) : undefined }
}

function pageByName ({ children }: Folder, wanted: (item: Item) => boolean, after: string | undefined, top: number): Page {
  const items: Item[] = []
  for (let index = after === undefined ? 0 : children.upperBound(after); ; index++) {
    const entry = children.at(index)
    if (entry === undefined) return { items, next: undefined }
    if (!wanted(entry[1])) continue
    if (items.length === top) return { items, next: identity((items.at(-1) as Item).name) }
    items.push(entry[1])
  }
}

interface Order {
  field: 'name' | 'size' | 'lastModifiedDateTime'
  descending: boolean
}

/** Undefined for the order by name that is there anyway. @throws {GraphError} 501 for an order that the flavour does not know */
function readOrder ({ query }: Call, { flavour }: Drive): Order | undefined {
  const text = query.option('orderby')
  if (text === undefined) return undefined
  const [, field = '', direction] = /^(\w+)(?:\s+(asc|desc))?$/i.exec(text.trim()) ?? []
  const known = flavour === 'personal' ? ['name', 'size', 'lastModifiedDateTime'] : ['name', 'url']
  if (!known.includes(field)) throw notSupported(`The $orderby query option does not support ${text}.`)
  const order: Order = { field: field === 'url' ? 'name' : field as Order['field'], descending: direction?.toLowerCase() === 'desc' }
  return order.field === 'name' && !order.descending ? undefined : order
}

function ordered (folder: Folder, order: Order | undefined): Item[] {
  const items = folder.children.values()
  if (order === undefined) return items
  const sign = order.descending ? -1 : 1
  return items.sort((a, b) => sign * compare(a, b, order.field))
}

function compare (a: Item, b: Item, field: Order['field']): number {
  switch (field) {
    case 'name': return compareUtf8(identity(a.name), identity(b.name))
    case 'size': return sizeOf(a) - sizeOf(b)
    case 'lastModifiedDateTime': return a.modified - b.modified
  }
}

/** `name eq 'x'` and `startswith(name,'x')`. @throws {GraphError} 501 for anything else */
function readFilter ({ query }: Call, { flavour }: Drive): (item: Item) => boolean {
  const text = query.option('filter')
  if (text === undefined) return () => true
  const [, equal, start] = /^name\s+eq\s+'((?:[^']|'')*)'$|^startswith\(name,\s*'((?:[^']|'')*)'\)$/i.exec(text.trim()) ?? []
  const wanted = identity((equal ?? start ?? '').replaceAll("''", "'"))
  if (flavour === 'personal' || (equal === undefined && start === undefined)) throw notSupported(`The $filter query option does not support ${text}.`)
  return item => equal === undefined ? identity(item.name).startsWith(wanted) : identity(item.name) === wanted
}
