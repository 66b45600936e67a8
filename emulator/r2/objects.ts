/** PutObject, GetObject, HeadObject, DeleteObject. */
import { randomBytes } from 'node:crypto'
import type { Answer } from '../service.ts'
import { bucketOf, type Call, quoted } from './call.ts'
import { type Checksum, checksumHeaders } from './checksums.ts'
import { cacheConditionsHold, conditionsHold, preconditionsHold, readConditions } from './conditions.ts'
import { checkCustomerKey, customerKeyHeaders, readCustomerKey } from './customer-key.ts'
import { decompressed, edgeDecompresses, edgeHidesLength } from './edge.ts'
import { invalidRequest, noSuchKey, preconditionFailed, R2Error, tooManyWrites } from './errors.ts'
import { MAX_KEY_BYTES } from './limits.ts'
import { metadataHeaders, readMetadata } from './metadata.ts'
import { type ByteSpan, parseRange } from './ranges.ts'
import { receiveBody } from './receive.ts'
import { type Bucket, identity, newVersion, type StorageClass, type StoredObject } from './state.ts'

export async function putObject (call: Call): Promise<Answer> {
  const { context, headers, key, exchange } = call
  const bucket = await writableBucket(call)
  checkKey(key)
  const storageClass = readStorageClass(headers) ?? 'STANDARD'
  const metadata = readMetadata(call.exchange.head.headers)
  const customerKeyMd5 = readCustomerKey(headers)
  const conditions = readConditions(headers)
  admitWrite(call)
  const { content, md5, checksum } = await receiveBody(call)
  // From here to putObject nothing waits: two racing creates cannot both find nothing.
  if (!conditionsHold(conditions, bucket.objects.get(identity(key)))) {
    context.contents.release(content)
    throw preconditionFailed()
  }
  const etag = customerKeyMd5 === undefined && md5 !== undefined && context.quirks.etags === 'md5' ? md5 : opaqueEtag()
  const object: StoredObject = {
    key, version: newVersion(), etag, uploaded: exchange.now(), content, metadata, storageClass, checksum, customerKeyMd5
  }
  await context.state.putObject(bucket, object)
  return {
    status: 200,
    headers: {
      ETag: quoted(etag), 'x-amz-version-id': object.version, ...checksumHeaders(checksum), ...customerKeyHeaders(customerKeyMd5)
    }
  }
}

export async function getObject (call: Call): Promise<Answer> {
  const { context, headers, query } = call
  const object = openObject(call)
  const conditions = readConditions(headers)
  if (conditions !== undefined && !preconditionsHold(conditions, object)) throw preconditionFailed()
  if (conditions !== undefined && !cacheConditionsHold(conditions, object)) {
    return { status: 304, headers: objectHeaders(call, object) }
  }
  const span = requestedSpan(call, object)
  if (span === undefined && edgeDecompresses(call, object)) {
    const plain = await decompressed(context.contents, object.content, objectHeaders(call, object))
    if (plain !== undefined) return plain
  }
  const { start, end } = span ?? { start: 0, end: object.content.size }
  context.contents.retain(object.content)
  return {
    status: span === undefined ? 200 : 206,
    headers: {
      ...objectHeaders(call, object),
      ...(span === undefined ? storedChecksumHeaders(call, object.checksum) : { 'Content-Range': `bytes ${start}-${end - 1}/${object.content.size}` }),
      ...(query.has('partNumber') && object.parts !== undefined ? { 'x-amz-mp-parts-count': String(object.parts.length) } : {}),
      'Content-Length': String(end - start)
    },
    body: context.contents.read(object.content, start, end),
    finish: () => context.contents.release(object.content)
  }
}

/** The same answer, whose body the server leaves out; R2 honours Range here too. */
export async function headObject (call: Call): Promise<Answer> {
  const { body, ...answer } = await getObject(call)
  if (!edgeHidesLength(call)) return answer
  const { 'Content-Length': length, ...headers } = answer.headers
  return { ...answer, headers }
}

export async function deleteObject (call: Call): Promise<Answer> {
  const bucket = bucketOf(call)
  checkKey(call.key)
  admitWrite(call)
  await call.context.state.deleteObject(bucket, call.key)
  return { status: 204, headers: {} }
}

