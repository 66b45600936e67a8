/** Multipart uploads: create, parts, copied parts, complete, abort. */
import { createHash, randomBytes } from 'node:crypto'
import type { Answer } from '../service.ts'
import { bucketOf, type Call, quoted, uploadOf, xmlAnswer } from './call.ts'
import {
  type Checksum, checksumElements, checksumHeaders, claimedChecksum, compareChecksum, joinChecksums, requestedChecksum, startChecksum
} from './checksums.ts'
import { conditionsHold, readConditions } from './conditions.ts'
import { copyResult, md5Of, openCopySource } from './copy.ts'
import { checkCustomerKey, customerKeyHeaders, readCustomerKey } from './customer-key.ts'
import { errorForStatus, invalidArgument, invalidRequest, noSuchUpload, preconditionFailed } from './errors.ts'
import { abortRuleFor } from './lifecycle.ts'
import { MAX_PART_NUMBER } from './limits.ts'
import { readMetadata } from './metadata.ts'
import { admitWrite, checkKey, opaqueEtag, readStorageClass, writableBucket } from './objects.ts'
import { encodeStrict } from '../../streams/r2/auth.ts'
import { parsePartList, selectParts } from './part-list.ts'
import { parseCopyRange } from './ranges.ts'
import { receiveBody, receiveText } from './receive.ts'
import { type Bucket, identity, newVersion, type Part, type StoredObject, type Upload } from './state.ts'
import { document, leaf } from './xml.ts'

/** 253 bytes make 338 characters of base64 with `=` at the end and, all but surely, `+` and `/` in it. */
const UPLOAD_ID_BYTES = 253

export async function createMultipartUpload (call: Call): Promise<Answer> {
  const { context, headers, key, exchange, bucketName } = call
  const bucket = await writableBucket(call)
  checkKey(key)
  const storageClass = readStorageClass(headers) ?? 'STANDARD'
  const checksum = requestedChecksum(headers)
  const customerKeyMd5 = readCustomerKey(headers)
  const metadata = readMetadata(exchange.head.headers)
  if (!conditionsHold(readConditions(headers), bucket.objects.get(identity(key)))) throw preconditionFailed()
  const upload: Upload = {
    id: randomBytes(UPLOAD_ID_BYTES).toString('base64'),
    key,
    initiated: exchange.now(),
    metadata,
    storageClass,
    checksumAlgorithm: checksum?.algorithm,
    customerKeyMd5,
    parts: new Map(),
    inFlight: 0
  }
  await context.state.addUpload(bucket, upload)
  return xmlAnswer(
    document('InitiateMultipartUploadResult', leaf('Bucket', bucketName), leaf('Key', key), leaf('UploadId', upload.id)), {
      ...abortHeaders(bucket, upload),
      ...(checksum === undefined ? {} : { 'x-amz-checksum-algorithm': checksum.algorithm, 'x-amz-checksum-type': checksum.type }),
      ...customerKeyHeaders(customerKeyMd5)
    })
}

export async function uploadPart (call: Call): Promise<Answer> {
  const { context, headers } = call
  const bucket = bucketOf(call)
  const number = readPartNumber(call)
  const upload = await uploadOf(call, bucket)
  checkCustomerKey(readCustomerKey(headers), upload.customerKeyMd5)
  if (upload.inFlight >= context.quirks.partConcurrency) throw errorForStatus(500)
  upload.inFlight++
  try {
    const { content, md5, checksum } = await receiveBody(call, upload.checksumAlgorithm)
    if (!isOpen(bucket, upload) || !matchesAlgorithm(upload, checksum)) {
      context.contents.release(content)
      throw isOpen(bucket, upload) ? checksumTypeMismatch(upload, checksum) : noSuchUpload()
    }
    const etag = upload.customerKeyMd5 === undefined && md5 !== undefined && context.quirks.etags === 'md5' ? md5 : opaqueEtag()
    await context.state.putPart(bucket, upload, { number, etag, uploaded: call.exchange.now(), content, checksum })
    return { status: 200, headers: { ETag: quoted(etag), ...checksumHeaders(checksum), ...customerKeyHeaders(upload.customerKeyMd5) } }
  } finally {
    upload.inFlight--
  }
}

export async function uploadPartCopy (call: Call): Promise<Answer> {
  const { context, headers } = call
  const { contents } = context
  const bucket = bucketOf(call)
  const number = readPartNumber(call)
  const source = openCopySource(call)
  const range = headers['x-amz-copy-source-range']
  const { start, end } = range === undefined ? { start: 0, end: source.content.size } : parseCopyRange(range, source.content.size)
  const upload = await uploadOf(call, bucket)
  checkCustomerKey(readCustomerKey(headers), upload.customerKeyMd5)
  const content = contents.cut(source.content, start, end)
  const etag = upload.customerKeyMd5 === undefined ? await md5Of(contents, content) : opaqueEtag()
  const checksum = await checksumOfCopy(call, upload, content)
  if (!isOpen(bucket, upload)) {
    contents.release(content)
    throw noSuchUpload()
  }
  const part: Part = { number, etag, uploaded: call.exchange.now(), content, checksum }
  await context.state.putPart(bucket, upload, part)
  return xmlAnswer(copyResult('CopyPartResult', part, part.uploaded), customerKeyHeaders(upload.customerKeyMd5))
}

