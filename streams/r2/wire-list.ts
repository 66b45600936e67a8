/** ListObjectsV2 and the bucket operations: request in, response out. */
import { StorageError } from '../../lib/errors.ts'
import { CreateBucket, DeleteBucket, HeadBucket, ListBuckets, ListObjectsV2 } from './operations.ts'
import { addressed, keyDecoder, normalizeEtag, quote, readDate, readNothing, readXml } from './wire.ts'
import type { Page, R2Operation } from './wire.ts'
import { buildXml } from './xml.ts'

/** One entry of a listing: an object, or with a delimiter a prefix that several keys share. */
export type R2ListEntry =
  | { type: 'object', key: string, size: number, etag: string, lastModified: Date | undefined, storageClass: string | undefined }
  | { type: 'prefix', prefix: string }

export interface ListOptions {
  prefix?: string
  /** Keys that share what comes before it are rolled up into one prefix; usually `/`. */
  delimiter?: string
  /** Only keys after this one. */
  startAfter?: string
  /** Entries a page, 1 to 1,000. */
  pageSize?: number
}

/** The only parameters that R2 takes here; any other name is answered with 501. */
export function listObjects (bucket: string, options: ListOptions = {}, token?: string): R2Operation<Page<R2ListEntry, string>> {
  const action = `list bucket ${quote(bucket)}`
  const query: Array<readonly [string, string]> = [['list-type', '2'], ['encoding-type', 'url'], ['max-keys', String(options.pageSize ?? 1000)]]
  if (options.prefix !== undefined && options.prefix !== '') query.push(['prefix', options.prefix])
  if (options.delimiter !== undefined && options.delimiter !== '') query.push(['delimiter', options.delimiter])
  if (options.startAfter !== undefined && token === undefined) query.push(['start-after', options.startAfter])
  if (token !== undefined) query.push(['continuation-token', token])
  return {
    description: ListObjectsV2,
    action,
    method: 'GET',
    ...addressed(bucket),
    query,
    missingCode: 'NoSuchBucket',
    read: async response => {
      const { values, records } = await readXml(response, 'ListBucketResult', action, ListObjectsV2.name)
      const decode = keyDecoder(values)
      const objects = records('Contents').map(record => readEntry(record, decode))
      const prefixes = records('CommonPrefixes').map<R2ListEntry>(record => ({ type: 'prefix', prefix: decode(record['Prefix'] ?? '') }))
      return { entries: inKeyOrder(objects, prefixes), next: nextToken(values, action) }
    }
  }
}

/** R2 lists the objects of a page, then its prefixes, each in the byte order of UTF-8: merged they are in that order too. */
function inKeyOrder (objects: R2ListEntry[], prefixes: R2ListEntry[]): R2ListEntry[] {
  if (prefixes.length === 0) return objects
  const merged: R2ListEntry[] = []
  let next = 0
  for (const prefix of prefixes) {
    const name = nameOf(prefix)
    while (next < objects.length && Buffer.compare(nameOf(objects[next] as R2ListEntry), name) < 0) merged.push(objects[next++] as R2ListEntry)
    merged.push(prefix)
  }
  return [...merged, ...objects.slice(next)]
}

function nameOf (entry: R2ListEntry): Buffer {
  return Buffer.from(entry.type === 'object' ? entry.key : entry.prefix)
}

function readEntry (record: Record<string, string>, decode: (text: string) => string): R2ListEntry {
  return {
    type: 'object',
    key: decode(record['Key'] ?? ''),
    size: Number(record['Size']),
    etag: normalizeEtag(record['ETag'] ?? ''),
    lastModified: readDate(record['LastModified']),
    storageClass: record['StorageClass']
  }
}

/** A page that is truncated but names no next one would be asked for without end. */
function nextToken (values: Record<string, string>, action: string): string | undefined {
  if (values['IsTruncated'] !== 'true') return undefined
  const token = values['NextContinuationToken'] ?? ''
  if (token === '') throw new StorageError(`Cannot ${action}: the page is truncated but names no next one`, { code: 'EndlessListing' })
  return token
}

export interface R2Bucket {
  name: string
  created: Date | undefined
}

export function listBuckets (options: { prefix?: string } = {}, token?: string): R2Operation<Page<R2Bucket, string>> {
  const action = 'list the buckets'
  const query: Array<readonly [string, string]> = []
  if (options.prefix !== undefined && options.prefix !== '') query.push(['prefix', options.prefix])
  if (token !== undefined) query.push(['continuation-token', token])
  return {
    description: ListBuckets,
    action,
    method: 'GET',
    query,
    read: async response => {
      const { records } = await readXml(response, 'ListAllMyBucketsResult', action, ListBuckets.name)
      const entries = records('Bucket').map(record => ({ name: record['Name'] ?? '', created: readDate(record['CreationDate']) }))
      return { entries, next: response.headers['cf-is-truncated'] === 'true' ? response.headers['cf-next-continuation-token'] : undefined }
    }
  }
}

export function headBucket (bucket: string): R2Operation<{ region: string | undefined }> {
  const action = `head bucket ${quote(bucket)}`
  return {
    description: HeadBucket,
    action,
    method: 'HEAD',
    ...addressed(bucket),
    missingCode: 'NoSuchBucket',
    read: async response => {
      await readNothing(response, action, HeadBucket.name)
      return { region: response.headers['x-amz-bucket-region'] }
    }
  }
}

/** Where R2 should keep the bucket: https://developers.cloudflare.com/r2/reference/data-location/ */
export type LocationHint = 'auto' | 'wnam' | 'enam' | 'weur' | 'eeur' | 'apac' | 'oc'

export function createBucket (bucket: string, options: { locationHint?: LocationHint } = {}): R2Operation<void> {
  const action = `create bucket ${quote(bucket)}`
  return {
    description: CreateBucket,
    action,
    method: 'PUT',
    ...addressed(bucket),
    headers: { 'content-type': 'application/xml' },
    body: buildXml('CreateBucketConfiguration', { LocationConstraint: options.locationHint ?? 'auto' }),
    read: response => readNothing(response, action, CreateBucket.name)
  }
}

export function deleteBucket (bucket: string): R2Operation<void> {
  const action = `delete bucket ${quote(bucket)}`
  return {
    description: DeleteBucket,
    action,
    method: 'DELETE',
    ...addressed(bucket),
    missingCode: 'NoSuchBucket',
    read: response => readNothing(response, action, DeleteBucket.name)
  }
}
