import type { Dispatcher } from 'undici'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { MutatedExchange } from './mutated-exchange.ts'
import { MutationPlan } from './mutation-plan.ts'
import type { Mutation, MutationCount } from './mutations.ts'
import { SimulatedDispatcher } from './simulated-dispatcher.ts'

export interface MutatingOptions {
  mutations: readonly Mutation[]
  /** For mutations with a `chance`: the same seed and the same requests give the same trouble. Default 0. */
  seed?: number
  /** For waits and stalls. Default: the system's. */
  clock?: Clock
}

/**
 * Makes trouble between a client and any dispatcher: a replayer, a recorder, a mock, an `Agent`. Errors are those that
 * undici raises for the real thing. Requests without trouble pass untouched; answers are changed as they stream by, so that
 * only `rewrite` holds a body, of 1 MiB at most. A request with trouble has its `stall` after the request's own
 * `headersTimeout` or `bodyTimeout`, by `clock`.
 */
export class MutatingDispatcher extends SimulatedDispatcher {
  readonly #next: Dispatcher
  readonly #plan: MutationPlan
  readonly #clock: Clock

  /** @throws {ConfigurationError} naming the mutation, counted from 1, and what is wrong with it. */
  constructor (next: Dispatcher, { mutations, seed = 0, clock = systemClock }: MutatingOptions) {
    super()
    this.#next = next
    this.#plan = new MutationPlan(mutations, seed)
    this.#clock = clock
  }

  /** How often each mutation found its request and took place, in the order of the script. */
  get counts (): MutationCount[] {
    return this.#plan.counts
  }

  /** What should have happened so far and did not, one line each. */
  unmet (): string[] {
    return this.#plan.unmet()
  }

  /** @throws {Error} naming each mutation that did not happen as often as it should have, with what was seen instead. */
  verify (): void {
    const unmet = this.unmet()
    if (unmet.length > 0) throw new Error(`Cannot confirm the mutations as ${unmet.join('; ')}`)
  }

  protected override serve (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const happening = this.#plan.meet(options)
    const dispatch: Dispatcher.Dispatch = (options, handler) => this.#next.dispatch(options, handler)
    if (happening === undefined) return dispatch(options, handler)
    new MutatedExchange({ dispatch, options, handler, happening, clock: this.#clock }).start()
    return true
  }

  protected override async end (): Promise<void> {
    await this.#next.close()
  }
}
