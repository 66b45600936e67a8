/** XML answers: small envelopes with flat records inside, and nothing else. */
import { XMLParser } from 'fast-xml-parser'
import { StorageError } from '../errors.ts'

/** A flat element: text by element name. */
export type XmlRecord = Record<string, string>

export interface XmlElement {
  name: string
  /** As written: `Encoded="true"`. */
  attributes: string
  text: string
}

export interface XmlDocument {
  root: string
  /** Texts of the elements below the root that hold nothing but text. */
  values: XmlRecord
  /** The unparsed content of the elements that were named when the reader was made, in their order. */
  raw (name: string): string[]
}

const parser = new XMLParser({ ignoreAttributes: true, ignoreDeclaration: true, parseTagValue: false, trimValues: false, processEntities: false })

/**
 * Reads documents that hold thousands of flat records. `cut` names them by root element: they are taken out before the
 * parser sees the text, and `elements` takes them apart. To build the tree of them takes ten times as long (14 ms for a
 * page of 1,000 keys of R2).
 *
 * The reader throws a `StorageError` with code `MalformedAnswer` (temporary: an answer may break off), also for a `DOCTYPE`.
 */
export function createXmlReader (cut: Readonly<Record<string, readonly string[]>>): (text: string) => XmlDocument {
  const names = new Map(Object.entries(cut))
  return text => {
    if (text.includes('<!DOCTYPE')) throw malformed('it declares a document type')
    const pieces = new Map<string, string[]>()
    const envelope = cutOut(text.replace(/^\uFEFF/, ''), names, pieces)
    const [root, content] = parseEnvelope(envelope)
    return { root, values: texts(content), raw: name => pieces.get(name) ?? [] }
  }
}

/** The text without the wanted elements, whose contents go into `cut` by their names. */
function cutOut (text: string, names: ReadonlyMap<string, readonly string[]>, cut: Map<string, string[]>): string {
  const wanted = names.get(/<([A-Za-z]+)/.exec(text)?.[1] ?? '') ?? []
  return wanted.reduce((rest, name) => {
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

const ELEMENT = /<([A-Za-z0-9_.-]+)((?:\s+[^<>]*?)?)(?:\/>|>([^<]*)<\/\1>)/g

/** The elements that hold nothing but text, at any depth of a raw piece, in their order. */
export function * elements (raw: string): Generator<XmlElement, undefined> {
  for (const [, name, attributes, text] of raw.matchAll(ELEMENT)) {
    yield { name: name as string, attributes: (attributes ?? '').trim(), text: decodeEntities(text ?? '') }
  }
  return undefined
}

const PLAIN_ELEMENT = /<([A-Za-z0-9]+)(?:\/>|>([^<]*)<\/\1>)/g

/** A raw piece whose elements have no attributes; half the time of `elements`. */
export function readRecord (raw: string): XmlRecord {
  const record: XmlRecord = {}
  for (const [, name, text] of raw.matchAll(PLAIN_ELEMENT)) record[name as string] = decodeEntities(text ?? '')
  return record
}

const NAMED: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** The five entities of XML and character references; no document can define more of them. */
export function decodeEntities (text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot|apos));/g, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return NAMED[name] as string
    const point = hex !== undefined ? parseInt(hex, 16) : Number(decimal)
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}
