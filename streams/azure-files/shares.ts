import type { AzureFilesConnection } from './connection.ts'
import { checkPageSize, checkShareName } from './names.ts'
import { AzureShareListReadable } from './share-list-readable.ts'
import type { ShareListStreamOptions } from './share-list-readable.ts'
import type { Page } from './wire.ts'
import { getShareProperties, listShares } from './wire-shares.ts'
import type { ShareEntry, ShareListOptions, ShareProperties } from './wire-shares.ts'

/** The shares of the account: found and read, never made or removed. Needs the key, an account SAS, or a token of 2024-11-04. */
export class AzureShareService {
  readonly #connection: AzureFilesConnection
  readonly #shareOf: (share: string | undefined) => string

  constructor (connection: AzureFilesConnection, shareOf: (share: string | undefined) => string) {
    this.#connection = connection
    this.#shareOf = shareOf
  }

  /** One page; `listAll` gives all of them, lazily. */
  async list (options: ShareListOptions & { marker?: string, signal?: AbortSignal } = {}): Promise<Page<ShareEntry, string>> {
    checkPageSize(options.pageSize)
    return await this.#connection.execute(listShares(options, options.marker), { signal: options.signal })
  }

  listAll (options: ShareListStreamOptions = {}): AzureShareListReadable {
    return new AzureShareListReadable(this.#connection, options)
  }

  /** @throws {NotFoundError} `ShareNotFound` */
  async getProperties (request: { share?: string, leaseId?: string, signal?: AbortSignal } = {}): Promise<ShareProperties> {
    const share = this.#shareOf(request.share)
    checkShareName(share)
    return await this.#connection.execute(getShareProperties({ share }, request), { signal: request.signal })
  }
}
