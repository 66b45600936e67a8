/** Finds out which operation a request is, by method, query and one header, as R2's router does; nothing stored is looked at. */
import type { RequestHead } from '../service.ts'
import { invalidArgument, notImplemented, type R2Error, routeNotFound } from './errors.ts'
import { decodeLoosely, Query } from './query.ts'

export type BucketOperation =
  | 'HeadBucket' | 'CreateBucket' | 'DeleteBucket' | 'ListObjects' | 'ListObjectsV2' | 'ListMultipartUploads' | 'DeleteObjects'
  | 'GetBucketLocation' | 'GetBucketAcl' | 'GetBucketVersioning' | 'GetBucketTagging' | 'GetObjectLockConfiguration' | 'GetBucketReplication'
  | 'GetBucketCors' | 'PutBucketCors' | 'DeleteBucketCors'
  | 'GetBucketLifecycleConfiguration' | 'PutBucketLifecycleConfiguration' | 'DeleteBucketLifecycle'
  | 'GetBucketEncryption' | 'PutBucketEncryption' | 'DeleteBucketEncryption' | 'BarePost'

export type ObjectOperation =
  | 'GetObject' | 'HeadObject' | 'PutObject' | 'CopyObject' | 'DeleteObject' | 'CreateMultipartUpload'
  | 'UploadPart' | 'UploadPartCopy' | 'CompleteMultipartUpload' | 'AbortMultipartUpload' | 'ListParts'

export type Operation = 'ListBuckets' | BucketOperation | ObjectOperation

/** A request that was placed: what it wants and of which bucket and key, or the error that its route gives. */
export interface Route {
  /** For the log and for faults: the operation, or the name of what is not implemented. */
  name: string
  bucket: string
  key: string
  query: Query
  target: { operation: Operation } | { refusal: R2Error }
}

type Found = Operation | { name: string, refusal: R2Error }

const OBJECT_SUBRESOURCES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  tagging: { GET: 'GetObjectTagging', PUT: 'PutObjectTagging' },
  acl: { GET: 'GetObjectAcl', PUT: 'PutObjectAcl' },
  attributes: { GET: 'GetObjectAttributes' },
  torrent: { GET: 'GetObjectTorrent' },
  retention: { GET: 'GetObjectRetention', PUT: 'PutObjectRetention' },
  'legal-hold': { GET: 'GetObjectLegalHold', PUT: 'PutObjectLegalHold' }
}

const IMPLEMENTED: Readonly<Record<string, Readonly<Record<string, BucketOperation>>>> = {
  GET: {
    acl: 'GetBucketAcl',
    cors: 'GetBucketCors',
    encryption: 'GetBucketEncryption',
    lifecycle: 'GetBucketLifecycleConfiguration',
    'object-lock': 'GetObjectLockConfiguration',
    replication: 'GetBucketReplication',
    tagging: 'GetBucketTagging',
    versioning: 'GetBucketVersioning'
  },
  PUT: { cors: 'PutBucketCors', encryption: 'PutBucketEncryption', lifecycle: 'PutBucketLifecycleConfiguration' },
  DELETE: { cors: 'DeleteBucketCors', encryption: 'DeleteBucketEncryption', lifecycle: 'DeleteBucketLifecycle' }
}

