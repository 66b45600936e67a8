/**
 * Runs the benches, one process each, one after the other; writes what they found as JSON and as plots, and says at the end which targets hold.
 *
 *   npm run bench -- [--only name,name] [--quick] [--size MiB] [--rounds n] [--out folder] [--list]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { BENCHES } from './benches.ts'
import type { Bench } from './benches.ts'
import type { Entry } from './harness/record.ts'
import { startResults, writeResults } from './harness/results.ts'
import type { BenchResult, Results } from './harness/results.ts'

const HELP = `npm run bench -- [options]

  --only names   these benches, with commas between them; see --list
  --quick        small sizes and one round: whether they run, not how fast
  --size MiB     of each transfer, where a bench moves bytes
  --rounds n     of each contender; default 4, or what a bench needs
  --out folder   results.json, README.md, throughput.svg and memory.svg; default bench/results, with --quick or --size a temporary folder.
                 Benches that are not run now keep what the file says of them
  --list         names and questions
`

const { values } = parseArgs({
  options: {
    only: { type: 'string' }, quick: { type: 'boolean', default: false }, size: { type: 'string' }, rounds: { type: 'string' }, out: { type: 'string' }, list: { type: 'boolean' }, help: { type: 'boolean', short: 'h' }
  }
})
if (values.help === true) console.log(HELP)
else if (values.list === true) console.log(BENCHES.map(({ name, asks, onDemand }) => `${name.padEnd(22)} ${asks}${onDemand === true ? ' Only when it is named.' : ''}`).join('\n'))
else await main()

async function main (): Promise<void> {
  const folder = values.out ?? (values.quick || values.size !== undefined ? await mkdtemp(join(tmpdir(), 'sluice-bench-results-')) : 'bench/results')
  const results = await startResults(folder)
  const chosen = choose()
  for (const bench of chosen) {
    const result = await run(bench)
    results.benches[bench.name] = result
    await writeResults(folder, results)
    if (result.exitCode !== 0) process.exitCode = 1
  }
  summarize(results, chosen)
  console.log(`\nresults.json, README.md and the plots are in ${resolve(folder)}`)
}

function choose (): Bench[] {
  const names = values.only?.split(',')
  if (names === undefined) return BENCHES.filter(({ onDemand, quick }) => onDemand !== true && (!values.quick || quick !== undefined))
  const unknown = names.filter(name => BENCHES.every(bench => bench.name !== name))
  if (unknown.length > 0) throw new Error(`Cannot run ${unknown.join(', ')}: there are ${BENCHES.map(({ name }) => name).join(', ')}`)
  return BENCHES.filter(({ name }) => names.includes(name))
}

async function run (bench: Bench): Promise<BenchResult> {
  const { name, full = [], quick = [], takes = [] } = bench
  const given = takes.flatMap(option => values[option] === undefined ? [] : [`--${option}`, values[option]])
  const args = [...(values.quick ? quick : full), ...given]
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  const record = join(folder, 'record')
  const startedAt = Date.now()
  try {
    const script = fileURLToPath(new URL(`${name}.js`, import.meta.url))
    const child = spawn(process.execPath, ['--no-warnings', script, ...args], { stdio: 'inherit', env: { ...process.env, SLUICE_BENCH_RECORD: record } })
    const [exitCode] = await once(child, 'exit') as [number | null]
    const lines = await readFile(record, 'utf8').catch(() => '')
    const entries = lines.split('\n').filter(line => line !== '').map(line => JSON.parse(line) as Entry)
    return { date: new Date(startedAt).toISOString(), seconds: Math.round((Date.now() - startedAt) / 1000), exitCode, args, entries }
  } finally {
    await rm(folder, { recursive: true })
  }
}

function summarize ({ benches }: Results, chosen: readonly Bench[]): void {
  console.log('\nTargets')
  for (const { name } of chosen) {
    for (const entry of benches[name]?.entries ?? []) if (entry.kind === 'target') console.log(`${entry.holds ? '✓' : '✗'} ${name}: ${entry.what}: reach ${entry.reach}: ${entry.found}`)
  }
  const failed = chosen.filter(({ name }) => benches[name]?.exitCode !== 0).map(({ name }) => name)
  console.log(failed.length === 0 ? '\nEvery bench ended well.' : `\nFailed: ${failed.join(', ')}`)
}
