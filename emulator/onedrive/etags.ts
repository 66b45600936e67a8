/** Validators: the eTag counts all changes of an item, the cTag those of its content. */
import { preconditionFailed } from './errors.ts'
import type { Flavour } from './quirks.ts'
import type { Item } from './tree.ts'

/** SharePoint's quotes are part of the value; personal tags have none. */
export function eTagOf (item: Item, flavour: Flavour): string {
  return flavour === 'business' ? `"{${item.guid}},${item.tag}"` : personalTag(`${item.id}.${item.tag}`)
}

/** Folders of SharePoint have none. */
export function cTagOf (item: Item, flavour: Flavour): string | undefined {
  if (flavour === 'personal') return personalTag(`c:${item.id}.${item.contentTag}`)
  return item.kind === 'folder' ? undefined : `"c:{${item.guid}},${item.contentTag}"`
}

/** Whether the header names the item as it is, by eTag or cTag. */
export function isNamedBy (header: string, item: Item, flavour: Flavour): boolean {
  if (header.trim() === '*') return true
  const tags = [eTagOf(item, flavour), cTagOf(item, flavour)].flatMap(tag => tag === undefined ? [] : [unquoted(tag)])
  // Not cut at commas: the tags themselves contain them.
  return listed(header).some(candidate => tags.includes(unquoted(candidate)))
}

type Headers = Readonly<Record<string, string | undefined>>

/** `item` is undefined when nothing has the name. @throws {GraphError} 412 */
export function checkPreconditions (headers: Headers, item: Item | undefined, flavour: Flavour): void {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers
  if (ifMatch !== undefined && (item === undefined || !isNamedBy(ifMatch, item, flavour))) throw preconditionFailed()
  if (ifNoneMatch !== undefined && item !== undefined && isNamedBy(ifNoneMatch, item, flavour)) throw preconditionFailed()
}

function personalTag (text: string): string {
  return `a${Buffer.from(text).toString('base64').replace(/=+$/, '')}`
}

function unquoted (tag: string): string {
  return tag.trim().replace(/^W\//, '').replace(/^"(.*)"$/, '$1')
}

function listed (header: string): string[] {
  return header.match(/(?:W\/)?"[^"]*"|[^\s,"]+(?:,\d+)?/g) ?? []
}
