/** The operations of R2 by name, with what spans and log lines call them. */
import { operationNames } from '../../lib/http/operation-names.ts'

const describe = operationNames('r2')

export const PutObject = describe('PutObject', { begin: 'Uploading object', end: 'Object uploaded', missing: 'Bucket not found for upload', failed: 'Failed to upload object' })
export const GetObject = describe('GetObject', { begin: 'Downloading object', end: 'Object downloaded', missing: 'Object not found for download', failed: 'Failed to download object' })
/** The further ranges of one read, which are many. */
export const GetObjectRange = { ...GetObject, piece: true }
export const HeadObject = describe('HeadObject', { begin: 'Reading object properties', end: 'Object properties read', missing: 'Object not found', failed: 'Failed to read object properties' })
export const DeleteObject = describe('DeleteObject', { begin: 'Deleting object', end: 'Object deleted', missing: 'Object not found for deletion', failed: 'Failed to delete object' })
export const DeleteObjects = describe('DeleteObjects', { begin: 'Deleting objects', end: 'Objects deleted', missing: 'Bucket not found for deletion', failed: 'Failed to delete objects' })
export const CopyObject = describe('CopyObject', { begin: 'Copying object', end: 'Object copied', missing: 'Object not found for copy', failed: 'Failed to copy object' })
export const ListObjectsV2 = describe('ListObjectsV2', { begin: 'Listing objects', end: 'Objects listed', missing: 'Bucket not found for listing', failed: 'Failed to list objects', piece: true })
export const CreateMultipartUpload = describe('CreateMultipartUpload', { begin: 'Creating multipart upload', end: 'Multipart upload created', missing: 'Bucket not found for multipart upload', failed: 'Failed to create multipart upload' })
export const UploadPart = describe('UploadPart', { begin: 'Uploading part', end: 'Part uploaded', missing: 'Multipart upload not found for part', failed: 'Failed to upload part', piece: true })
export const UploadPartCopy = describe('UploadPartCopy', { begin: 'Copying part', end: 'Part copied', missing: 'Multipart upload or source not found for part copy', failed: 'Failed to copy part', piece: true })
export const CompleteMultipartUpload = describe('CompleteMultipartUpload', { begin: 'Completing multipart upload', end: 'Multipart upload completed', missing: 'Multipart upload not found for completion', failed: 'Failed to complete multipart upload' })
export const AbortMultipartUpload = describe('AbortMultipartUpload', { begin: 'Aborting multipart upload', end: 'Multipart upload aborted', missing: 'Multipart upload not found for abort', failed: 'Failed to abort multipart upload' })
export const ListParts = describe('ListParts', { begin: 'Listing parts', end: 'Parts listed', missing: 'Multipart upload not found for listing', failed: 'Failed to list parts', piece: true })
export const ListMultipartUploads = describe('ListMultipartUploads', { begin: 'Listing multipart uploads', end: 'Multipart uploads listed', missing: 'Bucket not found for listing', failed: 'Failed to list multipart uploads', piece: true })
export const ListBuckets = describe('ListBuckets', { begin: 'Listing buckets', end: 'Buckets listed', missing: 'Account not found for listing', failed: 'Failed to list buckets' })
export const HeadBucket = describe('HeadBucket', { begin: 'Reading bucket', end: 'Bucket read', missing: 'Bucket not found', failed: 'Failed to read bucket' })
export const CreateBucket = describe('CreateBucket', { begin: 'Creating bucket', end: 'Bucket created', missing: 'Account not found for bucket', failed: 'Failed to create bucket' })
export const DeleteBucket = describe('DeleteBucket', { begin: 'Deleting bucket', end: 'Bucket deleted', missing: 'Bucket not found for deletion', failed: 'Failed to delete bucket' })
