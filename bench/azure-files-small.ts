// How many small operations a second, 100 at once: ours and `@azure/storage-file-share`, against one sink, in turn.
import { Readable } from 'node:stream'
import { StorageSharedKeyCredential, ShareServiceClient } from '@azure/storage-file-share'
import type { ShareFileClient } from '@azure/storage-file-share'
import pLimit from 'p-limit'
import { KiB } from '../lib/bytes/sizes.ts'
import { ACCOUNT_KEY, ACCOUNT_NAME, SHARE, azureEndpoint, azureSinkClient } from './azure-sink.ts'
import { startSink } from './sink.ts'
import { printTargets } from './harness/targets.ts'
import { printTable } from './table.ts'

const SIZE = 4 * KiB
const BODY = Buffer.alloc(SIZE, 'x')
const AT_ONCE = 100
const OPERATIONS = 2000
const ROUNDS = 5

type Operation = (index: number) => Promise<unknown>

await using sink = await startSink()
await using azure = azureSinkClient(sink.endpoint)
const root = new ShareServiceClient(azureEndpoint(sink.endpoint), new StorageSharedKeyCredential(ACCOUNT_NAME, ACCOUNT_KEY)).getShareClient(SHARE).rootDirectoryClient

/** Both ways to store a file are two requests: Create File, Put Range. Ours of a whole file, `files.write`, is three, as it keeps headers and metadata. */
const CASES: Array<{ name: string, theirs: Operation, ours: Operation }> = [
  { name: 'put, createWriteStream', theirs: put, ours: index => finished(azure.createWriteStream(`put-${index}`)) },
  { name: 'put, files.write', theirs: put, ours: index => azure.files.write({ path: `put-${index}`, data: BODY }) },
  { name: 'get, files.read', theirs: get, ours: async () => expect((await azure.files.read({ path: `zeros-${SIZE}` })).data.length) },
  { name: 'properties', theirs: () => theirFile(`zeros-${SIZE}`).getProperties(), ours: () => azure.files.getProperties({ path: `zeros-${SIZE}` }) }
]

function theirFile (name: string): ShareFileClient {
  return root.getFileClient(name)
}

function put (index: number): Promise<unknown> {
  return theirFile(`put-${index}`).uploadData(BODY)
}

async function get (): Promise<void> {
  const { readableStreamBody } = await theirFile(`zeros-${SIZE}`).download()
  expect(Buffer.concat(await Readable.from(readableStreamBody ?? []).toArray() as Buffer[]).length)
}

function expect (size: number): void {
  if (size !== SIZE) throw new Error(`Received ${size} of ${SIZE} bytes`)
}

function finished (stream: ReturnType<typeof azure.createWriteStream>): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.on('finish', resolve).on('error', reject).end(BODY)
  })
}

async function rate (operation: Operation): Promise<number> {
  const limit = pLimit(AT_ONCE)
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: OPERATIONS }, (_, index) => limit(operation, index)))
  return OPERATIONS / ((performance.now() - startedAt) / 1000)
}

function median (values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}

const rows: Array<[name: string, theirs: number, ours: number, ratio: number]> = []
for (const { name, ours, theirs } of CASES) {
  const found: Array<{ ours: number, theirs: number }> = []
  for (let round = 0; round <= ROUNDS; round++) {
    const pair = { theirs: await rate(theirs), ours: await rate(ours) }
    if (round > 0) found.push(pair) // Round 0 warms up.
  }
  rows.push([name, median(found.map(pair => pair.theirs)), median(found.map(pair => pair.ours)), median(found.map(pair => pair.ours / pair.theirs))])
}
printTable(`Operations of ${SIZE / KiB} KiB, ${AT_ONCE} at once, median of ${ROUNDS} rounds of ${OPERATIONS}`, [
  { name: 'operation' }, { name: 'SDK', unit: 'ops/s' }, { name: 'ours', unit: 'ops/s' }, { name: 'ratio', unit: 'SDK = 1', digits: 2 }
], rows)
printTargets(rows.map(([what, , , found]) => ({ what: `${what}, against the SDK`, reach: 1, found })))
