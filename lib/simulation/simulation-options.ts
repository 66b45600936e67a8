/** The client option `simulation`, and the variable `SLUICE_SIMULATION`. */
import { join } from 'node:path'
import { ConfigurationError } from '../errors.ts'
import type { Mutation } from './mutations.ts'
import type { SimulationReplayer } from './replayer.ts'

/** Passes all requests through, records them, or answers them from a recording. */
export type SimulationMode = 'disabled' | 'recording' | 'replay'

/** Trouble that the client meets, whatever answers it. */
export interface TroubleOptions {
  mutations?: readonly Mutation[]
  /** For mutations with a `chance`. Default 0. */
  seed?: number
}

export interface RecordOptions extends TroubleOptions {
  /** The folder of the recording: `<record>/interactions.json` and `<record>/content/<sha256>`. It is made when it is not there. */
  record: string
  /** Replaces a recording that is there. Without this and `append`, one that is there is an error. */
  overwrite?: boolean
  /** Goes on with a recording that is there. */
  append?: boolean
  /** `hash` keeps the SHA-256 of request bodies without their bytes. Default `keep`. */
  requestContent?: 'keep' | 'hash'
}

export interface ReplayOptions extends TroubleOptions {
  /** The folder of a recording, one file of the form of its `interactions.json`, or what was read from either. */
  replay: string | SimulationReplayer
  /** `recorded` waits as long as the service took to answer, a number that many times as long. Default 0: no wait. */
  latency?: 'recorded' | number
}

/** Goes to the service. */
export interface PassOptions extends TroubleOptions {
  record?: undefined
  replay?: undefined
}

/** The words `record` and `replay` alone take the folder `./recordings/<service>`. Default `disabled`. */
export type SimulationOptions = 'disabled' | 'record' | 'replay' | RecordOptions | ReplayOptions | PassOptions

/** What a client does, with the defaults of the documents (R2A 5.4). */
export type SimulationSettings =
  | { mode: 'disabled', path: string, trouble: TroubleOptions }
  | { mode: 'recording', path: string, trouble: TroubleOptions, record: RecordOptions }
  | { mode: 'replay', path: string, trouble: TroubleOptions, replay: ReplayOptions }

/** @throws {ConfigurationError} the option is none of its forms. */
export function resolveSimulation (option: SimulationOptions | undefined, service: string): SimulationSettings {
  const path = `./recordings/${service}`
  if (option === undefined || option === 'disabled') return { mode: 'disabled', path, trouble: {} }
  if (option === 'record') return { mode: 'recording', path, trouble: {}, record: { record: path } }
  if (option === 'replay') return { mode: 'replay', path, trouble: {}, replay: { replay: path } }
  if (typeof option !== 'object' || option === null) throw new ConfigurationError(`Cannot use simulation ${JSON.stringify(option)} as it must be disabled, record, replay, or an object with record or replay`)
  const { record, replay } = option as Partial<RecordOptions & ReplayOptions>
  if (record !== undefined && replay !== undefined) throw new ConfigurationError('Cannot use simulation.record and simulation.replay together: pass one of them')
  if (replay !== undefined) return { mode: 'replay', path: typeof replay === 'object' ? replay.path : checkPath('replay', replay), trouble: option, replay: checkReplay(option as ReplayOptions) }
  if (record !== undefined) return { mode: 'recording', path: checkPath('record', record), trouble: option, record: checkRecord(option as RecordOptions) }
  return { mode: 'disabled', path, trouble: option }
}

/** In replay nothing asks for credentials, and none are needed. */
export function isReplay (option: SimulationOptions | undefined): boolean {
  return option === 'replay' || (typeof option === 'object' && 'replay' in option && option.replay !== undefined)
}

/**
 * `disabled`, or `record`, `overwrite`, `append` or `replay`, each with `:<folder>` of the recordings of all clouds;
 * default `./recordings`.
 * @throws {ConfigurationError} it is something else.
 */
export function simulationFromEnv (env: Record<string, string | undefined>, service: string): { simulation?: SimulationOptions } {
  const value = env['SLUICE_SIMULATION']
  if (value === undefined || value === '') return {}
  if (value === 'disabled') return { simulation: value }
  const match = /^(record|overwrite|append|replay)(?::(.+))?$/.exec(value)
  if (match === null) throw new ConfigurationError(`Cannot use SLUICE_SIMULATION ${JSON.stringify(value)} as it must be disabled, or record, overwrite, append or replay with ":" and a folder`)
  const [, word, folder = './recordings'] = match
  const path = join(folder, service)
  if (word === 'replay') return { simulation: { replay: path } }
  return { simulation: { record: path, ...(word === 'record' ? {} : { [word as 'overwrite' | 'append']: true }) } }
}

function checkPath (name: string, path: unknown): string {
  if (typeof path === 'string' && path !== '') return path
  throw new ConfigurationError(`Cannot use simulation.${name} as it must be the path of a folder: received ${JSON.stringify(path)}`)
}

function checkRecord (options: RecordOptions): RecordOptions {
  const { overwrite, append, requestContent = 'keep' } = options
  if (overwrite === true && append === true) throw new ConfigurationError('Cannot use simulation.overwrite and simulation.append together: pass one of them')
  if (requestContent !== 'keep' && requestContent !== 'hash') throw new ConfigurationError(`Cannot use simulation.requestContent ${JSON.stringify(requestContent)} as it must be keep or hash`)
  return options
}

function checkReplay (options: ReplayOptions): ReplayOptions {
  const { latency = 0 } = options
  if (latency === 'recorded' || (typeof latency === 'number' && latency >= 0 && Number.isFinite(latency))) return options
  throw new ConfigurationError(`Cannot use simulation.latency ${JSON.stringify(latency)} as it must be "recorded" or a number of 0 or more`)
}
