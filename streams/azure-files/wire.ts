/** What all operations share: the request before it is signed, and how answers are read. Pure: no network. */
import { StorageError } from '../../lib/errors.ts'
import type { HttpResponse, Operation } from '../../lib/http/call.ts'
import type { XmlDocument } from '../../lib/xml/xml.ts'
import type { ShareRef, Target } from './names.ts'
import { MAX_XML_BYTES, parseXml } from './xml.ts'
import { normalizeEtag, readDate } from '../../lib/http/answers.ts'

export type { Page } from '../../lib/flow/page-walk.ts'
export { normalizeEtag, quote, readDate } from '../../lib/http/answers.ts'

export type ResourceKind = 'account' | 'share' | 'directory' | 'file'

/** One request to Azure Files, ready to be signed and sent as often as needed. */
export interface AzureOperation<T> extends Operation<T> {
  kind: ResourceKind
  share?: string
  /** '' is the root directory. */
  path?: string
  /** Not encoded yet; no empty values. */
  query?: ReadonlyArray<readonly [name: string, value: string]>
  /** A file of this account that the service is to read, as the URL in this header. The SAS goes with it, anew for each attempt. */
  source?: { header: string, target: Target }
  /** Where it must differ from the client's `x-ms-version`. */
  version?: string
  /** Bytes that the request is about, for the error of a range that cannot be had. */
  range?: { start: number, end: number }
}

interface Addressed {
  kind: ResourceKind
  share?: string
  path?: string
  labels: Record<string, string>
  subject: Record<string, string | number>
}

/** What an operation is about, as it addresses it and as metrics and log lines name it. */
export function addressed (kind: ResourceKind, target: ShareRef & { path?: string }, subject: Record<string, string | number> = {}): Addressed {
  const { share, path } = target
  const name = path === undefined ? { share } : { share, path }
  return { kind, ...name, labels: { share }, subject: { ...name, ...subject } }
}

/** Sent with all that has a path, so that `a.` and `a` are two names and none of them is trimmed. */
export const KEEP_TRAILING_DOT = { 'x-ms-allow-trailing-dot': 'true' } as const
export const KEEP_SOURCE_TRAILING_DOT = { 'x-ms-source-allow-trailing-dot': 'true' } as const

/** For operations whose answer has nothing to read. */
export async function readNothing (response: HttpResponse): Promise<void> {
  await response.body.collect(MAX_XML_BYTES)
}

/** What every operation that writes answers with. */
export interface Written {
  etag: string
  lastModified: Date | undefined
}

export async function readWritten (response: HttpResponse): Promise<Written> {
  await readNothing(response)
  return writtenOf(response.headers)
}

export function writtenOf (headers: Record<string, string>): Written {
  return { etag: normalizeEtag(headers['etag'] ?? ''), lastModified: readDate(headers['last-modified']) }
}

export async function readXml (response: HttpResponse, expectedRoot: string, action: string, operation: string): Promise<XmlDocument> {
  const document = parseXml((await response.body.collect(MAX_XML_BYTES)).toString())
  if (document.root !== expectedRoot) {
    throw new StorageError(`Cannot ${action}: the answer is <${document.root}>, wanted <${expectedRoot}>`, { code: 'MalformedAnswer', operation })
  }
  return document
}