/** A condition that fails ends the upload: its parts are gone. A checksum in the headers is that of the whole object. */
export async function completeMultipartUpload (call: Call): Promise<Answer> {
  const { context, headers, exchange } = call
  const bucket = bucketOf(call)
  const list = parsePartList(await receiveText(call, { checksum: 'elsewhere' }))
  const upload = await uploadOf(call, bucket)
  const parts = selectParts(list, upload, context.quirks)
  admitWrite(call)
  const checksum = await checksumOfUpload(upload, parts)
  checkWholeChecksum(headers, checksum)
  if (!isOpen(bucket, upload)) throw noSuchUpload()
  const conditions = readConditions(headers)
  if (!conditionsHold(conditions, bucket.objects.get(identity(upload.key)))) {
    await context.state.endUpload(bucket, upload)
    throw preconditionFailed()
  }
  const object: StoredObject = {
    key: upload.key,
    version: newVersion(),
    etag: compositeEtag(parts),
    uploaded: exchange.now(),
    content: context.contents.join(parts.map(part => part.content)),
    metadata: upload.metadata,
    storageClass: upload.storageClass,
    checksum,
    parts: parts.map((part, index) => ({ number: index + 1, size: part.content.size, checksum: part.checksum?.value })),
    customerKeyMd5: upload.customerKeyMd5
  }
  // Both change memory before they wait, so that nobody sees an object and its upload at once.
  await Promise.all([context.state.putObject(bucket, object), context.state.endUpload(bucket, upload)])
  return xmlAnswer(completeResult(call, object), { 'x-amz-version-id': object.version, ...customerKeyHeaders(upload.customerKeyMd5) })
}

export async function abortMultipartUpload (call: Call): Promise<Answer> {
  const bucket = bucketOf(call)
  if (!bucket.ended.has(call.query.get('uploadId') ?? '')) {
    await call.context.state.endUpload(bucket, await uploadOf(call, bucket))
  }
  return { status: 204, headers: {} }
}

function completeResult ({ exchange, bucketName }: Call, object: StoredObject): string {
  const { headers, path } = exchange.head
  const root = path.slice(0, path.indexOf('/', 1))
  return document('CompleteMultipartUploadResult',
    leaf('Location', `http://${headers['host']}${root}/${bucketName}/${encodeStrict(object.key)}`),
    leaf('Bucket', bucketName), leaf('Key', object.key), leaf('ETag', quoted(object.etag)), checksumElements(object.checksum))
}

function readPartNumber ({ query }: Call): number {
  const text = query.get('partNumber')?.trim() ?? ''
  const number = text === '' ? NaN : Number(text)
  if (Number.isInteger(number) && number >= 1 && number <= MAX_PART_NUMBER) return number
  throw invalidArgument('Part number must be an integer between 1 and 10000, inclusive.')
}

/** It may have been completed or aborted while a body came in. */
function isOpen (bucket: Bucket, upload: Upload): boolean {
  return bucket.uploads.get(upload.id) === upload
}

function matchesAlgorithm (upload: Upload, checksum: Checksum | undefined): boolean {
  return upload.checksumAlgorithm === undefined || checksum?.algorithm === upload.checksumAlgorithm
}

function checksumTypeMismatch (upload: Upload, checksum: Checksum | undefined): Error {
  return invalidRequest('Checksum Type mismatch occurred, expected checksum Type: ' +
    `${upload.checksumAlgorithm?.toLowerCase()}, actual checksum Type: ${checksum?.algorithm.toLowerCase() ?? 'null'}`)
}

/** Hex MD5 of the binary MD5s of the parts, and how many there are. */
function compositeEtag (parts: readonly Part[]): string {
  const digests = Buffer.concat(parts.map(part => Buffer.from(part.etag, 'hex')))
  return `${createHash('md5').update(digests).digest('hex')}-${parts.length}`
}

async function checksumOfUpload (upload: Upload, parts: readonly Part[]): Promise<Checksum | undefined> {
  const algorithm = upload.checksumAlgorithm
  if (algorithm === undefined) return undefined
  return joinChecksums(algorithm, parts.map(part => ({ value: part.checksum?.value ?? '', size: part.content.size })))
}

/** @throws {R2Error} 400 when the client joined its parts to something else */
function checkWholeChecksum (headers: Call['headers'], found: Checksum | undefined): void {
  if (found?.type !== 'FULL_OBJECT') return
  const claimed = claimedChecksum(headers)
  if (claimed?.algorithm === found.algorithm) compareChecksum(claimed, Buffer.from(found.value, 'base64'))
}

async function checksumOfCopy ({ context }: Call, { checksumAlgorithm }: Upload, content: Part['content']): Promise<Checksum | undefined> {
  if (checksumAlgorithm === undefined) return undefined
  const digest = await startChecksum(checksumAlgorithm)
  for await (const chunk of context.contents.read(content)) digest.update(chunk)
  return { algorithm: checksumAlgorithm, value: digest.digest().toString('base64'), type: 'FULL_OBJECT' }
}

function abortHeaders (bucket: Bucket, upload: Upload): Record<string, string> {
  const rule = abortRuleFor(bucket, upload.key)
  if (rule === undefined) return {}
  return {
    'x-amz-abort-date': new Date(upload.initiated + rule.afterMs).toUTCString(),
    'x-amz-abort-rule-id': encodeURIComponent(rule.id)
  }
}
