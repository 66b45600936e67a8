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
  /** The repeated elements of a listing by their name, such as `Contents`. */
  records (name: string): XmlRecord[]
}

/**
 * The flat elements that repeat a thousand times in a page, by document. They are cut out before the parser sees the
 * text and read on their own: building the tree of them takes ten times as long (14 ms for a page of 1,000 keys).
 */
const RECORDS = new Map([
  ['ListBucketResult', ['Contents', 'CommonPrefixes']],
  ['ListPartsResult', ['Part']],
  ['ListMultipartUploadsResult', ['Upload', 'CommonPrefixes']],
  ['DeleteResult', ['Deleted', 'Error']],
  ['ListAllMyBucketsResult', ['Bucket']]
])

const parser = new XMLParser({ ignoreAttributes: true, ignoreDeclaration: true, parseTagValue: false, trimValues: false, processEntities: false })

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', suppressEmptyNode: true })

/** @throws {StorageError} with code `MalformedAnswer` (temporary: an answer may break off), also for a `DOCTYPE`. */
export function parseXml (text: string): XmlDocument {
  if (text.includes('<!DOCTYPE')) throw malformed('it declares a document type')
  const cut = new Map<string, string[]>()
  const envelope = cutRecords(text, cut)
  const [root, content] = parseEnvelope(envelope)
  return { root, values: texts(content), records: name => (cut.get(name) ?? []).map(readRecord) }
}

/** The text without its records, which go into `cut` by the names of their elements. */
function cutRecords (text: string, cut: Map<string, string[]>): string {
  const names = RECORDS.get(/<([A-Za-z]+)/.exec(text)?.[1] ?? '') ?? []
  return names.reduce((rest, name) => {
    const records: string[] = []
    cut.set(name, records)
    const pieces: string[] = []
    const open = new RegExp(`<${name}(?:\\s[^<>]*[^<>/])?>`, 'g')
    const close = `</${name}>`
    let from = 0
    for (let match = open.exec(rest); match !== null; match = open.exec(rest)) {
      const end = rest.indexOf(close, open.lastIndex)
      if (end === -1) throw malformed(`<${name}> is not closed`)
      pieces.push(rest.slice(from, match.index))
      records.push(rest.slice(open.lastIndex, end))
      open.lastIndex = from = end + close.length
    }
    return from === 0 ? rest : pieces.join('') + rest.slice(from)
  }, text)
}

function parseEnvelope (text: string): [root: string, content: unknown] {
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

function texts (content: unknown): XmlRecord {
  const values: XmlRecord = {}
  if (typeof content !== 'object' || content === null) return values
  for (const [name, value] of Object.entries(content)) {
    if (typeof value === 'string') values[name] = decodeEntities(value)
  }
  return values
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

/**
 * Builds a request document; arrays become repeated elements, texts are escaped. Control characters go as references:
 * a parser would read a bare carriage return as a line feed, and another key would be meant.
 */
export function buildXml (root: string, content: object): Buffer {
  const elements: string = builder.build({ [root]: { '@xmlns': NAMESPACE, ...content } })
  // eslint-disable-next-line no-control-regex
  const safe = elements.replace(/[\x00-\x1f]/g, character => `&#x${character.charCodeAt(0).toString(16)};`)
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${safe}`)
}
