/**
 * Azure Files as cheap as a client lets it be, answered by the process of `sink.ts`: takes ranges without looking at them
 * and gives zeros back. Two exceptions let a bench prove that bytes arrive: each file has the size that was made of it and
 * counts the bytes that it was sent, and files named `kept…` give back what was written.
 */
import { hash } from 'node:crypto'
import { MiB } from '../lib/bytes/sizes.ts'
import { AzureFiles } from '../streams/azure-files/index.ts'
import type { AzureFilesOptions } from '../streams/azure-files/index.ts'
import { unframe } from '../streams/azure-files/structured-body.ts'
import { namedSize, rangeOf } from './sink/wire-server.ts'
import type { SinkAnswer, SinkService, SunkRequest } from './sink/wire-server.ts'

interface SunkFile {
  size: number
  /** Bytes of all ranges that were put. */
  received: number
  content: Buffer | undefined
}

export const ACCOUNT_NAME = 'benchacct'
/** Any key does. */
export const ACCOUNT_KEY = Buffer.alloc(64, 'k').toString('base64')
export const SHARE = 'bench'

const ANSWER_HEADERS = { etag: '"0x8D9A7F2E4C1B300"', 'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT', 'x-ms-request-id': 'bench' }
const ZEROS = Buffer.alloc(4 * MiB)
const md5OfZeros = new Map<number, string>()
const files = new Map<string, SunkFile>()

/** Where a host is an address, the account stands in the path: the SDK insists. */
export function azureEndpoint (endpoint: string): string {
  return `${endpoint}/${ACCOUNT_NAME}`
}

export function azureSinkClient (endpoint: string, options: AzureFilesOptions = {}): AzureFiles {
  return new AzureFiles({ endpoint: azureEndpoint(endpoint), accountName: ACCOUNT_NAME, accountKey: ACCOUNT_KEY, share: SHARE, ...options })
}

/** Whether the sink should answer as Azure Files. */
export function isAzure ({ headers }: SunkRequest): boolean {
  return headers['x-ms-version'] !== undefined
}

export const azureSink: SinkService = {
  keeps: ({ path, method, query }) => method === 'PUT' && query.includes('comp=range') && fileAt(path).content !== undefined,
  answer: async request => {
    const { method, path, query } = request
    if (method === 'GET' || method === 'HEAD') return read(request, fileAt(path))
    if (query.includes('comp=range')) await put(request)
    else create(request)
    return { status: query.includes('comp=properties') ? 200 : 201, headers: ANSWER_HEADERS }
  }
}

/** A file that nobody made has its size in its name. */
function fileAt (path: string): SunkFile {
  return files.get(path) ?? { size: namedSize(path), received: 0, content: undefined }
}

function create ({ headers, path }: SunkRequest): void {
  const size = Number(headers['x-ms-content-length'] ?? 0)
  const isNew = headers['x-ms-type'] === 'file'
  const { received = 0, content = undefined } = isNew ? {} : fileAt(path)
  const kept = path.includes('/kept') ? Buffer.alloc(size) : undefined
  if (kept !== undefined) content?.copy(kept)
  files.set(path, { size, received, content: kept })
}

async function put ({ path, headers, body, length }: SunkRequest): Promise<void> {
  fileAt(path).received += length
  if (fileAt(path).content === undefined) return
  const bytes = headers['x-ms-structured-body'] === undefined ? body : await unframe(body)
  const { content, size } = fileAt(path) // It may have grown meanwhile.
  if (content !== undefined) bytes.copy(content, rangeOf(rangeHeader(headers), size)[0])
}

function read ({ headers }: SunkRequest, { size, received, content }: SunkFile): SinkAnswer {
  const [start, end] = rangeOf(rangeHeader(headers), size)
  const whole = end - start + 1 === size && headers['x-ms-range'] === undefined
  return {
    status: whole ? 200 : 206,
    headers: {
      ...ANSWER_HEADERS,
      'x-ms-type': 'File',
      'x-ms-meta-received': received,
      ...(headers['x-ms-range-get-content-md5'] === undefined ? {} : { 'content-md5': md5Of(content?.subarray(start, end + 1) ?? ZEROS.subarray(0, end - start + 1)) }),
      ...(whole ? {} : { 'content-range': `bytes ${start}-${end}/${size}` })
    },
    body: content?.subarray(start, end + 1) ?? end - start + 1
  }
}

/** Of zeros it is computed once for each length. */
function md5Of (bytes: Buffer): string {
  if (bytes.buffer !== ZEROS.buffer) return hash('md5', bytes, 'base64')
  const md5 = md5OfZeros.get(bytes.length) ?? hash('md5', bytes, 'base64')
  md5OfZeros.set(bytes.length, md5)
  return md5
}

function rangeHeader (headers: SunkRequest['headers']): string | undefined {
  return headers['x-ms-range'] ?? headers['range']
}
