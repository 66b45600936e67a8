/** Work that goes on after its 202: copies, and moves that take their time. */
import { randomUUID } from 'node:crypto'
import { GraphError } from './errors.ts'
import type { OneDriveQuirks } from './quirks.ts'

export interface JobResult {
  driveId: string
  resourceId: string
}

export type JobState =
  | { phase: 'running', work: () => Promise<JobResult> }
  | { phase: 'finishing', end: Promise<void> }
  | ({ phase: 'completed' } & JobResult)
  | { phase: 'failed', error: GraphError }

export interface Job {
  id: string
  operation: 'ItemCopy' | 'ItemMove'
  created: number
  polls: number
  state: JobState
}

export class CopyJobs {
  readonly #quirks: OneDriveQuirks
  readonly #jobs = new Map<string, Job>()
  readonly #running = new Set<Job>()

  constructor (quirks: OneDriveQuirks) {
    this.#quirks = quirks
  }

  start (operation: Job['operation'], work: () => Promise<JobResult>, now: number): Job {
    const job: Job = { id: randomUUID(), operation, created: now, polls: 0, state: { phase: 'running', work } }
    this.#jobs.set(job.id, job)
    this.#running.add(job)
    return job
  }

  /** A look at a job, which counts. */
  async poll (id: string): Promise<Job | undefined> {
    const job = this.#jobs.get(id)
    if (job === undefined) return undefined
    if (job.polls++ >= this.#quirks.copyPolls) await this.#finish(job)
    return job
  }

  /** Finishes what has had its time. */
  async settle (now: number): Promise<void> {
    for (const job of this.#running) if (now - job.created >= this.#quirks.copyMs) await this.#finish(job)
  }

  async #finish (job: Job): Promise<void> {
    const { state } = job
    if (state.phase === 'running') job.state = { phase: 'finishing', end: this.#run(job, state.work) }
    if (job.state.phase === 'finishing') await job.state.end
  }

  async #run (job: Job, work: () => Promise<JobResult>): Promise<void> {
    try {
      job.state = { phase: 'completed', ...await work() }
    } catch (error) {
      if (!(error instanceof GraphError)) throw error
      job.state = { phase: 'failed', error }
    } finally {
      this.#running.delete(job)
    }
  }
}
