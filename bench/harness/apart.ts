/** Runs in fresh processes, so that memory and processor time are theirs alone. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { KiB } from '../../lib/bytes/sizes.ts'

/** Memory at one moment, in bytes. */
export interface Sample { ms: number, rss: number, external: number, heap: number }

/** What one run in a process of its own took. */
export interface Run<Found> {
  /** RSS before the run and its highest, in bytes. */
  base: number
  peak: number
  /** Highest of the samples, in bytes: memory of buffers, and of the V8 heap in use. */
  external: number
  heap: number
  ms: number
  /** User and system time of all threads. */
  cpuMs: number
  samples: Sample[]
  found: Found
}

/** For the run itself, to say where its parts begin. Without a word all of it counts. */
export interface Meter {
  /** What came before was preparation: memory is counted above this. */
  idle (): void
  /** What came before was to warm up: time is counted from here. The parent hears of it first. */
  start (): Promise<void>
}

interface Failure { failed: string }

const SAMPLE_MS = 25
const MOST_SAMPLES = 400
/** No run takes so long: what does, hangs. */
const DEADLINE_MS = 15 * 60_000

/**
 * Runs `run` of `measureHere` in a fresh process of the bench `module`, with these arguments. A string that it sends is
 * answered after `onWord`; `start` is such a word. Fails with the message that the run failed with.
 */
export async function measureApart<Found> (module: string, args: string[], env: Record<string, string> = {}, onWord?: (word: string) => Promise<unknown>): Promise<Run<Found>> {
  const child = fork(fileURLToPath(module), args, { execArgv: ['--expose-gc', '--no-warnings'], env: { ...process.env, ...env, SLUICE_BENCH_RUN: '1' } })
  const exited = once(child, 'exit')
  const watchdog = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS)
  try {
    for (;;) {
      const answer = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
      if (answer === undefined) throw new Error(`the run "${args[0] ?? ''}" ended with ${child.signalCode ?? `code ${child.exitCode}`} and no answer`)
      const [said] = answer as [string | Run<Found> | Failure]
      if (typeof said === 'string') {
        await onWord?.(said)
        child.send('done')
        continue
      }
      await exited
      if ('failed' in said) throw new Error(said.failed)
      return said
    }
  } finally {
    clearTimeout(watchdog)
  }
}

/** Whether this process is a child of `measureApart`. */
export function isRun (): boolean {
  return process.env['SLUICE_BENCH_RUN'] === '1' && process.send !== undefined
}

/** The other side of it: false where this process is no such child. */
export async function measureHere (run: (args: string[], meter: Meter) => Promise<unknown>): Promise<boolean> {
  if (!isRun() || process.send === undefined) return false
  const answer = await runHere(run).catch((error: Error) => ({ failed: error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message }))
  process.send(answer, () => process.exit()) // Connections that a peer keeps alive are no reason to stay.
  return true
}

/** Tells the parent, and waits until it has heard. */
export async function say (word: string): Promise<void> {
  const heard = once(process, 'message')
  process.send?.(word)
  await heard
}

async function runHere (run: (args: string[], meter: Meter) => Promise<unknown>): Promise<Run<unknown>> {
  let base = process.memoryUsage.rss()
  let startedAt = performance.now()
  let cpu = process.cpuUsage()
  const samples: Sample[] = []
  const sampling = setInterval(() => {
    const { rss, external, heapUsed } = process.memoryUsage()
    samples.push({ ms: performance.now() - startedAt, rss, external, heap: heapUsed })
  }, SAMPLE_MS)
  const found = await run(process.argv.slice(2), {
    idle: () => { base = process.memoryUsage.rss() },
    start: async () => {
      await say('start')
      samples.length = 0
      cpu = process.cpuUsage()
      startedAt = performance.now()
    }
  })
  const ms = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpu)
  clearInterval(sampling)
  const highest = (of: (sample: Sample) => number): number => Math.max(0, ...samples.map(of))
  const every = Math.ceil(samples.length / MOST_SAMPLES)
  return {
    base,
    peak: process.resourceUsage().maxRSS * KiB,
    external: highest(sample => sample.external),
    heap: highest(sample => sample.heap),
    ms,
    cpuMs: (user + system) / 1000,
    samples: samples.filter((_, index) => index % every === 0),
    found
  }
}
