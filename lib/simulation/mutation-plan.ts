/** Which trouble meets which request: matching, counting and chance, without any of the trouble itself. */
import type { Dispatcher } from 'undici'
import { seededRandom } from '../seeded-random.ts'
import { subjectOf } from './dispatch-subject.ts'
import { checkMutations } from './mutation-checks.ts'
import type { Mutation, MutationCount, MutationTarget, Trouble } from './mutations.ts'

/** Requests that a message names. */
const NAMED = 12
/** These only colour a request, so that any number of mutations may meet in one; of all others the first wins. */
const COLOURS: ReadonlySet<string> = new Set<keyof Trouble>(['latencyMs', 'bytesPerSecond'])

interface Request {
  service: string
  operation: string
  method: string
  path: string
  /** For messages. */
  name: string
}

/** One mutation meeting one request. Counts as happened once all that it says did. */
export interface Happening {
  readonly trouble: Trouble
  did (effect: keyof Trouble): void
  /** The request is over: what has not happened by now did not, since `why`. */
  over (why: string): void
}

export class MutationPlan {
  readonly #armed: ArmedMutation[]
  readonly #random: () => number
  readonly #seen = new Map<string, number>()

  /** @throws {ConfigurationError} naming the mutation, counted from 1, and what is wrong with it. */
  constructor (mutations: readonly Mutation[], seed: number) {
    checkMutations(mutations)
    this.#armed = mutations.map(mutation => new ArmedMutation(mutation))
    this.#random = seededRandom(seed)
  }

  /** What shall go wrong with this request; undefined when nothing shall. */
  meet (options: Dispatcher.DispatchOptions): Happening | undefined {
    const request = readRequest(options)
    this.#seen.set(request.name, (this.#seen.get(request.name) ?? 0) + 1)
    let decided: ArmedMutation | undefined
    const colours: ArmedMutation[] = []
    for (const armed of this.#armed) {
      if (!armed.wants(request) || (decided !== undefined && !armed.colours) || !armed.take(this.#random)) continue
      if (armed.colours) colours.push(armed)
      else decided = armed
    }
    return decided === undefined && colours.length === 0 ? undefined : happening(decided, colours)
  }

  get counts (): MutationCount[] {
    return this.#armed.map(({ mutation, matched, happened }) => ({ mutation, matched, happened }))
  }

  /** What should have happened and did not, one line each. Chance owes nothing. */
  unmet (): string[] {
    return this.#armed.flatMap(armed => armed.owes ? [`${armed.describe()}: ${armed.reason ?? this.#seenInstead()}`] : [])
  }

  #seenInstead (): string {
    if (this.#seen.size === 0) return 'there were no requests'
    const names = [...this.#seen].slice(0, NAMED).map(([name, count]) => count === 1 ? name : `${name} (${count} times)`)
    const rest = this.#seen.size - names.length
    return `no request matched; there were ${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
  }
}

class ArmedMutation {
  readonly mutation: Mutation
  readonly colours: boolean
  matched = 0
  happened = 0
  #open = 0
  #lastMiss: string | undefined

  constructor (mutation: Mutation) {
    this.mutation = mutation
    this.colours = Object.keys(mutation.do).every(name => COLOURS.has(name))
  }

  get #target (): MutationTarget {
    return this.mutation.on ?? {}
  }

  get #times (): number {
    return this.#target.times ?? 1
  }

  get owes (): boolean {
    if (this.#target.chance !== undefined) return false
    return this.#times === Infinity ? this.happened === 0 : this.happened < this.#times
  }

  get reason (): string | undefined {
    if (this.matched === 0) return undefined
    const matched = `${this.matched} ${this.matched === 1 ? 'request' : 'requests'} matched`
    if (this.matched < (this.#target.nth ?? 1)) return matched
    return this.#lastMiss === undefined ? matched : `${matched}, but ${this.#lastMiss}`
  }

  /** Whether the request is one of those that are meant; counts it. */
  wants (request: Request): boolean {
    const wanted = matches(this.#target, request)
    if (wanted) this.matched++
    return wanted
  }

  take (random: () => number): boolean {
    const { nth = 1, chance } = this.#target
    if (this.matched < nth || this.happened + this.#open >= this.#times) return false
    if (chance !== undefined && random() >= chance) return false
    this.#open++
    return true
  }

  settle (miss?: string): void {
    this.#open--
    if (miss === undefined) this.happened++
    else this.#lastMiss = miss
  }

  describe (): string {
    const { service, operation, method, path, nth } = this.#target
    const target = [service, operation === undefined ? undefined : [operation].flat().join('|'), method, path === undefined ? undefined : path instanceof RegExp ? String(path) : JSON.stringify(path)]
      .filter(part => part !== undefined).join(' ')
    const wanted = this.#times === Infinity ? 'any number of' : this.#times
    return `${JSON.stringify(this.mutation.do, patternsAsText)} on ${target === '' ? 'any request' : target}${nth === undefined ? '' : ` (from request ${nth} on)`} happened ${this.happened} of ${wanted} times`
  }
}

function happening (decided: ArmedMutation | undefined, colours: ArmedMutation[]): Happening {
  const trouble: Trouble = Object.assign({}, ...colours.map(({ mutation }) => mutation.do).reverse(), decided?.mutation.do)
  const pending = new Set(Object.keys(decided?.mutation.do ?? {}).filter(name => !COLOURS.has(name)))
  // What comes with a status happens with it.
  for (const name of ['retryAfter', 'body', 'html']) pending.delete(name)
  for (const armed of colours) armed.settle()
  let open = decided
  const settle = (miss?: string): void => {
    open?.settle(miss)
    open = undefined
  }
  return {
    trouble,
    did (effect) {
      if (pending.delete(effect) && pending.size === 0) settle()
    },
    over: settle
  }
}

function matches ({ service, operation, method, path }: MutationTarget, request: Request): boolean {
  if (service !== undefined && service !== request.service) return false
  if (operation !== undefined && ![operation].flat().includes(request.operation)) return false
  if (method !== undefined && method.toUpperCase() !== request.method) return false
  if (path === undefined) return true
  return typeof path === 'string' ? request.path.includes(path) : request.path.search(path) !== -1
}

function readRequest (options: Dispatcher.DispatchOptions): Request {
  const { service = '', operation = '', action } = subjectOf(options) ?? {}
  const method = options.method.toUpperCase()
  const path = decoded(options.path)
  // A query may hold a signature.
  const name = action === undefined ? `${method} ${path.split('?')[0] ?? ''}` : `${operation} (${action})`
  return { service, operation, method, path, name }
}

function decoded (path: string): string {
  try {
    return decodeURIComponent(path)
  } catch (error) {
    if (error instanceof URIError) return path
    throw error
  }
}

function patternsAsText (_name: string, value: unknown): unknown {
  return value instanceof RegExp ? String(value) : value
}
