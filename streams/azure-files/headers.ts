/** File properties to and from headers: content headers, metadata, times. */

/** What a file carries beside its bytes. The service keeps all six or none: setting one clears those that are not sent. */
export interface ContentHeaders {
  /** Default `application/octet-stream`. */
  contentType?: string
  cacheControl?: string
  contentDisposition?: string
  contentEncoding?: string
  contentLanguage?: string
  /** Base64; kept by the service as it is, which never computes it. */
  contentMd5?: string
}

export interface FileHeaders extends ContentHeaders {
  /** Names are C# identifiers (letters, digits, `_`), kept in lower case; values printable ASCII. At most 8,192 bytes in all. */
  metadata?: Record<string, string>
}

const CONTENT_HEADERS = {
  contentType: 'x-ms-content-type',
  cacheControl: 'x-ms-cache-control',
  contentDisposition: 'x-ms-content-disposition',
  contentEncoding: 'x-ms-content-encoding',
  contentLanguage: 'x-ms-content-language',
  contentMd5: 'x-ms-content-md5'
} as const satisfies Record<keyof ContentHeaders, string>

/** The limit of Blob storage, which Files does not state. */
const MAX_METADATA_BYTES = 8192
const METADATA_PREFIX = 'x-ms-meta-'
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/
const PRINTABLE_ASCII = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

export function contentHeaders (options: ContentHeaders): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [option, name] of Object.entries(CONTENT_HEADERS) as Array<[keyof ContentHeaders, string]>) {
    const value = options[option]
    if (value === undefined) continue
    if (typeof value !== 'string' || !PRINTABLE_ASCII.test(value)) {
      throw new TypeError(`Cannot send ${option} as it must be printable ASCII: received ${JSON.stringify(value)}`)
    }
    headers[name] = value
  }
  return headers
}

export function hasContentHeaders (options: ContentHeaders): boolean {
  return Object.keys(CONTENT_HEADERS).some(option => options[option as keyof ContentHeaders] !== undefined)
}

/** Only the content headers of an object that holds more. */
export function pickContentHeaders (options: { [Name in keyof ContentHeaders]?: ContentHeaders[Name] | undefined }): ContentHeaders {
  const picked: ContentHeaders = {}
  for (const option of Object.keys(CONTENT_HEADERS) as Array<keyof ContentHeaders>) {
    const value = options[option]
    if (value !== undefined) picked[option] = value
  }
  return picked
}

export function metadataHeaders (metadata: Record<string, string>): Record<string, string> {
  const headers: Record<string, string> = {}
  let size = 0
  for (const [name, value] of Object.entries(metadata)) {
    checkMetadata(name, value)
    size += name.length + value.length
    const header = METADATA_PREFIX + name.toLowerCase()
    if (header in headers) throw new TypeError(`Cannot send metadata "${name}" twice: its case does not tell it apart`)
    headers[header] = value
  }
  if (size > MAX_METADATA_BYTES) throw new RangeError(`Cannot send metadata of ${size} bytes as Azure takes at most ${MAX_METADATA_BYTES}`)
  return headers
}

function checkMetadata (name: string, value: unknown): asserts value is string {
  if (!IDENTIFIER.test(name)) throw new TypeError(`Cannot send metadata ${JSON.stringify(name)} as its name must have letters, digits and "_" only, no digit first`)
  if (typeof value !== 'string') throw new TypeError(`Cannot send metadata "${name}" as its value must be a string: received ${typeof value}`)
  if (value !== '' && !PRINTABLE_ASCII.test(value)) throw new TypeError(`Cannot send metadata "${name}" as its value must be printable ASCII: received ${JSON.stringify(value)}`)
}

export function readMetadata (headers: Record<string, string>): Record<string, string> {
  const metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(METADATA_PREFIX)) metadata[name.slice(METADATA_PREFIX.length)] = value
  }
  return metadata
}

export function leaseHeader (leaseId: string | undefined): Record<string, string> {
  return leaseId === undefined ? {} : { 'x-ms-lease-id': leaseId }
}

/** Seven decimals, the 100 ns of the file system. */
export function fileTime (name: string, date: Date): string {
  if (!(date instanceof Date) || Number.isNaN(date.getTime())) throw new TypeError(`Cannot use ${name} as it must be a valid Date: received ${String(date)}`)
  return date.toISOString().replace('Z', '0000Z')
}
