import { EachTransform } from '../../lib/flow/each-transform.ts'
import type { EachTransformOptions } from '../../lib/flow/each-transform.ts'
import type { AzureFilesConnection } from './connection.ts'
import { copyOnServer } from './copy.ts'
import type { WaitForCopyOptions } from './copy.ts'
import { filePath } from './names.ts'
import type { CopyOptions } from './wire-copy.ts'

export interface CopyItem {
  from: string
  to: string
}

export interface CopiedItem extends CopyItem {
  size: number
  etag: string
  lastModified: Date | undefined
}

export interface CopyStreamOptions extends Pick<CopyOptions, 'metadata'>, Pick<WaitForCopyOptions, 'pollMs'>, EachTransformOptions {
  /** Another share than the client's, for both ends unless the next two say otherwise. */
  share?: string
  fromShare?: string
  toShare?: string
}

/** Copies on the server, one file for each `{ from, to }` written (object mode), each to its end; results come in the order of the items. */
export class AzureCopyTransform extends EachTransform<CopyItem, CopiedItem> {
  constructor (connection: AzureFilesConnection, shares: { from: string, to: string }, options: CopyStreamOptions = {}) {
    super({
      runOne: async ({ from, to }, signal) => {
        const source = { share: shares.from, path: filePath(from) }
        const { metadata, pollMs } = options
        const { size, etag, lastModified } = await copyOnServer(connection, source, { share: shares.to, path: filePath(to) }, { metadata, pollMs, signal })
        return { from, to, size, etag, lastModified }
      }
    }, options)
  }
}
