/**
 * Moments as the service writes them: ISO 8601 with seven decimals, which are the 100 ns ticks of .NET. An etag is the tick
 * count since the year 1 in hex.
 */

/** `2024-03-01T12:00:00.0000000Z` */
export type FileTime = string

const TICKS_PER_MS = 10_000n
/** Ticks from the year 1 to 1970. */
const EPOCH_TICKS = 621_355_968_000_000_000n
const ISO = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,7})\d*)?Z?$/

export function ticksOfMs (ms: number): bigint {
  return BigInt(Math.floor(ms)) * TICKS_PER_MS + EPOCH_TICKS
}

export function ticksOf (time: FileTime): bigint {
  const [whole = '', decimals = '0'] = time.slice(0, -1).split('.')
  return ticksOfMs(Date.parse(`${whole}Z`)) + BigInt(decimals.padEnd(7, '0'))
}

export function timeOfTicks (ticks: bigint): FileTime {
  const since = ticks - EPOCH_TICKS
  const below = ((since % 10_000_000n) + 10_000_000n) % 10_000_000n
  const whole = new Date(Number((since - below) / TICKS_PER_MS)).toISOString().slice(0, 19)
  return `${whole}.${String(below).padStart(7, '0')}Z`
}

/** A time that a client sent, with its decimals cut or filled to seven; undefined when it is none. */
export function parseTime (text: string): FileTime | undefined {
  const match = ISO.exec(text.trim())
  if (match === null) return undefined
  const whole = (match[1] as string).length === 16 ? `${match[1]}:00` : match[1] as string
  if (Number.isNaN(Date.parse(`${whole}Z`))) return undefined
  return `${whole}.${(match[2] ?? '').padEnd(7, '0')}Z`
}

export function msOf (time: FileTime): number {
  return Date.parse(`${time.slice(0, 23)}Z`)
}

export function httpDate (time: FileTime): string {
  return new Date(msOf(time)).toUTCString()
}

/** With its quotes. */
export function etagOf (time: FileTime): string {
  return `"0x${ticksOf(time).toString(16).toUpperCase()}"`
}

/** Hands out moments that never repeat and never go back, whatever the clock does. */
export class Ticker {
  #last = 0n

  next (ms: number): FileTime {
    const ticks = ticksOfMs(ms)
    this.#last = ticks > this.#last ? ticks : this.#last + 1n
    return timeOfTicks(this.#last)
  }

  /** Makes sure that all that comes is after `time`. */
  pass (time: FileTime): void {
    const ticks = ticksOf(time)
    if (ticks > this.#last) this.#last = ticks
  }
}
