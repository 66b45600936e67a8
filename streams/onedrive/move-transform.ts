import { EachTransform } from '../../lib/flow/each-transform.ts'
import type { EachTransformOptions } from '../../lib/flow/each-transform.ts'
import type { Address, ItemRef } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import type { To } from './copy-transform.ts'
import { FolderIds } from './folders.ts'
import type { Destination } from './folders.ts'
import type { OneDriveItem } from './item.ts'
import { moveItem } from './move.ts'
import type { MoveOptions } from './move.ts'

export interface MoveItem {
  from: ItemRef
  to: To
  /** The etag that the item must have. */
  ifMatch?: string
}

export interface MovedItem extends MoveItem {
  item: OneDriveItem
}

export interface MoveStreamOptions extends Omit<MoveOptions, 'signal' | 'ifMatch'>, EachTransformOptions {}

/** Moves or renames one item or folder for each `{ from, to }` written (object mode), within one drive; results come in the order of the items. */
export class OneDriveMoveTransform extends EachTransform<MoveItem, MovedItem> {
  constructor (connection: OneDriveConnection, resolve: (item: ItemRef) => Address, destination: (to: To) => Destination, options: MoveStreamOptions = {}) {
    const folders = new FolderIds(connection)
    super({
      runOne: async (move, signal) => {
        const { from, to, ifMatch } = move
        const item = await moveItem(connection, folders, resolve(from), destination(to), { ...options, ...(ifMatch === undefined ? {} : { ifMatch }), signal })
        return { ...move, item }
      }
    }, options)
  }
}
