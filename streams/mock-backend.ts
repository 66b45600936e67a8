/**
 * What stands behind the mock of a client, and the one door from the streams to the emulator: it is loaded when the first
 * request of a mock wants it, so that a program without mocks never loads it.
 */
import { Dispatcher, errors } from 'undici'
import type { InProcessEmulator, InProcessOptions } from '../emulator/in-process.ts'
import { MiB } from '../lib/bytes/sizes.ts'
import type { Clock } from '../lib/clock.ts'
import { ConfigurationError } from '../lib/errors.ts'
import { seededRandom } from '../lib/seeded-random.ts'
import { Expectations } from '../lib/simulation/expectations.ts'
import type { Expectation } from '../lib/simulation/expectations.ts'
import { FaultPlan } from '../lib/simulation/faults.ts'
import { RequestLog } from '../lib/simulation/request-log.ts'
import { SkippingClock } from '../lib/simulation/skipping-clock.ts'

export type MockEmulator = InProcessEmulator
export type MockEmulatorOptions = InProcessOptions

/** Stores something in the emulator before the next request is served. */
export type Preset = (emulator: MockEmulator) => Promise<unknown>

export interface MockSettings {
  /** Default: one that skips all waits, so that retries, throttles and polls take no time. */
  clock?: Clock
  /** For faults with a `probability`: the same seed and the same requests give the same faults. Default 0. */
  seed?: number
}

/** Room for a part of R2 or a fragment of OneDrive. */
const LARGEST_IN_MEMORY = 16 * MiB

/** A copy, as the caller's bytes may change until the preset is carried out. */
export function presetBytes (body: Uint8Array | string): Buffer {
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof Uint8Array) return Buffer.from(body)
  throw new TypeError(`Cannot preset a body as it must be bytes or a string: received ${typeof body}`)
}

export class MockBackend {
  readonly clock: Clock
  readonly faults: FaultPlan
  readonly requests = new RequestLog()
  readonly expectations = new Expectations()
  readonly dispatcher: Dispatcher = new LateDispatcher(() => this.#ready())
  readonly #options: MockEmulatorOptions
  #presets: Preset[] = []
  #started: Promise<MockEmulator> | undefined
  #prepared: Promise<MockEmulator> | undefined
  #closed: Promise<void> | undefined

  constructor (settings: MockSettings, options: MockEmulatorOptions) {
    const { clock = new SkippingClock(), seed = 0 } = settings
    this.clock = clock
    this.faults = new FaultPlan(seededRandom(seed))
    this.#options = { ...options, clock, seed, faults: this.faults, requests: this.requests, largestInMemory: LARGEST_IN_MEMORY }
  }

  /** Presets are carried out in order, each once, past faults and log. */
  preset (preset: Preset): void {
    this.#presets.push(preset)
  }

  expect (expectation: Expectation): void {
    this.expectations.add(expectation)
  }

  verify (): void {
    this.expectations.verify(this.requests.entries())
  }

  /** The emulator as it is now, for what needs no preset. */
  start (): Promise<MockEmulator> {
    this.#started ??= import('../emulator/in-process.ts').then(({ startInProcess }) => startInProcess(this.#options))
    return this.#started
  }

  /** Lets requests in flight end and forgets what is stored. A second call waits for the first. */
  close (): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #ready (): Promise<MockEmulator> {
    if (this.#closed !== undefined) return Promise.reject(new errors.ClientClosedError())
    const presets = this.#presets.splice(0)
    if (this.#prepared === undefined || presets.length > 0) this.#prepared = this.#prepare(this.#prepared ?? this.start(), presets)
    return this.#prepared
  }

  async #prepare (before: Promise<MockEmulator>, presets: readonly Preset[]): Promise<MockEmulator> {
    const emulator = await before
    for (const preset of presets) {
      try {
        await preset(emulator)
      } catch (cause) {
        throw new ConfigurationError(`Cannot prepare the mock: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
      }
    }
    return emulator
  }

  async #close (): Promise<void> {
    if (this.#started === undefined) return
    const emulator = await this.#started
    await emulator.dispatcher.close()
    await emulator.close()
  }
}

/** Forwards to a dispatcher that is there only when the first request comes. */
class LateDispatcher extends Dispatcher {
  readonly #emulator: () => Promise<MockEmulator>

  constructor (emulator: () => Promise<MockEmulator>) {
    super()
    this.#emulator = emulator
  }

  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    void this.#emulator().then(({ dispatcher }) => dispatcher.dispatch(options, handler), (error: Error) => {
      const controller = { aborted: true, paused: false, reason: error, abort () {}, pause () {}, resume () {} }
      if (handler.onResponseError === undefined) handler.onError?.(error)
      else handler.onResponseError(controller, error)
    })
    return true
  }
}
