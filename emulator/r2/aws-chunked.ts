/**
 * The aws-chunked framing of bodies, which R2 refuses and the emulator decodes on request: `size;chunk-signature=…`, data,
 * and trailers after the last chunk.
 * Wire: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
import { createHash, createHmac } from 'node:crypto'
import { EMPTY_PAYLOAD_SHA256 } from '../../streams/r2/auth.ts'
import type { Authenticated } from './auth.ts'
import { incompleteBody, invalidRequest, R2Error } from './errors.ts'

const MAX_LINE = 4096

/** Yields the data and leaves the trailers behind. */
export class AwsChunkedDecoder {
  readonly trailers: Record<string, string> = {}
  readonly #source: AsyncIterator<Buffer>
  readonly #auth: Authenticated
  readonly #signed: boolean
  #signature: string
  #buffer: Buffer = Buffer.alloc(0)

  constructor (source: AsyncIterable<Buffer>, auth: Authenticated) {
    this.#source = source[Symbol.asyncIterator]()
    this.#auth = auth
    this.#signature = auth.signature
    this.#signed = auth.payloadHash.startsWith('STREAMING-AWS4-HMAC-SHA256')
  }

  async * [Symbol.asyncIterator] (): AsyncGenerator<Buffer> {
    for (;;) {
      const { size, signature } = parseChunkLine(await this.#line())
      const hash = this.#signed ? createHash('sha256') : undefined
      for (let left = size; left > 0;) {
        const data = await this.#take(left)
        hash?.update(data)
        left -= data.length
        yield data
      }
      if (hash !== undefined) this.#checkSignature(signature, hash.digest('hex'))
      if (size === 0) break
      if (await this.#line() !== '') throw incompleteBody()
    }
    await this.#readTrailers()
  }

  async #readTrailers (): Promise<void> {
    for (let line = await this.#line(); line !== ''; line = await this.#line()) {
      const colon = line.indexOf(':')
      if (colon === -1) throw invalidRequest('The trailing header is not valid.')
      this.trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
    }
    const signature = this.trailers['x-amz-trailer-signature']
    if (this.#signed && signature !== undefined) this.#checkTrailerSignature(signature)
  }

  #checkSignature (given: string | undefined, dataHash: string): void {
    const { timestamp, scope } = this.#auth
    this.#compare(given, `AWS4-HMAC-SHA256-PAYLOAD\n${timestamp}\n${scope}\n${this.#signature}\n${EMPTY_PAYLOAD_SHA256}\n${dataHash}`)
  }

  #checkTrailerSignature (given: string): void {
    const { timestamp, scope } = this.#auth
    const lines = Object.entries(this.trailers).filter(([name]) => name !== 'x-amz-trailer-signature').sort()
    const hash = createHash('sha256').update(lines.map(([name, value]) => `${name}:${value}\n`).join('')).digest('hex')
    this.#compare(given, `AWS4-HMAC-SHA256-TRAILER\n${timestamp}\n${scope}\n${this.#signature}\n${hash}`)
  }

  #compare (given: string | undefined, text: string): void {
    const expected = createHmac('sha256', this.#auth.signingKey).update(text).digest('hex')
    if (given !== expected) throw new R2Error(403, 'SignatureDoesNotMatch', 'The chunk signature we calculated does not match the signature you provided.')
    this.#signature = expected
  }

  /** Up to the next CRLF, which is consumed; the end of the body counts as one when nothing is left. */
  async #line (): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n')
      if (end !== -1) {
        const line = this.#buffer.toString('latin1', 0, end)
        this.#buffer = this.#buffer.subarray(end + 2)
        return line
      }
      if (this.#buffer.length > MAX_LINE) throw incompleteBody()
      if (await this.#more()) continue
      if (this.#buffer.length > 0) throw incompleteBody()
      return ''
    }
  }

  async #take (wanted: number): Promise<Buffer> {
    while (this.#buffer.length === 0) {
      if (!await this.#more()) throw incompleteBody()
    }
    const data = this.#buffer.subarray(0, wanted)
    this.#buffer = this.#buffer.subarray(data.length)
    return data
  }

  async #more (): Promise<boolean> {
    const next = await this.#source.next()
    if (next.done === true) return false
    this.#buffer = this.#buffer.length === 0 ? next.value : Buffer.concat([this.#buffer, next.value])
    return true
  }
}

function parseChunkLine (line: string): { size: number, signature: string | undefined } {
  const match = /^([0-9a-f]{1,13})(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line)
  if (match === null) throw incompleteBody()
  return { size: Number.parseInt(match[1] as string, 16), signature: match[2] }
}
