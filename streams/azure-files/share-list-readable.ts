import { PageReadable } from '../../lib/flow/page-readable.ts'
import type { AzureFilesConnection } from './connection.ts'
import { checkPageSize } from './names.ts'
import { listShares } from './wire-shares.ts'
import type { ShareEntry, ShareListOptions } from './wire-shares.ts'

export interface ShareListStreamOptions extends ShareListOptions {
  signal?: AbortSignal
}

/** Lists the shares of the account (object mode), page after page as they are consumed. */
export class AzureShareListReadable extends PageReadable<ShareEntry, string> {
  constructor (connection: AzureFilesConnection, options: ShareListStreamOptions = {}) {
    checkPageSize(options.pageSize)
    super({ fetchPage: (marker, signal) => connection.execute(listShares(options, marker), { signal }) }, { signal: options.signal })
  }
}
