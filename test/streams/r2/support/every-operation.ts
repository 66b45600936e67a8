import type { Answer } from '../../../lib/http/support/loopback.ts'
import type { R2 } from '../../../../streams/r2/client.ts'
import { xml } from './answers.ts'

export interface Case {
  /** The service's own name. */
  name: string
  act (r2: R2): Promise<unknown>
  reply: Answer
  method: string
  /** Path and query, as they must be sent. */
  url: string
  span: string
  /** Attributes of the span beside the account. */
  attributes: Record<string, string | number>
  /** Bytes up and down. */
  uploaded?: number
  downloaded?: number
  begin: string
  end: string
  missing: string
  failed: string
  /** Logged at debug level when it ends well. */
  piece?: boolean
}

const ETAG = '"e"'
const UPLOAD = { key: 'k ü', uploadId: 'AB/c+d==' }
const OBJECT = { 'r2.bucket': 'b', 'r2.key': 'k ü' }
const PATH = '/b/k%20%C3%BC'
const ID = 'uploadId=AB%2Fc%2Bd%3D%3D'
const document = (root: string, content = ''): { body: string, downloaded: number, reply: Answer } => {
  const body = xml(root, content)
  return { body, downloaded: body.length, reply: { body } }
}

const INITIATED = document('InitiateMultipartUploadResult', '<UploadId>u</UploadId>')
const COPIED_PART = document('CopyPartResult', '<ETag>"e"</ETag>')
const COMPLETED = document('CompleteMultipartUploadResult', '<ETag>"e-1"</ETag>')
const PARTS = document('ListPartsResult')
const UPLOADS = document('ListMultipartUploadsResult')
const OBJECTS = document('ListBucketResult')
const BUCKETS = document('ListAllMyBucketsResult')
const DELETED = document('DeleteResult')
const COMPLETE_BYTES = xml('CompleteMultipartUpload', '<Part><PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag></Part>').length
const DELETE_BYTES = xml('Delete', '<Quiet>false</Quiet><Object><Key>a</Key></Object>').length
const CREATE_BYTES = xml('CreateBucketConfiguration', '<LocationConstraint>auto</LocationConstraint>').length

