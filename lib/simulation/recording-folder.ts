import { createHash } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ConfigurationError } from '../errors.ts'
import { FolderContentStore } from './content-store.ts'
import { Journal, readJournal, writerOf } from './journal.ts'
import { Links } from './links.ts'
import { FORMAT_VERSION, formatRecording, parseRecording } from './recording-format.ts'
import type { BegunInteraction, Interaction, RecordingFile, RecordingMetadata } from './recording-format.ts'
import type { RecordOptions } from './simulation-options.ts'

const INTERACTIONS = 'interactions.json'
const JOURNAL = 'interactions.journal'
const CONTENT_FILE = /^(?:[0-9a-f]{64}|\.partial-.*)$/

/** The recordings of this process that are being made, by their folders: clients that record into one folder share it. */
const open = new Map<string, RecordingFolder>()

/**
 * A recording in the making: `interactions.journal` while it is, `interactions.json` when the last client that records
 * into it was closed or the process has ended; `content/<sha256>` all the time. Holds no interaction in memory until it
 * ends, then all of them, without contents.
 */
export class RecordingFolder {
  readonly contents: FolderContentStore
  readonly links: Links
  readonly #folder: string
  readonly #metadata: RecordingMetadata
  readonly #journal: Journal
  readonly #earlier: RecordingFile | undefined
  #begun: number
  #clients = 0
  #failed: Error | undefined

  /**
   * Joins the recording that this process makes there, or begins one.
   * @throws {ConfigurationError} there is one already and neither `overwrite` nor `append` is set, or another process makes it.
   */
  static join (options: RecordOptions, metadata: RecordingMetadata): RecordingFolder {
    const folder = resolve(options.record)
    const recording = open.get(folder) ?? new RecordingFolder(folder, options, metadata)
    if (open.size === 0) process.once('exit', finishAll)
    open.set(folder, recording)
    recording.#clients++
    return recording
  }

  private constructor (folder: string, { overwrite = false, append = false }: RecordOptions, metadata: RecordingMetadata) {
    const made = hasRecording(folder)
    if (made && !overwrite && !append) {
      throw new ConfigurationError(`Cannot record into "${folder}" as it holds a recording: set overwrite or append, or name another folder`)
    }
    refuseWriter(join(folder, JOURNAL))
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (made && overwrite) removeRecording(folder)
    this.#earlier = made && !overwrite ? readRecordingFolder(folder) : undefined
    if (this.#earlier !== undefined) writeRecording(folder, this.#earlier)
    this.#folder = folder
    this.#metadata = { ...metadata, ...this.#earlier?.metadata }
    this.#begun = (this.#earlier?.interactions.length ?? 0) + (this.#earlier?.unfinished?.length ?? 0)
    this.contents = new FolderContentStore(folder)
    this.links = new Links(this.#earlier === undefined ? '' : JSON.stringify(this.#earlier))
    this.#journal = new Journal(join(folder, JOURNAL), this.#metadata)
  }

  /** Ids follow from the head of the recording and the place in it, so that equal recordings are equal files. */
  nextId (): string {
    const hex = createHash('sha256').update(`${this.#metadata.created}/${this.#begun++}`).digest('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  }

  begin (interaction: BegunInteraction): void {
    this.#write({ begun: interaction })
  }

  end (interaction: Interaction): void {
    this.#write({ ended: interaction })
  }

  drop (id: string): void {
    this.#write({ dropped: id })
  }

  /** One client records no more; with the last of them the recording is over. */
  leave (): void {
    if (--this.#clients === 0) this.finish()
  }

  finish (): void {
    if (open.get(this.#folder) !== this) return
    open.delete(this.#folder)
    if (open.size === 0) process.off('exit', finishAll)
    this.#journal.close()
    writeRecording(this.#folder, readRecordingFolder(this.#folder))
  }

  /** After a line that was written in part no other may follow. */
  #write (entry: Parameters<Journal['write']>[0]): void {
    if (this.#failed !== undefined) throw this.#failed
    try {
      this.#journal.write(entry)
    } catch (error) {
      this.#failed = error as Error
      throw error
    }
  }
}

function finishAll (): void {
  for (const recording of open.values()) recording.finish()
}

/** Its journal would be taken from under its hands. */
function refuseWriter (journal: string): void {
  const pid = existsSync(journal) ? writerOf(journal) : undefined
  if (pid !== undefined) throw new ConfigurationError(`Cannot record into "${dirname(journal)}" while process ${pid} does: name another folder`)
}

function hasRecording (folder: string): boolean {
  return existsSync(join(folder, INTERACTIONS)) || existsSync(join(folder, JOURNAL))
}

/** A recording that is whole, one that broke off, or one that broke off while it went on with another. */
export function readRecordingFolder (folder: string): RecordingFile {
  const [path, journal] = [join(folder, INTERACTIONS), join(folder, JOURNAL)]
  const whole = existsSync(path) ? parseRecording(readFileSync(path, 'utf8'), path) : undefined
  const rest = existsSync(journal) ? readJournal(journal) : undefined
  const [first, second] = whole === undefined ? [rest, undefined] : [whole, rest]
  if (first === undefined) throw new ConfigurationError(`Cannot replay "${folder}" as it holds no recording: there is no ${INTERACTIONS}`)
  // A process that ended between the two last steps of writing left both, with the same in them.
  const interactions = uniqueById([...first.interactions, ...second?.interactions ?? []])
  const unfinished = uniqueById([...first.unfinished ?? [], ...second?.unfinished ?? []])
  return { metadata: first.metadata, interactions, ...(unfinished.length === 0 ? {} : { unfinished }) }
}

function uniqueById<T extends { id: string }> (entries: T[]): T[] {
  return [...new Map(entries.map(entry => [entry.id, entry])).values()]
}

/** Under a temporary name first, so that a reader finds the old file or the new one; the journal goes when the new one is there. */
function writeRecording (folder: string, recording: RecordingFile): void {
  const path = join(folder, INTERACTIONS)
  const partial = `${path}.partial`
  const file = openSync(partial, 'w', 0o600)
  try {
    for (const piece of formatRecording(recording)) writeFileSync(file, piece)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(partial, path)
  rmSync(join(folder, JOURNAL), { force: true })
}

/** Only what a recording consists of: the folder may hold more. */
function removeRecording (folder: string): void {
  for (const name of [INTERACTIONS, JOURNAL]) rmSync(join(folder, name), { force: true })
  const contents = join(folder, 'content')
  for (const name of existsSync(contents) ? readdirSync(contents) : []) {
    if (CONTENT_FILE.test(name)) rmSync(join(contents, name))
  }
}

/** The head of a recording that begins now. */
export function newMetadata (now: number, driveId: string | undefined): RecordingMetadata {
  return { version: FORMAT_VERSION, created: new Date(now).toISOString(), ...(driveId === undefined ? {} : { drive_id: driveId }) }
}
