/** Whether memory is flat: one transfer in a fresh process for each size, its peak against what it may hold. */
import { GiB, MiB, formatSize } from '../../lib/bytes/sizes.ts'
import { startSink } from '../sink.ts'
import type { SinkOptions } from '../sink.ts'
import { printTable } from '../table.ts'
import type { Cell } from '../table.ts'
import { measureApart, measureHere } from './apart.ts'
import type { Run } from './apart.ts'
import { record } from './record.ts'
import { slope } from './statistics.ts'

/** Moves so many bytes. */
type Move = (size: number) => Promise<unknown>

export interface Scenario {
  name: string
  sink?: SinkOptions
  /** Bytes that the streams may hold by their own docstrings; undefined for a peer, which is shown and not judged. */
  held: number | undefined
  /** What the process may take beside them: code, the heap, garbage. Default 48 MiB. */
  beside?: number
  /** The first size that fills all buffers: from it on the peak must not rise. Default 256 MiB. */
  filled?: number
  /** In a fresh process. What it does before it returns is no part of the transfer. */
  open (endpoint: string): Promise<Move> | Move
  /** Only this one. */
  size?: number
  /** To be drawn over time. */
  drawn?: boolean
}

export interface MemoryCheck {
  question: string
  /** Before the first run, and not in the processes of the runs. */
  prepare?: (() => Promise<void>) | undefined
  scenarios: Scenario[]
  sizes: number[]
}

const BESIDE = 48 * MiB
/** How much the peak may rise, from the first size that fills all buffers to the last. */
const RISE = 32 * MiB
const FILLED = 256 * MiB

/** The whole of a bench file. The process fails when a peak passes what is allowed, or rises with the size. */
export async function checkMemory (module: string, { question, prepare, scenarios, sizes }: MemoryCheck): Promise<void> {
  if (await moveHere(scenarios)) return
  await prepare?.()
  const rows: Cell[][] = []
  const faults: string[] = []
  for (const scenario of scenarios) {
    const found = await measureSizes(module, scenario, scenario.size === undefined ? sizes : [scenario.size], faults)
    rows.push(...found.map(([size, run], index) => rowOf(scenario, size, run, index === found.length - 1 ? found : [])))
    faults.push(...verdict(scenario, found))
  }
  printTable(question, [
    { name: 'scenario' }, { name: 'size' }, { name: 'idle', unit: 'MiB' }, { name: 'above idle', unit: 'MiB' }, { name: 'allowed', unit: 'MiB' }, { name: 'buffers', unit: 'MiB' }, { name: 'heap', unit: 'MiB' },
    { name: 'slope', unit: 'MiB/GiB', digits: 1 }, { name: 'speed', unit: 'MiB/s' }
  ], rows)
  console.log(faults.length === 0 ? '\nMemory is flat.' : `\n${faults.join('\n')}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

async function moveHere (scenarios: readonly Scenario[]): Promise<boolean> {
  return await measureHere(async ([name, size, endpoint = ''], meter) => {
    const scenario = scenarios.find(candidate => candidate.name === name)
    if (scenario === undefined) throw new Error(`no scenario ${name}`)
    const move = await scenario.open(endpoint)
    meter.idle()
    await meter.start()
    await move(Number(size))
  })
}

type Found = Array<[size: number, run: Run<unknown>]>

async function measureSizes (module: string, scenario: Scenario, sizes: readonly number[], faults: string[]): Promise<Found> {
  const found: Found = []
  for (const size of sizes) {
    try {
      const run = await measureFairly(module, scenario, size)
      found.push([size, run])
      if (scenario.drawn === true) record({ kind: 'line', plot: 'memory', title: 'RSS above idle during an upload to R2', name: `${scenario.name}, ${formatSize(size)}`, points: run.samples.map(({ ms, rss }) => [ms / 1000, (rss - run.base) / MiB]) })
    } catch (error) {
      const said = `${scenario.name}, ${formatSize(size)}: ${(error as Error).message}`
      if (scenario.held === undefined) console.log(said)
      else faults.push(said)
    }
  }
  return found
}

/** When the collector runs is chance: a peak that passes is measured again, twice at most. What leaks passes each time. */
async function measureFairly (module: string, scenario: Scenario, size: number): Promise<Run<unknown>> {
  let best = await measure(module, scenario, size)
  for (let again = 0; again < 2 && above(best) > allowance(scenario); again++) {
    const next = await measure(module, scenario, size)
    if (next.peak < best.peak) best = next
  }
  return best
}

async function measure (module: string, { name, sink: options = {} }: Scenario, size: number): Promise<Run<unknown>> {
  await using sink = await startSink(options)
  return await measureApart(module, [name, String(size), sink.endpoint])
}

function above ({ peak, base }: Run<unknown>): number {
  return peak - base
}

function allowance ({ held = Infinity, beside = BESIDE }: Scenario): number {
  return held + beside
}

function filledBy ({ filled = FILLED }: Scenario): number {
  return filled
}

/** The slope stands in the row of the largest size. */
function rowOf (scenario: Scenario, size: number, run: Run<unknown>, all: Found): Cell[] {
  const allowed = allowance(scenario)
  const filled = all.filter(([each]) => each >= filledBy(scenario))
  return [
    scenario.name, formatSize(size), run.base / MiB, above(run) / MiB, allowed === Infinity ? undefined : allowed / MiB, run.external / MiB, run.heap / MiB,
    filled.length < 2 ? undefined : slope(filled.map(([each, { peak, base }]) => [each / GiB, (peak - base) / MiB])), size / MiB / (run.ms / 1000)
  ]
}

function verdict (scenario: Scenario, found: Found): string[] {
  if (scenario.held === undefined) return []
  const faults = found.filter(([, run]) => above(run) > allowance(scenario))
    .map(([size, run]) => `${scenario.name}, ${formatSize(size)}: ${formatSize(above(run))} above idle pass ${formatSize(allowance(scenario))}`)
  const filled = found.filter(([size]) => size >= filledBy(scenario)).map(([, run]) => above(run))
  const rise = (filled.at(-1) ?? 0) - (filled[0] ?? 0)
  if (rise > RISE) faults.push(`${scenario.name}: the peak rises by ${formatSize(rise)} from ${formatSize(filledBy(scenario))} on`)
  return faults
}
