import { ReplayError } from '../errors.ts'
import { RANGE_HEADERS, sliceOf } from './content-slice.ts'
import type { ContentSlice } from './content-slice.ts'
import type { DispatchSubject } from './dispatch-subject.ts'
import { explainMiss } from './nearest-request.ts'
import type { Interaction, RecordedRequest, RecordingFile } from './recording-format.ts'
import type { RecordingProfile } from './recording-profile.ts'
import { differences, normalized } from './request-match.ts'

/** What answers a request: an interaction as it was recorded, or a part of its content. */
export interface Found {
  interaction: Interaction
  slice?: ContentSlice
}

/**
 * One client's way through a recording, from its start: requests that are alike are answered in the order in which they
 * were recorded. A read that is asked again when its answers are used up gets the last of them again, as long as nothing
 * was written since. A range of a content that was recorded is answered with that part of it.
 */
export class ReplaySession {
  readonly #recording: RecordingFile
  readonly #profile: RecordingProfile
  readonly #byKey = new Map<string, Interaction[]>()
  /** When an interaction answered last, counted in answers. */
  readonly #usedAt = new Map<Interaction, number>()
  readonly #writtenAt = new Map<string, number>()
  #lastWrite = 0
  #step = 0

  constructor (recording: RecordingFile, profile: RecordingProfile) {
    this.#recording = recording
    this.#profile = profile
    for (const interaction of recording.interactions) {
      if (interaction.service !== undefined && interaction.service !== profile.service) continue
      const key = this.#key(interaction.operation, interaction.request)
      this.#byKey.set(key, [...this.#byKey.get(key) ?? [], interaction])
    }
  }

  /** @throws {ReplayError} the recording holds no answer; the message shows the nearest request of it. */
  find (subject: DispatchSubject, request: RecordedRequest): Found {
    const alike = this.#byKey.get(this.#key(subject.operation, request)) ?? []
    const same = alike.filter(({ request: recorded }) => differences(recorded, request, this.#profile).length === 0)
    const next = same.find(interaction => !this.#usedAt.has(interaction))
    if (next !== undefined) return { interaction: next }
    const found = this.#again(same) ?? this.#slice(alike, subject, request)
    if (found !== undefined) return found
    const message = explainMiss({ subject, request, same, recording: this.#recording, profile: this.#profile, isUsed: interaction => this.#usedAt.has(interaction) })
    throw new ReplayError(message)
  }

  use ({ interaction }: Found): void {
    this.#usedAt.set(interaction, ++this.#step)
    const { method, path } = interaction.request
    if (isRead(method)) return
    this.#lastWrite = this.#step
    this.#writtenAt.set(path, this.#step)
  }

  /** What was never asked for. */
  unused (): Interaction[] {
    return [...this.#byKey.values()].flat().filter(interaction => !this.#usedAt.has(interaction))
  }

  #again (same: Interaction[]): Found | undefined {
    const last = same.at(-1)
    return last !== undefined && isRead(last.request.method) && (this.#usedAt.get(last) ?? 0) > this.#lastWrite ? { interaction: last } : undefined
  }

  /** From what was answered since the path was last written, the last first; else from what comes next. */
  #slice (alike: Interaction[], { operation }: DispatchSubject, request: RecordedRequest): Found | undefined {
    if (request.method !== 'GET' || !this.#profile.contents.received.includes(operation)) return undefined
    const candidates = alike.filter(({ request: recorded }) => differences(recorded, request, this.#profile, RANGE_HEADERS).length === 0)
    const written = this.#writtenAt.get(request.path) ?? 0
    const current = candidates.filter(interaction => this.#timeOf(interaction) > written).sort((a, b) => this.#timeOf(b) - this.#timeOf(a))
    const following = candidates.filter(interaction => !this.#usedAt.has(interaction))
    const slice = sliceOf([...current, ...following], request)
    const [interaction] = current.length > 0 ? current : following
    return slice === undefined || interaction === undefined ? undefined : { interaction, slice }
  }

  #timeOf (interaction: Interaction): number {
    return this.#usedAt.get(interaction) ?? 0
  }

  #key (operation: string, { method, path }: RecordedRequest): string {
    return `${operation} ${method} ${normalized(path, this.#profile)}`
  }
}

function isRead (method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}
