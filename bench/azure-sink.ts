/**
 * Azure Files as cheap as a client lets it be, answered by the process of `sink.ts`: takes ranges without looking at them
 * and gives zeros back. Two exceptions let a bench prove that bytes arrive: each file has the size that was made of it and
 * counts the bytes that it was sent, and files named `kept…` give back what was written.
 */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { MiB } from '../lib/bytes/sizes.ts'
import { AzureFiles } from '../streams/azure-files/index.ts'
import type { AzureFilesOptions } from '../streams/azure-files/index.ts'
import { unframe } from '../streams/azure-files/structured-body.ts'

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

const ETAG = '"0x8D9A7F2E4C1B300"'
const LAST_MODIFIED = 'Mon, 01 Jan 2024 00:00:00 GMT'
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
export function isAzure (request: IncomingMessage): boolean {
  return request.headers['x-ms-version'] !== undefined
}

export async function serveAzure (request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = '', query = ''] = (request.url ?? '').split('?')
  response.setHeader('etag', ETAG)
  response.setHeader('last-modified', LAST_MODIFIED)
  response.setHeader('x-ms-request-id', 'bench')
  if (request.method === 'GET' || request.method === 'HEAD') return send(request, response, fileAt(path))
  if (query.includes('comp=range')) await put(request, path)
  else await create(request, path)
  response.statusCode = query.includes('comp=properties') ? 200 : 201
  response.setHeader('content-length', 0)
  response.end()
}

/** A file that nobody made has its size in its name: `/bench/zeros-1048576`. */
function fileAt (path: string): SunkFile {
  const file = files.get(path)
  if (file !== undefined) return file
  return { size: Number(/zeros-(\d+)/.exec(path)?.[1] ?? 0), received: 0, content: undefined }
}

async function create (request: IncomingMessage, path: string): Promise<void> {
  await drain(request)
  const size = Number(request.headers['x-ms-content-length'] ?? 0)
  const isNew = request.headers['x-ms-type'] === 'file'
  const { received = 0, content = undefined } = isNew ? {} : fileAt(path)
  const kept = path.includes('/kept') ? Buffer.alloc(size) : undefined
  if (kept !== undefined) content?.copy(kept)
  files.set(path, { size, received, content: kept })
}

async function put (request: IncomingMessage, path: string): Promise<void> {
  if (fileAt(path).content === undefined) await drain(request)
  else await keep(request, path)
  fileAt(path).received += Number(request.headers['content-length'] ?? 0)
}

async function keep (request: IncomingMessage, path: string): Promise<void> {
  const body = Buffer.concat(await request.toArray() as Buffer[])
  const bytes = request.headers['x-ms-structured-body'] === undefined ? body : await unframe(body)
  const { content, size } = fileAt(path) // It may have grown meanwhile.
  if (content !== undefined) bytes.copy(content, rangeOf(request, size)[0])
}

async function drain (request: IncomingMessage): Promise<void> {
  request.resume()
  if (!request.readableEnded) await once(request, 'end')
}

function send (request: IncomingMessage, response: ServerResponse, file: SunkFile): void {
  const { size, received, content } = file
  const [start, end] = rangeOf(request, size)
  const whole = end - start + 1 === size && request.headers['x-ms-range'] === undefined
  response.writeHead(whole ? 200 : 206, {
    'content-length': end - start + 1,
    'x-ms-type': 'File',
    'x-ms-meta-received': received,
    ...(request.headers['x-ms-range-get-content-md5'] === undefined ? {} : { 'content-md5': md5Of(content?.subarray(start, end + 1) ?? ZEROS.subarray(0, end - start + 1)) }),
    ...(whole ? {} : { 'content-range': `bytes ${start}-${end}/${size}` })
  })
  if (request.method === 'HEAD') response.end()
  else if (content !== undefined) response.end(content.subarray(start, end + 1))
  else sendZeros(response, end - start + 1)
}

/** Of zeros it is computed once for each length. */
function md5Of (bytes: Buffer): string {
  if (bytes.buffer !== ZEROS.buffer) return hash('md5', bytes, 'base64')
  const md5 = md5OfZeros.get(bytes.length) ?? hash('md5', bytes, 'base64')
  md5OfZeros.set(bytes.length, md5)
  return md5
}

function sendZeros (response: ServerResponse, left: number): void {
  if (left <= ZEROS.length) {
    response.end(ZEROS.subarray(0, left))
    return
  }
  if (response.write(ZEROS)) setImmediate(sendZeros, response, left - ZEROS.length)
  else response.once('drain', () => sendZeros(response, left - ZEROS.length))
}

function rangeOf ({ headers }: IncomingMessage, size: number): [start: number, end: number] {
  const range = /bytes=(\d+)-(\d*)/.exec(String(headers['x-ms-range'] ?? headers.range ?? ''))
  const end = range?.[2] === undefined || range[2] === '' ? size - 1 : Number(range[2])
  return [Number(range?.[1] ?? 0), Math.min(end, size - 1)]
}
