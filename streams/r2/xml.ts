/** XML of the S3 API: small envelopes with flat records inside, and nothing else. */
import { XMLBuilder, XMLParser } from 'fast-xml-parser'
import { StorageError } from '../../lib/errors.ts'

/** A page of 1,000 keys of 1,024 escaped bytes each stays below this. */
export const MAX_XML_BYTES = 8 * 1024 * 1024

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** A flat element: text by element name. */
export type XmlRecord = Record<string, string>

export interface XmlDocument {
  root: string
  /** Texts of the elements below the root. */
  values: XmlRecord
  /** Repeated elements below the root, by their path, such as `Contents` or `Buckets.Bucket`. */
  records (path: string): XmlRecord[]
}

/**
 * The elements that repeat a thousand times in a page. The parser hands them over unparsed, and `readRecord` takes
 * them apart: five times faster than building the tree (14 ms to 2.5 ms for a page of 1,000 keys).
 */
const RECORDS = [
  'ListBucketResult.Contents', 'ListBucketResult.CommonPrefixes', 'ListPartsResult.Part',
  'ListMultipartUploadsResult.Upload', 'ListMultipartUploadsResult.CommonPrefixes', 'DeleteResult.Deleted', 'DeleteResult.Error',
  'ListAllMyBucketsResult.Buckets.Bucket'
]

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  stopNodes: RECORDS
})

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', suppressEmptyNode: true })

/** @throws {StorageError} with code `MalformedAnswer` (temporary: an answer may break off), also for a `DOCTYPE`. */
export function parseXml (text: string): XmlDocument {
  const [root, content] = parseTree(text)
  return {
    root,
    values: isTree(content) ? texts(content) : {},
    records: path => listed(path.split('.').reduce<unknown>(below, content)).map(readRecord)
  }
}

function isTree (content: unknown): content is Record<string, unknown> {
  return typeof content === 'object' && content !== null
}

function below (content: unknown, name: string): unknown {
  return isTree(content) ? content[name] : undefined
}

function parseTree (text: string): [root: string, content: unknown] {
  if (text.includes('<!DOCTYPE')) throw malformed('it declares a document type')
  let tree: Record<string, unknown>
  try {
    tree = parser.parse(text) as Record<string, unknown>
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : String(error), error)
  }
  const entry = Object.entries(tree)[0]
  if (entry === undefined) throw malformed('it is empty')
  // The parser closes what was left open; an answer that broke off must not pass for a short listing.
  if (!isWhole(text.trimEnd(), ...entry)) throw malformed('it breaks off')
  return entry
}

function isWhole (text: string, root: string, content: unknown): boolean {
  return text.endsWith(`</${root}>`) || (content === '' && text.endsWith('/>'))
}

function malformed (why: string, cause?: unknown): StorageError {
  return new StorageError(`The answer is not the XML that was expected: ${why}`, { code: 'MalformedAnswer', temporary: true, cause })
}

function texts (content: Record<string, unknown>): XmlRecord {
  const values: XmlRecord = {}
  for (const [name, value] of Object.entries(content)) {
    if (typeof value === 'string') values[name] = decodeEntities(value)
  }
  return values
}

function listed (value: unknown): string[] {
  if (Array.isArray(value)) return value.filter(item => typeof item === 'string')
  return typeof value === 'string' ? [value] : []
}

const ELEMENT = /<([A-Za-z0-9]+)(?:\/>|>([^<]*)<\/\1>)/g

function readRecord (inner: string): XmlRecord {
  const record: XmlRecord = {}
  for (const [, name, text] of inner.matchAll(ELEMENT)) record[name as string] = decodeEntities(text ?? '')
  return record
}

const NAMED: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** The five entities of XML and character references; no document can define more of them. */
function decodeEntities (text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot|apos));/g, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return NAMED[name] as string
    const point = hex !== undefined ? parseInt(hex, 16) : Number(decimal)
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}

/** Builds a request document; arrays become repeated elements, texts are escaped. */
export function buildXml (root: string, content: object): Buffer {
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${builder.build({ [root]: { '@xmlns': NAMESPACE, ...content } })}`)
}
