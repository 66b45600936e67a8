/** CopyObject, and what it shares with UploadPartCopy. Bodies are copied by reference. */
import { createHash } from 'node:crypto'
import type { Content, ContentStore } from '../content-store.ts'
import type { Answer } from '../service.ts'
import { type Call, quoted, xmlAnswer } from './call.ts'
import { bucketOf } from './call.ts'
import { checksumElements } from './checksums.ts'
import { conditionsHold, readConditions } from './conditions.ts'
import { checkCustomerKey, customerKeyHeaders, readCustomerKey } from './customer-key.ts'
import { invalidArgument, noSuchBucket, noSuchKey, preconditionFailed } from './errors.ts'
import { mergeMetadata, type Metadata, readMetadata } from './metadata.ts'
import { admitWrite, checkKey, opaqueEtag, readStorageClass } from './objects.ts'
import { decodeLoosely } from './query.ts'
import { identity, newVersion, type StoredObject } from './state.ts'
import { document, leaf } from './xml.ts'

const SOURCE = 'x-amz-copy-source-'
const DESTINATION = 'cf-copy-destination-'

export async function copyObject (call: Call): Promise<Answer> {
  const { context, headers, key, exchange } = call
  const bucket = bucketOf(call)
  checkKey(key)
  const directive = headers['x-amz-metadata-directive'] ?? 'COPY'
  if (!['COPY', 'REPLACE', 'MERGE'].includes(directive)) throw invalidArgument(`metadata directive ${directive}.`)
  const storageClass = readStorageClass(headers)
  const customerKeyMd5 = readCustomerKey(headers)
  const source = openCopySource(call)
  if (!conditionsHold(readConditions(headers, SOURCE), source)) throw preconditionFailed()
  admitWrite(call)
  const content = context.contents.retain(source.content)
  const etag = await etagOfCopy(context.contents, source, customerKeyMd5)
  if (!conditionsHold(readConditions(headers, DESTINATION), bucket.objects.get(identity(key)))) {
    context.contents.release(content)
    throw preconditionFailed()
  }
  const object: StoredObject = {
    key,
    version: newVersion(),
    etag,
    uploaded: exchange.now(),
    content,
    metadata: metadataOfCopy(directive, source.metadata, exchange.head.headers),
    storageClass: storageClass ?? source.storageClass,
    checksum: source.checksum?.type === 'FULL_OBJECT' ? source.checksum : undefined,
    customerKeyMd5
  }
  await context.state.putObject(bucket, object)
  return xmlAnswer(copyResult('CopyObjectResult', object, object.uploaded), {
    'x-amz-version-id': object.version, ...customerKeyHeaders(customerKeyMd5)
  })
}

/** The object that `x-amz-copy-source` names, `/bucket/key` or `bucket/key`, percent-encoded. */
export function openCopySource ({ context, headers }: Call): StoredObject {
  const path = decodeLoosely(headers['x-amz-copy-source'] ?? '').replace(/^\//, '')
  const slash = path.indexOf('/')
  if (slash <= 0 || slash === path.length - 1) throw invalidArgument('copy source bucket name')
  const bucket = context.state.buckets.get(path.slice(0, slash))
  if (bucket === undefined) throw noSuchBucket()
  const given = readCustomerKey(headers, SOURCE)
  const object = bucket.objects.get(identity(path.slice(slash + 1)))
  if (object === undefined) throw noSuchKey()
  checkCustomerKey(given, object.customerKeyMd5)
  return object
}

export function copyResult (root: string, { etag, checksum }: Pick<StoredObject, 'etag' | 'checksum'>, time: number): string {
  return document(root, leaf('ETag', quoted(etag)), leaf('LastModified', new Date(time).toISOString()), checksumElements(checksum))
}

export async function md5Of (contents: ContentStore, content: Content): Promise<string> {
  const hash = createHash('md5')
  for await (const chunk of contents.read(content)) hash.update(chunk)
  return hash.digest('hex')
}

/** A copy is written in one piece, so that a composite etag does not survive it. */
async function etagOfCopy (contents: ContentStore, source: StoredObject, customerKeyMd5: string | undefined): Promise<string> {
  if (customerKeyMd5 !== undefined) return opaqueEtag()
  if (source.parts === undefined && source.customerKeyMd5 === undefined) return source.etag
  return md5Of(contents, source.content)
}

function metadataOfCopy (directive: string, source: Metadata, headers: Readonly<Record<string, string>>): Metadata {
  if (directive === 'COPY') return source
  const request = readMetadata(headers)
  return directive === 'MERGE' ? mergeMetadata(source, request) : request
}