/** @throws {R2Error} 404 `NoSuchKey`, or what the customer's key deserves */
function openObject (call: Call): StoredObject {
  checkKey(call.key)
  const given = readCustomerKey(call.headers)
  const object = bucketOf(call).objects.get(identity(call.key))
  if (object === undefined) throw noSuchKey()
  checkCustomerKey(given, object.customerKeyMd5)
  return object
}

/** The bytes that `Range` or `partNumber` asks for; undefined for all of them. */
function requestedSpan ({ headers, query }: Call, object: StoredObject): ByteSpan | undefined {
  const partNumber = query.get('partNumber')
  if (partNumber === undefined) return headers['range'] === undefined ? undefined : parseRange(headers['range'], object.content.size)
  if (headers['range'] !== undefined) throw invalidRequest('Cannot specify both Range header and partNumber query parameter')
  return partSpan(object, Number(partNumber))
}

function partSpan (object: StoredObject, number: number): ByteSpan {
  const parts = object.parts ?? [{ number: 1, size: object.content.size }]
  const wanted = parts[number - 1] // by position, since parts that were not listed at Complete have left no gap
  if (wanted === undefined) throw new R2Error(416, 'InvalidPartNumber', 'The requested partnumber is not satisfiable')
  const start = parts.slice(0, number - 1).reduce((sum, part) => sum + part.size, 0)
  return { start, end: start + wanted.size }
}

function objectHeaders (call: Call, object: StoredObject): Record<string, string> {
  return {
    ...metadataHeaders(object.metadata),
    ...overrides(call),
    ETag: quoted(object.etag),
    'Last-Modified': new Date(object.uploaded).toUTCString(),
    'Accept-Ranges': 'bytes',
    Vary: 'Accept-Encoding',
    ...(object.storageClass === 'STANDARD' ? {} : { 'x-amz-storage-class': object.storageClass }),
    ...customerKeyHeaders(object.customerKeyMd5)
  }
}

const OVERRIDES: Readonly<Record<string, string>> = {
  'response-cache-control': 'Cache-Control',
  'response-content-disposition': 'Content-Disposition',
  'response-content-encoding': 'Content-Encoding',
  'response-content-language': 'Content-Language',
  'response-content-type': 'Content-Type',
  'response-expires': 'Expires'
}

/** Seen to work on GET and not on HEAD. */
function overrides ({ exchange, query }: Call): Record<string, string> {
  if (exchange.head.method !== 'GET') return {}
  return Object.fromEntries(query.pairs.flatMap(([name, value]) => {
    const header = OVERRIDES[name]
    return header === undefined ? [] : [[header, value]]
  }))
}

function storedChecksumHeaders ({ headers }: Call, checksum: Checksum | undefined): Record<string, string> {
  return headers['x-amz-checksum-mode']?.toUpperCase() === 'ENABLED' ? checksumHeaders(checksum) : {}
}

/** The bucket, created on the way when the request asks for that. */
export async function writableBucket (call: Call): Promise<Bucket> {
  const { context, bucketName, headers, exchange } = call
  const missing = !context.state.buckets.has(bucketName)
  if (missing && headers['cf-create-bucket-if-missing'] === 'true') return context.state.createBucket(bucketName, exchange.now())
  return bucketOf(call)
}

/** @throws {R2Error} 400 `InvalidObjectName` */
export function checkKey (key: string): void {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new R2Error(400, 'InvalidObjectName', 'The specified object name is not valid.')
}

/** @throws {R2Error} 429 when the key was written too often in the last second */
export function admitWrite ({ context, bucketName, key, exchange }: Call): void {
  if (!context.writeRate.admit(bucketName, key, exchange.now())) throw tooManyWrites()
}

/** @throws {R2Error} 400 `InvalidStorageClass` */
export function readStorageClass (headers: Call['headers']): StorageClass | undefined {
  const name = headers['x-amz-storage-class']
  if (name === undefined || name === 'STANDARD' || name === 'STANDARD_IA') return name
  throw new R2Error(400, 'InvalidStorageClass', 'The storage class specified is not valid.')
}

/** As before June 2023, and where the bytes stored are not the bytes sent. */
export function opaqueEtag (): string {
  return randomBytes(16).toString('hex')
}
