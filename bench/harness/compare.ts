/** Contenders for one job, against one sink, in turn, each run in a fresh process. */
import { GiB, MiB, formatSize } from '../../lib/bytes/sizes.ts'
import { startSink } from '../sink.ts'
import type { SinkReport } from '../sink.ts'
import { installPeers } from '../peers/install.ts'
import { printTable } from '../table.ts'
import type { Cell, Column } from '../table.ts'
import { measureApart, measureHere } from './apart.ts'
import type { Run } from './apart.ts'
import { benchArguments } from './arguments.ts'
import { record } from './record.ts'
import { median } from './statistics.ts'
import { printTargets } from './targets.ts'
import type { Target } from './targets.ts'

/** Does the job once: moves so many bytes, or so many objects. */
export type Work = (amount: number) => Promise<unknown>

export interface Contender {
  name: string
  ours?: boolean
  note?: string
  /** It only computes: no bytes are expected at the sink. */
  offWire?: boolean
  /** In a fresh process. Fails with the reason where this contender cannot do the job. */
  open (place: Place): Promise<Work> | Work
}

/** Where the work is done: the sink, and what the parent has prepared. */
export interface Place { endpoint: string, [prepared: string]: string }

/** What is counted. */
export interface Unit { name: string, cpu: string, amount: number, cpuAmount: number }

export const BYTES: Unit = { name: 'MiB/s', cpu: 's/GiB', amount: MiB, cpuAmount: GiB / 1000 }
export const OBJECTS: Unit = { name: 'objects/s', cpu: 'µs each', amount: 1, cpuAmount: 1000 }

/** What a row should reach: so many times another one, or so many units a second. */
export type Reach = { row: string, against: string, ratio: number } | { row: string, rate: number }

export interface Comparison {
  /** The same in parent and child, so without sizes. */
  question: string
  contenders: Contender[]
  unit?: Unit
  /** Contenders that the others are compared with: the bare wire first. */
  against: string[]
  reach?: Reach[]
  /** Bytes, or objects, of one run. */
  amount: number
  warmUp?: number
  rounds?: number
  /** Which way the bytes of `amount` go, where all of them must. */
  bytes?: 'in' | 'out'
  place?: Record<string, string>
  /** Another way to the sink than straight. */
  via?: (endpoint: string) => Promise<AsyncDisposable & { endpoint: string }>
  plot?: string
}

/** Enough for the compiler, and for buffers that are kept to be there. */
const WARM_UP = 64 * MiB

/** Of one contender: a run for each round, or why there is none. */
export type Outcome = { runs: Array<Run<unknown> & { rate: number, sink: SinkReport }> } | { reason: string }

/** Runs the work of a child where this is one; the module's other work must not begin then. */
export async function workHere (comparisons: readonly Comparison[]): Promise<boolean> {
  return await measureHere(async ([question = '', name = '', place = '{}', amount = '0', warmUp = '0'], meter) => {
    const contender = comparisons.find(comparison => comparison.question === question)?.contenders.find(candidate => candidate.name === name)
    if (contender === undefined) throw new Error(`no contender ${name}`)
    const work = await contender.open(JSON.parse(place) as Place)
    meter.idle()
    if (Number(warmUp) > 0) await work(Number(warmUp))
    await meter.start()
    await work(Number(amount))
  })
}

/** The whole of a bench file: the child's part in a child, else all comparisons with their tables. */
export async function compare (module: string, comparisons: Comparison[]): Promise<void> {
  if (await workHere(comparisons)) return
  await installPeers()
  for (const comparison of comparisons) report(comparison, await measureAll(module, comparison))
}

export async function measureAll (module: string, comparison: Comparison): Promise<Map<string, Outcome>> {
  const { only } = benchArguments()
  const outcomes = new Map<string, Outcome>()
  const contenders = comparison.contenders.filter(({ name }) => comparison.against[0] === name || only.test(name))
  for (let round = 0; round < (comparison.rounds ?? benchArguments().rounds); round++) {
    for (const contender of contenders) {
      const before = outcomes.get(contender.name) ?? { runs: [] }
      if ('reason' in before) continue
      outcomes.set(contender.name, await measureOnce(module, comparison, contender).then(run => ({ runs: [...before.runs, run] }), (error: Error) => ({ reason: error.message })))
    }
  }
  failWithOurs(contenders, outcomes)
  return outcomes
}

