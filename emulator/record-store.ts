/**
 * What is known about bodies (keys, etags, manifests), one JSON file a record, replaced by rename: a process that dies at
 * any moment leaves each record old or new, never half.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface RecordStore {
  put (kind: string, id: string, value: object): Promise<void>
  delete (kind: string, id: string): Promise<void>
  load<T> (kind: string): Promise<T[]>
}

/** For an emulator that forgets all at its end. */
export class NoRecords implements RecordStore {
  async put (): Promise<void> {}
  async delete (): Promise<void> {}

  async load<T> (): Promise<T[]> {
    return []
  }
}

export class FolderRecords implements RecordStore {
  readonly #folder: string
  readonly #busy = new Map<string, Promise<void>>()

  constructor (folder: string) {
    this.#folder = join(folder, 'records')
  }

  put (kind: string, id: string, value: object): Promise<void> {
    const path = this.#path(kind, id)
    const text = JSON.stringify(value)
    return this.#inOrder(path, async () => {
      await mkdir(join(this.#folder, kind), { recursive: true, mode: 0o700 })
      const fresh = `${path}.${randomBytes(6).toString('hex')}.new`
      await writeFile(fresh, text, { mode: 0o600 })
      await rename(fresh, path)
    })
  }

  delete (kind: string, id: string): Promise<void> {
    const path = this.#path(kind, id)
    return this.#inOrder(path, () => rm(path, { force: true }))
  }

  async load<T> (kind: string): Promise<T[]> {
    const folder = join(this.#folder, kind)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const records: T[] = []
    for (const name of await readdir(folder)) {
      const path = join(folder, name)
      if (name.endsWith('.json')) records.push(JSON.parse(await readFile(path, 'utf8')) as T)
      else await rm(path, { force: true })
    }
    return records
  }

  /** Two writes of one record land in the order in which they were asked for. */
  #inOrder (path: string, work: () => Promise<void>): Promise<void> {
    const result = (this.#busy.get(path) ?? Promise.resolve()).then(work, work)
    this.#busy.set(path, result)
    const forget = (): void => {
      if (this.#busy.get(path) === result) this.#busy.delete(path)
    }
    result.then(forget, forget)
    return result
  }

  #path (kind: string, id: string): string {
    return join(this.#folder, kind, `${createHash('sha256').update(id).digest('hex').slice(0, 40)}.json`)
  }
}
