/** Object properties to and from headers: content headers, metadata, conditions. */
import { isWellFormed } from './names.ts'

/** Conditions on the state of the object; etags keep their quotes, `*` means any. */
export interface Conditions {
  ifMatch?: string
  ifNoneMatch?: string
  ifModifiedSince?: Date
  ifUnmodifiedSince?: Date
}

/** What an object carries beside its bytes. */
export interface ObjectHeaders {
  /** Default `application/octet-stream`. */
  contentType?: string
  cacheControl?: string
  contentDisposition?: string
  contentEncoding?: string
  contentLanguage?: string
  expires?: Date
  storageClass?: 'STANDARD' | 'STANDARD_IA'
  /** ASCII names, values of any text; 8,192 bytes in all. Wire: https://developers.cloudflare.com/r2/platform/limits/ */
  metadata?: Record<string, string>
}

/** Wire: https://developers.cloudflare.com/r2/platform/limits/ */
const MAX_METADATA_BYTES = 8192
const METADATA_PREFIX = 'x-amz-meta-'
const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/
const PRINTABLE_ASCII = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/
const ENCODED_WORD = /=\?([^?]+)\?([BbQq])\?([^?]*)\?=/g
/** An encoded-word is at most 75 characters (RFC 2047, section 2): 45 bytes of text in base64, and the frame. */
const ENCODED_WORD_BYTES = 45

export function objectHeaders (options: ObjectHeaders): Record<string, string> {
  const headers: Record<string, string> = {}
  setText(headers, 'content-type', options.contentType)
  setText(headers, 'cache-control', options.cacheControl)
  setText(headers, 'content-disposition', options.contentDisposition)
  setText(headers, 'content-encoding', options.contentEncoding)
  setText(headers, 'content-language', options.contentLanguage)
  setText(headers, 'x-amz-storage-class', options.storageClass)
  if (options.expires !== undefined) headers['expires'] = httpDate('expires', options.expires)
  return Object.assign(headers, metadataHeaders(options.metadata ?? {}))
}

/** @param prefix `x-amz-copy-source-` for the source of a copy, `cf-copy-destination-` for its destination. */
export function conditionHeaders (conditions: Conditions, prefix = ''): Record<string, string> {
  const headers: Record<string, string> = {}
  setText(headers, `${prefix}if-match`, conditions.ifMatch)
  setText(headers, `${prefix}if-none-match`, conditions.ifNoneMatch)
  if (conditions.ifModifiedSince !== undefined) headers[`${prefix}if-modified-since`] = httpDate('ifModifiedSince', conditions.ifModifiedSince)
  if (conditions.ifUnmodifiedSince !== undefined) headers[`${prefix}if-unmodified-since`] = httpDate('ifUnmodifiedSince', conditions.ifUnmodifiedSince)
  return headers
}

function setText (headers: Record<string, string>, name: string, value: string | undefined): void {
  if (value === undefined) return
  if (typeof value !== 'string' || !PRINTABLE_ASCII.test(value)) {
    throw new TypeError(`Cannot send header "${name}" as its value must be printable ASCII: received ${JSON.stringify(value)}`)
  }
  headers[name] = value
}

function httpDate (name: string, date: Date): string {
  if (!(date instanceof Date) || Number.isNaN(date.getTime())) throw new TypeError(`Cannot use "${name}" as it must be a valid Date: received ${String(date)}`)
  return date.toUTCString()
}

function metadataHeaders (metadata: Record<string, string>): Record<string, string> {
  const headers: Record<string, string> = {}
  let size = 0
  for (const [name, value] of Object.entries(metadata)) {
    if (!TOKEN.test(name)) throw new TypeError(`Cannot send metadata ${JSON.stringify(name)} as its name must be an ASCII header name`)
    if (typeof value !== 'string') throw new TypeError(`Cannot send metadata "${name}" as its value must be a string: received ${typeof value}`)
    if (/[\r\n\0]/.test(value)) throw new TypeError(`Cannot send metadata "${name}" as its value holds a line break or a NUL: received ${JSON.stringify(value)}`)
    if (!isWellFormed(value)) throw new TypeError(`Cannot send metadata "${name}" as its value holds half a surrogate pair`)
    const header = METADATA_PREFIX + name.toLowerCase()
    if (header in headers) throw new TypeError(`Cannot send metadata "${name}" twice: case does not tell names of headers apart`)
    size += Buffer.byteLength(name) + Buffer.byteLength(value)
    headers[header] = encodeMetadataValue(value)
  }
  if (size > MAX_METADATA_BYTES) throw new RangeError(`Cannot send metadata of ${size} bytes as R2 takes at most ${MAX_METADATA_BYTES}`)
  return headers
}

export function readMetadata (headers: Record<string, string>): Record<string, string> {
  const metadata = Object.entries(headers)
    .filter(([name]) => name.startsWith(METADATA_PREFIX))
    .map(([name, value]) => [name.slice(METADATA_PREFIX.length), decodeMetadataValue(value)])
  return Object.fromEntries(metadata) as Record<string, string> // Also `__proto__` is but a name here.
}

/**
 * RFC 2047 encoded-words for what a header cannot carry. R2 decodes them before storing, and encodes again on the way
 * out: https://developers.cloudflare.com/r2/api/s3/extensions/
 */
export function encodeMetadataValue (value: string): string {
  if (value === '' || (PRINTABLE_ASCII.test(value) && !value.includes('=?'))) return value
  return wholeCharacters(value).map(word => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`).join(' ')
}

/** Pieces of at most 45 bytes that cut no character. */
function wholeCharacters (text: string): string[] {
  const words: string[] = []
  let word = ''
  for (const character of text) {
    if (Buffer.byteLength(word + character) > ENCODED_WORD_BYTES) {
      words.push(word)
      word = ''
    }
    word += character
  }
  return [...words, word]
}

export function decodeMetadataValue (value: string): string {
  if (!value.includes('=?')) return value
  // White space between two encoded-words belongs to the encoding, not to the text (RFC 2047, section 6.2).
  return value.replace(/\?=\s+=\?/g, '?==?').replace(ENCODED_WORD, (word, charset: string, encoding: string, text: string) => {
    const bytes = encoding.toUpperCase() === 'B' ? Buffer.from(text, 'base64') : decodeQ(text)
    return decodeCharset(bytes, charset) ?? word
  })
}

function decodeQ (text: string): Buffer {
  return Buffer.from(text.replaceAll('_', ' ').replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))), 'latin1')
}

function decodeCharset (bytes: Buffer, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { ignoreBOM: true }).decode(bytes)
  } catch (error) {
    if (error instanceof RangeError) return undefined // A charset that nobody knows: the word stays as it came.
    throw error
  }
}
