/** ListMultipartUploads and ListParts. */
import type { Answer } from '../service.ts'
import { compareUtf8 } from '../sorted-map.ts'
import { bucketOf, type Call, expireUploads, quoted, uploadOf, xmlAnswer } from './call.ts'
import { checksumElements } from './checksums.ts'
import { invalidArgument } from './errors.ts'
import { owner, readEncoding } from './listing.ts'
import { MAX_PAGE } from './limits.ts'
import type { Bucket, Part, Upload } from './state.ts'
import { branch, document, leaf } from './xml.ts'

export async function listMultipartUploads (call: Call): Promise<Answer> {
  const { query, bucketName } = call
  const bucket = bucketOf(call)
  await expireUploads(call, bucket)
  const encode = readEncoding(query)
  const limit = readLimit(query.get('max-uploads'), 'max-uploads')
  const delimiter = query.get('delimiter')
  const page = pageOfUploads(pendingAfter(call, bucket), query.get('prefix') ?? '', delimiter ?? '', limit)
  return xmlAnswer(document('ListMultipartUploadsResult',
    leaf('Bucket', bucketName),
    leaf('KeyMarker', encode(query.get('key-marker') ?? '')),
    leaf('UploadIdMarker', query.get('upload-id-marker') ?? ''),
    page.last === undefined ? undefined : [leaf('NextKeyMarker', encode(page.last.key)), leaf('NextUploadIdMarker', page.last.id)],
    leaf('Prefix', encode(query.get('prefix') ?? '')),
    leaf('Delimiter', delimiter === undefined ? undefined : encode(delimiter)),
    leaf('MaxUploads', limit),
    leaf('EncodingType', query.get('encoding-type')),
    leaf('IsTruncated', page.truncated),
    page.uploads.map(upload => uploadElement(upload, encode, call.context.accountId)),
    page.prefixes.map(prefix => branch('CommonPrefixes', leaf('Prefix', encode(prefix))))))
}

export async function listParts (call: Call): Promise<Answer> {
  const { query, bucketName, context } = call
  const upload = await uploadOf(call, bucketOf(call))
  const limit = readLimit(query.get('max-parts'), 'max-parts')
  const marker = Number(query.get('part-number-marker') ?? 0)
  const after = [...upload.parts.values()].filter(part => part.number > marker).sort((a, b) => a.number - b.number)
  const parts = after.slice(0, limit)
  return xmlAnswer(document('ListPartsResult',
    leaf('Bucket', bucketName),
    leaf('Key', readEncoding(query)(upload.key)),
    leaf('UploadId', upload.id),
    leaf('PartNumberMarker', marker),
    leaf('NextPartNumberMarker', parts.at(-1)?.number ?? 0),
    leaf('MaxParts', limit),
    leaf('IsTruncated', after.length > parts.length),
    owner('Initiator', context.accountId),
    owner('Owner', context.accountId),
    leaf('StorageClass', upload.storageClass),
    parts.map(partElement)))
}

/** Uploads in order of key, then of time, behind the markers. */
function pendingAfter ({ query }: Call, bucket: Bucket): Upload[] {
  const sorted = [...bucket.uploads.values()].sort((a, b) => compareUtf8(a.key, b.key) || a.initiated - b.initiated)
  const keyMarker = query.get('key-marker')
  if (keyMarker === undefined || keyMarker === '') return sorted
  const idMarker = query.get('upload-id-marker')
  const marked = sorted.findIndex(upload => upload.key === keyMarker && upload.id === idMarker)
  return marked === -1 ? sorted.filter(upload => compareUtf8(upload.key, keyMarker) > 0) : sorted.slice(marked + 1)
}

interface UploadPage {
  uploads: Upload[]
  prefixes: string[]
  last: { key: string, id: string } | undefined
  truncated: boolean
}

function pageOfUploads (pending: readonly Upload[], prefix: string, delimiter: string, limit: number): UploadPage {
  const uploads: Upload[] = []
  const prefixes = new Set<string>()
  let last: UploadPage['last']
  for (const upload of pending) {
    if (!upload.key.startsWith(prefix)) continue
    const end = delimiter === '' ? -1 : upload.key.indexOf(delimiter, prefix.length)
    const group = end === -1 ? undefined : upload.key.slice(0, end + delimiter.length)
    const isNew = group === undefined || !prefixes.has(group)
    if (isNew && uploads.length + prefixes.size >= limit) return { uploads, prefixes: [...prefixes], last, truncated: true }
    if (group === undefined) uploads.push(upload)
    else prefixes.add(group)
    last = { key: upload.key, id: upload.id }
  }
  return { uploads, prefixes: [...prefixes], last, truncated: false }
}

function uploadElement (upload: Upload, encode: (text: string) => string, accountId: string): string {
  return branch('Upload',
    leaf('Key', encode(upload.key)),
    leaf('UploadId', upload.id),
    owner('Initiator', accountId),
    owner('Owner', accountId),
    leaf('StorageClass', upload.storageClass),
    leaf('Initiated', new Date(upload.initiated).toISOString()),
    leaf('ChecksumAlgorithm', upload.checksumAlgorithm))
}

function partElement (part: Part): string {
  return branch('Part',
    leaf('PartNumber', part.number),
    leaf('LastModified', new Date(part.uploaded).toISOString()),
    leaf('ETag', quoted(part.etag)),
    leaf('Size', part.content.size),
    checksumElements(part.checksum)[0])
}

function readLimit (text: string | undefined, name: string): number {
  if (text === undefined) return MAX_PAGE
  const value = text.trim() === '' ? NaN : Number(text)
  if (!Number.isInteger(value) || value < 0) throw invalidArgument(`Provided ${name} not an integer or within integer range`)
  return Math.min(value, MAX_PAGE)
}
