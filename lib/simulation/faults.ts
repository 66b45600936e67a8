/** Trouble on demand. A fault says which requests it wants, how often, and what goes wrong; each use of it is counted. */

/** Which requests a fault wants; what is left out matches all. */
export interface FaultTarget {
  operation?: string | readonly string[]
  key?: string | RegExp
  partNumber?: number
  /** How many requests it hits before it is used up; 1 unless given, `Infinity` for ever. */
  times?: number
  /** How many matching requests pass first. */
  skip?: number
  /** Hits a matching request with this chance, from the emulator's seed. */
  probability?: number
}

/**
 * What goes wrong. Several may be given together, such as `changeObject` with `reset`. Bytes count from 0 at the start of
 * the body of this one request or response.
 */
export interface FaultEffects {
  /** Answers with this status and the service's error body instead of doing the work. */
  status?: number
  /** The error code in that body. */
  code?: string
  message?: string
  /** The `Retry-After` header of that answer: seconds or an HTTP date. */
  retryAfter?: number | string
  /** That answer is an HTML page, as from a proxy in between. */
  html?: boolean
  /**
   * Resets the connection: before the body is read; after the answer's headers; once so many request bytes came; once so
   * many response bytes were handed to the system, of which the client may see fewer.
   */
  reset?: 'before' | 'after-headers' | { requestByte: number } | { responseByte: number }
  /** Stops for ever: with nothing answered, or after so many bytes of the response body. The connection stays open. */
  stall?: 'response' | { responseByte: number }
  /** Does the work, then resets the connection instead of answering. */
  loseAnswer?: true
  /** Does the work, then answers with this status. */
  loseAnswerWith?: number
  /** Flips the lowest bit of one byte, of the response body or of the request body as it was received. */
  flipBit?: { at: number } | { requestBody: number }
  /** Another version of the same size takes the object's place: before the request is served, or when half is sent. */
  changeObject?: true | 'midway'
  /** Answers 200 with the service's error body of this code; the work is not done. */
  errorIn200?: string
  /** DeleteObjects reports these keys as errors of this code, `InternalError` unless given, and leaves them. */
  failKeys?: { keys: RegExp | readonly string[], code?: string }
  /** Waits before the request is served. */
  latencyMs?: number
  /** Slows both bodies of this request down. */
  bytesPerSecond?: number
  /**
   * Ends the connection in good order after so many response bytes, though the headers promised more. With `ended` a
   * chunked body ends as if it were whole, so that only what is in it tells that it is not.
   */
  truncate?: { responseByte: number, ended?: true }
  /** The server's clock is this much ahead (or behind, when negative), in the `Date` header and for signatures. */
  skewDate?: number
}

export type Fault = FaultTarget & FaultEffects

export interface FaultHandle {
  /** How many requests it hit. */
  readonly hits: number
  remove (): void
}

export interface FaultSubject {
  operation: string
  key?: string | undefined
  partNumber?: number | undefined
}

/** These only colour a request, so that any number of them may meet in one; of all others the first fault wins. */
const COLOURING: ReadonlySet<string> = new Set<keyof FaultEffects>(['latencyMs', 'bytesPerSecond', 'skewDate'])
const TARGETING: ReadonlySet<string> = new Set<keyof FaultTarget>(['operation', 'key', 'partNumber', 'times', 'skip', 'probability'])

class ArmedFault implements FaultHandle {
  readonly fault: Fault
  readonly colouring: boolean
  hits = 0
  #passed = 0
  #remove: () => void

  constructor (fault: Fault, remove: () => void) {
    this.fault = fault
    this.#remove = remove
    this.colouring = Object.keys(fault).every(name => TARGETING.has(name) || COLOURING.has(name))
  }

  get usedUp (): boolean {
    return this.hits >= (this.fault.times ?? 1)
  }

  /** Whether it hits this request; counts what passes and what does not. */
  take (subject: FaultSubject, random: () => number): boolean {
    if (this.usedUp || !this.#wants(subject)) return false
    if (this.#passed < (this.fault.skip ?? 0)) {
      this.#passed++
      return false
    }
    if (this.fault.probability !== undefined && random() >= this.fault.probability) return false
    this.hits++
    return true
  }

  remove (): void {
    this.#remove()
  }

  #wants ({ operation, key, partNumber }: FaultSubject): boolean {
    const { fault } = this
    if (fault.operation !== undefined && ![fault.operation].flat().includes(operation)) return false
    if (fault.partNumber !== undefined && fault.partNumber !== partNumber) return false
    if (fault.key === undefined) return true
    return typeof fault.key === 'string' ? fault.key === key : key !== undefined && key.search(fault.key) !== -1
  }
}

export class FaultPlan {
  readonly #random: () => number
  #armed: ArmedFault[] = []

  constructor (random: () => number) {
    this.#random = random
  }

  add (fault: Fault): FaultHandle {
    checkFault(fault)
    const armed: ArmedFault = new ArmedFault(fault, () => {
      this.#armed = this.#armed.filter(other => other !== armed)
    })
    this.#armed.push(armed)
    return armed
  }

  clear (): void {
    this.#armed = []
  }

  /** Throws when a fault that is still in the plan, and has no `probability`, did not happen as often as it should have. */
  verify (): void {
    const missing = this.#armed.filter(armed => armed.fault.probability === undefined && !isSatisfied(armed))
    if (missing.length === 0) return
    const list = missing.map(({ fault, hits }) => `${describe(fault)} happened ${hits} of ${fault.times ?? 1} times`)
    throw new Error(`Cannot confirm the fault plan as ${list.join('; ')}`)
  }

  /** What shall go wrong with this request. */
  effectsFor (subject: FaultSubject): FaultEffects {
    let effects: FaultEffects = {}
    let decided = false
    for (const armed of this.#armed) {
      if ((decided && !armed.colouring) || !armed.take(subject, this.#random)) continue
      decided ||= !armed.colouring
      effects = { ...armed.fault, ...effects }
    }
    return effects
  }
}

function isSatisfied ({ fault, hits }: ArmedFault): boolean {
  const times = fault.times ?? 1
  return times === Infinity ? hits > 0 : hits >= times
}

function describe (fault: Fault): string {
  const effect = Object.keys(fault).filter(name => !TARGETING.has(name)).join('+')
  const target = fault.operation === undefined ? 'any operation' : [fault.operation].flat().join('|')
  return `"${effect}" on ${target}`
}

function checkFault (fault: Fault): void {
  const effects = Object.keys(fault).filter(name => !TARGETING.has(name))
  if (effects.length === 0) throw new TypeError('Cannot add a fault as it has no effect')
  const chance = fault.probability ?? 1
  if (!(chance >= 0 && chance <= 1)) {
    throw new RangeError(`Cannot add a fault as probability must be from 0 to 1: received ${chance}`)
  }
  if (fault.bytesPerSecond !== undefined && !(fault.bytesPerSecond > 0)) {
    throw new RangeError(`Cannot add a fault as bytesPerSecond must be above 0: received ${fault.bytesPerSecond}`)
  }
}
