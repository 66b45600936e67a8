import { statSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigurationError, ReplayError } from '../errors.ts'
import { pathOf } from './described-request.ts'
import { readRecordingFolder } from './recording-folder.ts'
import { parseRecording } from './recording-format.ts'
import type { Interaction, RecordedResponse, RecordingFile, RecordingMetadata } from './recording-format.ts'
import { ReplayedContents } from './replayed-contents.ts'

/**
 * A recording that was read, to be replayed any number of times: every client that replays it starts anew. Holds all
 * interactions in memory, contents on disk.
 *
 * @example
 * const replayer = SimulationReplayer.fromFile('fixtures/multipart_100mb.json')
 * const r2 = new R2({ accountId: 'test', accessKeyId: 'key', secretAccessKey: 'secret', simulation: { replay: replayer } })
 */
export class SimulationReplayer {
  readonly recording: RecordingFile
  readonly contents: ReplayedContents
  /** Where it was read from. */
  readonly path: string
  readonly #asked = new Map<string, number>()

  /** @param folder that holds `content/`. */
  constructor (recording: RecordingFile, folder: string, path: string = folder) {
    this.recording = recording
    this.path = path
    this.contents = new ReplayedContents(folder)
  }

  /**
   * One file, whose contents are in `content/` beside it, or the folder of a recording, also of one that broke off.
   * @throws {ConfigurationError} there is none. @throws {ReplayError} it is damaged.
   */
  static fromFile (path: string): SimulationReplayer {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined) throw new ConfigurationError(`Cannot replay "${path}" as there is no such file or folder`)
    if (found.isDirectory()) return new SimulationReplayer(readRecordingFolder(path), path)
    return new SimulationReplayer(parseRecording(readFileSync(path, 'utf8'), path), dirname(path), path)
  }

  get metadata (): RecordingMetadata {
    return this.recording.metadata
  }

  get interactions (): readonly Interaction[] {
    return this.recording.interactions
  }

  /** The recorded answers to this operation on this name, one after the other, then the last again. */
  replayResponse (operation: string, container: string, name: string): RecordedResponse {
    const path = pathOf(container, name)
    const answers = this.interactions.flatMap(({ operation: recorded, request, response }) => {
      return recorded === operation && request.path === path && response !== undefined ? [response] : []
    })
    const key = `${operation} ${path}`
    const asked = this.#asked.get(key) ?? 0
    this.#asked.set(key, asked + 1)
    const answer = answers[Math.min(asked, answers.length - 1)]
    if (answer === undefined) throw new ReplayError(`Cannot replay ${operation} of "${path}": the recording holds no answer to it`)
    return answer
  }
}
