/** XML out by a writer of a few lines, XML in by fast-xml-parser with entities left to us. */
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { flatten, type Parsed, type Xml } from '../xml-pieces.ts'

export type { Parsed, Xml } from '../xml-pieces.ts'

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** Control characters have no place in XML 1.0, but keys may hold them: they go as references, as S3 sends them. */
function escape (text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[&<>"'\x00-\x08\x0b-\x1f]/g, character =>
    ESCAPES[character] ?? `&#x${character.charCodeAt(0).toString(16)};`)
}

/** An element that holds text; nothing when the text is undefined. */
export function leaf (name: string, text: string | number | boolean | undefined): string | undefined {
  if (text === undefined) return undefined
  return text === '' ? `<${name}/>` : `<${name}>${escape(String(text))}</${name}>`
}

/** An element that holds elements. */
export function branch (name: string, ...children: readonly Xml[]): string {
  return `<${name}>${flatten(children)}</${name}>`
}

/** A whole document in S3's namespace. */
export function document (root: string, ...children: readonly Xml[]): string {
  return `${DECLARATION}<${root} xmlns="${NAMESPACE}">${flatten(children)}</${root}>`
}

export function errorXml (code: string, message: string, details: Readonly<Record<string, string>>): string {
  const more = Object.entries(details).map(([name, value]) => leaf(name, value))
  return `${DECLARATION}${branch('Error', leaf('Code', code), leaf('Message', message), more)}`
}

export function escapeText (text: string): string {
  return escape(text)
}

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  isArray: (_name, _path, _leaf, isAttribute) => !isAttribute
})

/** The root element's content when the document is well formed, has that root and no DTD; else undefined. */
export function parseDocument (text: string, root: string): Parsed | undefined {
  if (/<!DOCTYPE|<!ENTITY/i.test(text) || XMLValidator.validate(text) !== true) return undefined
  const parsed = parser.parse(text) as Record<string, unknown>
  const element = parsed[root]
  return Array.isArray(element) && element.length === 1 ? normalise(element[0]) : undefined
}

function normalise (value: unknown): Parsed {
  if (typeof value !== 'object' || value === null) return unescape(String(value ?? ''))
  const { '#text': text, ...children } = value as Record<string, unknown>
  if (Object.keys(children).length === 0) return unescape([text].flat().join(''))
  return Object.fromEntries(Object.entries(children).map(([name, list]) => [name, [list].flat().map(normalise)]))
}

function unescape (text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex: string | undefined, decimal: string | undefined, name: string | undefined) => {
    if (name !== undefined) return NAMED[name] ?? whole
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}

/** The elements of that name, or none. */
export function childrenOf (parsed: Parsed, name: string): readonly Parsed[] {
  return typeof parsed === 'string' || !Object.hasOwn(parsed, name) ? [] : parsed[name] ?? []
}

/** The text of the first element of that name. */
export function textOf (parsed: Parsed, name: string): string | undefined {
  const first = childrenOf(parsed, name)[0]
  return typeof first === 'string' ? first : undefined
}
