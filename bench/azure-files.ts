/**
 * How fast is one transfer of Azure Files, ours and `@azure/storage-file-share`, and in how much memory? Each contender
 * runs in turn, each run in a process of its own that first writes or reads 32 MiB and compares the bytes. Upload: 64 KiB chunks of a
 * source, ranges of 4 MiB, 4 in flight. Download: into a `Writable`; the SDK's stream is one request, its
 * `downloadToBuffer` runs 4 ranges at once and holds the whole file.
 *
 *   node dist/bench/azure-files.js [--size MiB] [--rounds n] [--only pattern]
 */
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { StorageSharedKeyCredential, ShareServiceClient } from '@azure/storage-file-share'
import type { ShareFileClient, StorageChecksumAlgorithm } from '@azure/storage-file-share'
import { Agent } from 'undici'
import { KiB, MiB } from '../lib/bytes/sizes.ts'
import type { AzureFiles, AzureWriteStreamOptions } from '../streams/azure-files/index.ts'
import { ACCOUNT_KEY, ACCOUNT_NAME, SHARE, azureEndpoint, azureSinkClient } from './azure-sink.ts'
import { startSink } from './sink.ts'
import { sinkOf, sourceOf } from './harness/source.ts'
import { printTargets } from './harness/targets.ts'
import { printTable } from './table.ts'

type Run = (file: string, size: number, endpoint: string, check?: Check) => Promise<void>

interface Contender { direction: 'upload' | 'download', name: string, run: Run }

/** What was sent or has arrived, for the warm-up. */
interface Check { source: () => Iterable<Buffer>, sink: (chunk: Buffer) => void }

interface Measured { mibPerSecond: number, base: number, peak: number, cpu: number }

const RANGE = 4 * MiB
const AT_ONCE = 4
const CHUNK = 64 * KiB
const WARM_UP = 32 * MiB

const THEIRS = 'SDK'
const CONTENDERS: Contender[] = [
  { direction: 'upload', name: 'bare undici', run: bareUpload },
  { direction: 'upload', name: `${THEIRS} uploadStream`, run: theirUpload() },
  { direction: 'upload', name: `${THEIRS} uploadStream, crc64`, run: theirUpload('StorageCrc64') },
  { direction: 'upload', name: 'ours, default', run: ourUpload({}) },
  { direction: 'upload', name: 'ours, md5', run: ourUpload({ integrity: 'md5' }) },
  { direction: 'upload', name: 'ours, crc64', run: ourUpload({ integrity: 'crc64' }) },
  { direction: 'download', name: 'bare undici', run: bareDownload },
  { direction: 'download', name: `${THEIRS} download`, run: theirDownload },
  { direction: 'download', name: `${THEIRS} downloadToBuffer`, run: theirDownloadToBuffer },
  { direction: 'download', name: 'ours, default', run: ourDownload({}) },
  { direction: 'download', name: 'ours, integrity md5', run: ourDownload({ integrity: 'md5' }) }
]

function ourUpload (options: AzureWriteStreamOptions): Run {
  return (file, size, endpoint, check) => withOurs(endpoint, client =>
    pipeline(sourceFor(size, check), client.createWriteStream(file, { rangeSize: RANGE, concurrency: AT_ONCE, ...options })))
}

function ourDownload (options: { integrity?: 'md5' }): Run {
  return (file, size, endpoint, check) => withOurs(endpoint, client =>
    pipeline(client.createReadStream(file, { rangeSize: RANGE, concurrency: AT_ONCE, ...options }), sinkFor(size, check)))
}

async function withOurs (endpoint: string, run: (client: AzureFiles) => Promise<void>): Promise<void> {
  await using client = azureSinkClient(endpoint)
  await run(client)
}

function theirUpload (contentChecksumAlgorithm?: StorageChecksumAlgorithm): Run {
  // The SDK has three quarters of its buffers in flight: 5 make 4.
  return (file, size, endpoint, check) =>
    theirFile(endpoint, file).uploadStream(sourceFor(size, check), size, RANGE, AT_ONCE + 1, contentChecksumAlgorithm === undefined ? {} : { contentChecksumAlgorithm })
}

async function theirDownload (file: string, size: number, endpoint: string, check?: Check): Promise<void> {
  const { readableStreamBody } = await theirFile(endpoint, file).download(0, size)
  if (readableStreamBody === undefined) throw new Error('The SDK gave no body')
  await pipeline(readableStreamBody, sinkFor(size, check))
}

