/**
 * What does a recursive listing hold, and what does it ask for? 5,000 items in 500 folders and 50,000 in 5,000, at most five
 * deep; then a reader that stops after 100 items, and one that reads and waits. Fails when the heap in use grows by more than
 * 2 MiB with the tree, or when requests go on that nobody wants.
 *
 *   node dist/bench/recursive-listing.js [--quick]
 */
import { setTimeout as delay } from 'node:timers/promises'
import { MiB, formatSize } from '../lib/bytes/sizes.ts'
import { OneDrive } from '../streams/onedrive/client.ts'
import { measureApart, measureHere } from './harness/apart.ts'
import { startClouds } from './onedrive-emulator.ts'
import type { EmulatedClouds } from './onedrive-emulator.ts'
import { printTable } from './table.ts'

const FILES = 9
const STOP_AFTER = 100
const GROWTH = 2 * MiB

interface Found {
  items: number
  folders: number
  deepest: number
  /** Most of the heap in use after a collection, above that before the first item. */
  held: number
  rss: number
}

async function list (limit: number): Promise<Found> {
  await using onedrive = OneDrive.fromEnv()
  await onedrive.get('/tree')
  const before = heapInUse()
  const found: Found = { items: 0, folders: 0, deepest: 0, held: 0, rss: 0 }
  for await (const item of onedrive.createListStream('/tree', { recursive: true })) {
    found.items++
    if (item.type === 'folder') found.folders++
    found.deepest = Math.max(found.deepest, (item.path ?? '').split('/').length - 2)
    if (found.items % 500 === 0) found.held = Math.max(found.held, heapInUse() - before)
    if (found.items === limit) break
  }
  // What was asked for before the reader stopped has come by then; what comes after it would be asked for by nobody.
  await delay(300)
  return found
}

function heapInUse (): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** How many requests a reader causes that takes so many items and then waits. */
async function askedBy (clouds: EmulatedClouds, items: number): Promise<number> {
  await using onedrive = OneDrive.fromEnv({}, clouds.env)
  await clouds.report()
  const stream = onedrive.createListStream('/tree', { recursive: true })
  const reader = stream[Symbol.asyncIterator]()
  for (let item = 0; item < items; item++) await reader.next()
  await delay(300)
  const asked = await pagesOf(clouds)
  stream.destroy()
  return asked
}

async function pagesOf (clouds: EmulatedClouds): Promise<number> {
  return (await clouds.report()).operations['ListChildren']?.count ?? 0
}

async function main (trees: number[]): Promise<void> {
  const rows = []
  const faults: string[] = []
  const held: number[] = []
  for (const folders of trees) {
    await using clouds = await startClouds()
    await clouds.plant(folders, FILES)
    await clouds.report()
    const whole = await measureApart<Found>(import.meta.url, ['Infinity'], clouds.env)
    const pages = await pagesOf(clouds)
    const stopped = await measureApart<Found>(import.meta.url, [String(STOP_AFTER)], clouds.env)
    const asked = await pagesOf(clouds)
    const waiting = [await askedBy(clouds, 0), await askedBy(clouds, 1), await askedBy(clouds, STOP_AFTER)] as const
    const { items, deepest } = whole.found
    if (items !== folders * (FILES + 1) || whole.found.folders !== folders) faults.push(`${items} items came of ${folders * (FILES + 1)}`)
    // One for the root, one for each folder that was entered, and none ahead.
    if (pages !== folders + 1) faults.push(`${pages} requests for ${folders + 1} folders`)
    if (asked > stopped.found.folders + 1) faults.push(`${asked} requests for the first ${STOP_AFTER} items in ${stopped.found.folders} folders`)
    // The first item is the only one of its page, so that the item ahead takes a second request.
    if (waiting[0] !== 0 || waiting[1] > 2) faults.push(`${waiting[0]} requests for no item, ${waiting[1]} for one`)
    held.push(whole.found.held)
    rows.push([items, folders, deepest, pages, asked, waiting.join(', '), whole.found.held / MiB, (whole.peak - whole.base) / MiB, whole.peak / MiB, items / (whole.ms / 1000)])
  }
  const growth = (held.at(-1) ?? 0) - (held[0] ?? 0)
  if (growth > GROWTH) faults.push(`the heap in use grows by ${formatSize(growth)} with the tree`)
  printTable(`Recursive listing; one that stops after ${STOP_AFTER} items; readers that take 0, 1, ${STOP_AFTER} items and wait`, [
    { name: 'items' }, { name: 'folders' }, { name: 'depth' }, { name: 'requests' }, { name: 'when stopped' }, { name: 'when waiting' }, { name: 'heap held', unit: 'MiB', digits: 2 }, { name: 'RSS above base', unit: 'MiB' }, { name: 'peak RSS', unit: 'MiB' }, { name: 'speed', unit: 'items/s' }
  ], rows)
  console.log(faults.length === 0 ? '\nMemory follows the depth, and requests the reader.' : `\n${faults.join('\n')}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

if (!await measureHere(([limit]) => list(Number(limit)))) await main(process.argv.includes('--quick') ? [50, 500] : [500, 5000])
