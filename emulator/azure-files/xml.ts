/** XML as the service writes it: a byte order mark, an XML declaration, no white space between elements. */
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { flatten, type Parsed, type Xml } from '../xml-pieces.ts'

export type { Parsed, Xml } from '../xml-pieces.ts'

const BOM = '\uFEFF'
const DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
/** What XML 1.0 cannot hold although a name may. */
// eslint-disable-next-line no-control-regex
const ILLEGAL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/

export function escapeText (text: string): string {
  return text.replace(/[&<>"]/g, character => ESCAPES[character] as string)
}

export function isLegalXml (text: string): boolean {
  return !ILLEGAL.test(text)
}

/** An element that holds text; nothing when the text is undefined. */
export function leaf (name: string, text: string | number | bigint | boolean | undefined, attributes = ''): string | undefined {
  if (text === undefined) return undefined
  return text === '' ? `<${name}${attributes} />` : `<${name}${attributes}>${escapeText(String(text))}</${name}>`
}

/** An element that holds elements. */
export function branch (name: string, ...children: readonly Xml[]): string {
  const content = flatten(children)
  return content === '' ? `<${name} />` : `<${name}>${content}</${name}>`
}

export function attribute (name: string, value: string | undefined): string {
  return value === undefined ? '' : ` ${name}="${escapeText(value)}"`
}

/** A whole document; `attributes` belong to the root. */
export function document (root: string, attributes: string, ...children: readonly Xml[]): string {
  const content = flatten(children)
  return `${BOM}${DECLARATION}${content === '' ? `<${root}${attributes} />` : `<${root}${attributes}>${content}</${root}>`}`
}

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  parseTagValue: false,
  trimValues: true,
  isArray: (_name, _path, _leaf, isAttribute) => !isAttribute
})

/** The root element's content when the document is well formed, has that root and no DTD; else undefined. */
export function parseDocument (text: string, root: string): Parsed | undefined {
  const plain = text.replace(/^\uFEFF/, '')
  if (/<!DOCTYPE|<!ENTITY/i.test(plain) || XMLValidator.validate(plain) !== true) return undefined
  const element = (parser.parse(plain) as Record<string, unknown>)[root]
  return Array.isArray(element) && element.length === 1 ? normalise(element[0]) : undefined
}

function normalise (value: unknown): Parsed {
  if (typeof value !== 'object' || value === null) return String(value ?? '')
  const { '#text': text, ...children } = value as Record<string, unknown>
  if (Object.keys(children).length === 0) return [text].flat().join('')
  return Object.fromEntries(Object.entries(children).map(([name, list]) => [name, [list].flat().map(normalise)]))
}

export function childrenOf (parsed: Parsed, name: string): readonly Parsed[] {
  return typeof parsed === 'string' || !Object.hasOwn(parsed, name) ? [] : parsed[name] ?? []
}

/** The text of the first element of that name. */
export function textOf (parsed: Parsed, name: string): string | undefined {
  const first = childrenOf(parsed, name)[0]
  return typeof first === 'string' ? first : undefined
}
