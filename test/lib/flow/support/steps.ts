import { once } from 'node:events'
import { AbortError } from '../../../../lib/errors.ts'
import { idle } from './streams.ts'

export interface StepOptions {
  /** Steps that wait for `release`, or until their signal aborts. */
  hold?: string[]
  /** Steps that fail, with this message. */
  fail?: Record<string, string | Error>
  /** Held steps do not hear their signal. */
  deaf?: boolean
  /** How many turns of the event loop each step takes, in the order of the calls. */
  turns?: number[]
}

/** The trace of a recorded contract, and the switches by which a test holds a step or lets it fail. */
export class Steps {
  readonly calls: string[] = []
  readonly #options: StepOptions
  readonly #gates = new Map<string, { opened: Promise<void>, open: () => void }>()
  readonly #reached = new Map<string, () => void>()
  #running = 0
  mostAtOnce = 0

  constructor (options: StepOptions = {}) {
    this.#options = options
  }

  /** Records a step under `name`, with `detail` after it, then waits, fails or returns as the options say. */
  async run (name: string, detail: string, signal?: AbortSignal): Promise<void> {
    this.calls.push(`${name}${detail}`)
    this.#reached.get(name)?.()
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#running)
    try {
      if (this.#options.hold?.includes(name)) await this.#wait(name, signal)
      for (let turns = this.#options.turns?.shift() ?? 0; turns > 0; turns--) await idle()
      const failure = this.#options.fail?.[name]
      if (failure !== undefined) throw typeof failure === 'string' ? new Error(failure) : failure
    } finally {
      this.#running--
    }
  }

  get running (): number {
    return this.#running
  }

  release (name: string): void {
    this.#gate(name).open()
  }

  /** Resolves when the step is next called. */
  reached (name: string): Promise<void> {
    return new Promise(resolve => this.#reached.set(name, resolve))
  }

  async #wait (name: string, signal: AbortSignal | undefined): Promise<void> {
    if (signal === undefined || this.#options.deaf === true) return await this.#gate(name).opened
    const aborted = once(signal, 'abort').then(() => {
      this.calls.push(`${name} aborted`)
      throw new AbortError(signal.reason)
    })
    await Promise.race([this.#gate(name).opened, aborted])
  }

  #gate (name: string): { opened: Promise<void>, open: () => void } {
    const known = this.#gates.get(name)
    if (known !== undefined) return known
    let open = (): void => undefined
    const opened = new Promise<void>(resolve => { open = resolve })
    this.#gates.set(name, { opened, open })
    return { opened, open }
  }
}
