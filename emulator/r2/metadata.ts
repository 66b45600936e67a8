/** Headers that are kept with an object: six of HTTP's, and the user's own under `x-amz-meta-`. */
import { MAX_METADATA_BYTES } from './limits.ts'
import { R2Error } from './errors.ts'
import { decodeWords, encodeWords } from './encoded-words.ts'

export interface Metadata {
  /** By lower-case header name. */
  http: Record<string, string>
  /** By name without `x-amz-meta-`, values decoded. */
  custom: Record<string, string>
}

const HTTP_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'Content-Type',
  'cache-control': 'Cache-Control',
  'content-disposition': 'Content-Disposition',
  'content-encoding': 'Content-Encoding',
  'content-language': 'Content-Language',
  expires: 'Expires'
}
const CUSTOM = 'x-amz-meta-'
const DEFAULT_TYPE = 'application/octet-stream'

/** @throws {R2Error} 400 `MetadataTooLarge` */
export function readMetadata (headers: Readonly<Record<string, string>>): Metadata {
  const metadata: Metadata = { http: {}, custom: {} }
  for (const [name, value] of Object.entries(headers)) {
    if (Object.hasOwn(HTTP_HEADERS, name)) metadata.http[name] = value
    else if (name.startsWith(CUSTOM)) metadata.custom[name.slice(CUSTOM.length)] = decodeWords(value)
  }
  withoutFraming(metadata.http)
  checkSize(metadata.custom)
  return metadata
}

/** `MERGE`: the source's, with what the request names put over it. */
export function mergeMetadata (source: Metadata, request: Metadata): Metadata {
  const merged = { http: { ...source.http, ...request.http }, custom: { ...source.custom, ...request.custom } }
  checkSize(merged.custom)
  return merged
}

export function metadataHeaders ({ http, custom }: Metadata): Record<string, string> {
  const headers: Record<string, string> = { 'Content-Type': http['content-type'] ?? DEFAULT_TYPE }
  for (const [name, value] of Object.entries(http)) headers[HTTP_HEADERS[name] ?? name] = value
  for (const [name, value] of Object.entries(custom)) headers[`${CUSTOM}${name}`] = encodeWords(value)
  return headers
}

/** `aws-chunked` says how the body travelled, not what it is. */
function withoutFraming (http: Record<string, string>): void {
  const encoding = http['content-encoding']
  if (encoding === undefined) return
  const kept = encoding.split(',').map(token => token.trim()).filter(token => token !== 'aws-chunked' && token !== '').join(',')
  if (kept === '') delete http['content-encoding']
  else http['content-encoding'] = kept
}

function checkSize (custom: Record<string, string>): void {
  let bytes = 0
  for (const [name, value] of Object.entries(custom)) bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
  if (bytes > MAX_METADATA_BYTES) {
    throw new R2Error(400, 'MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size.')
  }
}
