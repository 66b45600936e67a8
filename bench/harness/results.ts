/** What benches found, kept as one file of JSON and as plots. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { arch, cpus, platform, totalmem } from 'node:os'
import { join } from 'node:path'
import { GiB } from '../../lib/bytes/sizes.ts'
import { peerVersions } from '../peers/install.ts'
import { toMarkdown } from './markdown.ts'
import { barPanels, linePlot } from './plot.ts'
import type { Line, Panel } from './plot.ts'
import type { Entry } from './record.ts'

/** Of one bench, with what the whole run has in common, since benches may be run at different times. */
export interface BenchResult {
  date: string
  seconds: number
  exitCode: number | null
  args: string[]
  entries: Entry[]
}

export interface Results {
  machine: string
  node: string
  versions: Record<string, string>
  benches: Record<string, BenchResult>
}

const OWN = ['undici', '@aws-sdk/client-s3', '@aws-sdk/lib-storage', '@azure/storage-file-share', '@microsoft/microsoft-graph-client', 'hash-wasm', 'stream-chunker']

export async function startResults (folder: string): Promise<Results> {
  const before = await readFile(join(folder, 'results.json'), 'utf8').then(text => JSON.parse(text) as Results, () => undefined)
  const [cpu, ...others] = cpus()
  const machine = `${cpu?.model.trim() ?? 'unknown CPU'} × ${others.length + 1}, ${Math.round(totalmem() / GiB)} GiB, ${platform()} ${arch()}`
  return { machine, node: process.version, versions: { ...peerVersions(), ...await ownVersions() }, benches: before?.benches ?? {} }
}

async function ownVersions (): Promise<Record<string, string>> {
  const found = OWN.map(async name => {
    const text = await readFile(new URL(`../../../node_modules/${name}/package.json`, import.meta.url), 'utf8')
    return [name, (JSON.parse(text) as { version: string }).version] as const
  })
  return Object.fromEntries(await Promise.all(found))
}

/** `results.json`, the same as `README.md`, `throughput.svg` and `memory.svg`, of all benches that were ever run into this folder. */
export async function writeResults (folder: string, results: Results): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'results.json'), `${JSON.stringify(results, null, 1)}\n`)
  await writeFile(join(folder, 'README.md'), toMarkdown(results))
  const entries = Object.values(results.benches).flatMap(bench => bench.entries)
  const panels = entries.flatMap((entry): Panel[] => entry.kind === 'bars' && entry.bars.length > 0 ? [entry] : [])
  const lines = entries.flatMap((entry): Line[] => entry.kind === 'line' && entry.points.length > 0 ? [entry] : [])
  if (panels.length > 0) await writeFile(join(folder, 'throughput.svg'), barPanels(panels))
  if (lines.length > 0) await writeFile(join(folder, 'memory.svg'), linePlot('RSS above idle during an upload to R2 of unknown length', 'seconds', 'MiB', lines))
}
