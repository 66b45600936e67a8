import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { ByteBudget } from '../../lib/bytes/byte-budget.ts'
import type { ByteRange } from '../../lib/bytes/byte-range.ts'
import { KiB } from '../../lib/bytes/sizes.ts'
import { md5Base64OffThread } from '../../lib/digest/md5-off-thread.ts'
import { DigestMismatchError, NotModifiedError, ObjectChangedError } from '../../lib/errors.ts'
import { RangeReadable } from '../../lib/flow/range-readable.ts'
import type { AskedRange, OpenedRange, RangeSource, Verifier } from '../../lib/flow/range-readable.ts'
import type { AzureFilesConnection } from './connection.ts'
import { EtagMismatchError, InvalidRangeError } from './errors.ts'
import { checkLeaseId } from './lease-requests.ts'
import { MAX_RANGE_BYTES, checkConcurrency } from './names.ts'
import type { Target } from './names.ts'
import { normalizeEtag, quote } from './wire.ts'
import { getFile, getFileProperties } from './wire-files.ts'
import type { FileBody, FileProperties, GetOptions } from './wire-files.ts'
import { listRanges } from './wire-ranges.ts'

export interface ReadStreamOptions {
  /** Another share than the client's. */
  share?: string
  /** First byte; default 0. */
  start?: number
  /** Last byte, inclusive, as in `fs.createReadStream`. */
  end?: number
  /** Ranges open at once, 1 to 16; 1 reads all through one request. Default 4. */
  concurrency?: number
  /** Bytes of a range; default 4 MiB. */
  rangeSize?: number
  /**
   * Compare a file that is read whole with the `contentMd5` that somebody stored with it, if any; and where it took several
   * ranges, look at the end whether its etag is still that of the first. Default true.
   */
  verify?: boolean
  /**
   * `md5`: every range is compared with the MD5 that the service computes for it before any of its bytes is delivered; a
   * range has at most 4 MiB then, and `concurrency` is at least 2. Default `none`.
   */
  integrity?: 'md5' | 'none'
  /** Ask which ranges are written, and deliver zeros for the others without asking for them. Default false. */
  sparse?: boolean
  /** Compared with the etag that the first answer has, since the service honours no condition. */
  ifMatch?: string
  ifNoneMatch?: string
  /** The read fails where the file has not this lease. */
  leaseId?: string
  highWaterMark?: number
  signal?: AbortSignal
}

/**
 * Reads one version of one file, in order, through up to `concurrency` ranges at once. The request starts with the first
 * read; a range that is cut or stalls goes on from the first missing byte. Every answer's etag is compared with that of
 * the first. 'info' tells size, etag and metadata before the first byte; 'resume' each further attempt; 'progress' each chunk.
 *
 * Peak memory: `concurrency` × `rangeSize` + `highWaterMark`.
 * @throws {ObjectChangedError} the file was changed while it was read: never two versions joined.
 * @throws {DigestMismatchError} the bytes are not those that the stored `contentMd5` is of, instead of 'end'.
 */
export class AzureRangeReadable extends RangeReadable<FileProperties> {
  constructor (connection: AzureFilesConnection, target: Target, options: ReadStreamOptions = {}, budget?: ByteBudget) {
    const { concurrency = connection.config.concurrency, rangeSize = MAX_RANGE_BYTES } = options
    checkConcurrency(concurrency)
    if (options.leaseId !== undefined) checkLeaseId(options.leaseId)
    if (options.integrity === 'md5' && (concurrency < 2 || rangeSize > MAX_RANGE_BYTES)) {
      throw new RangeError(`Cannot read with integrity "md5" as it needs a concurrency of at least 2 and a rangeSize of at most ${MAX_RANGE_BYTES}`)
    }
    super(new FileSource(connection, target, options), {
      start: options.start,
      end: options.end,
      concurrency,
      rangeSize,
      highWaterMark: options.highWaterMark,
      signal: options.signal,
      clock: connection.clock,
      subject: quote(target.path),
      budget
    })
  }
}

class FileSource implements RangeSource<FileProperties> {
  readonly #connection: AzureFilesConnection
  readonly #target: Target
  readonly #options: ReadStreamOptions
  #written: { ranges: ByteRange[], info: FileProperties } | undefined

  constructor (connection: AzureFilesConnection, target: Target, options: ReadStreamOptions) {
    this.#connection = connection
    this.#target = target
    this.#options = options
  }

