/**
 * Trouble as a script: which requests it meets and what goes wrong with them. The words are those of the emulator's
 * faults where both can do the same; these work above any dispatcher, be it a recording, a mock or the network.
 *
 * ```ts
 * const mutations: Mutation[] = [
 *   { on: { operation: 'upload_part', nth: 2 }, do: { status: 503, retryAfter: 1 } },
 *   { on: { operation: 'get_object' }, do: { reset: { responseByte: 5_000_000 } } },
 *   { on: { chance: 0.1, times: Infinity }, do: { reset: 'before' } }
 * ]
 * ```
 */

export interface Mutation {
  /** Default: the first request, whatever it is. */
  on?: MutationTarget
  do: Trouble
}

/** Which requests are meant; what is left out matches all. */
export interface MutationTarget {
  /** `r2`, `onedrive`, `azure-files`. */
  service?: string
  /** As in recordings, in snake case: `upload_part`. */
  operation?: string | readonly string[]
  method?: string
  /** A text in the decoded path and query, or a pattern that they match. */
  path?: string | RegExp
  /** Begins with this one of the requests that match, counted from 1; default 1. */
  nth?: number
  /** How many requests it hits before it is used up; 1 unless given, `Infinity` for ever. */
  times?: number
  /** Hits a request that matches with this chance, from the seed. */
  chance?: number
}

/** Why no connection comes about. A certificate that is wrong stays wrong: such errors are not temporary. */
export type ConnectTrouble =
  'refused' | 'unreachable' | 'unknown-host' | 'timeout' | 'tls-handshake' | 'expired-certificate' | 'self-signed-certificate' | 'wrong-host-certificate'

/** Bytes count from 0 at the start of the body of this one request or answer. */
export interface RequestByte { requestByte: number }
export interface ResponseByte { responseByte: number }

/**
 * What goes wrong. One of `connect`, `reset`, `truncate`, `stall`, `loseAnswer`, `loseAnswerWith`, `status`, `redirect`
 * and `protocol` at most. `flipBit`, `headers`, `rewrite` and `changeObject` change the answer and go with what ends it
 * later; `latencyMs` and `bytesPerSecond` go with everything, also with other mutations of the same request.
 */
export interface Trouble {
  /** No connection: the service sees nothing. `timeout` fails at once, without the wait. */
  connect?: ConnectTrouble
  /**
   * Resets the connection: before the request is sent or once so many bytes of its body are (the service sees nothing
   * of it, either way); or once so many bytes of the answer came.
   */
  reset?: 'before' | RequestByte | ResponseByte
  /**
   * Ends the connection in good order after so many bytes of the answer, though the headers promised more. With
   * `length: 'fits'` the header promises no more, so that only digests and sizes tell that bytes are missing.
   */
  truncate?: ResponseByte & { length?: 'kept' | 'fits' }
  /** Stops for ever: with nothing answered (and the service seeing nothing), or after so many bytes of the answer. */
  stall?: 'response' | ResponseByte
  /** The service does the work, then the connection is reset instead of an answer. A replayer answers the next try with the same. */
  loseAnswer?: true
  /** The service does the work, then something in between answers with this status. */
  loseAnswerWith?: number
  /** Answers with this status and `body`; the service sees nothing. 200 with an error as `body` is a trouble, too. */
  status?: number
  /** The `Retry-After` header of that answer: seconds or an HTTP date. */
  retryAfter?: number | string
  /** The body of that answer, in the service's own words. Default: none. */
  body?: string
  /** That answer is an HTML page, as from a proxy in between. */
  html?: true
  /** Answers 302 with this location, or with the request's own as `loop`; the service sees nothing. */
  redirect?: string
  /** What comes back is no HTTP, has headers beyond all measure, or a body of another length than its header says. */
  protocol?: 'garbage' | 'header-overflow' | 'length-mismatch'
  /** Flips the lowest bit of one byte, of the answer or of the request. */
  flipBit?: RequestByte | ResponseByte
  /** Sets headers of the answer; a list repeats one, null takes one away. */
  headers?: Readonly<Record<string, string | readonly string[] | null>>
  /** Replaces text in the body of the answer, 1 MiB at most, which then has no `Content-Length`. */
  rewrite?: { find: string | RegExp, replace: string }
  /** Another version took the object's place: 412 to a request with a condition, else the answer has another `ETag`. */
  changeObject?: true
  /** Waits before the request is sent. */
  latencyMs?: number
  /** Slows both bodies down. */
  bytesPerSecond?: number
}

/** How often each mutation met a request that it was meant for, and how often its trouble took place. */
export interface MutationCount {
  mutation: Mutation
  matched: number
  happened: number
}
