/** Takes request bodies in: counted, hashed and compared with what the headers claim, before anything is changed. */
import { createHash } from 'node:crypto'
import type { Content } from '../content-store.ts'
import type { Call } from './call.ts'
import { azureError, invalidHeader } from './errors.ts'
import { MAX_RANGE, MAX_XML } from './limits.ts'
import { checkMd5 } from './properties.ts'
import { STRUCTURED, unframed } from './structured.ts'
import { SINCE } from './versions.ts'

export interface Received {
  /** With one reference, which is the caller's to keep or release. */
  content: Content
  /** Base64; undefined when nobody wants it. */
  md5: string | undefined
}

/** How many bytes of data the body has, without the frame of a structured one. @throws {AzureError} 400, 411, 413 */
export function payloadSize (call: Call): number {
  const length = call.exchange.contentLength
  if (length === undefined) throw azureError('MissingContentLengthHeader')
  const size = isStructured(call) ? Number(call.headers['x-ms-structured-content-length']) : length
  if (!Number.isSafeInteger(size)) throw invalidHeader('x-ms-structured-content-length', String(call.headers['x-ms-structured-content-length']))
  if (size > MAX_RANGE) throw azureError('RequestBodyTooLarge', { MaxLimit: String(MAX_RANGE) })
  return size
}

function isStructured ({ headers, version }: Call): boolean {
  const kind = headers['x-ms-structured-body']
  if (kind === undefined) return false
  if (version < SINCE.structuredBody) throw azureError('UnsupportedHeader', { HeaderName: 'x-ms-structured-body', HeaderValue: kind })
  if (kind !== STRUCTURED) throw invalidHeader('x-ms-structured-body', kind)
  return true
}

/** @throws {AzureError} 400 when it is not what the headers said; nothing is kept */
export async function receiveBody (call: Call, size: number): Promise<Received> {
  const claimed = call.headers['content-md5']
  if (claimed !== undefined) checkMd5(claimed)
  const md5 = claimed === undefined && call.context.quirks.rangeMd5 === 'when-sent' ? undefined : createHash('md5')
  const body = isStructured(call) ? unframed(call.exchange.body()) : call.exchange.body()
  const content = await call.context.contents.write(body, md5 === undefined ? [] : [md5])
  const found = md5?.digest('base64')
  if (content.size !== size || (claimed !== undefined && claimed !== found)) {
    call.context.contents.release(content)
    if (content.size !== size) throw azureError('InvalidInput')
    throw azureError('Md5Mismatch', { UserSpecifiedMd5: claimed ?? '', ServerCalculatedMd5: found ?? '' })
  }
  return { content, md5: found }
}

/** Reads a small document whole. */
export async function receiveText ({ exchange }: Call): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of exchange.body()) {
    size += chunk.length
    if (size > MAX_XML) throw azureError('RequestBodyTooLarge')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