  async open (range: AskedRange, signal: AbortSignal): Promise<OpenedRange & { info: FileProperties }> {
    const hole = this.#hole(range)
    if (hole !== undefined) return hole
    const { properties: info, start, end, rangeMd5, body } = await this.#get(range, signal)
    // It may fail while nobody reads it yet: whoever reads it later hears of that.
    body.on('error', () => undefined)
    this.#connection.logger.trace({ ...this.#target, start, end }, 'Range opened')
    try {
      this.#compare(range, info)
      if (this.#options.sparse === true) this.#written ??= await this.#listWritten(info, signal)
      const checked = rangeMd5 === undefined ? body : Readable.from(await this.#checked(body, rangeMd5))
      return { start, end, size: info.size, validator: info.etag === '' ? undefined : info.etag, body: checked, info }
    } catch (error) {
      body.destroy()
      throw error
    }
  }

  verifier (info: FileProperties): Verifier | undefined {
    if (this.#options.verify === false) return undefined
    const md5 = info.contentMd5 === undefined ? undefined : new Md5Verifier(this.#target, info.contentMd5, info.size)
    const { rangeSize = MAX_RANGE_BYTES } = this.#options
    return {
      update: chunk => md5?.update(chunk),
      finish: async () => {
        if (info.size > rangeSize) await this.#compareAtEnd(info)
        md5?.finish()
      }
    }
  }

  /** A write shows at once, also in the body of an answer that began before it. */
  async #compareAtEnd ({ etag }: FileProperties): Promise<void> {
    const { leaseId } = this.#options
    const after = await this.#connection.execute(getFileProperties(this.#target, { leaseId }))
    this.#compare({ start: 0, end: undefined, validator: etag }, after)
  }

  /** Any range of an empty file is refused: then it is asked for as a whole. */
  async #get ({ start, end }: AskedRange, signal: AbortSignal): Promise<FileBody> {
    const { leaseId, integrity } = this.#options
    const whole: GetOptions = { leaseId }
    const asked = start === 0 && end === undefined ? whole : { leaseId, start, end, rangeMd5: integrity === 'md5' }
    try {
      return await this.#connection.execute(getFile(this.#target, asked), { signal })
    } catch (error) {
      if (start === 0 && error instanceof InvalidRangeError) return await this.#connection.execute(getFile(this.#target, whole), { signal })
      throw error
    }
  }

  #compare ({ validator }: AskedRange, { etag }: FileProperties): void {
    const { ifMatch, ifNoneMatch } = this.#options
    const name = quote(this.#target.path)
    if (validator !== undefined) {
      if (validator === etag) return
      throw new ObjectChangedError(`Cannot go on reading ${name} as it changed: expected etag ${validator}, found ${etag}`, { expected: validator, found: etag, operation: 'GetFile' })
    }
    if (ifMatch !== undefined && ifMatch !== '*' && normalizeEtag(ifMatch) !== etag) {
      throw new EtagMismatchError(`Cannot read ${name} as it has another etag: expected ${ifMatch}, found ${etag}`, { expected: ifMatch, actual: etag, operation: 'GetFile' })
    }
    if (ifNoneMatch !== undefined && normalizeEtag(ifNoneMatch) === etag) throw new NotModifiedError(`Cannot read ${name} anew as it still has etag ${etag}`, { operation: 'GetFile' })
  }

  async #checked (body: FileBody['body'], expected: string): Promise<Buffer[]> {
    const chunks = await body.collectChunks(MAX_RANGE_BYTES)
    const found = await md5Base64OffThread(...chunks)
    if (found === expected) return chunks
    // Something on the way changed the bytes: they are asked for again.
    throw new DigestMismatchError(`Cannot read ${quote(this.#target.path)} as a range has other bytes than the service sent`, {
      expected, found, algorithm: 'md5', size: body.bytesReceived, temporary: true, operation: 'GetFile'
    })
  }

  async #listWritten (info: FileProperties, signal: AbortSignal): Promise<{ ranges: ByteRange[], info: FileProperties }> {
    const { ranges, etag } = await this.#connection.execute(listRanges(this.#target, { leaseId: this.#options.leaseId }), { signal })
    this.#compare({ start: 0, end: undefined, validator: info.etag }, { ...info, etag })
    return { ranges, info }
  }

  /** Zeros, where it is known that nothing is written between `start` and `end`. */
  #hole ({ start, end }: AskedRange): OpenedRange & { info: FileProperties } | undefined {
    if (this.#written === undefined || end === undefined) return undefined
    const { ranges, info } = this.#written
    if (ranges.some(range => range.start <= end && range.end >= start)) return undefined
    return { start, end, size: info.size, validator: info.etag, body: zeros(end - start + 1), info }
  }
}

const ZEROS = Buffer.alloc(64 * KiB)

function zeros (length: number): Readable {
  return Readable.from((function * (): Generator<Buffer> {
    for (let rest = length; rest > 0; rest -= ZEROS.length) yield ZEROS.subarray(0, Math.min(rest, ZEROS.length))
  })())
}

class Md5Verifier {
  readonly #hash = createHash('md5')
  readonly #target: Target
  readonly #expected: string
  readonly #size: number

  constructor (target: Target, expected: string, size: number) {
    this.#target = target
    this.#expected = expected
    this.#size = size
  }

  update (chunk: Buffer): void {
    this.#hash.update(chunk)
  }

  finish (): void {
    const found = this.#hash.digest('base64')
    if (found === this.#expected) return
    throw new DigestMismatchError(`Cannot trust ${quote(this.#target.path)} as its bytes differ from the MD5 that is stored with it`, {
      expected: this.#expected, found, algorithm: 'md5', size: this.#size, operation: 'GetFile'
    })
  }
}
