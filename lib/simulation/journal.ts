/**
 * What a recording writes while it runs: one JSON line when a request begins and one when it ends, each in the file when
 * the call returns, so that a process that is killed leaves all but its last line readable.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { FORMAT_VERSION } from './recording-format.ts'
import type { BegunInteraction, Interaction, RecordingFile, RecordingMetadata } from './recording-format.ts'

type Entry =
  | { metadata: RecordingMetadata, pid: number }
  | { begun: BegunInteraction }
  | { ended: Interaction }
  /** The request is no interaction of its own: a redirection, or one that its sender gave up. */
  | { dropped: string }

export class Journal {
  readonly #file: number

  /** @throws {Error} `EEXIST` when there is one. */
  constructor (path: string, metadata: RecordingMetadata) {
    this.#file = openSync(path, 'ax', 0o600)
    this.write({ metadata, pid: process.pid })
  }

  /** Synchronous, so that lines stand in the order of what they tell and none is lost with the process. */
  write (entry: Entry): void {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`)
    for (let written = 0; written < line.length;) written += writeSync(this.#file, line, written)
  }

  close (): void {
    closeSync(this.#file)
  }
}

/** The other process that still writes this journal, undefined where it has ended. */
export function writerOf (path: string): number | undefined {
  const [head = '{}'] = linesOf(readFileSync(path))
  const { pid } = JSON.parse(head) as { pid?: number }
  return pid === undefined || pid === process.pid || !isRunning(pid) ? undefined : pid
}

function isRunning (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // It is somebody else's.
  }
}

/** A journal may be larger than a string can be. */
function * linesOf (bytes: Buffer): Generator<string, undefined> {
  for (let start = 0, end = bytes.indexOf('\n'); end !== -1; start = end + 1, end = bytes.indexOf('\n', start)) yield bytes.toString('utf8', start, end)
  return undefined
}

/** All that a journal tells, in the order in which the requests began. A last line without its end is left out. */
export function readJournal (path: string): RecordingFile {
  let metadata: RecordingMetadata | undefined
  const begun = new Map<string, BegunInteraction>()
  const ended = new Map<string, Interaction>()
  for (const line of linesOf(readFileSync(path))) {
    const entry = JSON.parse(line) as Entry
    if ('metadata' in entry) metadata = entry.metadata
    else if ('begun' in entry) begun.set(entry.begun.id, entry.begun)
    else if ('ended' in entry) ended.set(entry.ended.id, entry.ended)
    else begun.delete(entry.dropped)
  }
  const ids = [...begun.keys()]
  const unfinished = ids.filter(id => !ended.has(id)).map(id => begun.get(id) as BegunInteraction)
  return {
    metadata: metadata ?? { version: FORMAT_VERSION, created: new Date(0).toISOString() },
    interactions: ids.flatMap(id => ended.get(id) ?? []),
    ...(unfinished.length === 0 ? {} : { unfinished })
  }
}
