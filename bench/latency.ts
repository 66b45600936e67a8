// How long small operations take through the whole request path, against the targets of the specification (R2A 9.1, 9.2):
// R2 on the emulator in a process of its own, signatures verified, one at a time and then 100 at once.
import pLimit from 'p-limit'
import { KiB } from '../lib/bytes/sizes.ts'
import { R2 } from '../streams/r2/index.ts'
import { startEmulatorProcess } from '../bin/emulator-process.ts'
import { printTable } from './table.ts'

const RUNS = 300
const BODY = Buffer.alloc(64 * KiB, 'x')

await using emulator = await startEmulatorProcess()
await using r2 = R2.fromEnv({}, emulator.env)
const limit = pLimit(32)
await Promise.all(Array.from({ length: 1000 }, (_, index) => limit(() => r2.put(`listed/${String(index).padStart(4, '0')}`, 'x'))))

const CASES = [
  { name: 'put 64 KiB', targets: [100, 500], run: (index: number) => r2.put(`object-${index % 50}`, BODY) },
  { name: 'get 64 KiB', targets: [50, 200], run: (index: number) => r2.get(`object-${index % 50}`) },
  { name: 'list 1,000 keys', targets: [200, 1000], run: () => r2.list({ prefix: 'listed/' }) }
]

const rows = []
for (const { name, targets, run } of CASES) {
  for (let index = 0; index < 50; index++) await run(index)
  const times: number[] = []
  for (let index = 0; index < RUNS; index++) {
    const startedAt = performance.now()
    await run(index)
    times.push(performance.now() - startedAt)
  }
  times.sort((a, b) => a - b)
  rows.push([name, times[RUNS / 2], targets[0], times[Math.floor(RUNS * 0.99)], targets[1], await rate(run)])
}
printTable('Small operations on the emulator, round trip on loopback', [
  { name: 'what' }, { name: 'p50', unit: 'ms', digits: 2 }, { name: 'target', unit: 'ms' }, { name: 'p99', unit: 'ms', digits: 2 }, { name: 'target', unit: 'ms' }, { name: '100 at once', unit: 'ops/s' }
], rows)

/** With 100 callers at once over the pool's 20 connections. */
async function rate (run: (index: number) => Promise<unknown>): Promise<number> {
  const many = pLimit(100)
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 5 * RUNS }, (_, index) => many(run, index)))
  return 5 * RUNS / ((performance.now() - startedAt) / 1000)
}
