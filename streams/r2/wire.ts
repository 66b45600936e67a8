/** What all operations share: the request before it is signed, and how answers are read. Pure: no network. */
import { createHash } from 'node:crypto'
import { StorageError } from '../../lib/errors.ts'
import type { HttpResponse, Operation } from '../../lib/http/call.ts'
import { toStorageError } from './errors.ts'
import { MAX_XML_BYTES, parseXml } from './xml.ts'
import type { XmlDocument } from './xml.ts'

export type { Page } from '../../lib/flow/page-walk.ts'
export { normalizeEtag, quote, readDate } from '../../lib/http/answers.ts'

/** One request to R2, ready to be signed and sent as often as needed. */
export interface R2Operation<T> extends Operation<T> {
  bucket?: string
  key?: string
  /** Not encoded yet. */
  query?: ReadonlyArray<readonly [name: string, value: string]>
  /** The value of `x-amz-content-sha256`; default: the hash of the body. */
  payloadHash?: string
  /** The code of a 404 without a body. */
  missingCode?: string
}

/** Bucket and key, as an operation addresses them and as metrics and log lines name them. */
export function addressed (bucket: string, key?: string, subject: Record<string, string | number> = {}): {
  bucket: string, key?: string, labels: Record<string, string>, subject: Record<string, string | number>
} {
  const name = key === undefined ? {} : { key }
  return { bucket, ...name, labels: { bucket }, subject: { bucket, ...name, ...subject } }
}

/** For operations whose answer has nothing to read, but for an error document under a good status. */
export async function readNothing (response: HttpResponse, action: string, operation: string): Promise<void> {
  const { status, headers } = response
  const body = (await response.body.collect(MAX_XML_BYTES)).toString()
  if (body.includes('<Error')) throw toStorageError({ status, headers, body }, { operation, action, now: Date.now() })
}

/**
 * For operations whose answer is an etag. One without it is an error document, or comes from something in between: taken
 * for success, a PUT would be lost, and a GET would deliver the document as the object.
 */
export async function requireEtag (response: HttpResponse, action: string, operation: string): Promise<void> {
  if (response.headers['etag'] !== undefined) return
  await readNothing(response, action, operation)
  throw new StorageError(`Cannot ${action}: the answer has no etag`, { code: 'MalformedAnswer', operation, temporary: true })
}

/** A result document. A 200 whose root is `Error` is an error: the status was sent before the work was done. */
export async function readXml (response: HttpResponse, expectedRoot: string, action: string, operation: string): Promise<XmlDocument> {
  const body = (await response.body.collect(MAX_XML_BYTES)).toString()
  const document = parseXml(body)
  if (document.root === 'Error') {
    throw toStorageError({ status: response.status, headers: response.headers, body }, { operation, action, now: Date.now() })
  }
  if (document.root !== expectedRoot) {
    throw new StorageError(`Cannot ${action}: the answer is <${document.root}>, wanted <${expectedRoot}>`, { code: 'MalformedAnswer', operation })
  }
  return document
}

export function sha256Hex (bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Keys are percent-encoded when the answer says so, and only then. */
export function keyDecoder (values: Record<string, string>): (text: string) => string {
  return values['EncodingType'] === 'url' ? decodeKey : text => text
}

function decodeKey (text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw new StorageError(`The listing holds a key that is not percent-encoded UTF-8: ${text}`, { code: 'MalformedAnswer', cause })
  }
}
