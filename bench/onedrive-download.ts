/**
 * Is a download whole whatever happens to it? 1 GiB through one `Readable`, while its URL expires twice and its connection is
 * cut ten times, through ranges side by side and through one request, and once without trouble as the baseline. Fails unless the digests are equal, each fault happened, and
 * memory stayed within `concurrency` × `rangeSize`.
 *
 *   node dist/bench/onedrive-download.js [--quick]
 */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { GiB, MiB, formatSize } from '../lib/bytes/sizes.ts'
import { OneDrive } from '../streams/onedrive/client.ts'
import { measureApart, measureHere } from './harness/apart.ts'
import { noise } from './harness/source.ts'
import { startClouds } from './onedrive-emulator.ts'
import type { EmulatedClouds } from './onedrive-emulator.ts'
import { printTable } from './table.ts'

const RANGE = 8 * MiB
const CUTS = 10
const EXPIRIES = 2
/** A cut may fall on a request that is refused as its URL has expired, and then cuts nothing. */
const ARMED = CUTS + EXPIRIES
/** Code, heap and garbage beside the ranges ahead. */
const BESIDE = 80 * MiB

const RUNS = [{ concurrency: 4, trouble: false }, { concurrency: 4, trouble: true }, { concurrency: 1, trouble: true }]

interface Found {
  sha256: string
  received: number
  resumed: number
}

/** In a process of its own; the parent hears how far it is, and makes URLs expire. */
async function download (size: number, concurrency: number): Promise<Found> {
  await using onedrive = OneDrive.fromEnv()
  const readable = onedrive.createReadStream('/noise', { rangeSize: RANGE, concurrency })
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

/** Spread over the ranges, each at another place of its body; or of one request after an eleventh of the file each time. */
function cuts (size: number, concurrency: number): Array<{ operation: string, skip?: number, reset: { responseByte: number } }> {
  if (concurrency === 1) return Array.from({ length: ARMED }, (_, cut) => ({ operation: 'DownloadContent', reset: { responseByte: Math.floor(size / (CUTS + 1)) + cut * 1009 } }))
  const apart = Math.floor(size / RANGE / ARMED)
  return Array.from({ length: ARMED }, (_, cut) => ({ operation: 'DownloadContent', skip: cut * apart, reset: { responseByte: 100_000 + cut * 700_000 } }))
}

async function main (size: number): Promise<void> {
  await using clouds = await startClouds()
  const sha256 = await prepare(clouds, size)
  const faults: string[] = []
  const rows = []
  for (const { concurrency, trouble } of RUNS) {
    if (trouble) await clouds.arm(cuts(size, concurrency), { expiredDownload: 401 })
    let expiries = 0
    const { base, peak, ms, found } = await measureApart<Found>(import.meta.url, [String(size), String(concurrency)], clouds.env, async () => {
      expiries++
      if (trouble) await clouds.expireDownloadUrls()
    })
    const { operations, statuses } = await clouds.report()
    const refused = statuses['DownloadContent 401'] ?? 0
    const cut = found.resumed - refused
    const allowed = concurrency * RANGE + BESIDE
    const name = `${concurrency} at once, ${trouble ? `${EXPIRIES} expiries, ${cut} cuts` : 'no trouble'}`
    if (found.sha256 !== sha256 || found.received !== size) faults.push(`${name}: ${found.received} bytes with another digest`)
    if (trouble && (cut < CUTS || expiries !== EXPIRIES || refused < EXPIRIES || operations['GetItem']?.count !== EXPIRIES + 1)) faults.push(`${name}: not all faults happened`)
    if (peak - base > allowed) faults.push(`${name}: ${formatSize(peak - base)} above base pass ${formatSize(allowed)}`)
    rows.push([name, found.sha256 === sha256 ? 'equal' : 'other', operations['DownloadContent']?.count, refused, operations['GetItem']?.count, found.resumed, (peak - base) / MiB, allowed / MiB, size / MiB / (ms / 1000)])
  }
  printTable(`One download of ${formatSize(size)} in ranges of ${formatSize(RANGE)}`, [
    { name: 'run' }, { name: 'SHA-256' }, { name: 'ranges asked' }, { name: 'refused' }, { name: 'item read' }, { name: 'resumed' }, { name: 'above base', unit: 'MiB' }, { name: 'allowed', unit: 'MiB' }, { name: 'speed', unit: 'MiB/s' }
  ], rows)
  console.log(faults.length === 0 ? '\nEvery byte came, in order.' : `\n${faults.join('\n')}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

if (!await measureHere(([size, concurrency]) => download(Number(size), Number(concurrency)))) await main(process.argv.includes('--quick') ? 160 * MiB : GiB)
