/** Says why a recording holds no answer to a request. */
import type { DispatchSubject } from './dispatch-subject.ts'
import type { BegunInteraction, Interaction, RecordedRequest, RecordingFile } from './recording-format.ts'
import type { RecordingProfile } from './recording-profile.ts'
import { differences, normalized } from './request-match.ts'
import type { Difference } from './request-match.ts'

export interface Miss {
  subject: DispatchSubject
  request: RecordedRequest
  /** Interactions of the very same request, all used up. */
  same: readonly Interaction[]
  recording: RecordingFile
  profile: RecordingProfile
  isUsed (interaction: Interaction): boolean
}

export function explainMiss (miss: Miss): string {
  const { subject, request, same, recording } = miss
  const name = `${subject.operation} ${request.method} ${request.path}`
  const begun = recording.unfinished?.find(interaction => isSame(interaction, miss))
  if (begun !== undefined) return `Cannot ${subject.action}: the recording broke off before the answer to it (${name}, begun as ${begun.id})`
  if (same.length > 0) return `Cannot ${subject.action}: the recording holds ${same.length === 1 ? 'one answer' : `${same.length} answers`} to ${name}, and this is one request more`
  const nearest = nearestOf(miss)
  if (nearest === undefined) return `Cannot ${subject.action}: the recording holds nothing of ${subject.service}`
  const shown = nearest.differences.map(({ field, expected, found }) => `${field}: expected ${expected}, found ${found}`).join('; ')
  return `Cannot ${subject.action}: the recording never saw ${name}, the nearest is ${nameOf(nearest.interaction)} (${nearest.interaction.id}${miss.isUsed(nearest.interaction) ? ', answered before' : ''}) with ${shown}`
}

function isSame ({ operation, method, path, service }: BegunInteraction, { subject, request, profile }: Miss): boolean {
  return (service === undefined || service === subject.service) && operation === subject.operation && method === request.method &&
    normalized(path, profile) === normalized(request.path, profile)
}

function nameOf ({ operation, request: { method, path } }: Interaction): string {
  return `${operation} ${method} ${path}`
}

interface Nearest { interaction: Interaction, differences: Difference[], distance: number }

function nearestOf (miss: Miss): Nearest | undefined {
  let nearest: Nearest | undefined
  for (const interaction of miss.recording.interactions) {
    if (interaction.service !== undefined && interaction.service !== miss.subject.service) continue
    const all = allDifferences(interaction, miss)
    const distance = all.reduce((sum, difference) => sum + weight(difference), 0) + (miss.isUsed(interaction) ? 0.5 : 0)
    if (nearest === undefined || distance < nearest.distance) nearest = { interaction, differences: all, distance }
  }
  return nearest
}

function allDifferences ({ operation, request: recorded }: Interaction, { subject, request, profile }: Miss): Difference[] {
  return [
    ...differ('operation', operation, subject.operation),
    ...differ('method', recorded.method, request.method),
    ...(normalized(recorded.path, profile) === normalized(request.path, profile) ? [] : differ('path', recorded.path, request.path)),
    ...differences(recorded, request, profile)
  ]
}

function differ (field: string, expected: string, found: string): Difference[] {
  return expected === found ? [] : [{ field, expected, found }]
}

/** Another operation is further away than another path, and that the further the less the two have in common. */
function weight ({ field, expected, found }: Difference): number {
  if (field === 'operation' || field === 'method') return 5
  return field === 'path' ? 1 + 4 * (1 - likeness(expected, found)) : 1
}

function likeness (a: string, b: string): number {
  const longest = Math.max(a.length, b.length)
  let start = 0
  while (start < longest && a[start] === b[start]) start++
  let end = 0
  while (end < longest - start && a.at(-1 - end) === b.at(-1 - end)) end++
  return longest === 0 ? 1 : (start + end) / longest
}
