/**
 * Is memory flat for an archive whose size nobody knows? A folder goes as tar through gzip into a file of OneDrive, 256 MiB
 * and 2 GiB of noise, each in a process of its own; the emulator is another process. Fails when the peak rises by more than
 * 32 MiB from one to the other, when it passes what the docstrings promise, or when a temporary file or session is left.
 *
 *   node dist/bench/onedrive-archive.js [--quick]
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { link, mkdir, mkdtemp, readdir, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { pack } from 'tar-stream'
import { GiB, MiB, formatSize } from '../lib/bytes/sizes.ts'
import { OneDrive } from '../streams/onedrive/client.ts'
import { measureApart, measureHere } from './harness/apart.ts'
import { noise } from './harness/source.ts'
import { startClouds } from './onedrive-emulator.ts'
import { printTable } from './table.ts'

const FILE = 64 * MiB
const FRAGMENT = 10 * MiB
/** Three fragments and the memory of the spool, by the docstring of the writable; code, heap and garbage beside them. */
const ALLOWED = 3 * FRAGMENT + 16 * MiB + 80 * MiB
const SLOPE = 32 * MiB

interface Found {
  sent: number
  verification: string
  /** Most bytes that the temporary file had, and whether it is still open or has a name. */
  spooled: number
  left: string[]
}

/** The files of a folder, one after the other. */
async function archive (folder: string): Promise<ReturnType<typeof pack>> {
  const tar = pack()
  const fill = async (): Promise<void> => {
    for (const name of await readdir(folder)) {
      const path = join(folder, name)
      const { size, mtime } = await stat(path)
      await pipeline(createReadStream(path), tar.entry({ name, size, mtime }))
    }
    tar.finalize()
  }
  fill().catch((error: Error) => tar.destroy(error))
  return tar
}

async function upload (folder: string, directory: string): Promise<Found> {
  await using onedrive = OneDrive.fromEnv({ fragmentSize: FRAGMENT })
  const writable = onedrive.createWriteStream('/archive.tar.gz', { spool: { directory } })
  let spooled = 0
  const watch = setInterval(() => { openSpools(directory).then(sizes => { spooled = Math.max(spooled, ...sizes) }, () => undefined) }, 50)
  await pipeline(await archive(folder), createGzip(), writable)
  clearInterval(watch)
  const left = [...await readdir(directory), ...(await openSpools(directory)).map(size => `an open file of ${size} bytes`)]
  return { sent: writable.result?.size ?? 0, verification: writable.result?.verification ?? '', spooled, left }
}

/** Sizes of the files without a name that this process has open there, as Linux shows them. */
async function openSpools (directory: string): Promise<number[]> {
  if (process.platform !== 'linux') return []
  const sizes = (await readdir('/proc/self/fd')).map(async fd => {
    const path = `/proc/self/fd/${fd}`
    const target = await readlink(path).catch(() => '')
    return target.startsWith(directory) ? [(await stat(path)).size] : []
  })
  return (await Promise.all(sizes)).flat()
}

/** As many links to one file of noise: gzip looks back 32 KiB, and finds nothing alike. */
async function makeFolder (folder: string, size: number): Promise<void> {
  await mkdir(folder)
  const first = join(folder, '0')
  await pipeline(noise(FILE), createWriteStream(first))
  for (let file = 1; file < size / FILE; file++) await link(first, join(folder, String(file)))
}

async function main (sizes: number[]): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'sluice-archive-'))
  const faults: string[] = []
  const rows = []
  const rises: number[] = []
  try {
    for (const size of sizes) {
      await using clouds = await startClouds()
      const [folder, directory] = [join(home, String(size)), join(home, `spool-${size}`)]
      await makeFolder(folder, size)
      await mkdir(directory)
      const { base, peak, ms, found } = await measureApart<Found>(import.meta.url, [folder, directory], clouds.env)
      const { sessions } = await clouds.report()
      const stored = await clouds.digest('oneDrive', 'archive.tar.gz')
      if (stored.size !== found.sent || found.sent < size || found.verification !== 'verified') faults.push(`${formatSize(size)}: ${stored.size} bytes are stored of ${found.sent}, ${found.verification}`)
      if (found.left.length > 0 || sessions > 0) faults.push(`${formatSize(size)} left ${found.left.join(', ')} and ${sessions} sessions`)
      if (peak - base > ALLOWED) faults.push(`${formatSize(size)}: ${formatSize(peak - base)} above base pass ${formatSize(ALLOWED)}`)
      rises.push(peak - base)
      rows.push([formatSize(size), found.sent / MiB, found.spooled / MiB, base / MiB, peak / MiB, (peak - base) / MiB, ALLOWED / MiB, found.left.length, sessions, size / MiB / (ms / 1000)])
      await rm(folder, { recursive: true })
    }
  } finally {
    await rm(home, { recursive: true, force: true })
  }
  const rise = (rises.at(-1) ?? 0) - (rises[0] ?? 0)
  if (rise > SLOPE) faults.push(`the peak rises by ${formatSize(rise)}`)
  printTable('Peak memory of tar → gzip → OneDrive, of unknown length', [
    { name: 'folder' }, { name: 'sent', unit: 'MiB' }, { name: 'in the file', unit: 'MiB' }, { name: 'base', unit: 'MiB' }, { name: 'peak', unit: 'MiB' }, { name: 'above base', unit: 'MiB' },
    { name: 'allowed', unit: 'MiB' }, { name: 'files left' }, { name: 'sessions left' }, { name: 'speed', unit: 'MiB/s' }
  ], rows)
  console.log(faults.length === 0 ? '\nMemory is flat.' : `\n${faults.join('\n')}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

if (!await measureHere(([folder = '', directory = '']) => upload(folder, directory))) await main(process.argv.includes('--quick') ? [64 * MiB, 256 * MiB] : [256 * MiB, 2 * GiB])
