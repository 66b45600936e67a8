import type { SinkAnswer, SinkService, SunkRequest } from './wire-server.ts'
import { namedSize, rangeOf } from './wire-server.ts'

const ETAG = '"opaque"'
const LAST_MODIFIED = 'Mon, 01 Jan 2024 00:00:00 GMT'
const PAGE = 1000
/** A client may take digits alone for a number. */
const TOKEN = 'from-'
const CREATED = '<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>'
const COMPLETED = '<CompleteMultipartUploadResult><Location>http://localhost/b/k</Location><Bucket>b</Bucket><Key>k</Key><ETag>"opaque-1"</ETag></CompleteMultipartUploadResult>'
const pages = new Map<string, Buffer>()

const XML_TYPE = { 'content-type': 'application/xml' }
const NO_UPLOADS = '<ListMultipartUploadsResult><Bucket>bench</Bucket><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>'
/** Of what was sent, by path. */
const sizes = new Map<string, number>()

/** S3 as cheap as a client lets it be: stores sizes, gives zeros, and lists as many keys as the prefix `listed-100000/` says. */
export const s3Sink: SinkService = {
  keeps: () => false,
  answer: request => {
    switch (request.method) {
      case 'GET':
        if (request.query.includes('list-type=2')) return list(new URLSearchParams(request.query))
        return request.query.startsWith('uploads') ? { headers: XML_TYPE, body: NO_UPLOADS } : read(request)
      case 'HEAD': return read(request)
      case 'PUT': return write(request)
      case 'POST': return { headers: { ...XML_TYPE, etag: ETAG }, body: request.query.includes('uploadId') ? COMPLETED : create(request) }
      default: return { status: 204 }
    }
  }
}

function create ({ path }: SunkRequest): string {
  sizes.set(path, 0)
  return CREATED
}

function write ({ path, query, length }: SunkRequest): SinkAnswer {
  sizes.set(path, query.includes('partNumber') ? (sizes.get(path) ?? 0) + length : length)
  return { headers: { etag: ETAG } }
}

function read ({ path, headers }: SunkRequest): SinkAnswer {
  const size = sizes.get(path) ?? namedSize(path)
  const [start, end] = rangeOf(headers['range'], size)
  const isPart = headers['range'] !== undefined
  return {
    status: isPart ? 206 : 200,
    headers: { etag: ETAG, 'last-modified': LAST_MODIFIED, 'accept-ranges': 'bytes', ...(isPart ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}) },
    body: end - start + 1
  }
}

function list (query: URLSearchParams): SinkAnswer {
  const prefix = query.get('prefix') ?? ''
  const total = Number(/listed-(\d+)/.exec(prefix)?.[1] ?? 0)
  const first = Number(query.get('continuation-token')?.slice(TOKEN.length) ?? 0)
  const name = `${prefix} ${first}`
  const page = pages.get(name) ?? writePage(prefix, first, total)
  pages.set(name, page)
  return { headers: { 'content-type': 'application/xml' }, body: page }
}

function writePage (prefix: string, first: number, total: number): Buffer {
  const count = Math.max(0, Math.min(PAGE, total - first))
  const next = first + count
  const entries = Array.from({ length: count }, (_, index) =>
    `<Contents><Key>${prefix}some/longer/path/file-${String(first + index).padStart(7, '0')}.bin</Key><Size>${index}</Size><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;9e107d9d372bb6826bd81d3542a419d6&quot;</ETag><StorageClass>STANDARD</StorageClass></Contents>`)
  const more = next < total ? `<NextContinuationToken>${TOKEN}${next}</NextContinuationToken>` : ''
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>bench</Name><Prefix>${prefix}</Prefix><KeyCount>${count}</KeyCount><MaxKeys>${PAGE}</MaxKeys><IsTruncated>${next < total}</IsTruncated>${more}${entries.join('')}</ListBucketResult>`)
}
