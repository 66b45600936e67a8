import { EachTransform } from '../../lib/flow/each-transform.ts'
import type { EachTransformOptions } from '../../lib/flow/each-transform.ts'
import type { Address, ItemRef } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import { startCopy } from './copy.ts'
import type { CopyOptions } from './copy.ts'
import { FolderIds } from './folders.ts'
import type { Destination } from './folders.ts'
import type { OneDriveItem } from './item.ts'

/** Where an item goes: a path with its new name, or a folder, a name, or both. */
export type To = string | { folder?: ItemRef, name?: string }

export interface CopyItem {
  from: ItemRef
  to: To
}

export interface CopiedItem extends CopyItem {
  item: OneDriveItem
}

export interface CopyStreamOptions extends Omit<CopyOptions, 'signal'>, EachTransformOptions {}

/** Copies on the server, one item or folder for each `{ from, to }` written (object mode), and waits for each to be there; results come in the order of the items. */
export class OneDriveCopyTransform extends EachTransform<CopyItem, CopiedItem> {
  constructor (connection: OneDriveConnection, resolve: (item: ItemRef) => Address, destination: (to: To) => Destination, options: CopyStreamOptions = {}) {
    const folders = new FolderIds(connection)
    super({
      runOne: async ({ from, to }, signal) => {
        const copying = await startCopy(connection, folders, resolve(from), destination(to), { ...options, signal })
        return { from, to, item: await copying.wait({ signal }) }
      }
    }, options)
  }
}
