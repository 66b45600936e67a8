/** XML of the S3 API. */
import { XMLBuilder } from 'fast-xml-parser'
import { createXmlReader, readRecord } from '../../lib/xml/xml.ts'
import type { XmlRecord } from '../../lib/xml/xml.ts'

/** A page of 1,000 keys of 1,024 escaped bytes each stays below this. */
export const MAX_XML_BYTES = 8 * 1024 * 1024

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

export interface XmlDocument {
  root: string
  /** Texts of the elements below the root. */
  values: XmlRecord
  /** The repeated elements of a listing by their name, such as `Contents`. */
  records (name: string): XmlRecord[]
}

const read = createXmlReader({
  ListBucketResult: ['Contents', 'CommonPrefixes'],
  ListPartsResult: ['Part'],
  ListMultipartUploadsResult: ['Upload', 'CommonPrefixes'],
  DeleteResult: ['Deleted', 'Error'],
  ListAllMyBucketsResult: ['Bucket']
})

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', suppressEmptyNode: true })

/** @throws {StorageError} with code `MalformedAnswer` (temporary: an answer may break off), also for a `DOCTYPE`. */
export function parseXml (text: string): XmlDocument {
  const { root, values, raw } = read(text)
  return { root, values, records: name => raw(name).map(readRecord) }
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
