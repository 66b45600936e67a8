import { parseArgs } from 'node:util'
import { MiB } from '../../lib/bytes/sizes.ts'

export interface BenchArguments {
  /** Small sizes and one round: whether it runs, not how fast. */
  quick: boolean
  rounds: number
  /** Contenders by name, beside the baseline. */
  only: RegExp
  /** Bytes of a transfer: `--size`, else `full`, or a sixteenth of it when quick. */
  sizeOf (full: number): number
}

let parsed: BenchArguments | undefined

/** What every bench takes: `--quick`, `--size MiB`, `--rounds n`, `--only pattern`. */
export function benchArguments (): BenchArguments {
  parsed ??= parse()
  return parsed
}

function parse (): BenchArguments {
  // In a child the arguments are the parent's to it.
  const args = process.env['SLUICE_BENCH_RUN'] === '1' ? [] : process.argv.slice(2)
  const { values } = parseArgs({ args, options: { quick: { type: 'boolean', default: false }, size: { type: 'string' }, rounds: { type: 'string' }, only: { type: 'string', default: '' } } })
  const { quick, size, rounds } = values
  return {
    quick,
    rounds: rounds === undefined ? (quick ? 1 : 4) : Number(rounds),
    only: new RegExp(values.only),
    sizeOf: full => size === undefined ? (quick ? full / 16 : full) : Number(size) * MiB
  }
}
