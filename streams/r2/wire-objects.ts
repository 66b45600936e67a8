/** PutObject, GetObject, HeadObject, DeleteObject, DeleteObjects, CopyObject: request in, response out. */
import { createHash } from 'node:crypto'
import { parseContentRange } from '../../lib/bytes/byte-range.ts'
import { StorageError } from '../../lib/errors.ts'
import type { HttpResponse } from '../../lib/http/call.ts'
import { encodePath } from './auth.ts'
import { conditionHeaders, objectHeaders, readMetadata } from './headers.ts'
import type { Conditions, ObjectHeaders } from './headers.ts'
import type { SealedBody } from './integrity.ts'
import { CopyObject, DeleteObject, DeleteObjects, GetObject, GetObjectRange, HeadObject, PutObject } from './operations.ts'
import { addressed, normalizeEtag, quote, readDate, readNothing, readXml, requireEtag } from './wire.ts'
import type { R2Operation } from './wire.ts'
import { buildXml } from './xml.ts'

export interface Target {
  bucket: string
  key: string
}

/** What R2 tells of an object. `etag` keeps its quotes. */
export interface R2ObjectInfo {
  key: string
  /** Bytes of the whole object, also when a range of it was asked for. */
  size: number
  etag: string
  lastModified: Date | undefined
  contentType: string | undefined
  cacheControl: string | undefined
  contentDisposition: string | undefined
  contentEncoding: string | undefined
  contentLanguage: string | undefined
  expires: Date | undefined
  storageClass: string | undefined
  versionId: string | undefined
  metadata: Record<string, string>
  /** Digests that R2 stores, base64, by algorithm: `crc64nvme`, `crc32`, `crc32c`, `sha1`, `sha256`; of parts they end in `-N`. */
  checksums: Record<string, string>
}

export interface PutResult {
  etag: string
  versionId: string | undefined
}

export interface ObjectBody {
  info: R2ObjectInfo
  /** Bytes `start` to `end` inclusive are in the body; `end` is `start - 1` for an empty one. */
  start: number
  end: number
  body: HttpResponse['body']
}

export function putObject (target: Target, sealed: SealedBody, options: ObjectHeaders & Conditions): R2Operation<PutResult> {
  const action = `put ${quote(target.key)}`
  return {
    description: PutObject,
    action,
    method: 'PUT',
    ...addressed(target.bucket, target.key),
    headers: { 'content-type': 'application/octet-stream', ...objectHeaders(options), ...conditionHeaders(options), ...sealed.headers },
    body: sealed.bytes,
    payloadHash: sealed.payloadHash,
    missingCode: 'NoSuchBucket',
    read: async response => {
      await requireEtag(response, action, PutObject.name)
      await readNothing(response, action, PutObject.name)
      return readPutResult(response)
    }
  }
}

export function readPutResult (response: HttpResponse): PutResult {
  return { etag: normalizeEtag(response.headers['etag'] ?? ''), versionId: response.headers['x-amz-version-id'] }
}

export interface GetOptions extends Conditions {
  /** First byte; default 0. */
  start?: number
  /** Last byte, inclusive. */
  end?: number | undefined
  /** `identity` keeps Cloudflare's edge from compressing; `gzip` from unpacking what is stored compressed. */
  acceptEncoding?: 'identity' | 'gzip'
  /** One of several ranges of a larger read, for the log. */
  piece?: boolean
}

export function getObject (target: Target, options: GetOptions = {}): R2Operation<ObjectBody> {
  const { start = 0, end, acceptEncoding = 'identity', piece = false } = options
  const ranged = start > 0 || end !== undefined
  const action = ranged ? `get bytes ${start}-${end ?? ''} of ${quote(target.key)}` : `get ${quote(target.key)}`
  return {
    description: piece ? GetObjectRange : GetObject,
    action,
    method: 'GET',
    ...addressed(target.bucket, target.key),
    headers: {
      'accept-encoding': acceptEncoding,
      'x-amz-checksum-mode': 'ENABLED',
      ...(ranged ? { range: `bytes=${start}-${end ?? ''}` } : {}),
      ...conditionHeaders(options)
    },
    streams: true,
    read: async response => {
      await requireEtag(response, action, GetObject.name)
      return readObjectBody(target.key, response, action)
    }
  }
}

function readObjectBody (key: string, { status, headers, body }: HttpResponse, action: string): ObjectBody {
  if (status === 206) {
    const range = parseContentRange(headers['content-range'] ?? '')
    // Taken for the whole object, a part of it would end the read early.
    if (range?.kind !== 'range' || range.size === undefined) {
      throw new StorageError(`Cannot ${action}: the answer came with the Content-Range ${JSON.stringify(headers['content-range'])}`, { code: 'MalformedAnswer', operation: GetObject.name, temporary: true })
    }
    return { info: readObjectInfo(key, headers, range.size), start: range.start, end: range.end, body }
  }
  const size = headers['content-length'] === undefined ? NaN : Number(headers['content-length'])
  return { info: readObjectInfo(key, headers, size), start: 0, end: size - 1, body }
}

/** The size is `NaN` when the edge packed or unpacked the body on its way. */
export function headObject (target: Target, options: Conditions & { partNumber?: number } = {}): R2Operation<R2ObjectInfo> {
  const action = `head ${quote(target.key)}`
  return {
    description: HeadObject,
    action,
    method: 'HEAD',
    ...addressed(target.bucket, target.key),
    ...(options.partNumber === undefined ? {} : { query: [['partNumber', String(options.partNumber)]] as const }),
    headers: { 'accept-encoding': 'identity', 'x-amz-checksum-mode': 'ENABLED', ...conditionHeaders(options) },
    read: async response => {
      await readNothing(response, action, HeadObject.name)
      return readObjectInfo(target.key, response.headers, Number(response.headers['content-length'] ?? NaN))
    }
  }
}

