/** Create, Get, Properties, Metadata and Delete of files: request in, response out. */
import { parseContentRange } from '../../lib/bytes/byte-range.ts'
import { MiB } from '../../lib/bytes/sizes.ts'
import { StorageError } from '../../lib/errors.ts'
import type { HttpResponse } from '../../lib/http/call.ts'
import { contentHeaders, fileTime, leaseHeader, metadataHeaders, readMetadata } from './headers.ts'
import type { ContentHeaders, FileHeaders } from './headers.ts'
import type { Target } from './names.ts'
import { CreateFile, DeleteFile, GetFile, GetFileProperties, GetRange, SetFileMetadata, SetFileProperties, TIMEOUTS } from './operations.ts'
import { KEEP_TRAILING_DOT, addressed, normalizeEtag, quote, readDate, readNothing, readWritten, writtenOf } from './wire.ts'
import type { AzureOperation, Written } from './wire.ts'

export type LeaseState = 'available' | 'leased' | 'expired' | 'breaking' | 'broken'

/** What the service tells of a file. `etag` keeps its quotes; it is made of the time of change, not of the bytes. */
export interface FileProperties extends Target {
  /** Bytes of the whole file, also when a range of it was asked for. */
  size: number
  etag: string
  lastModified: Date | undefined
  contentType: string | undefined
  cacheControl: string | undefined
  contentDisposition: string | undefined
  contentEncoding: string | undefined
  contentLanguage: string | undefined
  /** Base64, of the whole file, as somebody has set it. */
  contentMd5: string | undefined
  metadata: Record<string, string>
  leaseState: LeaseState | undefined
  fileId: string | undefined
  attributes: string | undefined
  createdAt: Date | undefined
  lastWrittenAt: Date | undefined
  changedAt: Date | undefined
  /** Of the last copy to this file, as long as nothing else was set on it. */
  copy: CopyProgress | undefined
}

export interface CopyProgress {
  id: string
  status: string
  /** Bytes copied, of how many. */
  copied: number | undefined
  total: number | undefined
  reason: string | undefined
}

export interface Created extends Written {
  fileId: string | undefined
}

/** An existing file is replaced, with its ranges, headers and metadata: the service knows no create-only. */
export function createFile (target: Target, size: number, options: FileHeaders & { leaseId?: string | undefined } = {}): AzureOperation<Created> {
  return {
    description: CreateFile,
    action: `create ${quote(target.path)}`,
    method: 'PUT',
    ...addressed('file', target, { size }),
    headers: {
      ...KEEP_TRAILING_DOT,
      'x-ms-type': 'file',
      'x-ms-content-length': String(size),
      'x-ms-file-attributes': 'None',
      ...contentHeaders(options),
      ...metadataHeaders(options.metadata ?? {}),
      ...leaseHeader(options.leaseId)
    },
    timeouts: TIMEOUTS.write,
    read: async response => {
      await readNothing(response)
      return { ...writtenOf(response.headers), fileId: response.headers['x-ms-file-id'] }
    }
  }
}

export interface GetOptions {
  /** First byte; with neither, the whole file is asked for without a range. */
  start?: number | undefined
  /** Last byte, inclusive. */
  end?: number | undefined
  /** Asks for the MD5 of the range, which must have at most 4 MiB. */
  rangeMd5?: boolean
  leaseId?: string | undefined
}

export interface FileBody {
  properties: FileProperties
  /** Bytes `start` to `end` inclusive are in the body; `end` is `start - 1` for an empty one. */
  start: number
  end: number
  /** Base64, when it was asked for. */
  rangeMd5: string | undefined
  body: HttpResponse['body']
}

export function getFile (target: Target, options: GetOptions = {}): AzureOperation<FileBody> {
  const { start = 0, end, rangeMd5 = false } = options
  const ranged = options.start !== undefined || end !== undefined
  const small = end !== undefined && end - start + 1 < 4 * MiB
  return {
    description: ranged ? GetRange : GetFile,
    action: ranged ? `read bytes ${start}-${end ?? ''} of ${quote(target.path)}` : `read ${quote(target.path)}`,
    method: 'GET',
    ...addressed('file', target, ranged ? { range: `${start}-${end ?? ''}` } : {}),
    ...(end === undefined ? {} : { range: { start, end } }),
    headers: {
      ...KEEP_TRAILING_DOT,
      ...(ranged ? { 'x-ms-range': `bytes=${start}-${end ?? ''}` } : {}),
      ...(rangeMd5 ? { 'x-ms-range-get-content-md5': 'true' } : {}),
      ...leaseHeader(options.leaseId)
    },
    timeouts: small ? TIMEOUTS.smallRead : TIMEOUTS.largeRead,
    streams: true,
    read: response => readFileBody(target, response, rangeMd5)
  }
}

