import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The folders of this process that still stand. One set of listeners serves all of them, and only while there are any. */
const standing = new Set<string>()

/** Creates a folder that only this user can open (mode 0700) and that goes with the process, whatever ends it but SIGKILL. */
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
  for (const signal of SIGNALS) process.on(signal, endBySignal)
}

function unlisten (): void {
  process.off('exit', removeAll)
  for (const signal of SIGNALS) process.off(signal, endBySignal)
}

function removeAll (): void {
  for (const folder of [...standing]) removeTemporaryFolder(folder)
}

function endBySignal (signal: NodeJS.Signals): void {
  // Who else listens decides whether the process ends; if it does, 'exit' cleans up.
  if (process.listenerCount(signal) > 1) return
  removeAll()
  process.kill(process.pid, signal)
}
