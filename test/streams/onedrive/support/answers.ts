import type { HttpResponse } from '../../../../lib/http/call.ts'
import { ResponseBody } from '../../../../lib/http/response-body.ts'

const socket = { pause: () => {}, resume: () => {}, abort: () => {} }

/** An answer as the exchange gives it, its body already there; objects as JSON. */
export function answer (body: object | string = '', status = 200, headers: Record<string, string> = {}): HttpResponse {
  const stream = new ResponseBody(socket)
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  if (bytes.length > 0) stream.receive(bytes)
  stream.finish()
  return { status, headers, body: stream }
}

/** Graph writes `innerError`, OneDrive's hosts `innererror`; the last code is the innermost. */
export function errorBody (codes: string[], key: 'innerError' | 'innererror' = 'innerError', message = ''): string {
  const nested = codes.reduceRight<object | undefined>((inner, code, index) => ({ code, ...(index === 0 ? { message } : {}), ...(inner === undefined ? {} : { [key]: inner }) }), undefined)
  return JSON.stringify({ error: nested ?? {} })
}

export const FILE = {
  id: '01ABC',
  name: 'plan.txt',
  size: 11,
  eTag: '"{6F1C0B2A-0000-4000-8000-00000000A001},2"',
  cTag: '"c:{6F1C0B2A-0000-4000-8000-00000000A001},1"',
  createdDateTime: '2024-03-01T10:00:00Z',
  lastModifiedDateTime: '2024-03-01T10:05:00Z',
  webUrl: 'https://contoso.sharepoint.com/sites/t/Shared%20Documents/docs/plan.txt',
  '@microsoft.graph.downloadUrl': 'https://contoso.sharepoint.com/download.aspx?UniqueId=6f1c&tempauth=eyJ',
  parentReference: { driveType: 'documentLibrary', driveId: 'b!x', id: '01PARENT', name: 'docs', path: '/drives/b!x/root:/docs', siteId: 's1' },
  file: { mimeType: 'text/plain', hashes: { quickXorHash: 'aCgDG9jwBhDc4Q1yawMZAAAAAAA=' } },
  fileSystemInfo: { createdDateTime: '2024-03-01T10:00:00Z', lastModifiedDateTime: '2024-03-01T10:05:00Z' }
}

export const FOLDER = {
  id: '01FOLDER',
  name: 'docs',
  size: 11,
  eTag: '"{7A00C1D2-0000-4000-8000-00000000B002},1"',
  parentReference: { driveType: 'business', driveId: 'b!x', id: '01ROOT', path: '/drives/b!x/root:' },
  folder: { childCount: 1 }
}
