/** For the fault of that name: another version of the same size takes a file's place. */
import type { RequestHead } from '../service.ts'
import type { Context } from './call.ts'
import { readTicket } from './download-tickets.ts'
import type { Drive } from './drive.ts'
import { GraphError } from './errors.ts'
import { hashContent } from './hashes.ts'
import { identity } from './names.ts'
import { routeGraph } from './route.ts'
import { readSessionName } from './sessions.ts'
import { placeOf } from './subject.ts'
import { currentVersion, type FileItem, type Item } from './tree.ts'

/** The byte of which a version that a fault slips in consists. */
const CHANGED_BYTE = 0xee

/** The file that a request is about, by what its head says; nothing happens when there is none. */
export async function changeObject (context: Context, head: RequestHead, now: number): Promise<void> {
  const found = find(context, head)
  if (found === undefined) return
  const { drive, file } = found
  const { contents, quirks } = context
  const content = contents.fill(currentVersion(file).content.size, CHANGED_BYTE)
  const hasher = await hashContent(contents, content, quirks.hashes)
  await drive.addVersion(file, { content, hashes: hasher.hashes() }, { now, by: file.modifiedBy })
}

function find (context: Context, head: RequestHead): { drive: Drive, file: FileItem } | undefined {
  const { area, rest } = placeOf(head.path)
  const found = area === 'graph' ? findByRoute(context, head, rest) : area === 'up' ? findBySession(context, head) : findByTicket(context, head)
  return found?.item?.kind === 'file' ? { drive: found.drive, file: found.item } : undefined
}

type Found = { drive: Drive, item: Item | undefined } | undefined

function findByRoute (context: Context, head: RequestHead, rest: string): Found {
  try {
    const { drive: selector, item: address } = routeGraph(head, rest)
    const drive = selector === undefined ? undefined : context.drives.find(selector)
    if (drive === undefined || address === undefined) return undefined
    let item: Item | undefined = typeof address.base === 'object' && 'id' in address.base ? drive.get(address.base.id) : drive.root
    for (const name of address.names ?? []) item = item?.kind === 'folder' ? item.children.get(identity(name)) : undefined
    return { drive, item }
  } catch (error) {
    if (error instanceof GraphError) return undefined
    throw error
  }
}

function findBySession ({ sessions, drives }: Context, { path, query }: RequestHead): Found {
  const session = sessions.find(path, query)
  const drive = session === undefined ? undefined : drives.byId(session.driveId)
  const folder = session === undefined ? undefined : drive?.get(session.parentId)
  const name = readSessionName(path, query)
  return drive === undefined || name === undefined || folder?.kind !== 'folder' ? undefined : { drive, item: folder.children.get(identity(name)) }
}

function findByTicket ({ drives }: Context, { query }: RequestHead): Found {
  const ticket = readTicket(query)
  const drive = ticket === undefined ? undefined : drives.byId(ticket.driveId)
  return ticket === undefined || drive === undefined ? undefined : { drive, item: drive.get(ticket.itemId) }
}
