/** Copies on the server: CopyObject up to 5 GiB, parts copied side by side above. No byte passes through here. */
import pLimit from 'p-limit'
import { GiB, MiB } from '../../lib/bytes/sizes.ts'
import { splitRange } from '../../lib/bytes/byte-range.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { R2Connection } from './connection.ts'
import { headAsStored } from './head.ts'
import { checkPartSize, partSizeFor } from './names.ts'
import { abortMultipartUpload, completeMultipartUpload, createMultipartUpload, uploadPartCopy } from './wire-multipart.ts'
import type { UploadTarget, UploadedPart } from './wire-multipart.ts'
import { copyObject, headObject } from './wire-objects.ts'
import type { CopyOptions, CopyResult, R2ObjectInfo, Target } from './wire-objects.ts'

/** The limit of S3's CopyObject; R2 states none of its own. */
const MAX_COPY_BYTES = 5 * GiB
const COPY_PART_BYTES = 512 * MiB

export interface ServerCopyOptions extends CopyOptions {
  /** Larger objects are copied in parts. Default 5 GiB. */
  partCopyAbove?: number
  /** Bytes of a copied part. Default 512 MiB. */
  copyPartSize?: number
  signal?: AbortSignal
}

/** The version that HEAD found is the one that is copied: a source that changes meanwhile fails the copy. */
export async function copyOnServer (connection: R2Connection, from: Target, to: Target, options: ServerCopyOptions = {}): Promise<CopyResult> {
  const { partCopyAbove = MAX_COPY_BYTES, copyPartSize = COPY_PART_BYTES, source = {}, signal } = options
  checkPartSize(copyPartSize)
  const info = await headAsStored(connection, from, source, { signal })
  if (!(info.size > partCopyAbove)) {
    return await connection.execute(copyObject(from, to, { ...options, source: { ...source, ifMatch: info.etag } }), { signal })
  }
  return await copyInParts(connection, from, to, info, partSizeFor(info.size, copyPartSize), options)
}

async function copyInParts (connection: R2Connection, from: Target, to: Target, info: R2ObjectInfo, partSize: number, options: ServerCopyOptions): Promise<CopyResult> {
  const headers = options.metadataDirective === 'REPLACE' ? options : { ...carried(info), ...options, metadata: { ...info.metadata, ...options.metadata } }
  const cancel = new AbortController()
  const signal = options.signal === undefined ? cancel.signal : AbortSignal.any([cancel.signal, options.signal])
  const uploadId = await connection.execute(createMultipartUpload(to, { ...headers, ...options.destination }, {}), { signal })
  const upload = { ...to, uploadId }
  try {
    const parts = await copyParts(connection, from, upload, info.size, partSize, signal)
    await assertUnchanged(connection, from, info)
    const { etag } = await connection.execute(completeMultipartUpload(upload, parts, conditions(options)), { signal })
    return { etag, lastModified: undefined }
  } catch (error) {
    cancel.abort(error)
    await abandon(connection, upload)
    throw error
  }
}

function conditions ({ destination = {} }: ServerCopyOptions): { ifMatch?: string, ifNoneMatch?: string } {
  const { ifMatch, ifNoneMatch } = destination
  return { ...(ifMatch === undefined ? {} : { ifMatch }), ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }) }
}

async function copyParts (connection: R2Connection, from: Target, upload: UploadTarget, size: number, partSize: number, signal: AbortSignal): Promise<UploadedPart[]> {
  const limit = pLimit(connection.config.concurrency)
  const copies = [...splitRange({ start: 0, end: size - 1 }, partSize)].map(({ start, end }, index) => limit(async () => {
    signal.throwIfAborted()
    const { etag } = await connection.execute(uploadPartCopy(upload, index + 1, from, start, end), { signal })
    return { partNumber: index + 1, etag }
  }))
  try {
    return await Promise.all(copies)
  } catch (error) {
    limit.clearQueue()
    throw error
  }
}

/** R2 refuses conditions on the source of a part copy: the etag is compared before the parts are published. */
async function assertUnchanged (connection: R2Connection, from: Target, info: R2ObjectInfo): Promise<void> {
  await connection.execute(headObject(from, { ifMatch: info.etag }))
}

async function abandon (connection: R2Connection, upload: UploadTarget): Promise<void> {
  try {
    await connection.execute(abortMultipartUpload(upload))
  } catch (error) {
    if (error instanceof NotFoundError) return
    connection.logger.error({ ...upload, error: String(error) }, 'Failed to abort the multipart copy: its parts stay until swept')
  }
}

/** What CopyObject would carry over by itself. */
function carried ({ contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage, expires }: R2ObjectInfo): object {
  const headers = { contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage, expires }
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
}
