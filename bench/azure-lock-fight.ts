/**
 * Is a lock of Azure Files ever held twice? Two processes fight for one file, and in the middle one of them is killed
 * with SIGKILL while it holds the lock. Judge is the record that the emulator keeps of every lease. Each holder also adds one to a
 * number in the file, read and written under its lease, so that a second holder would lose a count. Fails on an overlap,
 * a lost count, or a survivor that does not take over.
 *
 *   node dist/bench/azure-lock-fight.js [--seconds 60]
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startEmulator } from '../emulator/index.ts'
import type { Emulator, LeaseRecord } from '../emulator/index.ts'
import { AzureFiles } from '../streams/azure-files/index.ts'
import type { AzureFilesOptions } from '../streams/azure-files/index.ts'
import { printTable } from './table.ts'

const PATH = 'contended'
/** The shortest that there is: after it, and two seconds for the service's clock, a dead holder is passed by. */
const LIFETIME_SECONDS = 15
const SHORTEST_SECONDS = 2 * (LIFETIME_SECONDS + 7)
const HELD_MS = 50

type Event = { name: 'in' | 'counted', leaseId: string } | { name: 'stopped' }

interface Contender { name: string, process: ChildProcess, leaseIds: Set<string>, holding: string | undefined, counted: number }

/** In the child: takes the lock again and again until it is told to stop. */
async function contendHere (options: AzureFilesOptions): Promise<void> {
  const stop = new AbortController()
  process.once('message', () => stop.abort())
  const azure = new AzureFiles(options)
  const tell = (event: Event): void => { process.send?.(event) }
  while (!stop.signal.aborted) {
    await azure.leases.withLock({ path: PATH, durationSeconds: LIFETIME_SECONDS, timeoutMs: 120_000, pollMs: 100 }, async ({ id: leaseId, signal }) => {
      tell({ name: 'in', leaseId })
      const { data } = await azure.files.read({ path: PATH, leaseId })
      await delay(HELD_MS)
      signal.throwIfAborted()
      await azure.files.write({ path: PATH, leaseId, data: String(Number(data) + 1) })
      tell({ name: 'counted', leaseId })
    })
  }
  await azure.close()
  tell({ name: 'stopped' })
  process.disconnect()
}

function contend (name: string, options: AzureFilesOptions): Contender {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], { env: { ...process.env, SLUICE_BENCH_LOCK: '1' } })
  const contender: Contender = { name, process: child, leaseIds: new Set(), holding: undefined, counted: 0 }
  child.on('message', (event: Event) => {
    if (event.name === 'stopped') return
    contender.holding = event.name === 'in' ? event.leaseId : undefined
    if (event.name === 'in') contender.leaseIds.add(event.leaseId)
    else contender.counted++
  })
  return contender
}

interface Verdict { records: LeaseRecord[], faults: string[], takenOverAfterMs: number | undefined }

function judge (records: LeaseRecord[], killed: string, killedAt: number): Verdict {
  const overlaps = records.filter((record, index) => index > 0 && record.acquiredOrder < (records[index - 1]?.endedOrder ?? Infinity))
  const lost = records.find(({ leaseId }) => leaseId === killed)
  const next = records[records.findIndex(({ leaseId }) => leaseId === killed) + 1]
  const faults = [
    ...overlaps.map(({ leaseId, acquired }) => `Lease ${leaseId} began at ${new Date(acquired).toISOString()}, before the one before it had ended`),
    ...(lost?.end === 'changed' ? [] : [`The lease of the killed holder was not taken over: ${lost?.end ?? 'it is held still'}`]),
    ...(records.some(({ end }) => end === 'broken') ? ['A lease was broken'] : [])
  ]
  return { records, faults, takenOverAfterMs: next === undefined ? undefined : next.acquired - killedAt }
}

async function fight (emulator: Emulator, seconds: number): Promise<Verdict & { contenders: [Contender, Contender], count: number }> {
  const options = emulator.azureFiles.options()
  await using azure = new AzureFiles(options)
  await azure.files.write({ path: PATH, data: '0' })
  const startedAt = Date.now()
  const [victim, survivor] = [contend('killed', options), contend('survivor', options)]
  await delay(seconds * 500)
  while (victim.holding === undefined) await once(victim.process, 'message')
  const killed = victim.holding
  victim.process.kill('SIGKILL')
  const killedAt = Date.now()
  await delay(startedAt + seconds * 1000 - Date.now())
  survivor.process.send('stop')
  await once(survivor.process, 'exit')
  const verdict = judge(emulator.azureFiles.state.leases.filter(({ path }) => path === PATH), killed, killedAt)
  const count = Number((await azure.files.read({ path: PATH })).data)
  return { ...verdict, contenders: [victim, survivor], count }
}

async function main (): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } })
  const seconds = Number(values.seconds)
  if (!(seconds >= SHORTEST_SECONDS)) throw new RangeError(`Cannot fight for ${values.seconds} seconds as a takeover in the second half needs at least ${SHORTEST_SECONDS}`)
  await using emulator = await startEmulator()
  const { records, faults, takenOverAfterMs, contenders, count } = await fight(emulator, seconds)
  // The killed one may have written its number and not have said so any more.
  const told = contenders[0].counted + contenders[1].counted
  if (count !== told && count !== told + 1) faults.push(`${told} counts were made and ${count} are left`)
  printTable(`Two processes and one lock for ${seconds} s, SIGKILL in the middle`, [
    { name: 'process' }, { name: 'leases' }, { name: 'counts' }, { name: 'released' }, { name: 'taken over from it' }
  ], contenders.map(({ name, leaseIds, counted }) => {
    const own = records.filter(({ leaseId }) => leaseIds.has(leaseId))
    return [name, own.length, counted, own.filter(({ end }) => end === 'released').length, own.filter(({ end }) => end === 'changed').length]
  }))
  const after = takenOverAfterMs === undefined ? 'never' : `${(takenOverAfterMs / 1000).toFixed(1)} s after the kill`
  console.log(`\n${records.length} leases, taken over ${after}, the number in the file is ${count}`)
  console.log(faults.length === 0 ? 'Never two holders at once.' : faults.join('\n'))
  process.exitCode = faults.length === 0 ? 0 : 1
}

if (process.env['SLUICE_BENCH_LOCK'] === '1' && process.send !== undefined) await contendHere(JSON.parse(process.argv[2] ?? '{}') as AzureFilesOptions)
else await main()
