/** Names requests for the log and for faults, by nothing but their heads. */
import type { RequestHead, Subject } from '../service.ts'
import type { Context } from './call.ts'
import { readTicket } from './download-tickets.ts'
import { GraphError } from './errors.ts'
import { type GraphRoute, type ItemAddress, routeGraph } from './route.ts'
import { readSessionName } from './sessions.ts'
import { pathOf } from './tree.ts'

/** The parts of the service, by what follows its prefix. */
export type Area = 'graph' | 'login' | 'up' | 'down' | 'monitor'

const AREAS: Readonly<Record<string, Area>> = { 'v1.0': 'graph', login: 'login', up: 'up', down: 'down', monitor: 'monitor' }
const UPLOAD_OPERATIONS: Readonly<Record<string, string>> = {
  PUT: 'UploadFragment', GET: 'GetUploadSession', DELETE: 'CancelUploadSession', POST: 'CommitUploadSession'
}

export interface Place {
  area: Area | undefined
  /** Below the area, with its leading slash. */
  rest: string
}

export function placeOf (path: string): Place {
  const [, , area = '', ...rest] = path.split('/')
  return { area: AREAS[area], rest: `/${rest.join('/')}` }
}

/** `key` is a path from the root such as `/docs/a.txt`, or an id, or an id with what is below: `01ABC/a.txt`. */
export function subjectOf (head: RequestHead): Subject {
  const { area, rest } = placeOf(head.path)
  switch (area) {
    case 'graph': return graphSubject(head, rest)
    case 'login': return { operation: rest === '/devicelogin' ? 'DeviceLogin' : rest.endsWith('/devicecode') ? 'DeviceCode' : 'Token' }
    case 'up': return { operation: UPLOAD_OPERATIONS[head.method] ?? 'UnknownOperation', key: readSessionName(head.path, head.query) }
    case 'down': return { operation: 'DownloadContent', key: readTicket(head.query)?.itemId }
    case 'monitor': return { operation: 'GetMonitor' }
    default: return { operation: 'UnknownOperation' }
  }
}

function graphSubject (head: RequestHead, rest: string): Subject {
  try {
    const route = routeGraph(head, rest)
    return { operation: route.operation, key: keyOf(route) }
  } catch (error) {
    if (error instanceof GraphError) return { operation: 'UnknownOperation' }
    throw error
  }
}

/** The path that a route means, also where it names an item by its id: asked before the work, as a deleted item has none. */
export function pathMeant ({ drives }: Context, route: GraphRoute): string | undefined {
  const base = route.item?.base
  if (base === undefined || base === 'root' || !('id' in base) || route.drive === undefined) return keyOf(route)
  const item = drives.find(route.drive)?.get(base.id)
  return keyOf(route, item === undefined ? base.id : pathOf(item))
}

function keyOf ({ item }: GraphRoute, base = item === undefined ? '' : baseName(item.base)): string | undefined {
  if (item === undefined) return undefined
  return item.names === undefined || item.names.length === 0 ? base || '/' : `${base}/${item.names.join('/')}`
}

function baseName (base: ItemAddress['base']): string {
  if (base === 'root') return ''
  return 'id' in base ? base.id : `special/${base.special}`
}
