/** XML answers: small envelopes with flat records inside, and nothing else. */
import { XMLParser } from 'fast-xml-parser'
import { StorageError } from '../errors.ts'

export interface XmlElement {
  name: string
  /** As written: `Encoded="true"`. */
  attributes: string
  text: string
}

export interface XmlDocument {
  root: string
  /** Texts of the elements below the root that hold nothing but text. */
  values: Record<string, string>
  /** The unparsed content of an element that was named when the reader was made, by its path, such as `Entries`. */
  raw (path: string): string[]
}

/**
 * Reads documents in which the elements `opaque` (`EnumerationResults.Entries`) hold thousands of flat records. The
 * parser hands these over unparsed, and `elements` takes them apart: five times faster than building the tree.
 */
export function createXmlReader (opaque: string[]): (text: string) => XmlDocument {
  const parser = new XMLParser({
    ignoreAttributes: true,
    ignoreDeclaration: true,
    parseTagValue: false,
    trimValues: false,
    processEntities: false,
    stopNodes: opaque
  })
  const unread = new Set(opaque.map(path => path.slice(path.lastIndexOf('.') + 1)))
  return text => readDocument(parser, unread, text)
}

/** @throws {StorageError} with code `MalformedAnswer` (temporary: an answer may break off), also for a `DOCTYPE`. */
function readDocument (parser: XMLParser, unread: ReadonlySet<string>, text: string): XmlDocument {
  const [root, content] = parseTree(parser, text.replace(/^\uFEFF/, ''))
  return {
    root,
    values: isTree(content) ? texts(content, unread) : {},
    raw: path => listed(path.split('.').reduce<unknown>(below, content))
  }
}

function parseTree (parser: XMLParser, text: string): [root: string, content: unknown] {
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

function isTree (content: unknown): content is Record<string, unknown> {
  return typeof content === 'object' && content !== null
}

function below (content: unknown, name: string): unknown {
  return isTree(content) ? content[name] : undefined
}

function texts (content: Record<string, unknown>, unread: ReadonlySet<string>): Record<string, string> {
  const values: Record<string, string> = {}
  for (const [name, value] of Object.entries(content)) {
    if (typeof value === 'string' && !unread.has(name)) values[name] = decodeEntities(value)
  }
  return values
}

function listed (value: unknown): string[] {
  if (Array.isArray(value)) return value.filter(item => typeof item === 'string')
  return typeof value === 'string' ? [value] : []
}

const ELEMENT = /<([A-Za-z0-9_.-]+)((?:\s+[^<>]*?)?)(?:\/>|>([^<]*)<\/\1>)/g

/** The elements that hold nothing but text, at any depth of an unparsed piece, in their order. */
export function * elements (raw: string): Generator<XmlElement, undefined> {
  for (const [, name, attributes, text] of raw.matchAll(ELEMENT)) {
    yield { name: name as string, attributes: (attributes ?? '').trim(), text: decodeEntities(text ?? '') }
  }
  return undefined
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