const CHECKSUM_PREFIX = 'x-amz-checksum-'

function readObjectInfo (key: string, headers: Record<string, string>, size: number): R2ObjectInfo {
  return {
    key,
    size,
    etag: normalizeEtag(headers['etag'] ?? ''),
    lastModified: readDate(headers['last-modified']),
    contentType: headers['content-type'],
    cacheControl: headers['cache-control'],
    contentDisposition: headers['content-disposition'],
    contentEncoding: headers['content-encoding'],
    contentLanguage: headers['content-language'],
    expires: readDate(headers['expires']),
    storageClass: headers['x-amz-storage-class'],
    versionId: headers['x-amz-version-id'],
    metadata: readMetadata(headers),
    checksums: readChecksums(headers)
  }
}

function readChecksums (headers: Record<string, string>): Record<string, string> {
  const checksums: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(CHECKSUM_PREFIX) && name !== 'x-amz-checksum-type') checksums[name.slice(CHECKSUM_PREFIX.length)] = value
  }
  return checksums
}

/** 204, also for a key that does not exist. */
export function deleteObject (target: Target): R2Operation<void> {
  const action = `delete ${quote(target.key)}`
  return {
    description: DeleteObject,
    action,
    method: 'DELETE',
    ...addressed(target.bucket, target.key),
    missingCode: 'NoSuchBucket',
    read: response => readNothing(response, action, DeleteObject.name)
  }
}

export type DeleteResult = { key: string, deleted: true } | { key: string, deleted: false, error: StorageError }

/** At most 1,000 keys by the service's page; clients found 700 to be safe. R2 lists what it deleted even when asked not to. */
export function deleteObjects (bucket: string, keys: readonly string[]): R2Operation<DeleteResult[]> {
  const body = buildXml('Delete', { Quiet: 'false', Object: keys.map(key => ({ Key: key })) })
  const action = `delete ${keys.length} objects of bucket ${quote(bucket)}`
  return {
    description: DeleteObjects,
    action,
    method: 'POST',
    ...addressed(bucket, undefined, { keys: keys.length }),
    query: [['delete', '']],
    headers: { 'content-type': 'application/xml', 'content-md5': createHash('md5').update(body).digest('base64') },
    body,
    missingCode: 'NoSuchBucket',
    read: async response => {
      const document = await readXml(response, 'DeleteResult', action, DeleteObjects.name)
      const errors = new Map(document.records('Error').map(record => [record['Key'] ?? '', record]))
      return keys.map(key => readDeleteResult(key, errors.get(key)))
    }
  }
}

function readDeleteResult (key: string, failure: Record<string, string> | undefined): DeleteResult {
  if (failure === undefined) return { key, deleted: true }
  const code = failure['Code'] ?? 'Unknown'
  const error = new StorageError(`Cannot delete ${quote(key)}: ${code} (${failure['Message'] ?? ''})`, {
    code, serviceCode: code, operation: DeleteObjects.name, temporary: code === 'InternalError' || code === 'ServiceUnavailable'
  })
  return { key, deleted: false, error }
}

/**
 * `COPY` keeps the source's metadata and headers, `REPLACE` takes the given ones, `MERGE` overrides single ones.
 * Default: `REPLACE` when any are given, else `COPY`.
 */
export type MetadataDirective = 'COPY' | 'REPLACE' | 'MERGE'

export interface CopyOptions extends ObjectHeaders {
  metadataDirective?: MetadataDirective
  /** Conditions on the source. */
  source?: Conditions
  /** Conditions on what is there at the destination (R2's own, in beta). */
  destination?: Conditions
}

export interface CopyResult {
  etag: string
  lastModified: Date | undefined
}

export function copyObject (from: Target, to: Target, options: CopyOptions = {}): R2Operation<CopyResult> {
  const action = `copy ${quote(from.key)} to ${quote(to.key)}`
  const directive = directiveOf(options)
  return {
    description: CopyObject,
    action,
    method: 'PUT',
    ...addressed(to.bucket, to.key),
    headers: {
      'x-amz-copy-source': copySource(from),
      ...(directive === undefined ? {} : { 'x-amz-metadata-directive': directive }),
      ...objectHeaders(options),
      ...conditionHeaders(options.source ?? {}, 'x-amz-copy-source-'),
      ...conditionHeaders(options.destination ?? {}, 'cf-copy-destination-')
    },
    read: async response => readCopyResult(await readXml(response, 'CopyObjectResult', action, CopyObject.name))
  }
}

/** The service would ignore new metadata without a word unless told to take it. */
export function directiveOf ({ metadataDirective, storageClass: _, ...headers }: CopyOptions): MetadataDirective | undefined {
  return metadataDirective ?? (Object.keys(objectHeaders(headers)).length > 0 ? 'REPLACE' : undefined)
}

/** Leading slash and strictly encoded key: the form that every version of R2 has taken. */
export function copySource ({ bucket, key }: Target): string {
  return `/${bucket}/${encodePath(key)}`
}

export function readCopyResult (document: { values: Record<string, string> }): CopyResult {
  return { etag: normalizeEtag(document.values['ETag'] ?? ''), lastModified: readDate(document.values['LastModified']) }
}
