/** List Directories and Files: one level, page by page, files and directories in one order. */
import type { Answer } from '../service.ts'
import { type Call, directoryAt, rootOf, segmentsOf, xmlAnswer } from './call.ts'
import { azureError, invalidQuery } from './errors.ts'
import { MAX_PAGE } from './limits.ts'
import { foldName } from './names.ts'
import { attributesText } from './smb.ts'
import type { Directory, Entry } from './state.ts'
import { etagOf, httpDate } from './times.ts'
import { SINCE } from './versions.ts'
import { attribute, branch, document, isLegalXml, leaf, type Xml } from './xml.ts'

/** What a listing tells of each entry beside its name. */
interface Detail {
  timestamps: boolean
  etag: boolean
  attributes: boolean
  permissionKey: boolean
  id: boolean
  encoded: boolean
}

export async function listDirectoriesAndFiles (call: Call): Promise<Answer> {
  const { query, route, version } = call
  const segments = segmentsOf(call)
  const directory = directoryAt(rootOf(call).root, segments)
  const limit = readMaxResults(call)
  const page = collect(directory, foldName(query.get('prefix') ?? ''), readMarker(query.get('marker')), limit)
  const detail = readDetail(call)
  const path = segments.join('/')
  const encodePath = detail.encoded && !isLegalXml(path)
  const attributes = attribute('ServiceEndpoint', serviceEndpoint(call)) + attribute('ShareName', route.share) +
    attribute('ShareSnapshot', query.get('sharesnapshot')) + attribute('DirectoryPath', encodePath ? encodeURIComponent(path) : path) +
    attribute('Encoded', encodePath ? 'true' : undefined)
  return xmlAnswer(document('EnumerationResults', attributes,
    echoed(call),
    version >= SINCE.fileIdInListing ? leaf('DirectoryId', directory.id) : undefined,
    branch('Entries', page.entries.map(entry => entryXml(entry, detail))),
    leaf('NextMarker', page.next === undefined ? '' : writeMarker(page.next))))
}

export function serviceEndpoint ({ context, head }: Call): string {
  return `http://${head.headers['host'] ?? 'localhost'}/${context.accountName}/`
}

/** What the request said comes back, and nothing that it did not say. */
export function echoed ({ query }: Call): Xml {
  const prefix = query.get('prefix')
  return [
    leaf('Marker', query.get('marker')),
    prefix === undefined ? undefined : nameXml('Prefix', prefix, true),
    leaf('MaxResults', query.get('maxresults'))
  ]
}

/** @throws {AzureError} 400 for what is no number or below 1; more than 5,000 are 5,000 */
export function readMaxResults ({ query }: Call): number {
  const text = query.get('maxresults')
  if (text === undefined) return MAX_PAGE
  if (!/^-?\d{1,10}$/.test(text)) throw invalidQuery('maxresults', text, 'Invalid integer value.')
  if (Number(text) < 1) {
    throw azureError('OutOfRangeQueryParameterValue', {
      QueryParameterName: 'maxresults', QueryParameterValue: text, MinimumAllowed: '1', MaximumAllowed: String(MAX_PAGE)
    })
  }
  return Math.min(Number(text), MAX_PAGE)
}

function collect ({ children }: Directory, prefix: string, from: string | undefined, limit: number): { entries: Entry[], next: string | undefined } {
  const entries: Entry[] = []
  const start = Math.max(children.lowerBound(prefix), from === undefined ? 0 : children.lowerBound(foldName(from)))
  for (let index = start; ; index++) {
    const found = children.at(index)
    if (found === undefined || !found[0].startsWith(prefix)) return { entries, next: undefined }
    if (entries.length === limit) return { entries, next: found[1].name }
    entries.push(found[1])
  }
}

/** Such as the service's own: version, length, and the name that comes next. */
export function writeMarker (name: string): string {
  const text = Buffer.from(name).toString('base64')
  return `1!${text.length}!${text}`
}

/** @throws {AzureError} 400 */
export function readMarker (marker: string | undefined): string | undefined {
  if (marker === undefined) return undefined
  const match = /^1!(\d+)!([A-Za-z0-9+/=]+)$/.exec(marker)
  if (match === null || Number(match[1]) !== match[2]?.length) throw invalidQuery('marker', marker, 'The marker is not valid.')
  return Buffer.from(match[2], 'base64').toString()
}

function readDetail ({ query, headers, version }: Call): Detail {
  const include = version >= SINCE.extendedListing ? query.list('include') : []
  const unknown = include.find(item => !['timestamps', 'etag', 'attributes', 'permissionkey'].includes(item))
  if (unknown !== undefined) throw invalidQuery('include', unknown, 'The include value is not supported.')
  const extended = headers['x-ms-file-extended-info']?.toLowerCase()
  if (extended === 'false' && include.length > 0) throw azureError('InvalidHeaderValue', { HeaderName: 'x-ms-file-extended-info', HeaderValue: 'false' })
  return {
    timestamps: include.includes('timestamps'),
    etag: include.includes('etag'),
    attributes: include.includes('attributes'),
    permissionKey: include.includes('permissionkey'),
    id: version >= SINCE.fileIdInListing || extended === 'true',
    encoded: version >= SINCE.encodedNames
  }
}

function entryXml (entry: Entry, detail: Detail): string {
  return branch(entry.kind === 'file' ? 'File' : 'Directory',
    detail.id ? leaf('FileId', entry.id) : undefined,
    nameXml('Name', entry.name, detail.encoded),
    branch('Properties',
      entry.kind === 'file' ? leaf('Content-Length', entry.size) : undefined,
      detail.timestamps ? timesXml(entry) : undefined,
      detail.etag ? leaf('Etag', etagOf(entry.modified)) : undefined),
    detail.attributes ? leaf('Attributes', attributesText(entry.smb)) : undefined,
    detail.permissionKey ? leaf('PermissionKey', entry.smb.permissionKey) : undefined)
}

function timesXml ({ smb, modified }: Entry): Xml {
  return [
    leaf('CreationTime', smb.created), leaf('LastAccessTime', smb.accessed), leaf('LastWriteTime', smb.written), leaf('ChangeTime', smb.changed),
    leaf('Last-Modified', httpDate(modified))
  ]
}

/** Names that XML cannot hold are percent-encoded and say so. */
function nameXml (element: string, name: string, encoded: boolean): string | undefined {
  return encoded && !isLegalXml(name) ? leaf(element, encodeURIComponent(name), attribute('Encoded', 'true')) : leaf(element, name)
}
