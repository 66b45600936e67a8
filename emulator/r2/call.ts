import type { ContentStore } from '../content-store.ts'
import type { Exchange } from '../exchange.ts'
import type { Answer } from '../service.ts'
import type { Authenticated } from './auth.ts'
import { noSuchBucket, noSuchUpload } from './errors.ts'
import { abortRuleFor } from './lifecycle.ts'
import type { Query } from './query.ts'
import type { R2Quirks } from './quirks.ts'
import type { Bucket, R2State, Upload } from './state.ts'
import type { WriteRate } from './write-rate.ts'

/** What all operations stand on. */
export interface R2Context {
  accountId: string
  state: R2State
  contents: ContentStore
  quirks: Readonly<R2Quirks>
  writeRate: WriteRate
}

/** One request that was let in, on its way to one operation. */
export interface Call {
  context: R2Context
  exchange: Exchange
  headers: Readonly<Record<string, string | undefined>>
  query: Query
  bucketName: string
  key: string
  auth: Authenticated
}

export type Handler = (call: Call) => Promise<Answer>

export function xmlAnswer (body: string, headers: Record<string, string> = {}): Answer {
  return { status: 200, headers: { 'Content-Type': 'application/xml', ...headers }, body }
}

/** @throws {R2Error} 404 `NoSuchBucket` */
export function bucketOf ({ context, bucketName }: Call): Bucket {
  const bucket = context.state.buckets.get(bucketName)
  if (bucket === undefined) throw noSuchBucket()
  return bucket
}

/** The open upload that the request names. @throws {R2Error} 404 `NoSuchUpload`, also when it was for another key */
export async function uploadOf (call: Call, bucket: Bucket): Promise<Upload> {
  await expireUploads(call, bucket)
  const upload = bucket.uploads.get(call.query.get('uploadId') ?? '')
  if (upload === undefined || upload.key.normalize('NFC') !== call.key.normalize('NFC')) throw noSuchUpload()
  return upload
}

/** Aborts uploads whose time is over. Looked at when uploads are used, as no timer should keep a process alive. */
export async function expireUploads ({ context, exchange }: Call, bucket: Bucket): Promise<void> {
  for (const upload of bucket.uploads.values()) {
    const rule = abortRuleFor(bucket, upload.key)
    if (rule !== undefined && exchange.now() >= upload.initiated + rule.afterMs) await context.state.endUpload(bucket, upload)
  }
}

export function quoted (etag: string): string {
  return `"${etag}"`
}
