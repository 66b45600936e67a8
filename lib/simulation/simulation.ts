import type { Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import { StorageError } from '../errors.ts'
import { MutatingDispatcher } from './mutating-dispatcher.ts'
import { SimulationRecorder } from './recorder.ts'
import type { Interaction } from './recording-format.ts'
import type { RecordedService } from './recording-profile.ts'
import { ReplayTransport } from './replay-transport.ts'
import { SimulationReplayer } from './replayer.ts'
import { resolveSimulation } from './simulation-options.ts'
import type { SimulationMode, SimulationOptions, SimulationSettings } from './simulation-options.ts'

/** Interactions that a message names. */
const NAMED = 10

/** What a client does instead of, or beside, talking to its service. */
export class Simulation {
  readonly mode: SimulationMode
  /** Of the recording; where one would be made or read when `mode` is `disabled`. */
  readonly path: string
  /** What requests go through: trouble first, then the recorder or the recording, then the network. */
  readonly dispatcher: Dispatcher
  readonly #recorder: SimulationRecorder | undefined
  readonly #transport: ReplayTransport | undefined
  readonly #trouble: MutatingDispatcher | undefined

  constructor (settings: SimulationSettings, network: Dispatcher, clock: Clock, service: RecordedService | undefined) {
    this.mode = settings.mode
    this.path = settings.path
    if (settings.mode === 'recording' && service !== undefined) this.#recorder = new SimulationRecorder(network, { ...settings.record, service, clock })
    if (settings.mode === 'replay' && service !== undefined) this.#transport = new ReplayTransport(replayerOf(settings.replay.replay), { ...settings.replay, service, clock })
    const answering = this.#recorder ?? this.#transport ?? network
    const { mutations = [], seed } = settings.trouble
    if (mutations.length > 0) this.#trouble = new MutatingDispatcher(answering, { mutations, clock, ...(seed === undefined ? {} : { seed }) })
    this.dispatcher = this.#trouble ?? answering
  }

  get enabled (): boolean {
    return this.mode !== 'disabled'
  }

  /**
   * Passes when all that was to happen has happened: each mutation took place.
   * @param options.exhausted and each recorded interaction was asked for.
   * @throws {StorageError} `NotAsExpected`, with what did not happen.
   */
  verify ({ exhausted = false }: { exhausted?: boolean } = {}): void {
    const missing = [...this.#trouble?.unmet() ?? [], ...(exhausted ? unaskedFor(this.#transport?.unused() ?? []) : [])]
    if (missing.length > 0) throw new StorageError(`Cannot confirm the simulation as ${missing.join('; ')}`, { code: 'NotAsExpected' })
  }

  /** A recording is written out. The network is its owner's to close. */
  async close (): Promise<void> {
    await this.#recorder?.close()
  }
}

/** @param service of which there is none for what is never simulated, such as requests for tokens. */
export function simulate (option: SimulationOptions | undefined, network: Dispatcher, clock: Clock, service: RecordedService | undefined): Simulation {
  const settings = service === undefined ? resolveSimulation('disabled', '') : resolveSimulation(option, service.profile.service)
  return new Simulation(settings, network, clock, service)
}

function replayerOf (replay: string | SimulationReplayer): SimulationReplayer {
  return typeof replay === 'string' ? SimulationReplayer.fromFile(replay) : replay
}

function unaskedFor (interactions: Interaction[]): string[] {
  const shown = interactions.slice(0, NAMED).map(({ id, operation, request: { method, path } }) => `${operation} ${method} ${path} (${id}) was recorded and not asked for`)
  return interactions.length > NAMED ? [...shown, `so were ${interactions.length - NAMED} more`] : shown
}
