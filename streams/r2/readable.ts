import type { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import { ObjectChangedError, PreconditionFailedError, StorageError } from '../../lib/errors.ts'
import { RangeReadable } from '../../lib/flow/range-readable.ts'
import type { AskedRange, OpenedRange, RangeSource, Verifier } from '../../lib/flow/range-readable.ts'
import type { R2Connection } from './connection.ts'
import { conditionHeaders } from './headers.ts'
import type { Conditions } from './headers.ts'
import { checkConcurrency } from './names.ts'
import { verifierFor } from './verify.ts'
import { quote } from './wire.ts'
import { getObject, headObject } from './wire-objects.ts'
import type { ObjectBody, R2ObjectInfo, Target } from './wire-objects.ts'

/** R2A 9.3, and what newer Node versions have by themselves. */
const HIGH_WATER_MARK = 65_536

export interface ReadStreamOptions extends Conditions {
  /** Another bucket than the client's. */
  bucket?: string
  /** First byte; default 0. */
  start?: number
  /** Last byte, inclusive, as in `fs.createReadStream`. */
  end?: number
  /** Ranges open at once, 1 to 16; 1 reads all through one request. Default 4. */
  concurrency?: number
  /** Bytes of a range; default 8 MiB. */
  rangeSize?: number
  /** Compare the whole object with the digest that R2 holds. Default true; costs one pass of MD5 or CRC-64. */
  verify?: boolean
  /** Default 65,536. */
  highWaterMark?: number
  signal?: AbortSignal
}

/**
 * Reads one version of one object of R2, in order, through up to `concurrency` ranges at once. The request starts with
 * the first read; a range that is cut or stalls goes on from the first missing byte, pinned by If-Match. 'info' tells
 * size, etag and metadata before the first byte; 'resume' each further attempt; 'progress' each chunk.
 *
 * Peak memory: `concurrency` × `rangeSize` + `highWaterMark`.
 * @throws {ObjectChangedError} the object was replaced while it was read: never two versions joined.
 * @throws {DigestMismatchError} the bytes are not those that R2 holds the digest of, instead of 'end'.
 * @throws {NotModifiedError} `ifNoneMatch` or `ifModifiedSince` tells that there is nothing new.
 */
export class R2ObjectReadable extends RangeReadable<R2ObjectInfo> {
  constructor (connection: R2Connection, target: Target, options: ReadStreamOptions = {}, budget?: ByteBudget) {
    const { concurrency = connection.config.concurrency } = options
    checkConcurrency(concurrency)
    conditionHeaders(options)
    super(new ObjectSource(connection, target, options), {
      start: options.start,
      end: options.end,
      concurrency,
      rangeSize: options.rangeSize,
      highWaterMark: options.highWaterMark ?? HIGH_WATER_MARK,
      signal: options.signal,
      clock: connection.clock,
      subject: quote(target.key),
      budget
    })
  }
}

class ObjectSource implements RangeSource<R2ObjectInfo> {
  readonly #connection: R2Connection
  readonly #target: Target
  readonly #options: ReadStreamOptions
  #acceptEncoding: 'identity' | 'gzip' = 'identity'

  constructor (connection: R2Connection, target: Target, options: ReadStreamOptions) {
    this.#connection = connection
    this.#target = target
    this.#options = options
  }

  async open (range: AskedRange, signal: AbortSignal): Promise<OpenedRange & { info: R2ObjectInfo }> {
    const opened = await this.#get(range, signal)
    const { info, start, end, body } = opened
    return { start, end, size: info.size, validator: info.etag === '' ? undefined : info.etag, body, info }
  }

  async verifier (info: R2ObjectInfo): Promise<Verifier | undefined> {
    if (this.#options.verify === false) return undefined
    return await verifierFor(info, () => this.#firstPartSize(info.etag))
  }

  async #get (range: AskedRange, signal: AbortSignal): Promise<ObjectBody> {
    const opened = await this.#tryGet(range, signal)
    if (!Number.isNaN(opened.info.size)) return opened
    // Without a length the edge has unpacked what is stored packed: ask for it as it is stored.
    opened.body.destroy()
    this.#acceptEncoding = 'gzip'
    const again = await this.#tryGet(range, signal)
    if (!Number.isNaN(again.info.size)) return again
    again.body.destroy()
    throw new StorageError(`Cannot read ${quote(this.#target.key)} as the answer has no length: it was repacked on the way`, { code: 'TransformedBody', operation: 'GetObject' })
  }

  async #tryGet ({ start, end, validator }: AskedRange, signal: AbortSignal): Promise<ObjectBody> {
    const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = this.#options
    const first = { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince }
    const conditions = validator === undefined ? defined(first) : { ifMatch: validator }
    try {
      return await this.#connection.execute(getObject(this.#target, { start, end, acceptEncoding: this.#acceptEncoding, piece: validator !== undefined, ...conditions }), { signal })
    } catch (error) {
      if (validator !== undefined && error instanceof PreconditionFailedError) throw changed(this.#target.key, validator, error)
      if (start === 0 && isEmptyObject(error)) return await this.#connection.execute(getObject(this.#target, conditions), { signal })
      throw error
    }
  }

  /** Asked once for a multipart object; a server that does not know leaves the object unverified. */
  async #firstPartSize (etag: string): Promise<number | undefined> {
    try {
      const part = await this.#connection.execute(headObject(this.#target, { partNumber: 1, ifMatch: etag }))
      return part.size > 0 ? part.size : undefined
    } catch (error) {
      this.#connection.logger.debug({ ...this.#target, error: String(error) }, 'Part size unknown: the object is read without comparing digests')
      return undefined
    }
  }
}

/** Any range of an empty object is unsatisfiable. */
function isEmptyObject (error: unknown): boolean {
  return error instanceof StorageError && error.status === 416
}

function changed (key: string, expected: string, cause: Error): ObjectChangedError {
  return new ObjectChangedError(`Cannot go on reading ${quote(key)} as it changed: the version ${expected} is gone`, { expected, operation: 'GetObject', cause })
}

function defined (conditions: { [Name in keyof Conditions]: Conditions[Name] | undefined }): Conditions {
  return Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== undefined))
}