async function theirDownloadToBuffer (file: string, size: number, endpoint: string, check?: Check): Promise<void> {
  const bytes = await theirFile(endpoint, file).downloadToBuffer(0, size, { rangeSize: RANGE, concurrency: AT_ONCE })
  check?.sink(bytes)
}

function theirFile (endpoint: string, file: string): ShareFileClient {
  const service = new ShareServiceClient(azureEndpoint(endpoint), new StorageSharedKeyCredential(ACCOUNT_NAME, ACCOUNT_KEY))
  return service.getShareClient(SHARE).rootDirectoryClient.getFileClient(file)
}

/** The same requests without signature, timeout, retry or stream: what a socket takes. */
async function bareUpload (file: string, size: number, endpoint: string, check?: Check): Promise<void> {
  const agent = new Agent({ connections: AT_ONCE, pipelining: 1 })
  const send = async (query: string, headers: Record<string, string | number>, body?: Buffer): Promise<void> => {
    const answer = await agent.request({ origin: endpoint, path: `/${ACCOUNT_NAME}/${SHARE}/${file}${query}`, method: 'PUT', headers: { 'x-ms-version': 'bare', ...headers }, body: body ?? null })
    await answer.body.dump()
  }
  await send('', { 'x-ms-type': 'file', 'x-ms-content-length': size })
  const whole = check === undefined ? undefined : Buffer.concat([...check.source()])
  const fixed = Buffer.alloc(RANGE, 'x')
  let next = 0
  const lane = async (): Promise<void> => {
    for (let start = next; start < size; start = next) {
      next += RANGE
      await send('?comp=range', { 'x-ms-range': `bytes=${start}-${start + RANGE - 1}` }, whole?.subarray(start, start + RANGE) ?? fixed)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  await agent.close()
}

async function bareDownload (file: string, size: number, endpoint: string, check?: Check): Promise<void> {
  const agent = new Agent({ connections: 1 })
  const { body } = await agent.request({ origin: endpoint, path: `/${ACCOUNT_NAME}/${SHARE}/${file}`, method: 'GET', headers: { 'x-ms-version': 'bare' } })
  await pipeline(body, sinkFor(size, check))
  await agent.close()
}

/** In chunks as a file or a socket would give them. */
function sourceFor (size: number, check?: Check): Readable {
  return check === undefined ? sourceOf(size, CHUNK) : Readable.from(check.source(), { objectMode: false, highWaterMark: CHUNK })
}

function sinkFor (size: number, check?: Check): Writable {
  return sinkOf(size, (done, chunk) => {
    check?.sink(chunk)
    done()
  })
}

/** Bytes that differ everywhere, so that no two ranges can be exchanged. */
function pattern (size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let index = 0; index < size; index += 4) bytes.writeUInt32LE(Math.imul(index, 2654435761) >>> 0, index)
  return bytes
}

/** Writes or reads 32 MiB that are not all alike, and compares. */
async function warmUp ({ direction, run }: Contender, endpoint: string): Promise<void> {
  const bytes = pattern(WARM_UP)
  const found = createHash('sha256')
  const check: Check = {
    source: function * () { for (let start = 0; start < bytes.length; start += CHUNK) yield bytes.subarray(start, start + CHUNK) },
    sink: chunk => found.update(chunk)
  }
  const file = `kept-${direction}-${process.pid}`
  if (direction === 'upload') {
    await run(file, bytes.length, endpoint, check)
    await bareDownload(file, bytes.length, endpoint, check)
  } else {
    await bareUpload(file, bytes.length, endpoint, check)
    await run(file, bytes.length, endpoint, check)
  }
  if (found.digest('hex') !== createHash('sha256').update(bytes).digest('hex')) throw new Error('Other bytes have arrived')
  await dropKept(file, endpoint)
}

async function dropKept (file: string, endpoint: string): Promise<void> {
  await withOurs(endpoint, async client => { await client.files.create({ path: file, size: 0 }) })
}

/** In the child. */
async function measureHere (contender: Contender, size: number, endpoint: string): Promise<Measured> {
  await warmUp(contender, endpoint)
  const base = process.memoryUsage.rss()
  const file = contender.direction === 'upload' ? `sent-${process.pid}` : `zeros-${size}`
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  await contender.run(file, size, endpoint)
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  const peak = process.resourceUsage().maxRSS * KiB
  if (contender.direction === 'upload') await assertReceived(file, size, endpoint, contender.name.includes('crc64'))
  return { mibPerSecond: size / MiB / seconds, base, peak, cpu: (user + system) / 1e6 / (size / MiB / 1024) }
}

/** A structured body carries some bytes more than the file has. */
async function assertReceived (file: string, size: number, endpoint: string, framed: boolean): Promise<void> {
  await withOurs(endpoint, async client => {
    const { size: found, metadata } = await client.files.getProperties({ path: file })
    const received = Number(metadata['received'])
    if (found !== size || received < size || (!framed && received !== size)) throw new Error(`The sink has ${found} and was sent ${received} of ${size} bytes`)
  })
}

async function measure (contender: Contender, size: number, endpoint: string): Promise<Measured> {
  const child = fork(fileURLToPath(import.meta.url), [String(CONTENDERS.indexOf(contender)), String(size), endpoint], {
    env: { ...process.env, SLUICE_BENCH_AZURE: '1' }, execArgv: ['--no-warnings', ...process.execArgv]
  })
  const exited = once(child, 'exit')
  const answer = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
  if (answer === undefined) throw new Error(`"${contender.direction}, ${contender.name}" failed`)
  await exited
  return answer[0] as Measured
}

function median (values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}

async function main (): Promise<void> {
  const { values } = parseArgs({ options: { size: { type: 'string', default: '1024' }, rounds: { type: 'string', default: '5' }, only: { type: 'string', default: '' } } })
  const size = Number(values.size) * MiB
  const contenders = CONTENDERS.filter(({ direction, name }) => new RegExp(values.only).test(`${direction} ${name}`))
  const found = new Map<Contender, Measured[]>(contenders.map(contender => [contender, []]))
  await using sink = await startSink()
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contender of contenders) found.get(contender)?.push(await measure(contender, size, sink.endpoint))
  }
  const ratio = (direction: Contender['direction'], ours: string, theirs: string): number | undefined => {
    const [over, under] = [ours, theirs].map(name => found.get(CONTENDERS.find(contender => contender.direction === direction && contender.name === name) as Contender))
    if (over === undefined || under === undefined) return undefined
    return median(over.map(({ mibPerSecond }, round) => mibPerSecond / (under[round]?.mibPerSecond ?? NaN)))
  }
  for (const direction of ['upload', 'download'] as const) {
    const rows = contenders.filter(contender => contender.direction === direction)
    const theirs = found.get(CONTENDERS.find(contender => contender.direction === direction && contender.name.startsWith(THEIRS)) as Contender) ?? []
    const cells = rows.map(contender => {
      const runs = found.get(contender) as Measured[]
      const ratios = runs.map(({ mibPerSecond }, round) => mibPerSecond / (theirs[round]?.mibPerSecond ?? NaN))
      return [
        contender.name, median(runs.map(run => run.mibPerSecond)), median(ratios), Math.min(...ratios), Math.max(...ratios),
        median(runs.map(run => run.cpu)), median(runs.map(run => run.base)) / MiB, Math.max(...runs.map(run => run.peak)) / MiB
      ]
    })
    printTable(`${direction} of ${values.size} MiB, ranges of 4 MiB × ${AT_ONCE}, chunks of 64 KiB, median of ${values.rounds} rounds`, [
      { name: direction }, { name: 'rate', unit: 'MiB/s' }, { name: 'ratio', unit: 'SDK = 1', digits: 2 }, { name: 'worst', digits: 2 }, { name: 'best', digits: 2 },
      { name: 'CPU', unit: 's/GiB', digits: 2 }, { name: 'base RSS', unit: 'MiB' }, { name: 'peak RSS', unit: 'MiB' }
    ], cells)
  }
  printTargets([
    { what: 'Upload to Azure Files against the SDK', reach: 1.5, found: ratio('upload', 'ours, default', `${THEIRS} uploadStream`) },
    { what: 'Upload with crc64 against the SDK with its own', reach: 1.3, found: ratio('upload', 'ours, crc64', `${THEIRS} uploadStream, crc64`) },
    { what: 'Download from Azure Files against one undici body', reach: 1, found: ratio('download', 'ours, default', 'bare undici') },
    { what: 'Download from Azure Files against the SDK', reach: 1.2, found: ratio('download', 'ours, default', `${THEIRS} download`) }
  ])
}

if (process.env['SLUICE_BENCH_AZURE'] === '1' && process.send !== undefined) {
  const [index, size, endpoint = ''] = process.argv.slice(2)
  process.send(await measureHere(CONTENDERS[Number(index)] as Contender, Number(size), endpoint))
  process.disconnect()
} else {
  await main()
}
