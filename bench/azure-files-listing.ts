/**
 * Does a recursive listing need memory for what it lists? Trees of 2,000 and of 20,000 entries in directories of up to 20
 * files, three levels deep, listed from an emulator in a process of its own; each listing in a fresh process. Fails when the live heap or the
 * peak RSS grows with the tree, or when a listing that is left early has asked for more than the way to where it stopped.
 *
 *   node dist/bench/azure-files-listing.js
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import pLimit from 'p-limit'
import { startEmulator } from '../emulator/index.ts'
import type { AzureFilesOptions } from '../streams/azure-files/index.ts'
import { AzureFiles } from '../streams/azure-files/index.ts'
import { KiB, MiB } from '../lib/bytes/sizes.ts'
import { printTable } from './table.ts'

interface Measured { entries: number, requests: number, ms: number, base: number, peakHeap: number, peakRss: number, leftAfter: number }

/** Entries: directories of the first level × (1 + 9 directories × (1 + 9 files) + 9 files). */
const BREADTHS = [20, 200]
const PER_LEVEL = 9
const HEAP_SLOPE = 4 * MiB
const RSS_SLOPE = 24 * MiB

async function plant (azure: AzureFiles, breadth: number): Promise<string> {
  const root = `tree-${breadth}`
  const limit = pLimit(16)
  const names = Array.from({ length: PER_LEVEL }, (_, index) => String(index))
  await azure.directories.create({ path: root })
  await Promise.all(Array.from({ length: breadth }, (_, index) => limit(async () => {
    const top = `${root}/${index}`
    await azure.directories.create({ path: top })
    for (const name of names) {
      await azure.files.create({ path: `${top}/file-${name}`, size: 0 })
      await azure.directories.create({ path: `${top}/dir-${name}` })
      for (const leaf of names) await azure.files.create({ path: `${top}/dir-${name}/file-${leaf}`, size: 0 })
    }
  })))
  return root
}

/** In the child: what lives after a collection, at every thousandth entry. */
async function measureHere (root: string, options: AzureFilesOptions): Promise<Measured> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  await using azure = new AzureFiles(options)
  for await (const entry of azure.createListStream(root)) void entry // Warms up.
  const live = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const base = live()
  const before = azure.sent.requests
  const startedAt = performance.now()
  let entries = 0
  let peakHeap = 0
  for await (const entry of azure.createListStream(root, { recursive: true, pageSize: 100 })) {
    if (entry.path === '') throw new Error('An entry has no path')
    if (++entries % 1000 === 0) peakHeap = Math.max(peakHeap, live())
  }
  const ms = performance.now() - startedAt
  const requests = azure.sent.requests - before
  const peakRss = process.resourceUsage().maxRSS * KiB
  return { entries, requests, ms, base, peakHeap, peakRss, leftAfter: await leaveEarly(azure, root) }
}

/** Requests for the first ten entries, when nobody wants more. */
async function leaveEarly (azure: AzureFiles, root: string): Promise<number> {
  const before = azure.sent.requests
  let entries = 0
  for await (const entry of azure.createListStream(root, { recursive: true, pageSize: 100 })) {
    if (entry.path !== '' && ++entries === 10) break
  }
  return azure.sent.requests - before
}

async function measure (root: string, options: AzureFilesOptions): Promise<Measured> {
  const child = fork(fileURLToPath(import.meta.url), [root, JSON.stringify(options)], { env: { ...process.env, SLUICE_BENCH_LISTING: '1' } })
  const exited = once(child, 'exit')
  const answer = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
  if (answer === undefined) throw new Error(`The listing of ${root} failed`)
  await exited
  return answer[0] as Measured
}

async function main (): Promise<void> {
  await using emulator = await startEmulator()
  const options = emulator.azureFiles.options()
  await using azure = new AzureFiles(options)
  const found: Measured[] = []
  for (const breadth of BREADTHS) found.push(await measure(await plant(azure, breadth), options))
  printTable('A recursive listing, 3 levels deep, pages of 100, one process each', [
    { name: 'entries' }, { name: 'requests' }, { name: 'time', unit: 'ms' }, { name: 'heap before', unit: 'MiB', digits: 1 },
    { name: 'peak live heap', unit: 'MiB', digits: 1 }, { name: 'peak RSS', unit: 'MiB' }, { name: 'first 10 entries', unit: 'requests' }
  ], found.map(({ entries, requests, ms, base, peakHeap, peakRss, leftAfter }) => [entries, requests, ms, base / MiB, peakHeap / MiB, peakRss / MiB, leftAfter]))
  const [small, large] = found as [Measured, Measured]
  const faults = [
    ...(large.entries < 9 * small.entries ? [`${large.entries} entries are not ten times ${small.entries}`] : []),
    ...(large.peakHeap - small.peakHeap > HEAP_SLOPE ? ['the live heap grows with the tree'] : []),
    ...(large.peakRss - small.peakRss > RSS_SLOPE ? ['the peak RSS grows with the tree'] : []),
    ...(large.leftAfter > 4 ? [`${large.leftAfter} requests for ten entries`] : [])
  ]
  console.log(faults.length === 0 ? '\nMemory is flat, and pages are asked for when they are read.' : `\n${faults.join('\n')}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

if (process.env['SLUICE_BENCH_LISTING'] === '1' && process.send !== undefined) {
  const [root = '', options = '{}'] = process.argv.slice(2)
  process.send(await measureHere(root, JSON.parse(options) as AzureFilesOptions))
  process.disconnect()
} else {
  await main()
}
