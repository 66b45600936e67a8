/** The bytes of a file: a whole PUT, and a GET that is redirected. Request in, response out. */
import type { Readable } from 'node:stream'
import { formatRange, parseContentRange } from '../../lib/bytes/byte-range.ts'
import { StorageError } from '../../lib/errors.ts'
import type { HttpResponse } from '../../lib/http/call.ts'
import type { Secret } from '../../lib/secret.ts'
import { encodeSegment, itemPath } from './addressing.ts'
import type { Address } from './addressing.ts'
import { conditionHeaders } from './headers.ts'
import type { Conditions } from './headers.ts'
import type { OneDriveItem } from './item.ts'
import type { ConflictBehavior } from './names.ts'
import { DownloadContent, UploadContent } from './operations.ts'
import { about, graph, itemOf, readJsonIfAny } from './wire.ts'
import type { GraphOperation, Where } from './wire.ts'
import { withConflict } from './wire-items.ts'

/**
 * Creates or replaces a file whole; the only way for an empty one. The conflict behaviour stands in the query. Undefined
 * where the service accepts and shows no item. Wire: https://learn.microsoft.com/graph/api/driveitem-put-content
 */
export function putContent (address: Address, bytes: Uint8Array, conflictBehavior: ConflictBehavior, conditions: Conditions = {}, contentType = 'application/octet-stream'): GraphOperation<OneDriveItem | undefined> {
  return {
    ...about(UploadContent, 'upload', address.name),
    method: 'PUT',
    where: graph(withConflict(itemPath(address, '/content'), conflictBehavior)),
    headers: { 'content-type': contentType, ...conditionHeaders(conditions) },
    body: bytes,
    read: async response => itemOf(await readJsonIfAny(response))
  }
}

export interface ContentBody {
  /** First byte of the body; 0 where the service ignored the range. */
  start: number
  /** Last byte of the body, inclusive; undefined where the answer does not tell. */
  end: number | undefined
  /** Of the whole content; undefined where the answer does not tell. */
  size: number | undefined
  etag: string | undefined
  body: Readable
}

export interface ContentRange {
  start: number
  /** Inclusive; undefined means to the end. */
  end: number | undefined
}

/** Reads from a pre-authenticated URL: no access token, the range as asked for unless the host ignores it. */
export function downloadFrom (link: Secret, name: string, range: ContentRange | undefined): GraphOperation<ContentBody> {
  return download({ kind: 'authorized', link, by: 'download' }, name, range)
}

/**
 * Asks Graph for the content and follows its 302 to the host that serves it; the token does not go there.
 * @param version an id of an earlier version, whose content has no other way.
 * Wire: https://learn.microsoft.com/graph/api/driveitem-get-content and .../driveitemversion-get-contents
 */
export function downloadByRedirect (address: Address, range: ContentRange | undefined, redirected: (location: Secret) => void, version?: string): GraphOperation<ContentBody> {
  const suffix = version === undefined ? '/content' : `/versions/${encodeSegment(version)}/content`
  return { ...download(graph(itemPath(address, suffix)), address.name, range), redirected }
}

function download (where: Where, name: string, range: ContentRange | undefined): GraphOperation<ContentBody> {
  const ranged = range !== undefined && (range.start > 0 || range.end !== undefined)
  return {
    ...about(DownloadContent, ranged ? `read bytes ${range.start}-${range.end ?? ''} of` : 'read', name),
    method: 'GET',
    where,
    headers: { 'accept-encoding': 'identity', ...(ranged ? { range: formatRange(range) } : {}) },
    streams: true,
    read: response => readBody(response, name)
  }
}

function readBody ({ status, headers, body }: HttpResponse, name: string): ContentBody {
  const etag = headers['etag']
  if (status === 206) {
    const range = parseContentRange(headers['content-range'] ?? '')
    // Taken for the whole file, a part of it would end the read early.
    if (range?.kind !== 'range') {
      throw new StorageError(`Cannot read ${name}: the answer came with the Content-Range ${JSON.stringify(headers['content-range'])}`, { code: 'MalformedAnswer', operation: DownloadContent.name, temporary: true })
    }
    return { start: range.start, end: range.end, size: range.size, etag, body }
  }
  const size = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
  return { start: 0, end: size === undefined ? undefined : size - 1, size, etag, body }
}
