/**
 * How long do small operations take through the whole request path, against the targets of the specification (R2A 9.1
 * and 9.2, AFS 9.1 and 9.2)? R2 and Azure Files on the emulator in a process of its own, signatures verified, one at a time and
 * then 100 at once, round trip on loopback.
 *
 *   node dist/bench/latency.js [--quick]
 */
import { pipeline } from 'node:stream/promises'
import pLimit from 'p-limit'
import { startEmulatorProcess } from '../bin/emulator-process.ts'
import { KiB, MiB } from '../lib/bytes/sizes.ts'
import { AzureFiles } from '../streams/azure-files/index.ts'
import { R2 } from '../streams/r2/index.ts'
import { benchArguments } from './harness/arguments.ts'
import { sourceOf } from './harness/source.ts'
import { quantile } from './harness/statistics.ts'
import { printTargets } from './harness/targets.ts'
import type { Target } from './harness/targets.ts'
import { printTable } from './table.ts'
import type { Cell } from './table.ts'

interface Case {
  name: string
  /** p50 and p99, in ms. */
  targets: [number, number]
  run (index: number): Promise<unknown>
}

const RUNS = benchArguments().quick ? 60 : 300
const BODY = Buffer.alloc(64 * KiB, 'x')
const AT_ONCE = 100
const FILE = 64 * MiB

await using emulator = await startEmulatorProcess()
await using r2 = R2.fromEnv({}, emulator.env)
await using azure = AzureFiles.fromEnv({}, emulator.env)
await plant()

const CASES: Case[] = [
  { name: 'R2: put 64 KiB', targets: [100, 500], run: index => r2.put(`object-${index % 50}`, BODY) },
  { name: 'R2: get 64 KiB', targets: [50, 200], run: index => r2.get(`object-${index % 50}`) },
  { name: 'R2: list 1,000 keys', targets: [200, 1000], run: () => r2.list({ prefix: 'listed/' }) },
  { name: 'Azure Files: write 64 KiB', targets: [150, 750], run: index => azure.files.write({ path: `file-${index % 50}`, data: BODY }) },
  { name: 'Azure Files: read 64 KiB', targets: [100, 500], run: index => azure.files.read({ path: `file-${index % 50}` }) },
  { name: 'Azure Files: list 100 items', targets: [200, 1000], run: () => azure.createListStream('listed').toArray() },
  { name: 'Azure Files: properties', targets: [50, 200], run: index => azure.files.getProperties({ path: `file-${index % 50}` }) },
  { name: 'Azure Files: acquire a lease', targets: [50, 200], run: index => azure.leases.acquire({ path: `leased-${index}` }) }
]

/** A lease can be acquired once: so many files there are. */
async function plant (): Promise<void> {
  const limit = pLimit(32)
  await azure.directories.create({ path: 'listed' })
  const names = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
  await Promise.all([
    ...names(1000).map(index => limit(() => r2.put(`listed/${String(index).padStart(4, '0')}`, 'x'))),
    ...names(100).map(index => limit(() => azure.files.create({ path: `listed/${index}`, size: 0 }))),
    ...names(8 * RUNS).map(index => limit(() => azure.files.create({ path: `leased-${index}`, size: 0 })))
  ])
}

const rows: Cell[][] = []
const targets: Target[] = []
for (const { name, targets: [p50, p99], run } of CASES) {
  let index = 0
  for (let warmUp = 0; warmUp < 50; warmUp++) await run(index++)
  const times: number[] = []
  for (let round = 0; round < RUNS; round++) {
    const startedAt = performance.now()
    await run(index++)
    times.push(performance.now() - startedAt)
  }
  rows.push([name, quantile(times, 0.5), p50, quantile(times, 0.99), p99, await rate(() => run(index++))])
  targets.push({ what: `${name}, p50`, reach: p50, found: quantile(times, 0.5), atMost: true, unit: 'ms' }, { what: `${name}, p99`, reach: p99, found: quantile(times, 0.99), atMost: true, unit: 'ms' })
}
printTable('Small operations on the emulator, round trip on loopback', [
  { name: 'what' }, { name: 'p50', unit: 'ms', digits: 2 }, { name: 'target', unit: 'ms' }, { name: 'p99', unit: 'ms', digits: 2 }, { name: 'target', unit: 'ms' }, { name: `${AT_ONCE} at once`, unit: 'ops/s' }
], rows)
printTargets([
  ...targets,
  { what: 'Azure Files: one file up', reach: 60, found: await streamed(() => pipeline(sourceOf(FILE, 64 * KiB), azure.createWriteStream('streamed'))), unit: 'MB/s', digits: 0 },
  { what: 'Azure Files: one file down', reach: 60, found: await streamed(() => pipeline(azure.createReadStream('streamed'), async source => { for await (const chunk of source) void chunk })), unit: 'MB/s', digits: 0 }
])

/** With 100 callers at once over the pool's 20 connections. */
async function rate (run: () => Promise<unknown>): Promise<number> {
  const many = pLimit(AT_ONCE)
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 5 * RUNS }, () => many(run)))
  return 5 * RUNS / ((performance.now() - startedAt) / 1000)
}

async function streamed (move: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await move()
  return FILE / 1e6 / ((performance.now() - startedAt) / 1000)
}
