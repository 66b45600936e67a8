import { systemClock, watch } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { ClientOptions } from '../http/client-options.ts'
import { resolveSimulation } from './simulation-options.ts'
import { SimulationReplayer } from './replayer.ts'

/**
 * Options of a client that replays, with the recording read and, unless a clock is given, a clock that starts when the
 * recording was made: by it, an answer to an upload is no older than the upload, and nothing of it has expired.
 */
export function inRecordedTime<Options extends ClientOptions> (options: Options, service: string): Options {
  const settings = resolveSimulation(options.simulation, service)
  if (settings.mode !== 'replay') return options
  const { replay } = settings.replay
  const replayer = typeof replay === 'string' ? SimulationReplayer.fromFile(replay) : replay
  return { ...options, clock: options.clock ?? new RecordedClock(Date.parse(replayer.metadata.created)), simulation: { ...settings.replay, replay: replayer } }
}

/** The system's clock, put back to another start. */
class RecordedClock implements Clock {
  readonly sleep = systemClock.sleep
  readonly random = systemClock.random
  readonly #behindMs: number

  constructor (start: number) {
    this.#behindMs = Number.isNaN(start) ? 0 : systemClock.now() - start
  }

  now (): number {
    return systemClock.now() - this.#behindMs
  }

  watch (ms: number, signal?: AbortSignal): Promise<void> {
    return watch(systemClock, ms, signal)
  }
}
