/** One request that was let in, and how its handlers find what it is about. */
import type { ContentStore } from '../content-store.ts'
import type { Exchange } from '../exchange.ts'
import type { Answer, RequestHead } from '../service.ts'
import type { Authenticated, Authenticator } from './auth.ts'
import { azureError, invalidHeader, invalidQuery } from './errors.ts'
import { parseLeaseId } from './lease.ts'
import { checkShareName, foldName, splitPath } from './names.ts'
import type { Route } from './operations.ts'
import type { AzureFilesQuirks } from './quirks.ts'
import type { AzureFilesState, Directory, Entry, File, Share, Snapshot } from './state.ts'
import { etagOf, type FileTime, httpDate, parseTime } from './times.ts'
import { SINCE } from './versions.ts'

/** What all operations stand on. */
export interface AzureContext {
  accountName: string
  accountKey: string
  state: AzureFilesState
  contents: ContentStore
  quirks: Readonly<AzureFilesQuirks>
  authenticator: Authenticator
}

export interface Call {
  context: AzureContext
  exchange: Exchange
  head: RequestHead
  headers: RequestHead['headers']
  route: Route
  query: Route['query']
  /** The version of the service that is asked to answer. */
  version: string
  auth: Authenticated
  now: number
}

export type Handler = (call: Call) => Promise<Answer>

export function answer (status: number, headers: Record<string, string> = {}): Answer {
  return { status, headers }
}

/** XML goes in chunks, without a length. */
export function xmlAnswer (body: string, headers: Record<string, string> = {}): Answer {
  return { status: 200, headers: { 'Content-Type': 'application/xml', ...headers }, body: chunks(body) }
}

async function * chunks (body: string): AsyncGenerator<Buffer> {
  yield Buffer.from(body)
}

export function stamp ({ modified }: { modified: FileTime }): Record<string, string> {
  return { ETag: etagOf(modified), 'Last-Modified': httpDate(modified) }
}

/** @throws {AzureError} 400 for a name that cannot be one, 404 `ShareNotFound` */
export function shareOf ({ context, route }: Call): Share {
  checkShareName(route.share)
  const share = context.state.shares.get(route.share)
  if (share === undefined) throw azureError('ShareNotFound')
  return share
}

/** The share to write to. @throws {AzureError} 400 when a snapshot is named */
export function writableShareOf (call: Call): Share {
  const snapshot = call.query.get('sharesnapshot')
  if (snapshot !== undefined) throw invalidQuery('sharesnapshot', snapshot, 'Snapshots are read-only.')
  return shareOf(call)
}

/** The snapshot that is named, if any. @throws {AzureError} 404 `ShareSnapshotNotFound`, 409 `PreviousSnapshotNotFound` */
export function snapshotOf (call: Call, share: Share, parameter = 'sharesnapshot'): Snapshot | undefined {
  const text = call.query.get(parameter)
  if (text === undefined) return undefined
  const time = parseTime(text)
  if (time === undefined) throw invalidQuery(parameter, text, 'The snapshot time is not valid.')
  const snapshot = share.snapshots.get(time)
  if (snapshot === undefined) throw azureError(parameter === 'sharesnapshot' ? 'ShareSnapshotNotFound' : 'PreviousSnapshotNotFound')
  return snapshot
}

/** The tree to read from. */
export function rootOf (call: Call): { share: Share, root: Directory } {
  const share = shareOf(call)
  return { share, root: snapshotOf(call, share)?.root ?? share.root }
}

/** The path of the request, its dots cut unless they are to be kept. */
export function segmentsOf ({ route, headers, version }: Pick<Call, 'route' | 'headers' | 'version'>): string[] {
  return splitPath(route.path, keepsDots(headers['x-ms-allow-trailing-dot'], version))
}

export function keepsDots (header: string | undefined, version: string): boolean {
  return version >= SINCE.trailingDot && header?.toLowerCase() === 'true'
}

/** Where a path leads: the directory and, when it is there, what has the name. */
export interface Place {
  directory: Directory
  name: string
  entry: Entry | undefined
}

/** @throws {AzureError} 404 `ParentNotFound` */
export function locate (root: Directory, segments: readonly string[]): Place {
  let directory = root
  for (const segment of segments.slice(0, -1)) {
    const next = directory.children.get(foldName(segment))
    if (next?.kind !== 'directory') throw azureError('ParentNotFound')
    directory = next
  }
  const name = segments.at(-1) ?? ''
  return { directory, name, entry: directory.children.get(foldName(name)) }
}

/** @throws {AzureError} 404, or 409 when it is a directory */
export function fileAt (root: Directory, segments: readonly string[]): File {
  const { entry } = locate(root, segments)
  if (entry === undefined) throw azureError('ResourceNotFound')
  if (entry.kind !== 'file') throw azureError('ResourceTypeMismatch')
  return entry
}

/** @throws {AzureError} 404, or 409 when it is a file */
export function directoryAt (root: Directory, segments: readonly string[]): Directory {
  if (segments.length === 0) return root
  const { entry } = locate(root, segments)
  if (entry === undefined) throw azureError('ResourceNotFound')
  if (entry.kind !== 'directory') throw azureError('ResourceTypeMismatch')
  return entry
}

/** @throws {AzureError} 400 when it is no GUID */
export function leaseIdOf ({ headers }: Pick<Call, 'headers'>, name = 'x-ms-lease-id'): string | undefined {
  const text = headers[name]
  if (text === undefined || text === '') return undefined
  const id = parseLeaseId(text)
  if (id === undefined) throw invalidHeader(name, text)
  return id
}

/** A whole number of bytes or the like. @throws {AzureError} 400 */
export function readNumber (name: string, text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN
  if (Number.isNaN(value)) throw invalidHeader(name, text)
  return value
}

export function pathOf (segments: readonly string[]): string {
  return segments.join('/')
}
