/** Whether a request is one that was recorded, and where it differs. */
import { sha256Of } from './recording-format.ts'
import type { RecordedRequest } from './recording-format.ts'
import type { RecordingProfile } from './recording-profile.ts'

export interface Difference {
  field: string
  expected: string
  found: string
}

/** Paths are compared before. What the recording does not say is not compared. @param except headers that may differ. */
export function differences (recorded: RecordedRequest, asked: RecordedRequest, profile: RecordingProfile, except: ReadonlySet<string> = new Set()): Difference[] {
  return [
    ...compare('query', recorded.query, asked.query ?? '', profile),
    ...headerDifferences(recorded.headers, asked.headers ?? {}, profile, except),
    ...contentDifference(recorded, asked)
  ]
}

function headerDifferences (recorded: Record<string, string> | undefined, asked: Record<string, string>, profile: RecordingProfile, except: ReadonlySet<string>): Difference[] {
  if (recorded === undefined) return []
  const names = new Set([...Object.keys(recorded), ...Object.keys(asked)].filter(name => isTelling(name, profile) && !except.has(name)))
  return [...names].flatMap(name => compare(`header ${name}`, recorded[name] ?? 'none', asked[name] ?? 'none', profile))
}

function contentDifference (recorded: RecordedRequest, asked: RecordedRequest): Difference[] {
  const expected = sha256Of(recorded.content_hash)
  if (expected === undefined || expected === sha256Of(asked.content_hash)) return []
  return [{ field: 'content', expected: describeContent(recorded), found: describeContent(asked) }]
}

function describeContent ({ content_hash: hash, content_length: length }: RecordedRequest): string {
  if (hash === undefined) return 'none'
  return length === undefined ? hash : `${length} bytes ${hash}`
}

function compare (field: string, expected: string | undefined, found: string, profile: RecordingProfile): Difference[] {
  return expected === undefined || normalized(expected, profile) === normalized(found, profile) ? [] : [{ field, expected, found }]
}

export function normalized (text: string, { normalize }: RecordingProfile): string {
  return normalize === undefined ? text : normalize(text)
}

export function isTelling (name: string, { headers }: RecordingProfile): boolean {
  return headers.some(pattern => pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern)
}