async function measureOnce (module: string, comparison: Comparison, { name, offWire = false }: Contender): Promise<Run<unknown> & { rate: number, sink: SinkReport }> {
  const { question, amount, warmUp = Math.min(amount, WARM_UP), unit = BYTES, bytes, place = {}, via } = comparison
  await using sink = await startSink()
  await using way = await via?.(sink.endpoint)
  const run = await measureApart(module, [question, name, JSON.stringify({ endpoint: way?.endpoint ?? sink.endpoint, ...place }), String(amount), String(warmUp)], {}, () => sink.report())
  const seen = await sink.report()
  const came = offWire ? Infinity : bytes === 'in' ? seen.bytesIn : bytes === 'out' ? seen.bytesOut : Infinity
  if (came < amount) throw new Error(`${came} of ${amount} bytes went over the wire`)
  return { ...run, rate: amount / unit.amount / (run.ms / 1000), sink: seen }
}

/** A peer that cannot do a job is a line of the table; ours is a fault. */
function failWithOurs (contenders: readonly Contender[], outcomes: ReadonlyMap<string, Outcome>): void {
  for (const { name, ours } of contenders) {
    const outcome = outcomes.get(name)
    if (ours !== true || outcome === undefined || !('reason' in outcome)) continue
    console.error(`"${name}" failed: ${outcome.reason}`)
    process.exitCode = 1
  }
}

/** Median over the rounds of the ratio within each round, so that what slows a whole round down does not count. */
export function ratio (outcomes: ReadonlyMap<string, Outcome>, row: string, against: string): number | undefined {
  const [ours, theirs] = [outcomes.get(row), outcomes.get(against)]
  if (ours === undefined || theirs === undefined || 'reason' in ours || 'reason' in theirs) return undefined
  return median(ours.runs.flatMap(({ rate }, round) => theirs.runs[round] === undefined ? [] : [rate / theirs.runs[round].rate]))
}

export function report (comparison: Comparison, outcomes: ReadonlyMap<string, Outcome>): void {
  const { question, unit = BYTES, against, amount, reach = [] } = comparison
  const columns: Column[] = [
    { name: 'client' }, { name: 'rate', unit: unit.name }, { name: 'lowest' }, { name: 'highest' },
    ...against.map(name => ({ name: 'ratio', unit: `${name} = 1`, digits: 2 })),
    { name: 'CPU', unit: unit.cpu, digits: 2 }, { name: 'above idle', unit: 'MiB' }, { name: 'requests' }, { name: 'CPU of the sink', unit: unit.cpu, digits: 2 }, { name: 'note' }
  ]
  const rows = [...outcomes].map(([name, outcome]): Cell[] => {
    const { note = '' } = comparison.contenders.find(contender => contender.name === name) ?? {}
    if ('reason' in outcome) return [name, ...columns.slice(2).map(() => undefined), outcome.reason.split('\n')[0]?.slice(0, 90)]
    const { runs } = outcome
    const rates = runs.map(({ rate }) => rate)
    const cpu = (of: (run: typeof runs[number]) => number): number => median(runs.map(of)) / amount * unit.cpuAmount
    return [
      name, median(rates), Math.min(...rates), Math.max(...rates), ...against.map(other => ratio(outcomes, name, other)),
      cpu(run => run.cpuMs), median(runs.map(run => run.peak - run.base)) / MiB, median(runs.map(run => run.sink.requests)), cpu(run => run.sink.cpuMs), note
    ]
  })
  printTable(`${question}: ${unit === BYTES ? formatSize(amount) : `${amount} of them`}, median of ${Math.max(...[...outcomes.values()].map(outcome => 'runs' in outcome ? outcome.runs.length : 0))} rounds`, columns, rows)
  printTargets(reach.map(one => targetOf(one, outcomes, unit)))
  plot(comparison, outcomes)
}

function targetOf (reach: Reach, outcomes: ReadonlyMap<string, Outcome>, unit: Unit): Target {
  if ('ratio' in reach) return { what: `${reach.row} against ${reach.against}`, reach: reach.ratio, found: ratio(outcomes, reach.row, reach.against) }
  const outcome = outcomes.get(reach.row)
  return { what: reach.row, reach: reach.rate, found: outcome === undefined || 'reason' in outcome ? undefined : median(outcome.runs.map(({ rate }) => rate)), unit: unit.name, digits: 0 }
}

function plot ({ plot: name, question, unit = BYTES, contenders }: Comparison, outcomes: ReadonlyMap<string, Outcome>): void {
  if (name === undefined) return
  const bars = contenders.flatMap(({ name, ours = false }) => {
    const outcome = outcomes.get(name)
    return outcome === undefined || 'reason' in outcome ? [] : [{ name, value: median(outcome.runs.map(({ rate }) => rate)), ours }]
  })
  record({ kind: 'bars', plot: name, title: question, unit: unit.name, bars })
}
