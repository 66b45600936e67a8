import * as buckets from './buckets.ts'
import type { Handler } from './call.ts'
import { copyObject } from './copy.ts'
import { deleteObjects } from './delete-objects.ts'
import { listObjects, listObjectsV2 } from './listing.ts'
import { abortMultipartUpload, completeMultipartUpload, createMultipartUpload, uploadPart, uploadPartCopy } from './multipart.ts'
import { deleteObject, getObject, headObject, putObject } from './objects.ts'
import type { Operation } from './operations.ts'
import { listMultipartUploads, listParts } from './upload-listing.ts'

/** All that R2 implements, by the name of the operation. */
export const HANDLERS: Readonly<Record<Operation, Handler>> = {
  ListBuckets: buckets.listBuckets,
  HeadBucket: buckets.headBucket,
  CreateBucket: buckets.createBucket,
  DeleteBucket: buckets.deleteBucket,
  GetBucketLocation: buckets.getBucketLocation,
  GetBucketAcl: buckets.getBucketAcl,
  GetBucketVersioning: buckets.getBucketVersioning,
  GetBucketTagging: buckets.getBucketTagging,
  GetObjectLockConfiguration: buckets.getObjectLockConfiguration,
  GetBucketReplication: buckets.getBucketReplication,
  GetBucketCors: buckets.getBucketCors,
  PutBucketCors: buckets.putBucketCors,
  DeleteBucketCors: buckets.deleteBucketCors,
  GetBucketLifecycleConfiguration: buckets.getBucketLifecycle,
  PutBucketLifecycleConfiguration: buckets.putBucketLifecycle,
  DeleteBucketLifecycle: buckets.deleteBucketLifecycle,
  GetBucketEncryption: buckets.getBucketEncryption,
  PutBucketEncryption: buckets.putBucketEncryption,
  DeleteBucketEncryption: buckets.deleteBucketEncryption,
  BarePost: buckets.barePost,
  ListObjects: listObjects,
  ListObjectsV2: listObjectsV2,
  ListMultipartUploads: listMultipartUploads,
  DeleteObjects: deleteObjects,
  GetObject: getObject,
  HeadObject: headObject,
  PutObject: putObject,
  CopyObject: copyObject,
  DeleteObject: deleteObject,
  CreateMultipartUpload: createMultipartUpload,
  UploadPart: uploadPart,
  UploadPartCopy: uploadPartCopy,
  CompleteMultipartUpload: completeMultipartUpload,
  AbortMultipartUpload: abortMultipartUpload,
  ListParts: listParts
}
