import { ManualClock } from '../../clocks.ts'
import type { Clock } from '../../../../lib/clock.ts'
import { AzureFiles } from '../../../../streams/azure-files/index.ts'
import type { AzureFilesOptions } from '../../../../streams/azure-files/index.ts'
import { TinyAzure } from './tiny-azure.ts'

/** Bytes 0 to 63: the key of the facts' worked examples. */
export const ACCOUNT_KEY = Buffer.from(Array.from({ length: 64 }, (_, index) => index)).toString('base64')

export const START = Date.UTC(2024, 2, 1, 12)

/** Skips every wait that somebody asks for, and remembers it; time passes by it alone. */
export class SkippingClock implements Clock {
  readonly waits: number[] = []
  #now = START

  now = (): number => this.#now
  random = (): number => 1

  sleep = async (ms: number): Promise<void> => {
    this.waits.push(ms)
    this.#now += ms
  }
}

/** A clock that stands at the start of the examples until a test moves it. */
export class StandingClock extends ManualClock implements Clock {
  override now = (): number => START + this.elapsed
  random = (): number => 0.5
  elapsed = 0

  override async advance (ms: number): Promise<void> {
    const steps = 20
    for (let step = 0; step < steps; step++) {
      this.elapsed += ms / steps
      await super.advance(ms / steps)
      await settle()
    }
  }
}

/** Moves time until the work is done. */
export async function until<T> (clock: StandingClock, work: Promise<T>): Promise<T> {
  const ended = new AbortController()
  work.then(() => ended.abort(), () => ended.abort())
  for (let rounds = 0; !ended.signal.aborted && rounds < 200; rounds++) await clock.advance(1000)
  return await work
}

/** Lets whatever can go on without time go on. */
export async function settle (): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise(resolve => setImmediate(resolve))
}

export function clientOf (service: TinyAzure, options: AzureFilesOptions = {}): AzureFiles {
  return new AzureFiles({ accountName: 'demoacct', accountKey: ACCOUNT_KEY, share: 'share', dispatcher: service, clock: new SkippingClock(), ...options })
}

/** A service and a client on it. */
export function start (options: AzureFilesOptions = {}): { service: TinyAzure, azure: AzureFiles, clock: Clock } {
  const clock = options.clock ?? new SkippingClock()
  const service = new TinyAzure(clock)
  return { service, clock, azure: clientOf(service, { ...options, clock }) }
}
