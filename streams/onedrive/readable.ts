import type { Readable } from 'node:stream'
import type { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import { ObjectChangedError, StorageError } from '../../lib/errors.ts'
import { RangeReadable } from '../../lib/flow/range-readable.ts'
import type { AskedRange, OpenedRange, RangeSource, Verifier } from '../../lib/flow/range-readable.ts'
import type { Secret } from '../../lib/secret.ts'
import type { Address } from './addressing.ts'
import { bodyWindow } from './body-window.ts'
import type { OneDriveConnection } from './connection.ts'
import { conditionHeaders } from './headers.ts'
import type { Conditions } from './headers.ts'
import type { OneDriveItem } from './item.ts'
import { checkConcurrency } from './names.ts'
import { downloadVerifier } from './verify.ts'
import { findVersion } from './versions.ts'
import type { GraphOperation } from './wire.ts'
import { downloadByRedirect, downloadFrom } from './wire-content.ts'
import type { ContentBody, ContentRange } from './wire-content.ts'
import { getItem } from './wire-items.ts'

export interface ReadStreamOptions extends Conditions {
  /** First byte; default 0. */
  start?: number
  /** Last byte, inclusive, as in `fs.createReadStream`. */
  end?: number
  /** Ranges open at once, 1 to 16; 1 reads all through one request. Default 4; of a version always 1. */
  concurrency?: number
  /** Bytes of a range; default 8 MiB. */
  rangeSize?: number
  /** Compare the whole file with the quickXorHash that OneDrive reports, where it reports one. Default true. */
  verify?: boolean
  /** The id of an earlier version. */
  version?: string
  highWaterMark?: number
  signal?: AbortSignal
}

/** What 'info' carries: the item, and how many bytes its content really has. */
export interface ContentInfo {
  item: OneDriveItem
  /** As the serving host tells; where SharePoint rewrites a file it differs from `item.size`. */
  size: number
  version: string | undefined
}

/**
 * Reads one file of OneDrive, in order, through up to `concurrency` ranges of its pre-authenticated URL, which goes without
 * the access token. The URL dies after about an hour: then the item is read again, its cTag compared, and the reading goes
 * on with a new URL. The first request starts with the first read. 'info' tells the item before the first byte; 'resume'
 * each further attempt; 'progress' each chunk.
 *
 * Peak memory: `concurrency` × `rangeSize` + `highWaterMark`. A host that ignores ranges serves the file from its start for
 * each of them; what is not wanted is dropped.
 * Wire: https://learn.microsoft.com/graph/api/driveitem-get-content
 * @throws {ObjectChangedError} the content was replaced while it was read: never two versions joined.
 * @throws {DigestMismatchError} the bytes are not those that OneDrive reports the hash of, instead of 'end'.
 * @throws {NotModifiedError} `ifNoneMatch` tells that there is nothing new.
 */
export class OneDriveContentReadable extends RangeReadable<ContentInfo> {
  constructor (connection: OneDriveConnection, address: Address, options: ReadStreamOptions = {}, budget?: ByteBudget) {
    const { concurrency = connection.config.concurrency, version } = options
    checkConcurrency(concurrency)
    conditionHeaders(options)
    super(new ContentSource(connection, address, options), {
      start: options.start,
      end: options.end,
      // Versions are reported to ignore ranges.
      concurrency: version === undefined ? concurrency : 1,
      rangeSize: options.rangeSize,
      highWaterMark: options.highWaterMark,
      signal: options.signal,
      clock: connection.clock,
      subject: address.name,
      budget
    })
  }
}

/** One file and the URL that serves it, renewed when it dies; ranges that find it dead together renew it once. */
class ContentSource implements RangeSource<ContentInfo> {
  readonly #connection: OneDriveConnection
  readonly #address: Address
  readonly #options: ReadStreamOptions
  #item: OneDriveItem | undefined
  #version: string | undefined
  #link: Secret | undefined
  #renewal: Promise<OneDriveItem> | undefined
  #servedEtag: string | undefined
  #size: number | undefined

  constructor (connection: OneDriveConnection, address: Address, options: ReadStreamOptions) {
    this.#connection = connection
    this.#address = address
    this.#options = options
  }

  async open ({ start, end }: AskedRange, signal: AbortSignal): Promise<OpenedRange & { info: ContentInfo }> {
    const item = await this.#current(signal)
    const content = await this.#get(item, { start, end }, signal)
    const size = content.size ?? item.size
    await this.#admit(content, size, signal)
    const last = Math.min(end ?? Infinity, size - 1)
    const info = { item, size, version: this.#options.version }
    return { start, end: last, size, validator: item.ctag ?? item.etag, body: windowOf(content, start, last), info }
  }

  verifier ({ item, size }: ContentInfo): Verifier | undefined {
    if (this.#options.verify === false || this.#version !== undefined) return undefined
    return downloadVerifier(item, size, this.#address.name)
  }

  /** The item whose URL is at hand; read once, and again when its URL has died. */
  async #current (signal: AbortSignal): Promise<OneDriveItem> {
    if (this.#item !== undefined && this.#link !== undefined) return this.#item
    this.#renewal ??= this.#renew(signal).finally(() => { this.#renewal = undefined })
    return await this.#renewal
  }

  async #renew (signal: AbortSignal): Promise<OneDriveItem> {
    const first = this.#item
    const item = await this.#connection.execute(getItem(this.#address, first === undefined ? this.#options : {}), { signal })
    this.#assertReadable(item)
    if (first === undefined) await this.#chooseVersion(signal)
    else this.#assertSame(first, item)
    this.#item ??= item
    // A version has no URL in the item: its own comes by redirection.
    this.#link = this.#version === undefined ? item.downloadUrl : undefined
    return this.#item
  }

  /** The content of the current version is the file's own: its id is refused. */
  async #chooseVersion (signal: AbortSignal): Promise<void> {
    const { version } = this.#options
    if (version === undefined) return
    const found = await findVersion(this.#connection, this.#address, version, signal)
    this.#version = found.current ? undefined : version
  }

  async #get (item: OneDriveItem, range: ContentRange, signal: AbortSignal): Promise<ContentBody> {
    const wanted = item.size === 0 && range.start === 0 ? undefined : range // Any range of an empty file is refused.
    const link = this.#link
    try {
      return await this.#connection.execute(this.#operation(link, wanted), { signal })
    } catch (error) {
      if (error instanceof StorageError && error.code === 'DownloadUrlExpired') this.#expire(link)
      if (error instanceof StorageError && error.status === 416 && range.start === 0) return await this.#connection.execute(this.#operation(this.#link, undefined), { signal })
      throw error
    }
  }

  /** Only one who used the URL that is at hand throws it away: another range may have renewed it meanwhile. */
  #expire (link: Secret | undefined): void {
    if (link === undefined || link === this.#link) this.#link = undefined
  }

  #operation (link: Secret | undefined, range: ContentRange | undefined): GraphOperation<ContentBody> {
    if (link !== undefined) return downloadFrom(link, this.#address.name, range)
    return downloadByRedirect(this.#address, range, location => { this.#link = location }, this.#version)
  }

  /** The bytes belong to the version that was begun with, as far as the host tells. */
  async #admit (content: ContentBody, size: number, signal: AbortSignal): Promise<void> {
    try {
      if (this.#size === undefined) this.#connection.downloads?.add(1)
      else if (this.#size !== size) throw changed(this.#address.name, `${this.#size} bytes`, `${size} bytes`)
      // The etag of the host changes with any property: the cTag says whether the content did.
      else if (content.etag !== this.#servedEtag) await this.#renew(signal)
      this.#size = size
      this.#servedEtag = content.etag
    } catch (error) {
      content.body.destroy()
      throw error
    }
  }

  #assertReadable (item: OneDriveItem): void {
    if (item.type === 'file') return
    throw new StorageError(`Cannot read ${this.#address.name} as it is no file but a ${item.type}`, { code: 'NotAFile', operation: 'DownloadContent' })
  }

  #assertSame (first: OneDriveItem, now: OneDriveItem): void {
    const [expected, found] = [first.ctag ?? first.etag ?? first.id, now.ctag ?? now.etag ?? now.id]
    if (expected !== found && this.#version === undefined) throw changed(this.#address.name, `cTag ${expected}`, `cTag ${found}`)
  }
}

function changed (name: string, expected: string, found: string): ObjectChangedError {
  return new ObjectChangedError(`Cannot go on reading ${name} as it changed: expected ${expected}, found ${found}`, { expected, found, operation: 'DownloadContent' })
}

/** The wanted bytes of a body that may hold more. */
function windowOf ({ start, end, body }: ContentBody, wanted: number, last: number): Readable {
  return start === wanted && end !== undefined && end <= last ? body : bodyWindow(body, wanted - start, last - wanted + 1)
}