/** Each operation of R2 through the part of the client that sends it, as one request. CopyObject asks for the source first. */
export const EVERY_OPERATION: Case[] = [
  {
    name: 'PutObject',
    act: r2 => r2.put('k ü', 'hello'),
    reply: { headers: { etag: ETAG } },
    method: 'PUT',
    url: PATH,
    span: 'r2.put_object',
    attributes: { ...OBJECT, 'r2.content_length': 5 },
    uploaded: 5,
    begin: 'Uploading object',
    end: 'Object uploaded',
    missing: 'Bucket not found for upload',
    failed: 'Failed to upload object'
  },
  {
    name: 'GetObject',
    act: r2 => r2.get('k ü', { concurrency: 1, verify: false }),
    reply: { status: 206, headers: { etag: ETAG, 'content-range': 'bytes 0-2/3' }, body: 'abc' },
    method: 'GET',
    url: PATH,
    span: 'r2.get_object',
    attributes: OBJECT,
    downloaded: 3,
    begin: 'Downloading object',
    end: 'Object downloaded',
    missing: 'Object not found for download',
    failed: 'Failed to download object'
  },
  {
    name: 'HeadObject',
    act: r2 => r2.head('k ü'),
    reply: { headers: { etag: ETAG, 'content-length': '3' } },
    method: 'HEAD',
    url: PATH,
    span: 'r2.head_object',
    attributes: OBJECT,
    begin: 'Reading object properties',
    end: 'Object properties read',
    missing: 'Object not found',
    failed: 'Failed to read object properties'
  },
  {
    name: 'DeleteObject',
    act: r2 => r2.delete('k ü'),
    reply: { status: 204 },
    method: 'DELETE',
    url: PATH,
    span: 'r2.delete_object',
    attributes: OBJECT,
    begin: 'Deleting object',
    end: 'Object deleted',
    missing: 'Object not found for deletion',
    failed: 'Failed to delete object'
  },
  {
    name: 'DeleteObjects',
    act: r2 => r2.deleteMany(['a']),
    ...DELETED,
    method: 'POST',
    url: '/b?delete=',
    span: 'r2.delete_objects',
    attributes: { 'r2.bucket': 'b', 'r2.keys': 1, 'r2.content_length': DELETE_BYTES },
    uploaded: DELETE_BYTES,
    begin: 'Deleting objects',
    end: 'Objects deleted',
    missing: 'Bucket not found for deletion',
    failed: 'Failed to delete objects'
  },
  {
    name: 'ListObjectsV2',
    act: r2 => r2.list({ prefix: 'a b/', delimiter: '/' }),
    ...OBJECTS,
    method: 'GET',
    url: '/b?delimiter=%2F&encoding-type=url&list-type=2&max-keys=1000&prefix=a%20b%2F',
    span: 'r2.list_objects_v2',
    attributes: { 'r2.bucket': 'b' },
    begin: 'Listing objects',
    end: 'Objects listed',
    missing: 'Bucket not found for listing',
    failed: 'Failed to list objects',
    piece: true
  },
  {
    name: 'CreateMultipartUpload',
    act: r2 => r2.multipart.create('k ü'),
    ...INITIATED,
    method: 'POST',
    url: `${PATH}?uploads=`,
    span: 'r2.create_multipart_upload',
    attributes: OBJECT,
    begin: 'Creating multipart upload',
    end: 'Multipart upload created',
    missing: 'Bucket not found for multipart upload',
    failed: 'Failed to create multipart upload'
  },
  {
    name: 'UploadPart',
    act: r2 => r2.multipart.putPart(UPLOAD, 7, Buffer.alloc(9)),
    reply: { headers: { etag: ETAG } },
    method: 'PUT',
    url: `${PATH}?partNumber=7&${ID}`,
    span: 'r2.upload_part',
    attributes: { ...OBJECT, 'r2.part_number': 7, 'r2.content_length': 9 },
    uploaded: 9,
    begin: 'Uploading part',
    end: 'Part uploaded',
    missing: 'Multipart upload not found for part',
    failed: 'Failed to upload part',
    piece: true
  },
  {
    name: 'UploadPartCopy',
    act: r2 => r2.multipart.copyPart(UPLOAD, 8, { key: 'from', start: 0, end: 9 }),
    ...COPIED_PART,
    method: 'PUT',
    url: `${PATH}?partNumber=8&${ID}`,
    span: 'r2.upload_part_copy',
    attributes: { ...OBJECT, 'r2.part_number': 8 },
    begin: 'Copying part',
    end: 'Part copied',
    missing: 'Multipart upload or source not found for part copy',
    failed: 'Failed to copy part',
    piece: true
  },
  {
    name: 'CompleteMultipartUpload',
    act: r2 => r2.multipart.complete(UPLOAD, [{ partNumber: 1, etag: ETAG }]),
    ...COMPLETED,
    method: 'POST',
    url: `${PATH}?${ID}`,
    span: 'r2.complete_multipart_upload',
    attributes: { ...OBJECT, 'r2.parts': 1, 'r2.content_length': COMPLETE_BYTES },
    uploaded: COMPLETE_BYTES,
    begin: 'Completing multipart upload',
    end: 'Multipart upload completed',
    missing: 'Multipart upload not found for completion',
    failed: 'Failed to complete multipart upload'
  },
  {
    name: 'AbortMultipartUpload',
    act: r2 => r2.multipart.abort(UPLOAD),
    reply: { status: 204 },
    method: 'DELETE',
    url: `${PATH}?${ID}`,
    span: 'r2.abort_multipart_upload',
    attributes: OBJECT,
    begin: 'Aborting multipart upload',
    end: 'Multipart upload aborted',
    missing: 'Multipart upload not found for abort',
    failed: 'Failed to abort multipart upload'
  },
  {
    name: 'ListParts',
    act: r2 => r2.multipart.listParts(UPLOAD),
    ...PARTS,
    method: 'GET',
    url: `${PATH}?max-parts=1000&${ID}`,
    span: 'r2.list_parts',
    attributes: OBJECT,
    begin: 'Listing parts',
    end: 'Parts listed',
    missing: 'Multipart upload not found for listing',
    failed: 'Failed to list parts',
    piece: true
  },
  {
    name: 'ListMultipartUploads',
    act: r2 => r2.multipart.listUploads(),
    ...UPLOADS,
    method: 'GET',
    url: '/b?encoding-type=url&max-uploads=1000&uploads=',
    span: 'r2.list_multipart_uploads',
    attributes: { 'r2.bucket': 'b' },
    begin: 'Listing multipart uploads',
    end: 'Multipart uploads listed',
    missing: 'Bucket not found for listing',
    failed: 'Failed to list multipart uploads',
    piece: true
  },
  {
    name: 'ListBuckets',
    act: r2 => r2.buckets.list(),
    ...BUCKETS,
    method: 'GET',
    url: '/',
    span: 'r2.list_buckets',
    attributes: {},
    begin: 'Listing buckets',
    end: 'Buckets listed',
    missing: 'Account not found for listing',
    failed: 'Failed to list buckets'
  },
  {
    name: 'HeadBucket',
    act: r2 => r2.buckets.head('b'),
    reply: {},
    method: 'HEAD',
    url: '/b',
    span: 'r2.head_bucket',
    attributes: { 'r2.bucket': 'b' },
    begin: 'Reading bucket',
    end: 'Bucket read',
    missing: 'Bucket not found',
    failed: 'Failed to read bucket'
  },
  {
    name: 'CreateBucket',
    act: r2 => r2.buckets.create('b'),
    reply: {},
    method: 'PUT',
    url: '/b',
    span: 'r2.create_bucket',
    attributes: { 'r2.bucket': 'b', 'r2.content_length': CREATE_BYTES },
    uploaded: CREATE_BYTES,
    begin: 'Creating bucket',
    end: 'Bucket created',
    missing: 'Account not found for bucket',
    failed: 'Failed to create bucket'
  },
  {
    name: 'DeleteBucket',
    act: r2 => r2.buckets.delete('b'),
    reply: { status: 204 },
    method: 'DELETE',
    url: '/b',
    span: 'r2.delete_bucket',
    attributes: { 'r2.bucket': 'b' },
    begin: 'Deleting bucket',
    end: 'Bucket deleted',
    missing: 'Bucket not found for deletion',
    failed: 'Failed to delete bucket'
  }
]