const NOT_IMPLEMENTED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  GET: {
    accelerate: 'GetBucketAccelerateConfiguration',
    analytics: 'GetBucketAnalyticsConfiguration',
    'intelligent-tiering': 'GetBucketIntelligentTieringConfiguration',
    inventory: 'GetBucketInventoryConfiguration',
    logging: 'GetBucketLogging',
    metrics: 'GetBucketMetricsConfiguration',
    notification: 'GetBucketNotificationConfiguration',
    ownershipControls: 'GetBucketOwnershipControls',
    policy: 'GetBucketPolicy',
    policyStatus: 'GetGetBucketPolicyStatus', // the doubled Get is R2's
    publicAccessBlock: 'GetPublicAccessBlock',
    requestPayment: 'GetBucketRequestPayment',
    versions: 'ListObjectVersions',
    website: 'GetBucketWebsite'
  },
  PUT: {
    accelerate: 'PutBucketAccelerateConfiguration',
    acl: 'PutBucketAcl',
    analytics: 'PutBucketAnalyticsConfiguration',
    'intelligent-tiering': 'PutBucketIntelligentTieringConfiguration',
    inventory: 'PutBucketInventoryConfiguration',
    logging: 'PutBucketLogging',
    metrics: 'PutBucketMetricsConfiguration',
    notification: 'PutBucketNotificationConfiguration',
    'object-lock': 'PutObjectLockConfiguration',
    ownershipControls: 'PutBucketOwnershipControls',
    policy: 'PutBucketPolicy',
    publicAccessBlock: 'PutPublicAccessBlock',
    replication: 'PutBucketReplication',
    requestPayment: 'PutBucketRequestPayment',
    tagging: 'PutBucketTagging',
    versioning: 'PutBucketVersioning',
    website: 'PutBucketWebsite'
  },
  DELETE: {
    analytics: 'DeleteBucketAnalyticsConfiguration',
    'intelligent-tiering': 'DeleteBucketIntelligentTieringConfiguration',
    inventory: 'DeleteBucketInventoryConfiguration',
    metrics: 'DeleteBucketMetricsConfiguration',
    ownershipControls: 'DeleteBucketOwnershipControls',
    policy: 'DeleteBucketPolicy',
    replication: 'DeleteBucketReplication',
    tagging: 'DeleteBucketTagging',
    website: 'DeleteBucketWebsite'
  }
}

const LIST_PARAMETERS = {
  ListObjects: new Set(['prefix', 'delimiter', 'marker', 'max-keys', 'encoding-type']),
  ListObjectsV2: new Set(['list-type', 'prefix', 'delimiter', 'continuation-token', 'start-after', 'max-keys', 'encoding-type', 'fetch-owner'])
} as const

/** Parameters of presigned URLs and of the SDKs, which are never the operation's. */
function isForeign (name: string): boolean {
  return name.startsWith('X-Amz-') || name === 'x-id'
}

/** `prefix` is the first segment of the path, which the emulator put there. */
export function route (head: RequestHead, prefix: string): Route {
  const query = new Query(head.query)
  const path = head.path.slice(prefix.length + 2)
  const slash = path.indexOf('/')
  const bucket = decodeLoosely(slash === -1 ? path : path.slice(0, slash))
  const key = slash === -1 ? '' : decodeLoosely(path.slice(slash + 1))
  const found = find(head, bucket, key, query)
  return typeof found === 'string'
    ? { name: found, bucket, key, query, target: { operation: found } }
    : { name: found.name, bucket, key, query, target: { refusal: found.refusal } }
}

function find (head: RequestHead, bucket: string, key: string, query: Query): Found {
  if (bucket === '') return head.method === 'GET' ? 'ListBuckets' : noRoute()
  return key === '' ? findForBucket(head.method, query) : findForObject(head, query)
}

function findForBucket (method: string, query: Query): Found {
  switch (method) {
    case 'HEAD': return 'HeadBucket'
    case 'POST': return query.has('delete') ? 'DeleteObjects' : 'BarePost'
    case 'GET': return findBucketRead(query)
    case 'PUT': return findBucketChange(method, query, 'CreateBucket')
    case 'DELETE': return findBucketChange(method, query, 'DeleteBucket')
    default: return noRoute()
  }
}

function findBucketRead (query: Query): Found {
  if (query.has('uploads')) return 'ListMultipartUploads'
  if (query.has('location')) {
    const other = query.names.find(name => name !== 'location' && !isForeign(name))
    if (other === undefined) return 'GetBucketLocation'
    return { name: 'GetBucketLocation', refusal: invalidArgument(`Search param ${other} is unsupported for bucket location`) }
  }
  return findSubresource('GET', query) ?? findListing(query)
}

