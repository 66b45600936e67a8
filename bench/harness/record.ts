import { appendFileSync } from 'node:fs'

/** What `all.ts` gathers from its benches. */
export type Entry =
  | { kind: 'table', question: string, columns: Array<{ name: string, unit?: string, digits?: number }>, rows: Array<Array<string | number | null>> }
  | { kind: 'target', what: string, reach: string, found: string, holds: boolean }
  | { kind: 'bars', plot: string, title: string, unit: string, bars: Array<{ name: string, value: number, ours: boolean }> }
  | { kind: 'line', plot: string, title: string, name: string, points: Array<[x: number, y: number]> }

/** Hands an entry over to `all.ts`, where that has started this process. */
export function record (entry: Entry): void {
  const file = process.env['SLUICE_BENCH_RECORD']
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(entry)}\n`)
}
