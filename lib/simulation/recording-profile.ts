/** What one cloud says of how its traffic is recorded; `lib/simulation` knows no cloud itself. Operations are in snake case. */
import type { Endpoint } from '../http/endpoint.ts'

export interface RecordingProfile {
  /** Name of the cloud in recordings and of its folder below `./recordings`. */
  service: string
  /** Names in the documents, by the service's own, of operations whose own name in snake case differs. */
  operations?: Readonly<Record<string, string>>
  /** Operations whose bodies are bytes of files: kept as they are, never read. */
  contents: { sent: readonly string[], received: readonly string[] }
  /** Operations whose request bodies differ each time: neither kept nor compared. */
  volatileBodies?: readonly string[]
  /** Request headers that tell one request from another, in lower case; a `*` at the end takes all that begin so. */
  headers: readonly string[]
  /** Links that carry their own authorization, which nobody shall find in a recording. */
  links?: LinkProfile
  /** Takes what clients draw by lot or from their credentials out of a path or a header value, before two are compared. */
  normalize?(text: string): string
  /** Takes secrets out of the text of an answer. */
  redact?(operation: string, text: string): string
}

export interface LinkProfile {
  /** JSON properties that hold one. */
  properties: readonly string[]
  /** Operations that answer with one in `Location`. */
  located: readonly string[]
  /** Operations that are redirected to one; what is recorded is the request that follows, under the path that was redirected. */
  redirected: readonly string[]
  /** The path below the endpoint that a link stands for; undefined for one that stands for nothing else. */
  pathOf?(property: string, holder: Readonly<Record<string, unknown>>): string | undefined
}

/** One client's side of a recording: its cloud, its address, and what it writes into the head of the file. */
export interface RecordedService {
  profile: RecordingProfile
  endpoint: Endpoint
  driveId?: string | undefined
}
