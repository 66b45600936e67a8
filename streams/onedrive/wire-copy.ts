/** Copying on the server and the monitor that tells of it: request in, response out. */
import { StorageError } from '../../lib/errors.ts'
import type { HttpResponse } from '../../lib/http/call.ts'
import { parseRetryAfter } from '../../lib/http/retry.ts'
import { Secret } from '../../lib/secret.ts'
import { itemPath } from './addressing.ts'
import type { Address } from './addressing.ts'
import { readItem } from './item.ts'
import type { OneDriveItem } from './item.ts'
import { defined, numberOf, objectOf, textOf } from './json.ts'
import type { JsonObject } from './json.ts'
import type { ConflictBehavior } from './names.ts'
import { CopyItem, GetCopyStatus } from './operations.ts'
import { about, graph, jsonBody, malformed, readJsonIfAny, readNothing, withQuery } from './wire.ts'
import type { GraphOperation } from './wire.ts'

/** Where the state of a copy is asked for; the URL carries its own token. */
export interface Monitor {
  link: Secret
}

export interface CopyRequest {
  /** The folder that the copy goes to. */
  parent: { driveId: string, id: string }
  /** Default: the name of the source. */
  name?: string | undefined
  conflictBehavior?: ConflictBehavior | undefined
  /** All versions; a name given with it loses them. */
  includeAllVersionHistory?: boolean | undefined
}

/**
 * The conflict behaviour stands in the query, and personal drives do not heed it; a conflict shows at the monitor.
 * Wire: https://learn.microsoft.com/graph/api/driveitem-copy
 */
export function copyItem (address: Address, request: CopyRequest): GraphOperation<Monitor> {
  const told = about(CopyItem, 'copy', address.name)
  const { parent, name, includeAllVersionHistory } = request
  const { body, headers } = jsonBody(defined({ parentReference: parent, name, includeAllVersionHistory }))
  return {
    ...told,
    method: 'POST',
    where: graph(withQuery(itemPath(address, '/copy'), { '@microsoft.graph.conflictBehavior': request.conflictBehavior })),
    headers: { ...headers, prefer: 'respond-async' },
    body,
    read: async response => {
      await readNothing(response)
      return readMonitor(response, told.action)
    }
  }
}

export function readMonitor (response: HttpResponse, action: string): Monitor {
  const location = response.headers['location']
  if (location === undefined) throw malformed(action, 'the answer names no monitor')
  return { link: new Secret(location) }
}

export type CopyState = 'running' | 'completed' | 'failed' | 'cancelled'

export interface CopyStatus {
  state: CopyState
  /** The service's own word, such as `inProgress`; empty where it gave none. */
  status: string
  /** 0 to 100, where it is told. */
  percentageComplete: number | undefined
  /** Of the new item, once it is there. */
  itemId: string | undefined
  /** The new item, where the monitor leads to it. */
  item: OneDriveItem | undefined
  error: StorageError | undefined
  /** How long the service asks to wait before the next question. */
  retryAfterMs: number | undefined
}

/** A failure comes with status 200; a redirection (303) leads to the new item. */
export function getCopyStatus (monitor: Monitor, name: string, now: number): GraphOperation<CopyStatus> {
  return {
    ...about(GetCopyStatus, 'read the state of the copy of', name),
    method: 'GET',
    where: { kind: 'authorized', link: monitor.link, by: 'monitor' },
    redirected: () => undefined,
    read: async response => ({
      ...readCopyStatus(await readJsonIfAny(response), response.status, name),
      retryAfterMs: parseRetryAfter(response.headers['retry-after'], now)
    })
  }
}

const STATES: Record<string, CopyState> = { completed: 'completed', failed: 'failed', deletefailed: 'failed', cancelled: 'cancelled' }

export function readCopyStatus (json: JsonObject | undefined, httpStatus: number, name: string): Omit<CopyStatus, 'retryAfterMs'> {
  const status = textOf(json?.['status']) ?? ''
  const isItem = status === '' && textOf(json?.['id']) !== undefined && textOf(json?.['name']) !== undefined
  const item = isItem ? readItem(json as JsonObject) : undefined
  const error = readFailure(json, name)
  const state = item !== undefined ? 'completed' : error !== undefined ? 'failed' : STATES[status.toLowerCase()] ?? (status === '' && httpStatus === 200 ? 'completed' : 'running')
  return {
    state,
    status,
    percentageComplete: numberOf(json?.['percentageComplete']),
    itemId: item?.id ?? textOf(json?.['resourceId']),
    item,
    error: state === 'failed' && error === undefined ? new StorageError(`Cannot copy ${name}: the service says ${status}`, { code: 'CopyFailed', operation: CopyItem.name }) : error
  }
}

function readFailure (json: JsonObject | undefined, name: string): StorageError | undefined {
  const error = objectOf(json?.['error'])
  const serviceCode = textOf(error?.['code']) ?? textOf(json?.['errorCode'])
  if (serviceCode === undefined || serviceCode === '') return undefined
  const message = textOf(error?.['message']) ?? ''
  const code = serviceCode === 'nameAlreadyExists' ? 'Conflict' : 'CopyFailed'
  return new StorageError(`Cannot copy ${name}: ${serviceCode}${message === '' ? '' : ` (${message})`}`, { code, serviceCode, operation: CopyItem.name })
}
