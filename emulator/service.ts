import type { Deed } from '../lib/simulation/request-log.ts'
import type { Exchange } from './exchange.ts'

/** The line and headers of a request, before any of its body. */
export interface RequestHead {
  method: string
  /** As sent, percent-encoded, without the query. */
  path: string
  /** As sent, without the question mark. */
  query: string
  /** Lower-case names; repeated headers joined by a comma. */
  headers: Readonly<Record<string, string>>
  /** Names of the headers that came more than once. */
  repeated?: readonly string[]
}

/** What a request is about, in the service's own words. */
export interface Subject {
  operation: string
  key?: string | undefined
  partNumber?: number | undefined
}

/** What goes back. `body` is written as it is read; `finish` is called once, whether any of it was read or not. */
export interface Answer {
  status: number
  /** In place of HTTP's own words for the status. */
  reason?: string
  headers: Record<string, string>
  body?: string | AsyncIterable<Buffer>
  /** What was done, where the head of the request alone does not tell. */
  done?: readonly Deed[]
  finish?: () => void
}

export interface ServiceError {
  status: number
  code?: string | undefined
  message?: string | undefined
}

/** A cloud's part of the emulator. The server reads, logs, breaks and writes; the service answers. */
export interface Service {
  readonly name: string
  /** Whether `Expect: 100-continue` gets its 100. */
  readonly answersContinue: boolean
  /** Whether a request is for this service although the first segment of its path belongs to none. */
  claims? (head: RequestHead): boolean
  /** Names the request, without looking at anything stored. */
  describe (head: RequestHead): Subject
  handle (exchange: Exchange): Promise<Answer>
  /** An error in the shape of this service, or of that part of it which `head` asks. */
  errorAnswer (error: ServiceError, head: RequestHead): Answer
  /** Headers that every answer of this service carries. */
  commonHeaders (): Record<string, string>
  /** Puts another version of the same size in the place of the object that a request is about. */
  changeObject (head: RequestHead): Promise<void>
}
