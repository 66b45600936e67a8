/** The multipart operations and their listings: request in, response out. */
import { StorageError } from '../../lib/errors.ts'
import type { Conditions, ObjectHeaders } from './headers.ts'
import { conditionHeaders, objectHeaders } from './headers.ts'
import type { SealedBody } from './integrity.ts'
import { AbortMultipartUpload, CompleteMultipartUpload, CreateMultipartUpload, ListMultipartUploads, ListParts, UploadPart, UploadPartCopy } from './operations.ts'
import { addressed, keyDecoder, normalizeEtag, quote, readDate, readNothing, readXml, requireEtag } from './wire.ts'
import type { Page, R2Operation } from './wire.ts'
import { copySource, readCopyResult, readPutResult } from './wire-objects.ts'
import type { CopyResult, PutResult, Target } from './wire-objects.ts'
import { buildXml } from './xml.ts'

export interface UploadTarget extends Target {
  uploadId: string
}

/** A part that R2 holds: its number from 1, its etag with quotes, and its checksum element when one was sent. */
export interface UploadedPart {
  partNumber: number
  etag: string
  /** Name and value of the checksum element, such as `['ChecksumCRC32', 'y/Q5Jg==']`. */
  checksum?: readonly [element: string, value: string]
}

export interface CompleteResult {
  etag: string
  versionId: string | undefined
  location: string | undefined
}

/** Metadata and conditions belong here, not to the completion. */
export function createMultipartUpload (target: Target, options: ObjectHeaders & Conditions, checksumHeaders: Record<string, string>): R2Operation<string> {
  const action = `create a multipart upload of ${quote(target.key)}`
  return {
    description: CreateMultipartUpload,
    action,
    method: 'POST',
    ...addressed(target.bucket, target.key),
    query: [['uploads', '']],
    headers: { 'content-type': 'application/octet-stream', ...objectHeaders(options), ...conditionHeaders(options), ...checksumHeaders },
    missingCode: 'NoSuchBucket',
    read: async response => {
      const { values } = await readXml(response, 'InitiateMultipartUploadResult', action, CreateMultipartUpload.name)
      const uploadId = values['UploadId'] ?? ''
      if (uploadId === '') throw new StorageError(`Cannot ${action}: the answer has no UploadId`, { code: 'MalformedAnswer', operation: CreateMultipartUpload.name })
      return uploadId
    }
  }
}

export function uploadPart (target: UploadTarget, partNumber: number, sealed: SealedBody): R2Operation<PutResult> {
  const action = `upload part ${partNumber} of ${quote(target.key)}`
  return {
    description: UploadPart,
    action,
    method: 'PUT',
    ...addressed(target.bucket, target.key, { part_number: partNumber }),
    query: [['partNumber', String(partNumber)], ['uploadId', target.uploadId]],
    headers: sealed.headers,
    body: sealed.bytes,
    payloadHash: sealed.payloadHash,
    missingCode: 'NoSuchUpload',
    read: async response => {
      await requireEtag(response, action, UploadPart.name)
      await readNothing(response, action, UploadPart.name)
      return readPutResult(response)
    }
  }
}

/** Copies bytes `start` to `end` (inclusive) of an object into a part, on the server. */
export function uploadPartCopy (target: UploadTarget, partNumber: number, from: Target, start: number, end: number): R2Operation<CopyResult> {
  const action = `copy bytes ${start}-${end} of ${quote(from.key)} into part ${partNumber} of ${quote(target.key)}`
  return {
    description: UploadPartCopy,
    action,
    method: 'PUT',
    ...addressed(target.bucket, target.key, { part_number: partNumber }),
    query: [['partNumber', String(partNumber)], ['uploadId', target.uploadId]],
    headers: { 'x-amz-copy-source': copySource(from), 'x-amz-copy-source-range': `bytes=${start}-${end}` },
    read: async response => readCopyResult(await readXml(response, 'CopyPartResult', action, UploadPartCopy.name))
  }
}

export interface CompleteOptions extends Conditions {
  /** Of the whole object, such as `x-amz-checksum-crc64nvme`. */
  checksumHeaders?: Record<string, string>
}

/** The parts are sent in order of number, whatever order they finished in. */
export function completeMultipartUpload (target: UploadTarget, parts: readonly UploadedPart[], options: CompleteOptions = {}): R2Operation<CompleteResult> {
  const action = `complete the multipart upload of ${quote(target.key)}`
  return {
    description: CompleteMultipartUpload,
    action,
    method: 'POST',
    ...addressed(target.bucket, target.key, { parts: parts.length }),
    query: [['uploadId', target.uploadId]],
    headers: { 'content-type': 'application/xml', ...conditionHeaders(options), ...options.checksumHeaders },
    body: buildXml('CompleteMultipartUpload', { Part: [...parts].sort((a, b) => a.partNumber - b.partNumber).map(partElement) }),
    missingCode: 'NoSuchUpload',
    read: async response => {
      const { values } = await readXml(response, 'CompleteMultipartUploadResult', action, CompleteMultipartUpload.name)
      return { etag: normalizeEtag(values['ETag'] ?? ''), versionId: response.headers['x-amz-version-id'], location: values['Location'] }
    }
  }
}

