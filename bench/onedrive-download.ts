/**
 * Is a download whole whatever happens to it? 1 GiB through one `Readable`, while its URL expires twice and its connection is
 * cut ten times, and once without trouble as the baseline. Fails unless the digests are equal, each fault happened, and
 * memory stayed within `concurrency` × `rangeSize`.
 *
 *   node dist/bench/onedrive-download.js [--quick]
 */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { GiB, MiB, formatSize } from '../lib/bytes/sizes.ts'
import { OneDrive } from '../streams/onedrive/client.ts'
import { measureApart, measureHere, noise, startClouds } from './onedrive-emulator.ts'
import type { EmulatedClouds } from './onedrive-emulator.ts'
import { printTable } from './table.ts'

const RANGE = 8 * MiB
const CONCURRENCY = 4
const CUTS = 10
const EXPIRIES = 2
/** Code, heap and garbage beside the ranges ahead. */
const ALLOWED = CONCURRENCY * RANGE + 80 * MiB

interface Found {
  sha256: string
  received: number
  resumed: number
}

/** In a process of its own; the parent hears how far it is, and makes URLs expire. */
async function download (size: number): Promise<Found> {
  await using onedrive = OneDrive.fromEnv()
  const readable = onedrive.createReadStream('/noise', { rangeSize: RANGE, concurrency: CONCURRENCY })
  const found = { sha256: '', received: 0, resumed: 0 }
  readable.on('resume', () => { found.resumed++ })
  const hash = createHash('sha256')
  const marks = Array.from({ length: EXPIRIES }, (_, index) => Math.floor(size * (index + 1) / (EXPIRIES + 1)))
  for await (const chunk of readable as AsyncIterable<Buffer>) {
    hash.update(chunk)
    found.received += chunk.length
    if (found.received < (marks[0] ?? Infinity)) continue
    marks.shift()
    await expired()
  }
  return { ...found, sha256: hash.digest('hex') }
}

/** Waits until the parent has made the URLs expire. */
async function expired (): Promise<void> {
  process.send?.('expire')
  await new Promise(resolve => process.once('message', resolve))
}

async function prepare (clouds: EmulatedClouds, size: number): Promise<string> {
  await using onedrive = OneDrive.fromEnv({ fragmentSize: 40 * MiB }, clouds.env)
  const writable = onedrive.createWriteStream('/noise', { size, digest: 'sha256' })
  await pipeline(noise(size), writable)
  await clouds.report()
  return writable.result?.digests['sha256'] ?? ''
}

/** One cut for each tenth of the ranges, each at another place of its body. */
function cuts (size: number): Array<{ operation: string, skip: number, reset: { responseByte: number } }> {
  const apart = Math.floor(size / RANGE / CUTS)
  return Array.from({ length: CUTS }, (_, cut) => ({ operation: 'DownloadContent', skip: cut * apart, reset: { responseByte: 100_000 + cut * 700_000 } }))
}

async function main (size: number): Promise<void> {
  await using clouds = await startClouds()
  const sha256 = await prepare(clouds, size)
  const faults: string[] = []
  const rows = []
  for (const trouble of [false, true]) {
    if (trouble) await clouds.arm(cuts(size), { expiredDownload: 401 })
    let expiries = 0
    const { base, peak, ms, found } = await measureApart<Found>(import.meta.url, [String(size)], clouds.env, async () => {
      expiries++
      if (trouble) await clouds.expireDownloadUrls()
    })
    const { operations, statuses, hits } = await clouds.report()
    const refused = statuses['DownloadContent 401'] ?? 0
    const name = trouble ? `${EXPIRIES} expiries, ${hits} cuts` : 'no trouble'
    if (found.sha256 !== sha256 || found.received !== size) faults.push(`${name}: ${found.received} bytes with another digest`)
    if (trouble && (hits !== CUTS || expiries !== EXPIRIES || refused < EXPIRIES || operations['GetItem']?.count !== EXPIRIES + 1)) faults.push(`${name}: not all faults happened`)
    if (peak - base > ALLOWED) faults.push(`${name}: ${formatSize(peak - base)} above base pass ${formatSize(ALLOWED)}`)
    rows.push([name, found.sha256 === sha256 ? 'equal' : 'other', operations['DownloadContent']?.count, refused, operations['GetItem']?.count, found.resumed, (peak - base) / MiB, ALLOWED / MiB, size / MiB / (ms / 1000)])
  }
  printTable(`One download of ${formatSize(size)}, ${CONCURRENCY} ranges of ${formatSize(RANGE)} at once`, [
    { name: 'run' }, { name: 'SHA-256' }, { name: 'ranges asked' }, { name: 'refused' }, { name: 'item read' }, { name: 'resumed' }, { name: 'above base', unit: 'MiB' }, { name: 'allowed', unit: 'MiB' }, { name: 'speed', unit: 'MiB/s' }
  ], rows)
  console.log(faults.length === 0 ? '\nEvery byte came, in order.' : `\n${faults.join('\n')}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

if (!await measureHere(size => download(Number(size)))) await main(process.argv.includes('--quick') ? 160 * MiB : GiB)
