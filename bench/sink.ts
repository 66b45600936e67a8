/**
 * A server that does as little as an S3 client lets it: takes bodies without looking at them, gives zeros back. It runs
 * in a process of its own so that what is measured is the client. Verifies nothing: for that there is the emulator.
 * Requests of Azure Files are answered by `azure-sink.ts`.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { R2 } from '../streams/r2/index.ts'
import type { R2Options } from '../streams/r2/index.ts'
import { isAzure, serveAzure } from './azure-sink.ts'

export interface SinkOptions {
  /** Wait before each answer. */
  latencyMs?: number
  /** For each connection, in both directions. */
  bytesPerSecond?: number
}

export interface Sink extends AsyncDisposable {
  endpoint: string
}

const ZEROS = Buffer.alloc(256 * 1024)
const ETAG = '"opaque"'

/** Starts the sink as a child; it ends with its parent. */
export async function startSink (options: SinkOptions = {}): Promise<Sink> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, SLUICE_BENCH_SINK: '1' } })
  const [port] = await once(child, 'message') as [number]
  return {
    endpoint: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      child.disconnect()
      await once(child, 'exit')
    }
  }
}

/** Any credentials do. */
export function sinkClient (endpoint: string, options: R2Options = {}): R2 {
  return new R2({ endpoint, accessKeyId: 'bench', secretAccessKey: 'bench', bucket: 'bench', ...options })
}

async function serve (request: IncomingMessage, response: ServerResponse, options: SinkOptions): Promise<void> {
  if (isAzure(request)) return await serveAzure(request, response)
  await drain(request, options)
  if (options.latencyMs !== undefined) await delay(options.latencyMs)
  if (request.method === 'GET' || request.method === 'HEAD') return await send(request, response, options)
  const query = (request.url ?? '').split('?')[1] ?? ''
  response.setHeader('etag', ETAG)
  if (request.method === 'POST') response.end(query.startsWith('uploadId') ? COMPLETED : CREATED)
  else response.end()
}

const CREATED = '<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>'
const COMPLETED = '<CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><ETag>"opaque-n"</ETag></CompleteMultipartUploadResult>'

async function drain (request: IncomingMessage, { bytesPerSecond }: SinkOptions): Promise<void> {
  if (bytesPerSecond === undefined) {
    request.resume()
    if (!request.readableEnded) await once(request, 'end')
    return
  }
  for await (const chunk of request as AsyncIterable<Buffer>) await delay(chunk.length / bytesPerSecond * 1000)
}

/** The object's size is in its key: `/bench/zeros-1048576`. */
async function send (request: IncomingMessage, response: ServerResponse, { bytesPerSecond }: SinkOptions): Promise<void> {
  const size = Number(/zeros-(\d+)/.exec(request.url ?? '')?.[1] ?? 0)
  const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '')
  const start = Number(range?.[1] ?? 0)
  const end = Math.min(range?.[2] === undefined || range[2] === '' ? size - 1 : Number(range[2]), size - 1)
  const headers = { etag: ETAG, 'content-length': end - start + 1, ...(range === null ? {} : { 'content-range': `bytes ${start}-${end}/${size}` }) }
  response.writeHead(range === null ? 200 : 206, headers)
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  await pipeline(Readable.from(zeros(end - start + 1, bytesPerSecond), { objectMode: false }), response)
}

async function * zeros (size: number, bytesPerSecond?: number): AsyncGenerator<Buffer> {
  for (let left = size; left > 0; left -= ZEROS.length) {
    yield ZEROS.subarray(0, Math.min(left, ZEROS.length))
    if (bytesPerSecond !== undefined) await delay(ZEROS.length / bytesPerSecond * 1000)
  }
}

if (process.env['SLUICE_BENCH_SINK'] === '1' && process.send !== undefined) {
  const options = JSON.parse(process.argv[2] ?? '{}') as SinkOptions
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response, options).catch(() => response.destroy()) // The client has gone: the rest is not wanted.
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.once('disconnect', () => process.exit())
}
