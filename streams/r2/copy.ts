/** Copies on the server: CopyObject up to 5 GiB, parts copied side by side above. No byte passes through here. */
import pLimit from 'p-limit'
import { GiB, MiB } from '../../lib/bytes/sizes.ts'
import { splitRange } from '../../lib/bytes/byte-range.ts'
import { AbortError, NotFoundError, ObjectChangedError, PreconditionFailedError, StorageError } from '../../lib/errors.ts'
import type { R2Connection } from './connection.ts'
import { headAsStored } from './head.ts'
import type { ObjectHeaders } from './headers.ts'
import type { PartReceipt } from './integrity.ts'
import { checkPartSize, partSizeFor } from './names.ts'
import { R2Upload } from './upload.ts'
import { quote } from './wire.ts'
import { uploadPartCopy } from './wire-multipart.ts'
import type { UploadTarget } from './wire-multipart.ts'
import { copyObject, directiveOf, headObject } from './wire-objects.ts'
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
  const cancel = new AbortController()
  const signal = options.signal === undefined ? cancel.signal : AbortSignal.any([cancel.signal, options.signal])
  // An upload like any other, of which R2 fetches the parts itself: it knows its end, also when an answer is lost.
  const upload = new R2Upload(connection, to, { ...headersOfCopy(info, options), ...options.destination, integrity: 'unsigned' })
  try {
    await upload.begin({}, signal)
    const parts = await copyParts(connection, from, { ...to, uploadId: upload.uploadId ?? '' }, info.size, partSize, cancel, signal)
    await assertUnchanged(connection, from, info, signal)
    const { etag } = await upload.complete(parts, info.size, signal)
    return { etag, lastModified: undefined }
  } catch (error) {
    const remote = error instanceof StorageError && error.remote === 'stored' ? 'stored' : await upload.abort()
    if (error instanceof StorageError || error instanceof AbortError) error.remote = remote
    throw error
  }
}

/** The first failure stops the others and is the one to report; all are waited for, since a part could outlive an early abort. */
async function copyParts (connection: R2Connection, from: Target, upload: UploadTarget, size: number, partSize: number, cancel: AbortController, signal: AbortSignal): Promise<PartReceipt[]> {
  const limit = pLimit(connection.config.concurrency)
  const copies = [...splitRange({ start: 0, end: size - 1 }, partSize)].map(({ start, end }, index) => limit(async () => {
    try {
      signal.throwIfAborted()
      const { etag } = await connection.execute(uploadPartCopy(upload, index + 1, from, start, end), { signal })
      return { partNumber: index + 1, etag, size: end - start + 1 }
    } catch (error) {
      cancel.abort(error)
      throw error
    }
  }))
  await Promise.allSettled(copies)
  if (cancel.signal.aborted) throw cancel.signal.reason
  return await Promise.all(copies)
}

/** R2 refuses conditions on the source of a part copy: the etag is compared before the parts are published. */
async function assertUnchanged (connection: R2Connection, from: Target, { etag }: R2ObjectInfo, signal: AbortSignal): Promise<void> {
  try {
    await connection.execute(headObject(from, { ifMatch: etag }), { signal })
  } catch (error) {
    if (!(error instanceof PreconditionFailedError || error instanceof NotFoundError)) throw error
    throw new ObjectChangedError(`Cannot copy ${quote(from.key)} as it changed meanwhile: the version ${etag} is gone`, { expected: etag, operation: 'HeadObject', cause: error })
  }
}

/** What CopyObject does by itself. */
function headersOfCopy (info: R2ObjectInfo, options: ServerCopyOptions): ObjectHeaders {
  switch (directiveOf(options)) {
    case 'REPLACE': return options
    case 'MERGE': return { ...carried(info), ...options, metadata: { ...info.metadata, ...options.metadata } }
    default: return { ...carried(info), metadata: info.metadata, ...(options.storageClass === undefined ? {} : { storageClass: options.storageClass }) }
  }
}

function carried ({ contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage, expires }: R2ObjectInfo): ObjectHeaders {
  const headers = { contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage, expires }
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
}
