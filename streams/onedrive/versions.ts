import { NotFoundError } from '../../lib/errors.ts'
import type { Address, ItemRef } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import type { OneDriveItem } from './item.ts'
import { getItem } from './wire-items.ts'
import { listVersions, restoreVersion } from './wire-versions.ts'
import type { OneDriveVersion } from './wire-versions.ts'

interface CallOptions {
  signal?: AbortSignal
}

/** Earlier versions of a file; their content is read by `createReadStream(item, { version })`. */
export class OneDriveVersions {
  readonly #connection: OneDriveConnection
  readonly #resolve: (item: ItemRef) => Address

  constructor (connection: OneDriveConnection, resolve: (item: ItemRef) => Address) {
    this.#connection = connection
    this.#resolve = resolve
  }

  /** All of them, newest first; the first one is the current. */
  async list (item: ItemRef, options: CallOptions = {}): Promise<OneDriveVersion[]> {
    const address = this.#resolve(item)
    const versions: OneDriveVersion[] = []
    for await (const version of allVersions(this.#connection, address, options.signal)) versions.push(version)
    return versions
  }

  /** Makes a new version with the content of an old one, and reads the item as it is then. */
  async restore (item: ItemRef, version: string, options: CallOptions = {}): Promise<OneDriveItem> {
    const address = this.#resolve(item)
    await this.#connection.execute(restoreVersion(address, version), options)
    return await this.#connection.execute(getItem(address), options)
  }
}

/** Page after page; a file has few. */
async function * allVersions (connection: OneDriveConnection, address: Address, signal: AbortSignal | undefined): AsyncGenerator<OneDriveVersion, undefined> {
  let link: string | undefined
  do {
    const page = await connection.execute(listVersions(address, link), { signal })
    yield * page.entries
    link = page.next === link ? undefined : page.next
  } while (link !== undefined)
  return undefined
}

/** @throws {NotFoundError} the file has no such version. */
export async function findVersion (connection: OneDriveConnection, address: Address, id: string, signal?: AbortSignal): Promise<OneDriveVersion & { current: boolean }> {
  let current = true
  for await (const version of allVersions(connection, address, signal)) {
    if (version.id === id) return { ...version, current }
    current = false
  }
  throw new NotFoundError(`Cannot read version ${JSON.stringify(id)} of ${address.name}: there is no such version`, { operation: 'ListVersions' })
}
