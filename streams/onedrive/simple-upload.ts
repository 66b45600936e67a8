/** A whole file in one PUT, for small ones and the only way for empty ones. */
import { AbortError, StorageError } from '../../lib/errors.ts'
import type { Tally } from '../../lib/http/call.ts'
import type { Address } from './addressing.ts'
import type { OneDriveConnection } from './connection.ts'
import type { FileTimes, OneDriveItem } from './item.ts'
import type { Found, UploadLookup } from './lookup.ts'
import type { UploadOptions } from './upload.ts'
import type { SentContent } from './verify.ts'
import { putContent } from './wire-content.ts'
import { itemById, updateItem } from './wire-items.ts'

export interface SimpleUpload {
  connection: OneDriveConnection
  address: Address
  options: UploadOptions
  tally: Tally
  lookup: UploadLookup
  sent: SentContent
}

/** A failure says in `remote` what is left: nothing, unless an answer was lost. */
export async function putSimple (upload: SimpleUpload, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Found> {
  const { tally, lookup, sent, options: { fileTimes } } = upload
  const lostBefore = tally.lost ?? 0
  const answered = await put(upload, bytes, signal).catch(async (error: unknown) => {
    // Whatever the last answer says: an earlier one may be lost, and our own first try be what a condition meets.
    const found = (tally.lost ?? 0) > lostBefore ? await lookup.ours(sent, error instanceof AbortError ? undefined : signal) : undefined
    if (found !== undefined && !(error instanceof AbortError)) return { item: found, reconciled: true }
    if (error instanceof StorageError || error instanceof AbortError) error.remote ??= found !== undefined ? 'stored' : (tally.lost ?? 0) > lostBefore ? 'unknown' : 'clean'
    throw error
  })
  return fileTimes === undefined ? answered : { ...answered, item: await setTimes(upload, answered.item, fileTimes, signal) }
}

async function put ({ connection, address, options, tally, lookup }: SimpleUpload, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Found> {
  const { conflictBehavior, contentType } = options
  const item = await connection.execute(putContent(address, bytes, conflictBehavior, options, contentType), { signal, tally })
  return { item: item ?? await lookup.stored(signal), reconciled: false }
}

/** An empty file has no session that could tell them. */
async function setTimes ({ connection, address, tally }: SimpleUpload, item: OneDriveItem, fileTimes: FileTimes, signal: AbortSignal | undefined): Promise<OneDriveItem> {
  try {
    const updated = await connection.execute(updateItem(itemById(address, item.id), { fileTimes }), { signal, tally })
    return updated.kind === 'item' ? updated.item : item
  } catch (error) {
    if (error instanceof StorageError || error instanceof AbortError) error.remote = 'stored'
    throw error
  }
}
