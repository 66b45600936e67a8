import { cpus } from 'node:os'
import { relative } from 'node:path'
import { record } from './harness/record.ts'

export interface Column {
  name: string
  /** Shown under the name: MiB/s, ops/s, MiB. */
  unit?: string
  /** Digits after the point; 0 unless told. */
  digits?: number
}

export type Cell = string | number | undefined

/**
 * Prints what was measured: the question, where and how it was measured, then the rows, text to the left and numbers to
 * the right, with the unit of each column under its name. A cell that does not exist shows as `–`.
 */
export function printTable (question: string, columns: readonly Column[], rows: readonly Cell[][]): void {
  const head = [columns.map(column => column.name), columns.map(column => column.unit ?? '')]
  const body = rows.map(row => columns.map((column, i) => formatCell(row[i], column)))
  const widths = columns.map((_, i) => Math.max(...[...head, ...body].map(cells => (cells[i] ?? '').length)))
  const numeric = columns.map((_, i) => rows.some(row => typeof row[i] === 'number'))
  const line = (cells: string[]): string =>
    cells.map((cell, i) => numeric[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)).join('   ').trimEnd()

  console.log(`\n${question}\n${whereAndHow()}\n`)
  for (const cells of head) console.log(line(cells))
  console.log(widths.map(width => '-'.repeat(width)).join('   '))
  for (const cells of body) console.log(line(cells))
  record({ kind: 'table', question, columns: [...columns], rows: rows.map(row => columns.map((_, i) => row[i] ?? null)) })
}

function formatCell (cell: Cell, { digits = 0 }: Column): string {
  if (cell === undefined) return '–'
  if (typeof cell === 'string') return cell
  return cell.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

function whereAndHow (): string {
  const [cpu, ...others] = cpus()
  const script = relative(process.cwd(), process.argv[1] ?? '')
  return `${cpu?.model.trim() ?? 'unknown CPU'} × ${others.length + 1}, Node ${process.version}, node ${script}`
}