function partElement ({ partNumber, etag, checksum }: UploadedPart): Record<string, string | number> {
  return { PartNumber: partNumber, ETag: etag, ...(checksum === undefined ? {} : { [checksum[0]]: checksum[1] }) }
}

/** 204, also when it was aborted before; 404 `NoSuchUpload` when it was completed or never existed. */
export function abortMultipartUpload (target: UploadTarget): R2Operation<void> {
  const action = `abort the multipart upload of ${quote(target.key)}`
  return {
    description: AbortMultipartUpload,
    action,
    method: 'DELETE',
    ...addressed(target.bucket, target.key),
    query: [['uploadId', target.uploadId]],
    missingCode: 'NoSuchUpload',
    read: response => readNothing(response, action, AbortMultipartUpload.name)
  }
}

export interface ListedPart {
  partNumber: number
  etag: string
  size: number
  lastModified: Date | undefined
}

export function listParts (target: UploadTarget, marker?: number): R2Operation<Page<ListedPart, number>> {
  const action = `list the parts of the upload of ${quote(target.key)}`
  return {
    description: ListParts,
    action,
    method: 'GET',
    ...addressed(target.bucket, target.key),
    query: [['uploadId', target.uploadId], ['max-parts', '1000'], ...(marker === undefined ? [] : [['part-number-marker', String(marker)] as const])],
    missingCode: 'NoSuchUpload',
    read: async response => {
      const { values, records } = await readXml(response, 'ListPartsResult', action, ListParts.name)
      const next = values['IsTruncated'] === 'true' ? Number(values['NextPartNumberMarker']) : undefined
      return { entries: records('Part').map(readListedPart), next: guardedCursor(next, action) }
    }
  }
}

function readListedPart (record: Record<string, string>): ListedPart {
  return {
    partNumber: Number(record['PartNumber']),
    etag: normalizeEtag(record['ETag'] ?? ''),
    size: Number(record['Size']),
    lastModified: readDate(record['LastModified'])
  }
}

function guardedCursor (cursor: number | undefined, action: string): number | undefined {
  if (cursor !== undefined && !Number.isInteger(cursor)) throw new StorageError(`Cannot ${action}: the page is truncated but names no next one`, { code: 'EndlessListing' })
  return cursor
}

export interface ListedUpload {
  key: string
  uploadId: string
  initiated: Date | undefined
  storageClass: string | undefined
}

export interface UploadCursor {
  keyMarker: string
  uploadIdMarker: string
}

export function listMultipartUploads (bucket: string, options: { prefix?: string }, cursor?: UploadCursor): R2Operation<Page<ListedUpload, UploadCursor>> {
  const action = `list the multipart uploads of bucket ${quote(bucket)}`
  const query: Array<readonly [string, string]> = [['uploads', ''], ['max-uploads', '1000'], ['encoding-type', 'url']]
  if (options.prefix !== undefined && options.prefix !== '') query.push(['prefix', options.prefix])
  if (cursor !== undefined) query.push(['key-marker', cursor.keyMarker], ['upload-id-marker', cursor.uploadIdMarker])
  return {
    description: ListMultipartUploads,
    action,
    method: 'GET',
    ...addressed(bucket),
    query,
    missingCode: 'NoSuchBucket',
    read: async response => {
      const { values, records } = await readXml(response, 'ListMultipartUploadsResult', action, ListMultipartUploads.name)
      const decode = keyDecoder(values)
      return { entries: records('Upload').map(record => readListedUpload(record, decode)), next: nextUploads(values, decode, action) }
    }
  }
}

function readListedUpload (record: Record<string, string>, decode: (text: string) => string): ListedUpload {
  return {
    key: decode(record['Key'] ?? ''),
    uploadId: record['UploadId'] ?? '',
    initiated: readDate(record['Initiated']),
    storageClass: record['StorageClass']
  }
}

function nextUploads (values: Record<string, string>, decode: (text: string) => string, action: string): UploadCursor | undefined {
  if (values['IsTruncated'] !== 'true') return undefined
  const keyMarker = decode(values['NextKeyMarker'] ?? '')
  if (keyMarker === '') throw new StorageError(`Cannot ${action}: the page is truncated but names no next one`, { code: 'EndlessListing' })
  return { keyMarker, uploadIdMarker: values['NextUploadIdMarker'] ?? '' }
}
