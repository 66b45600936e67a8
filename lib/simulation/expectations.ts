/** What a test expects to be asked of a service, compared with the log of what was asked. Knows no cloud. */
import type { Deed, RequestEntry } from './request-log.ts'

export interface ExpectOptions {
  /** Exactly so many times; 0 is never. Default: at least once. */
  times?: number
}

export interface Expectation extends ExpectOptions {
  /** For messages: `put "a.txt"`. */
  what: string
  /** In the service's own naming; any of them will do. */
  operations: readonly string[]
  /** Whether one of these operations, which was done, is the one that is meant. */
  isMeant (deed: Deed, entry: RequestEntry): boolean
}

/** So many requests stand in a message at most. */
const SHOWN = 5

export class Expectations {
  readonly #expected: Expectation[] = []

  /** @throws {RangeError} `times` is no whole number of 0 or more */
  add (expectation: Expectation): void {
    const { what, times = 1 } = expectation
    if (!Number.isSafeInteger(times) || times < 0) throw new RangeError(`Cannot expect ${what} as times must be a whole number of 0 or more: received ${times}`)
    this.#expected.push(expectation)
  }

  /** Throws an error that lists each expectation which was not met, and what was seen instead. */
  verify (entries: readonly RequestEntry[]): void {
    const unmet = this.#expected.filter(expectation => !isMet(expectation, entries))
    if (unmet.length === 0) return
    const list = unmet.map(expectation => `\n- ${describe(expectation, entries)}`).join('')
    throw new Error(`Cannot confirm ${unmet.length} of ${this.#expected.length} expectations of the mock:${list}`)
  }
}

function isMet (expectation: Expectation, entries: readonly RequestEntry[]): boolean {
  const count = countOf(expectation, entries)
  return expectation.times === undefined ? count > 0 : count === expectation.times
}

function countOf ({ operations, isMeant }: Expectation, entries: readonly RequestEntry[]): number {
  return entries.flatMap(entry => entry.done.filter(deed => operations.includes(deed.operation) && isMeant(deed, entry))).length
}

function describe (expectation: Expectation, entries: readonly RequestEntry[]): string {
  const wanted = expectation.times === undefined ? 'at least once' : timesText(expectation.times)
  const count = countOf(expectation, entries)
  return `${expectation.what}: expected ${wanted}, happened ${timesText(count)}${count > 0 ? '' : `; ${seenInstead(expectation, entries)}`}`
}

function timesText (times: number): string {
  if (times === 0) return 'never'
  return times === 1 ? 'once' : `${times} times`
}

/** The same operation on something else, or one that was refused; else whatever there was. */
function seenInstead ({ operations }: Expectation, entries: readonly RequestEntry[]): string {
  const alike = entries.filter(({ operation, done }) => operations.includes(operation) || done.some(deed => operations.includes(deed.operation)))
  const seen = (alike.length > 0 ? alike : entries).map(textOf)
  if (seen.length === 0) return 'no request was seen'
  const more = seen.length > SHOWN ? ` and ${seen.length - SHOWN} more` : ''
  return `seen instead: ${seen.slice(0, SHOWN).join(', ')}${more}`
}

function textOf ({ operation, key, status }: RequestEntry): string {
  return `${operation}${key === undefined ? '' : ` ${JSON.stringify(key)}`} (${status === 0 ? 'no answer' : status})`
}
