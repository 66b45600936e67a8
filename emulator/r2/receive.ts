/** Takes request bodies in: counted, hashed and compared with what the headers claim, before anything is published. */
import { createHash } from 'node:crypto'
import type { Content, Tap } from '../content-store.ts'
import { AwsChunkedDecoder } from './aws-chunked.ts'
import type { Call } from './call.ts'
import {
  announcedChecksum, type Checksum, type ChecksumAlgorithm, checkBase64, checksumHeaderName, claimedChecksum, compareChecksum, startChecksum
} from './checksums.ts'
import { badDigest, entityTooLarge, incompleteBody, malformedXml, R2Error } from './errors.ts'
import { MAX_PUT_SIZE, MAX_XML_BYTES } from './limits.ts'

const MD5_BYTES = 16

export interface Received {
  /** With one reference, which is the caller's to keep or release. */
  content: Content
  /** Hex; undefined when nothing needed it. */
  md5: string | undefined
  checksum: Checksum | undefined
}

/** A digest that something waits for. */
interface Check extends Tap {
  conclude (): void
}

/**
 * Streams the body into the content store. `algorithm` asks for a checksum even if the request brings none.
 * @throws {R2Error} the body is not what the headers said; nothing is kept
 */
export async function receiveBody (call: Call, algorithm?: ChecksumAlgorithm): Promise<Received> {
  checkLength(call)
  const body = openBody(call)
  const md5 = call.context.quirks.etags === 'md5' || call.headers['content-md5'] !== undefined ? createHash('md5') : undefined
  const checksum = await startRequestChecksum(call, algorithm)
  const sha256 = sha256Check(call)
  const taps = [md5, checksum?.digest, sha256].filter(tap => tap !== undefined)
  const content = await call.context.contents.write(body.source, taps)
  try {
    checkDecodedLength(call, content.size)
    sha256?.conclude()
    const md5Hex = md5?.digest('hex')
    checkContentMd5(call, md5Hex)
    return { content, md5: md5Hex, checksum: checksum?.conclude(body.trailers()) }
  } catch (error) {
    call.context.contents.release(content)
    throw error
  }
}

/**
 * Reads a small document whole; where a checksum in the headers is of something else than the document, `checksum` is `'elsewhere'`.
 * @throws {R2Error} 400 when it is too large or not what the headers said
 */
export async function receiveText (call: Call, { checksum: owner = 'body' }: { checksum?: 'body' | 'elsewhere' } = {}): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of openBody(call).source) {
    size += chunk.length
    if (size > MAX_XML_BYTES) throw malformedXml()
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  const sha256 = sha256Check(call)
  sha256?.update(bytes)
  sha256?.conclude()
  if (call.headers['content-md5'] !== undefined) checkContentMd5(call, createHash('md5').update(bytes).digest('hex'))
  const checksum = owner === 'body' ? await startRequestChecksum(call, undefined) : undefined
  checksum?.digest.update(bytes)
  checksum?.conclude({})
  return bytes.toString('utf8')
}

function checkLength (call: Call): void {
  const { contentLength } = call.exchange
  if (contentLength !== undefined) {
    if (contentLength > MAX_PUT_SIZE) throw entityTooLarge()
  } else if (call.context.quirks.contentLengthRequired) {
    if (call.auth.payloadHash.startsWith('STREAMING-')) throw incompleteBody()
    throw new R2Error(411, 'MissingContentLength', 'You must provide the Content-Length HTTP header.')
  }
}

function openBody (call: Call): { source: AsyncIterable<Buffer>, trailers: () => Record<string, string> } {
  const raw = call.exchange.body()
  if (!call.auth.payloadHash.startsWith('STREAMING-')) return { source: raw, trailers: () => ({}) }
  const decoder = new AwsChunkedDecoder(raw, call.auth)
  return { source: decoder, trailers: () => decoder.trailers }
}

function checkDecodedLength ({ headers, auth }: Call, size: number): void {
  const declared = headers['x-amz-decoded-content-length']
  if (auth.payloadHash.startsWith('STREAMING-') && declared !== undefined && Number(declared) !== size) throw incompleteBody()
}

/** Only when a literal hash was signed. */
function sha256Check ({ auth }: Call): Check | undefined {
  if (!/^[0-9a-f]{64}$/.test(auth.payloadHash)) return undefined
  const hash = createHash('sha256')
  return {
    update: chunk => hash.update(chunk),
    conclude: () => {
      if (hash.digest('hex') === auth.payloadHash) return
      throw new R2Error(400, 'XAmzContentSHA256Mismatch', "The provided 'x-amz-content-sha256' header does not match what was computed.")
    }
  }
}

function checkContentMd5 ({ headers }: Call, found: string | undefined): void {
  const header = headers['content-md5']
  if (header === undefined || found === undefined) return
  const claimed = checkBase64(header, MD5_BYTES).toString('hex')
  if (claimed !== found) throw badDigest('MD5', claimed, found)
}

async function startRequestChecksum (call: Call, wanted: ChecksumAlgorithm | undefined): Promise<{
  digest: Tap, conclude: (trailers: Record<string, string>) => Checksum
} | undefined> {
  const claimed = claimedChecksum(call.headers)
  const algorithm = claimed?.algorithm ?? announcedChecksum(call.headers) ?? wanted
  if (algorithm === undefined) return undefined
  const digest = await startChecksum(algorithm)
  return {
    digest,
    conclude: trailers => {
      const found = digest.digest()
      const trailing = trailers[checksumHeaderName(algorithm)]
      const expected: Checksum | undefined = claimed ?? (trailing === undefined ? undefined : { algorithm, value: trailing, type: 'FULL_OBJECT' })
      if (expected !== undefined) compareChecksum(expected, found)
      return { algorithm, value: found.toString('base64'), type: 'FULL_OBJECT' }
    }
  }
}
