import type { R2Connection } from './connection.ts'
import { checkBucket } from './names.ts'
import type { CallOptions } from './multipart.ts'
import { createBucket, deleteBucket, headBucket, listBuckets } from './wire-list.ts'
import type { LocationHint, R2Bucket } from './wire-list.ts'

/** The account's buckets. Tokens that are scoped to objects may do none of this. */
export class R2Buckets {
  readonly #connection: R2Connection

  constructor (connection: R2Connection) {
    this.#connection = connection
  }

  async list (options: CallOptions & { prefix?: string } = {}): Promise<R2Bucket[]> {
    const buckets: R2Bucket[] = []
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const page = await this.#connection.execute(listBuckets(options, token), options)
      buckets.push(...page.entries)
      token = page.next === token ? undefined : page.next
    }
    return buckets
  }

  /** Rejects with a `NotFoundError` when there is no such bucket under this jurisdiction. */
  async head (bucket: string, options: CallOptions = {}): Promise<{ region: string | undefined }> {
    return await this.#connection.execute(headBucket(this.#checked(bucket)), options)
  }

  async create (bucket: string, options: CallOptions & { locationHint?: LocationHint } = {}): Promise<void> {
    await this.#connection.execute(createBucket(this.#checked(bucket), options), options)
  }

  /** Only an empty one: open multipart uploads count too. */
  async delete (bucket: string, options: CallOptions = {}): Promise<void> {
    await this.#connection.execute(deleteBucket(this.#checked(bucket)), options)
  }

  #checked (bucket: string): string {
    checkBucket(bucket, this.#connection.config.strict)
    return bucket
  }
}
