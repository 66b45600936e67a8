import { namedSize, rangeOf } from './wire-server.ts'
import type { SinkAnswer, SinkService, SunkRequest } from './wire-server.ts'

const ITEM = { id: 'item', name: 'object', eTag: '"{1},1"', cTag: '"c:{1},1"', parentReference: { driveId: 'd', id: 'root', path: '/drive/root:' } }
const JSON_TYPE = { 'content-type': 'application/json' }
const NOBODY_WAITS = '2099-01-01T00:00:00Z'

/** Graph as cheap as a client lets it be: upload sessions take each fragment whole, in order, and name no hash. */
export const oneDriveSink: SinkService = {
  keeps: () => false,
  answer: request => {
    if (request.path.endsWith('createUploadSession')) return json(200, { uploadUrl: `http://${request.headers['host']}/onedrive/session`, expirationDateTime: NOBODY_WAITS, nextExpectedRanges: ['0-'] })
    if (request.path.endsWith('/session')) return request.method === 'DELETE' ? { status: 204 } : fragment(request)
    if (request.method === 'PUT') return json(201, { ...ITEM, size: request.length, file: {} })
    if (request.path.includes('content')) return content(request)
    return json(200, { ...ITEM, size: namedSize(request.path), file: {}, '@microsoft.graph.downloadUrl': `http://${request.headers['host']}/onedrive/content-zeros-${namedSize(request.path)}` })
  }
}

export function isGraph ({ path }: SunkRequest): boolean {
  return path.startsWith('/onedrive')
}

function fragment ({ headers }: SunkRequest): SinkAnswer {
  const [, end, total] = /bytes \d+-(\d+)\/(\d+)/.exec(headers['content-range'] ?? '') ?? []
  const next = Number(end) + 1
  if (next < Number(total)) return json(202, { expirationDateTime: NOBODY_WAITS, nextExpectedRanges: [`${next}-`] })
  return json(201, { ...ITEM, size: Number(total), file: {} })
}

function content ({ path, headers }: SunkRequest): SinkAnswer {
  const size = namedSize(path)
  const [start, end] = rangeOf(headers['range'], size)
  const isPart = headers['range'] !== undefined
  return { status: isPart ? 206 : 200, headers: { etag: ITEM.eTag, ...(isPart ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}) }, body: end - start + 1 }
}

function json (status: number, body: object): SinkAnswer {
  return { status, headers: JSON_TYPE, body: JSON.stringify(body) }
}
