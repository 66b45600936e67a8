import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** The folders of this process that still stand. One set of listeners serves all of them, and only while there are any. */
const standing = new Set<string>()

/**
 * Creates a folder that only this user can open (mode 0700) and that goes with the process: when it exits, or when SIGINT
 * or SIGTERM ends it and nobody else listens.
 */
export function createTemporaryFolder (): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-emulator-'))
  if (standing.size === 0) listen()
  standing.add(folder)
  return folder
}

export function removeTemporaryFolder (folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  standing.delete(folder)
  if (standing.size === 0) unlisten()
}

function listen (): void {
  process.on('exit', removeAll)
  // First in line, so that whoever counts the other listeners to decide whether to end the process does not count this one.
  for (const signal of SIGNALS) process.prependListener(signal, endBySignal)
}

function unlisten (): void {
  process.off('exit', removeAll)
  for (const signal of SIGNALS) process.off(signal, endBySignal)
}

function removeAll (): void {
  for (const folder of [...standing]) removeTemporaryFolder(folder)
}

function endBySignal (signal: NodeJS.Signals): void {
  process.off(signal, endBySignal)
  if (process.listenerCount(signal) > 0) {
    // They may go on and still want what is stored; if they end the process, 'exit' cleans up.
    setImmediate(() => { if (standing.size > 0) process.prependListener(signal, endBySignal) })
    return
  }
  removeAll()
  process.kill(process.pid, signal)
}