function findBucketChange (method: 'PUT' | 'DELETE', query: Query, bare: BucketOperation): Found {
  const subresource = findSubresource(method, query)
  if (subresource !== undefined) return subresource
  const others = [...new Set(query.names.filter(name => !isForeign(name)))]
  if (others.length === 0) return bare
  const list = others.map(name => `"${name}"`).join(', ')
  return { name: bare, refusal: invalidArgument(`Unsupported search param(s) ${list} on a ${method} bucket route`) }
}

function findSubresource (method: string, query: Query): Found | undefined {
  for (const name of query.names) {
    const operation = IMPLEMENTED[method]?.[name]
    if (operation !== undefined) return operation
    const missing = NOT_IMPLEMENTED[method]?.[name]
    if (missing !== undefined) return { name: missing, refusal: notImplemented(missing) }
  }
  return undefined
}

function findListing (query: Query): Found {
  const version = query.get('list-type')
  if (version !== undefined && version !== '2') return { name: 'ListObjects', refusal: notImplemented(`ListObjectsV${version}`) }
  const name = version === '2' ? 'ListObjectsV2' : 'ListObjects'
  if (name === 'ListObjects' && query.has('continuation-token')) {
    return { name, refusal: invalidArgument('continuation-token not supported in ListObjects') }
  }
  const stranger = query.names.find(parameter => !LIST_PARAMETERS[name].has(parameter) && !isForeign(parameter))
  if (stranger === undefined) return name
  return { name, refusal: notImplemented(`ListObjectsV${version ?? '1'} search parameter ${stranger}`) }
}

function findForObject (head: RequestHead, query: Query): Found {
  const { method } = head
  if (query.has('uploadId')) {
    const found = findForUpload(head, query)
    if (found !== undefined) return found
  } else if (query.has('uploads')) {
    if (method === 'POST') return 'CreateMultipartUpload'
    if (method === 'GET') return 'ListMultipartUploads' // the bucket's list, even under a key
  }
  switch (method) {
    case 'GET': return findObjectSubresource(method, query) ?? 'GetObject'
    case 'HEAD': return 'HeadObject'
    case 'PUT': return findObjectSubresource(method, query) ?? (isCopy(head) ? 'CopyObject' : 'PutObject')
    case 'POST': return 'PutObject' // R2 ignores a copy source and subresources here
    case 'DELETE': return 'DeleteObject' // subresources ignored too: `DELETE key?tagging` deletes the object
    default: return noRoute()
  }
}

function findForUpload (head: RequestHead, query: Query): Found | undefined {
  const partNumber = query.get('partNumber')
  // A part number that does not look like an integer matches no route; one out of range does, and is refused later.
  if (partNumber !== undefined && !/^ *-?\d*$/.test(partNumber)) return noRoute()
  switch (head.method) {
    case 'GET': return 'ListParts'
    case 'PUT': return partNumber === undefined ? undefined : isCopy(head) ? 'UploadPartCopy' : 'UploadPart'
    case 'POST': return 'CompleteMultipartUpload'
    case 'DELETE': return 'AbortMultipartUpload'
    case 'HEAD': return 'HeadObject'
    default: return noRoute()
  }
}

function findObjectSubresource (method: string, query: Query): Found | undefined {
  for (const name of query.names) {
    const missing = OBJECT_SUBRESOURCES[name]?.[method]
    if (missing !== undefined) return { name: missing, refusal: notImplemented(missing) }
  }
  return undefined
}

function isCopy (head: RequestHead): boolean {
  return head.headers['x-amz-copy-source'] !== undefined
}

function noRoute (): Found {
  return { name: 'RouteNotFound', refusal: routeNotFound() }
}
