/** Upload sessions: request in, response out. Wire: https://learn.microsoft.com/graph/api/driveitem-createuploadsession */
import { Secret } from '../../lib/secret.ts'
import { itemPath } from './addressing.ts'
import type { Address } from './addressing.ts'
import { conditionHeaders } from './headers.ts'
import type { Conditions } from './headers.ts'
import { fileSystemInfo } from './item.ts'
import type { FileTimes, OneDriveItem } from './item.ts'
import { dateOf, defined, listOf, textOf } from './json.ts'
import type { JsonObject } from './json.ts'
import type { ConflictBehavior } from './names.ts'
import { CancelUploadSession, CommitUploadSession, CreateUploadSession, GetUploadSession, UploadFragment } from './operations.ts'
import { about, graph, itemOf, jsonBody, malformed, readJson, readJsonIfAny, readNothing } from './wire.ts'
import type { GraphOperation, Where } from './wire.ts'
import { CONFLICT } from './wire-items.ts'

/** Bytes that the session lacks; `end` is inclusive, and undefined means to the end of the file. */
export interface MissingRange {
  start: number
  end: number | undefined
}

export interface SessionStatus {
  /** When the session ends unless a fragment arrives before. SharePoint moves it on, about 15 minutes at a time. */
  expiresAt: Date | undefined
  /** Undefined where the answer does not tell; empty where nothing is missing. */
  missing: MissingRange[] | undefined
}

export interface CreatedSession extends SessionStatus {
  /** Whoever holds it can write the file: sent without the access token, and never logged. */
  uploadUrl: Secret
}

export interface SessionOptions extends Conditions {
  conflictBehavior: ConflictBehavior
  /** Times of the file: later changes would make a second version on SharePoint. */
  fileTimes?: FileTimes | undefined
  /** Personal drives only. */
  description?: string | undefined
  /** The file appears when it is committed, not with the last fragment. */
  deferCommit?: boolean | undefined
}

/** What describes the file must stand inside `item`: elsewhere it is ignored without a word. */
export function createUploadSession (address: Address, options: SessionOptions): GraphOperation<CreatedSession> {
  const told = about(CreateUploadSession, 'open an upload session for', address.name)
  const item = defined({ [CONFLICT]: options.conflictBehavior, description: options.description, fileSystemInfo: fileSystemInfo(options.fileTimes) })
  const { body, headers } = jsonBody(options.deferCommit === true ? { item, deferCommit: true } : { item })
  return {
    ...told,
    method: 'POST',
    where: graph(itemPath(address, '/createUploadSession')),
    headers: { ...headers, ...conditionHeaders(options) },
    body,
    read: async response => {
      const json = await readJson(response, told.action)
      const uploadUrl = textOf(json['uploadUrl'])
      if (uploadUrl === undefined) throw malformed(told.action, 'the answer holds no uploadUrl')
      return { uploadUrl: new Secret(uploadUrl), ...readSessionStatus(json) }
    }
  }
}

/** What a fragment is answered with: the file when it is whole, else what is still missing. */
export type FragmentAnswer =
  | { kind: 'item', item: OneDriveItem }
  /** The service says done and shows no file: it has to be looked up. */
  | { kind: 'done' }
  | ({ kind: 'more' } & SessionStatus)

/** @param total fixed for the session: the service refuses another one later, and an unknown one at once. */
export function putFragment (uploadUrl: Secret, name: string, start: number, bytes: Uint8Array, total: number): GraphOperation<FragmentAnswer> {
  const end = start + bytes.length - 1
  return {
    ...about(UploadFragment, `upload bytes ${start}-${end} of`, name),
    method: 'PUT',
    where: sessionAt(uploadUrl),
    headers: { 'content-range': `bytes ${start}-${end}/${total}`, 'content-type': 'application/octet-stream' },
    body: bytes,
    read: async response => readFragmentAnswer(await readJsonIfAny(response), response.status)
  }
}

function readFragmentAnswer (json: JsonObject | undefined, status: number): FragmentAnswer {
  const item = itemOf(json)
  if (item !== undefined) return { kind: 'item', item }
  return status === 202 ? { kind: 'more', ...readSessionStatus(json ?? {}) } : { kind: 'done' }
}

export function getUploadSession (uploadUrl: Secret, name: string): GraphOperation<SessionStatus> {
  const told = about(GetUploadSession, 'read the upload session of', name)
  return { ...told, method: 'GET', where: sessionAt(uploadUrl), read: async response => readSessionStatus(await readJson(response, told.action)) }
}

/** Forms seen: `26-`, `5242880-8255205`, several of them, an empty list, none at all. */
export function readSessionStatus (json: JsonObject): SessionStatus {
  const ranges = json['nextExpectedRanges']
  return { expiresAt: dateOf(json['expirationDateTime']), missing: Array.isArray(ranges) ? listOf(ranges).flatMap(readRange) : undefined }
}

function readRange (range: unknown): MissingRange[] {
  const match = /^\s*(\d+)\s*-\s*(\d*)\s*$/.exec(textOf(range) ?? '')
  return match === null ? [] : [{ start: Number(match[1]), end: match[2] === '' ? undefined : Number(match[2]) }]
}

export function cancelUploadSession (uploadUrl: Secret, name: string): GraphOperation<void> {
  return { ...about(CancelUploadSession, 'cancel the upload session of', name), method: 'DELETE', where: sessionAt(uploadUrl), read: readNothing }
}

/** Publishes a session of `deferCommit`. The body is empty, and its length is told. */
export function commitUploadSession (uploadUrl: Secret, name: string): GraphOperation<OneDriveItem | undefined> {
  return {
    ...about(CommitUploadSession, 'commit the upload session of', name),
    method: 'POST',
    where: sessionAt(uploadUrl),
    body: Buffer.alloc(0),
    read: async response => itemOf(await readJsonIfAny(response))
  }
}

/**
 * Publishes a session whose bytes are whole through Graph: on personal drives that of `deferCommit`, and where the name was
 * taken meanwhile. The address is that of the file, not of its folder as the page says; `replace` is refused here.
 */
export function commitBySourceUrl (address: Address, uploadUrl: Secret, conflictBehavior: 'fail' | 'rename', conditions: Conditions = {}): GraphOperation<OneDriveItem | undefined> {
  const { body, headers } = jsonBody(defined({
    name: address.segments.at(-1), [CONFLICT]: conflictBehavior, '@microsoft.graph.sourceUrl': uploadUrl.reveal()
  }))
  return {
    ...about(CommitUploadSession, 'commit the upload session of', address.name),
    method: 'PUT',
    where: graph(itemPath(address)),
    headers: { ...headers, ...conditionHeaders(conditions) },
    body,
    read: async response => itemOf(await readJsonIfAny(response))
  }
}

function sessionAt (link: Secret): Where {
  return { kind: 'authorized', link, by: 'session' }
}
