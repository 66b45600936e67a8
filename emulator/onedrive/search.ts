/** Search by the words of names, as an index would find them: late when told so, and whole words unless they end in a star. */
import type { Answer } from '../service.ts'
import { type Call, jsonAnswer } from './call.ts'
import { badRequest } from './errors.ts'
import type { ItemJson } from './item-json.ts'
import { identity } from './names.ts'
import { nextLink, readCursor, readIndex } from './paging.ts'
import { resolveFolder } from './resolve.ts'
import { type Item, subtree } from './tree.ts'
import { readTop, refuseOptions, viewItem } from './view.ts'

export async function search (call: Call): Promise<Answer> {
  refuseOptions(call.query)
  const text = call.route.argument ?? call.query.get('q')
  if (text === undefined) throw badRequest("The function 'search' needs its parameter q.")
  const { drive, folder } = await resolveFolder(call)
  const indexedUntil = call.now - call.context.quirks.searchDelayMs
  const found = [...subtree(folder)].filter(item => item.parent !== undefined && item.modified <= indexedUntil && matches(item, text))
  const from = readIndex(readCursor(call, drive.flavour))
  const end = from + readTop(call.query)
  return jsonAnswer({
    '@odata.context': `${call.context.graphOrigin}/onedrive/v1.0/$metadata#Collection(driveItem)`,
    ...(end < found.length ? { '@odata.nextLink': nextLink(call, drive.flavour, String(end + 1)) } : {}),
    value: found.slice(from, end).map(item => {
      const view = viewItem(call, drive, item, { downloadUrl: false, parentPath: false })
      return drive.flavour === 'business' ? withoutParent(view) : view
    })
  })
}

/** SharePoint's index tells neither. */
function withoutParent ({ parentReference, createdBy, ...item }: ItemJson): ItemJson {
  return item
}

function matches (item: Item, text: string): boolean {
  const words = wordsOf(item.name)
  return wordsOf(text, '*').every(wanted => wanted.endsWith('*')
    ? words.some(word => word.startsWith(wanted.slice(0, -1)))
    : words.includes(wanted))
}

function wordsOf (text: string, alsoAllowed = ''): string[] {
  return identity(text).split(new RegExp(`[^\\p{L}\\p{N}${alsoAllowed}]+`, 'u')).filter(word => word !== '')
}
