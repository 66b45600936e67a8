/** XML of Azure Files: listings with a byte order mark, records in one level, names that may be percent-encoded. */
import { StorageError } from '../../lib/errors.ts'
import { createXmlReader, elements } from '../../lib/xml/xml.ts'
import type { XmlRecord } from '../../lib/xml/xml.ts'

export type { XmlRecord } from '../../lib/xml/xml.ts'

/** A page of 5,000 entries with names of 255 characters, encoded, stays below this. */
export const MAX_XML_BYTES = 16 * 1024 * 1024

export const parseXml = createXmlReader({ EnumerationResults: ['Entries', 'Shares'], Ranges: ['Range', 'ClearRange'] })

export interface Entry {
  /** `File`, `Directory` or `Share`. */
  kind: string
  values: XmlRecord
  metadata: XmlRecord
}

const ENTRY = /<(File|Directory|Share)>([\s\S]*?)<\/\1>/g
const METADATA = /<Metadata>([\s\S]*?)<\/Metadata>/

/** The entries of a listing, files and directories in the one order in which they came. */
export function readEntries (raw: readonly string[]): Entry[] {
  const entries: Entry[] = []
  for (const text of raw) {
    for (const [, kind, inner] of text.matchAll(ENTRY)) {
      const content = inner as string
      // Metadata may use any name, also that of a property.
      const metadata = METADATA.exec(content)?.[1] ?? ''
      entries.push({ kind: kind as string, values: readRecord(content.replace(METADATA, '')), metadata: readRecord(metadata) })
    }
  }
  return entries
}

export function readRecord (raw: string): XmlRecord {
  const record: XmlRecord = {}
  for (const { name, attributes, text } of elements(raw)) record[name] = attributes.includes('Encoded="true"') ? decodeName(text) : text
  return record
}

function decodeName (text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new StorageError(`The listing holds a name that is not percent-encoded UTF-8: ${text}`, { code: 'MalformedAnswer', cause })
  }
}
