import { record } from './record.ts'

/** One line of what was set out to reach, and what was found. */
export interface Target {
  what: string
  /** The smallest figure that reaches it, or the largest where `atMost` is true. */
  reach: number
  /** Undefined where it could not be measured. */
  found: number | undefined
  atMost?: boolean
  unit?: string
  /** After the point; 2 unless told. */
  digits?: number
}

/** Prints each target with the figure beside it: `reach ≥ 0.45: 0.52 ✓`. */
export function printTargets (targets: readonly Target[]): void {
  if (targets.length > 0) console.log()
  for (const target of targets) {
    const reach = `${target.atMost === true ? '≤' : '≥'} ${format(target.reach, target)}`
    const found = target.found === undefined || Number.isNaN(target.found) ? 'not measured' : format(target.found, target)
    const holds = target.found !== undefined && (target.atMost === true ? target.found <= target.reach : target.found >= target.reach)
    console.log(`${target.what}: reach ${reach}: ${found} ${holds ? '✓' : '✗'}`)
    record({ kind: 'target', what: target.what, reach, found, holds })
  }
}

function format (value: number, { unit, digits = 2 }: Target): string {
  return `${value.toFixed(digits)}${unit === undefined ? '' : ` ${unit}`}`
}
