/** What a request wants to see of items: `$select`, `$expand`, `$top`. */
import type { Call, Context } from './call.ts'
import type { Drive } from './drive.ts'
import { invalidRequest, notSupported } from './errors.ts'
import { itemJson, type ItemJson, type ItemView } from './item-json.ts'
import { DEFAULT_PAGE, MAX_PAGE } from './limits.ts'
import type { Query } from './query.ts'
import type { Item } from './tree.ts'

const DOWNLOAD_URL = '@microsoft.graph.downloadUrl'
const EXPANDABLE: ReadonlySet<string> = new Set(['children', 'thumbnails', 'permissions', 'versions', 'listItem'])

/** One item as this request sees it. */
export function viewItem (call: Call, drive: Drive, item: Item, view: Partial<ItemView> = {}): ItemJson {
  const full = itemJson(call.context, drive, item, { now: call.now, downloadUrl: true, parentPath: true, ...view })
  return { ...select(full, call.query), ...expand(call.context, drive, item, call) }
}

/**
 * The dollar sign costs the download URL: with it, Graph strips the `@` and finds nothing of that name. Without it, or as
 * `content.downloadUrl`, it is found.
 */
export function select (item: ItemJson, query: Query): ItemJson {
  const names = list(query.option('select'))
  if (names.length === 0) return item
  const wanted = new Set(names.flatMap(name => {
    if (name === 'content.downloadUrl') return [DOWNLOAD_URL]
    return name === DOWNLOAD_URL && query.hasDollar('select') ? [] : [name]
  }))
  return Object.fromEntries(Object.entries(item).filter(([name]) => wanted.has(name)))
}

/** @throws {GraphError} 400 */
export function readTop (query: Query): number {
  const text = query.option('top')
  if (text === undefined) return DEFAULT_PAGE
  if (!/^[1-9]\d*$/.test(text)) throw invalidRequest(`Invalid value '${text}' for $top query option found.`)
  return Math.min(Number(text), MAX_PAGE)
}

/** @throws {GraphError} for what no listing of items can do */
export function refuseOptions (query: Query): void {
  if (query.option('skip') !== undefined && query.hasDollar('skip')) throw invalidRequest('$skip is not supported on this API. Only URLs returned by the API can be used to page.')
  if (query.hasDollar('search')) throw notSupported('$search is not supported on this API.')
}

/** Of children only the first page is shown, and nothing says how many there are. */
function expand (context: Context, drive: Drive, item: Item, { query, now }: Call): ItemJson {
  const names = list(query.option('expand')).map(name => name.replace(/\(.*$/, ''))
  const unknown = names.find(name => !EXPANDABLE.has(name))
  if (unknown !== undefined) throw invalidRequest(`Could not find a property named '${unknown}' on type 'microsoft.graph.driveItem'.`)
  if (!names.includes('children') || item.kind !== 'folder') return names.includes('thumbnails') ? { thumbnails: [] } : {}
  const children = item.children.values().slice(0, DEFAULT_PAGE)
  return { children: children.map(child => itemJson(context, drive, child, { now, downloadUrl: true, parentPath: true })) }
}

function list (text: string | undefined): string[] {
  return (text ?? '').split(',').map(name => name.trim()).filter(name => name !== '')
}
