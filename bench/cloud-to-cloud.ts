/**
 * Does a file pass through all clouds in constant memory? OneDrive → R2 → Azure Files → OneDrive, each leg one `pipeline`,
 * 128 MiB and 1 GiB in a process of their own; the emulator is another process and tells the digest of what each cloud
 * stores. Fails when a digest differs, when the peak rises by more than 32 MiB with the size, or when something is left open.
 *
 *   node dist/bench/cloud-to-cloud.js [--quick]
 */
import { pipeline } from 'node:stream/promises'
import { GiB, KiB, MiB, formatSize } from '../lib/bytes/sizes.ts'
import { AzureFiles } from '../streams/azure-files/client.ts'
import { OneDrive } from '../streams/onedrive/client.ts'
import { R2 } from '../streams/r2/client.ts'
import { measureApart, measureHere } from './harness/apart.ts'
import { noise } from './harness/source.ts'
import { startClouds } from './onedrive-emulator.ts'
import type { Cloud, EmulatedClouds } from './onedrive-emulator.ts'
import { printTable } from './table.ts'

const SLOPE = 32 * MiB
const LEGS = ['OneDrive → R2', 'R2 → Azure Files', 'Azure Files → OneDrive'] as const
const STOPS: Array<{ cloud: Cloud, name: string }> = [{ cloud: 'oneDrive', name: 'first' }, { cloud: 'r2', name: 'second' }, { cloud: 'azureFiles', name: 'third' }, { cloud: 'oneDrive', name: 'fourth' }]

/** The peak of the process at the end of each leg, and how long that took. */
type Found = Array<{ peak: number, ms: number }>

async function travel (): Promise<Found> {
  await using onedrive = OneDrive.fromEnv()
  await using r2 = R2.fromEnv()
  await using azure = AzureFiles.fromEnv()
  const legs = [
    () => pipeline(onedrive.createReadStream('/first'), r2.createWriteStream('second')),
    () => pipeline(r2.createReadStream('second'), azure.createWriteStream('third')),
    () => pipeline(azure.createReadStream('third'), onedrive.createWriteStream('/fourth', { spool: { directory: '/nowhere' } }))
  ]
  const found: Found = []
  for (const leg of legs) {
    const startedAt = performance.now()
    await leg()
    found.push({ peak: process.resourceUsage().maxRSS * KiB, ms: performance.now() - startedAt })
  }
  return found
}

async function prepare (clouds: EmulatedClouds, size: number): Promise<string> {
  await using onedrive = OneDrive.fromEnv({ fragmentSize: 40 * MiB }, clouds.env)
  const writable = onedrive.createWriteStream('/first', { size, digest: 'sha256' })
  await pipeline(noise(size), writable)
  return writable.result?.digests['sha256'] ?? ''
}

async function main (sizes: number[]): Promise<void> {
  const rows = []
  const faults: string[] = []
  const peaks: number[] = []
  for (const size of sizes) {
    await using clouds = await startClouds()
    const sha256 = await prepare(clouds, size)
    const { base, found } = await measureApart<Found>(import.meta.url, [], clouds.env)
    const { sessions } = await clouds.report()
    for (const [index, { cloud, name }] of STOPS.entries()) {
      const stored = await clouds.digest(cloud, name)
      if (stored.sha256 !== sha256 || stored.size !== size) faults.push(`${formatSize(size)}: other bytes are stored as ${cloud} ${name}`)
      const leg = found[index - 1]
      if (leg !== undefined) rows.push([formatSize(size), LEGS[index - 1], stored.sha256.slice(0, 16), base / MiB, leg.peak / MiB, (leg.peak - base) / MiB, size / MiB / (leg.ms / 1000)])
      else rows.push([formatSize(size), 'source', sha256.slice(0, 16), undefined, undefined, undefined, undefined])
    }
    if (sessions > 0) faults.push(`${formatSize(size)}: ${sessions} upload sessions are left`)
    peaks.push((found.at(-1)?.peak ?? 0) - base)
  }
  const rise = (peaks.at(-1) ?? 0) - (peaks[0] ?? 0)
  if (rise > SLOPE) faults.push(`the peak rises by ${formatSize(rise)}`)
  printTable('One file through three clouds and back, in one process (the peak is of all legs so far)', [
    { name: 'size' }, { name: 'leg' }, { name: 'SHA-256 as stored' }, { name: 'base', unit: 'MiB' }, { name: 'peak', unit: 'MiB' }, { name: 'above base', unit: 'MiB' }, { name: 'speed', unit: 'MiB/s' }
  ], rows)
  console.log(faults.length === 0 ? '\nThe digests are equal at each stop, and memory is flat.' : `\n${faults.join('\n')}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

if (!await measureHere(travel)) await main(process.argv.includes('--quick') ? [64 * MiB, 256 * MiB] : [128 * MiB, GiB])
