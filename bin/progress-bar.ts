import { formatSize } from '../lib/bytes/sizes.ts'
import type { Progress } from '../streams/meter.ts'

const WIDTH = 28

/** One line of a transfer: what, how far, how fast, how long still. */
export function progressLine (title: string, progress: Progress): string {
  const { transferred, total, bytesPerSecond, etaMs, stalled } = progress
  const share = total === undefined || total === 0 ? undefined : transferred / total
  const bar = share === undefined ? '·'.repeat(WIDTH) : '█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '░')
  const percent = share === undefined ? '' : `${Math.floor(share * 100)} %`.padStart(5)
  const left = stalled ? 'stalled' : etaMs === undefined ? '' : `ETA ${formatDuration(etaMs)}`
  return `${title.padEnd(9)} ${bar} ${percent}  ${formatSize(transferred).padStart(10)}  ${formatSize(Math.round(bytesPerSecond)).padStart(10)}/s  ${left}`
}

function formatDuration (ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** Redraws its line on a terminal; elsewhere, as in a log, only the end of each transfer is a line. */
export class ProgressBar {
  readonly #title: string
  readonly #output: NodeJS.WriteStream

  constructor (title: string, output: NodeJS.WriteStream = process.stderr) {
    this.#title = title
    this.#output = output
  }

  draw (progress: Progress): void {
    if (this.#output.isTTY) this.#output.write(`\r${progressLine(this.#title, progress)}\u001b[K`)
  }

  end (progress: Progress): void {
    this.#output.write(`${this.#output.isTTY ? '\r' : ''}${progressLine(this.#title, { ...progress, etaMs: undefined })}${this.#output.isTTY ? '\u001b[K' : ''}\n`)
  }
}