function readFileBody (target: Target, { status, headers, body }: HttpResponse, rangeMd5: boolean): FileBody {
  if (status === 206) {
    const range = parseContentRange(headers['content-range'] ?? '')
    if (range?.kind !== 'range' || range.size === undefined) throw malformed(target, `with the Content-Range ${JSON.stringify(headers['content-range'])}`)
    const properties = readFileProperties(target, headers, range.size, headers['x-ms-content-md5'])
    return { properties, start: range.start, end: range.end, rangeMd5: rangeMd5 ? headers['content-md5'] : undefined, body }
  }
  const size = Number(headers['content-length'] ?? NaN)
  if (Number.isNaN(size)) throw malformed(target, 'without a length')
  return { properties: readFileProperties(target, headers, size, headers['content-md5']), start: 0, end: size - 1, rangeMd5: undefined, body }
}

function malformed (target: Target, how: string): StorageError {
  return new StorageError(`Cannot read ${quote(target.path)}: the answer came ${how}`, { code: 'MalformedAnswer', operation: 'GetFile' })
}

export function getFileProperties (target: Target, options: { leaseId?: string | undefined } = {}): AzureOperation<FileProperties> {
  return {
    description: GetFileProperties,
    action: `get the properties of ${quote(target.path)}`,
    method: 'HEAD',
    ...addressed('file', target),
    headers: { ...KEEP_TRAILING_DOT, ...leaseHeader(options.leaseId) },
    timeouts: TIMEOUTS.smallRead,
    read: async response => {
      await readNothing(response)
      const { headers } = response
      return readFileProperties(target, headers, Number(headers['content-length'] ?? NaN), headers['content-md5'])
    }
  }
}

function readFileProperties ({ share, path }: Target, headers: Record<string, string>, size: number, contentMd5: string | undefined): FileProperties {
  return {
    share,
    path,
    size,
    etag: normalizeEtag(headers['etag'] ?? ''),
    lastModified: readDate(headers['last-modified']),
    contentType: headers['content-type'],
    cacheControl: headers['cache-control'],
    contentDisposition: headers['content-disposition'],
    contentEncoding: headers['content-encoding'],
    contentLanguage: headers['content-language'],
    contentMd5,
    metadata: readMetadata(headers),
    leaseState: headers['x-ms-lease-state'] as LeaseState | undefined,
    fileId: headers['x-ms-file-id'],
    attributes: headers['x-ms-file-attributes'],
    createdAt: readDate(headers['x-ms-file-creation-time']),
    lastWrittenAt: readDate(headers['x-ms-file-last-write-time']),
    changedAt: readDate(headers['x-ms-file-change-time']),
    copy: readCopy(headers)
  }
}

function readCopy (headers: Record<string, string>): CopyProgress | undefined {
  const id = headers['x-ms-copy-id']
  if (id === undefined) return undefined
  const [copied, total] = (headers['x-ms-copy-progress'] ?? '').split('/')
  const bytes = (text: string | undefined): number | undefined => text === undefined || text === '' ? undefined : Number(text)
  return { id, status: headers['x-ms-copy-status'] ?? '', copied: bytes(copied), total: bytes(total), reason: headers['x-ms-copy-status-description'] }
}

export interface SetPropertiesOptions extends ContentHeaders {
  /** The new size: what lies above is cut off, what is added reads as zeros. Alone it changes nothing else. */
  size?: number | undefined
  /** Later than all writes, which set it to their own time. */
  lastWrittenAt?: Date | undefined
  leaseId?: string | undefined
}

/** One content header alone would clear the other five: whoever sets one must give all that are to stay. */
export function setFileProperties (target: Target, options: SetPropertiesOptions): AzureOperation<Written> {
  const { size, lastWrittenAt } = options
  return {
    description: SetFileProperties,
    action: size === undefined ? `set the properties of ${quote(target.path)}` : `resize ${quote(target.path)} to ${size} bytes`,
    method: 'PUT',
    ...addressed('file', target, size === undefined ? {} : { size }),
    query: [['comp', 'properties']],
    headers: {
      ...KEEP_TRAILING_DOT,
      ...(size === undefined ? {} : { 'x-ms-content-length': String(size) }),
      ...(lastWrittenAt === undefined ? {} : { 'x-ms-file-last-write-time': fileTime('lastWrittenAt', lastWrittenAt) }),
      ...contentHeaders(options),
      ...leaseHeader(options.leaseId)
    },
    timeouts: TIMEOUTS.write,
    read: readWritten
  }
}

/** Replaces all metadata. */
export function setFileMetadata (target: Target, metadata: Record<string, string>, options: { leaseId?: string | undefined } = {}): AzureOperation<Written> {
  return {
    description: SetFileMetadata,
    action: `set the metadata of ${quote(target.path)}`,
    method: 'PUT',
    ...addressed('file', target),
    query: [['comp', 'metadata']],
    headers: { ...KEEP_TRAILING_DOT, ...metadataHeaders(metadata), ...leaseHeader(options.leaseId) },
    timeouts: TIMEOUTS.smallRead,
    read: readWritten
  }
}

export function deleteFile (target: Target, options: { leaseId?: string | undefined } = {}): AzureOperation<void> {
  return {
    description: DeleteFile,
    action: `delete ${quote(target.path)}`,
    method: 'DELETE',
    ...addressed('file', target),
    headers: { ...KEEP_TRAILING_DOT, ...leaseHeader(options.leaseId) },
    timeouts: TIMEOUTS.smallRead,
    read: readNothing
  }
}
