/** Put Range in its three forms, and List Ranges. */
import { createDigest } from '../../lib/digest/digest.ts'
import type { Content } from '../content-store.ts'
import type { Answer } from '../service.ts'
import { answer, type Call, fileAt, snapshotOf, segmentsOf, stamp, shareOf, xmlAnswer } from './call.ts'
import { readSource } from './copy-source.ts'
import { azureError, invalidHeader, missingHeader } from './errors.ts'
import { readableFile, writableFile } from './files.ts'
import { MAX_RANGE } from './limits.ts'
import { fullRange, readRange, writtenRange } from './range-header.ts'
import { payloadSize, receiveBody } from './receive.ts'
import type { SparseContent, Span } from './sparse.ts'
import type { File, Share } from './state.ts'
import { branch, document, leaf } from './xml.ts'

const ENCRYPTED = { 'x-ms-request-server-encrypted': 'true' } as const

/** Writes a body of at most 4 MiB over what was there; the file must be long enough before. */
export async function putRange (call: Call): Promise<Answer> {
  const { headers } = call
  const write = headers['x-ms-write']
  if (write === undefined) throw missingHeader('x-ms-write')
  if (write.toLowerCase() !== 'update') throw invalidHeader('x-ms-write', write)
  const size = payloadSize(call)
  const { start, end } = writtenRange(headers, writableFile(call).file.size)
  if (size === 0 || end - start !== size) throw invalidHeader('Content-Length', String(size))
  const mode = writeTimeMode(call)
  const { content, md5 } = await receiveBody(call, size)
  const { share, file } = checkAgain(call, content)
  file.bytes.write(start, content)
  return written(call, share, file, mode, md5 === undefined ? {} : { 'Content-MD5': md5 })
}

/** While the bytes came, lease and size may have changed; from here to the write nothing waits. */
function checkAgain (call: Call, content: Content): { share: Share, file: File } {
  try {
    const found = writableFile(call)
    writtenRange(call.headers, found.file.size)
    return found
  } catch (error) {
    call.context.contents.release(content)
    throw error
  }
}

export async function clearRange (call: Call): Promise<Answer> {
  const { headers, exchange } = call
  if (exchange.contentLength !== undefined && exchange.contentLength !== 0) throw invalidHeader('Content-Length', String(exchange.contentLength))
  if (headers['content-md5'] !== undefined) throw azureError('UnsupportedHeader', { HeaderName: 'Content-MD5', HeaderValue: headers['content-md5'] })
  const mode = writeTimeMode(call)
  const { share, file } = writableFile(call)
  file.bytes.clear(writtenRange(headers, file.size))
  return written(call, share, file, mode, {})
}

/** From another file of this account. */
export async function putRangeFromUrl (call: Call): Promise<Answer> {
  const { headers } = call
  const target = writtenRange(headers, writableFile(call).file.size)
  const span = fullRange(headers, 'x-ms-source-range')
  if (span.end - span.start !== target.end - target.start) throw invalidHeader('x-ms-source-range', headers['x-ms-source-range'] ?? '')
  if (span.end - span.start > MAX_RANGE) throw azureError('RequestBodyTooLarge', { MaxLimit: String(MAX_RANGE) })
  const { file: source } = readSource(call, headers['x-ms-copy-source'] ?? '')
  if (source.size < span.end) throw azureError('CannotVerifyCopySource')
  const mode = writeTimeMode(call)
  const content = source.bytes.read(span)
  const crc = await sourceCrc(call, content)
  const { share, file } = checkAgain(call, content)
  file.bytes.write(target.start, content)
  return written(call, share, file, mode, { 'x-ms-content-crc64': crc })
}

async function sourceCrc (call: Call, content: Content): Promise<string> {
  const { contents } = call.context
  try {
    const crc = await crc64Of(contents.read(content))
    checkSourceCrc(call, crc)
    return crc
  } catch (error) {
    contents.release(content)
    throw error
  }
}

async function crc64Of (source: AsyncIterable<Buffer>): Promise<string> {
  const digest = await createDigest('crc64nvme')
  for await (const chunk of source) digest.update(chunk)
  return digest.digest().reverse().toString('base64')
}

function checkSourceCrc ({ headers }: Call, crc: string): void {
  const stated = headers['x-ms-source-content-crc64']
  if (stated !== undefined && stated !== crc) throw azureError('Crc64Mismatch', { UserSpecifiedCrc: stated, ServerCalculatedCrc: crc })
  const match = headers['x-ms-source-if-match-crc64']
  const noneMatch = headers['x-ms-source-if-none-match-crc64']
  if ((match !== undefined && match !== crc) || noneMatch === crc) throw azureError('ConditionNotMet')
}

type WriteTimeMode = 'now' | 'preserve'

function writeTimeMode ({ headers }: Call): WriteTimeMode {
  const mode = headers['x-ms-file-last-write-time']?.toLowerCase() ?? 'now'
  if (mode !== 'now' && mode !== 'preserve') throw invalidHeader('x-ms-file-last-write-time', mode)
  return mode
}

/** A new etag, and a new time of the last write unless it is to be preserved. */
async function written (call: Call, share: Share, file: File, mode: WriteTimeMode, headers: Record<string, string>): Promise<Answer> {
  file.modified = call.context.state.tick(call.now)
  file.smb.changed = file.modified
  if (mode === 'now') file.smb.written = file.modified
  await call.context.state.saveEntry(share, file)
  return answer(201, { ...stamp(file), ...ENCRYPTED, 'x-ms-file-last-write-time': file.smb.written, ...headers })
}

export async function listRanges (call: Call): Promise<Answer> {
  const file = readableFile(call)
  const span = readRange(call.headers, file.size) ?? { start: 0, end: file.size }
  const before = call.query.has('prevsharesnapshot') ? previousVersion(call) : undefined
  const written = file.bytes.written(span)
  const items = before === undefined ? written.map(range => rangeXml('Range', range)) : differences(before, file.bytes, written, span)
  return xmlAnswer(document('Ranges', '', items), { ...stamp(file), 'x-ms-content-length': String(file.size) })
}

function previousVersion (call: Call): SparseContent | undefined {
  const snapshot = snapshotOf(call, shareOf(call), 'prevsharesnapshot')
  return snapshot === undefined ? undefined : fileAt(snapshot.root, segmentsOf(call)).bytes
}

/** What was written since is a Range, what was cleared since a ClearRange; what is the same by reference is neither. */
function differences (before: SparseContent, after: SparseContent, written: Span[], span: Span): string[] {
  const changed = after.changedSince(before, span).map(range => ({ ...range, name: 'Range' }))
  const cleared = subtract(before.written(span), written).map(range => ({ ...range, name: 'ClearRange' }))
  return [...changed, ...cleared].sort((a, b) => a.start - b.start).map(range => rangeXml(range.name, range))
}

function subtract (spans: Span[], holes: Span[]): Span[] {
  return holes.reduce((left, hole) => left.flatMap(({ start, end }) => [
    { start, end: Math.min(end, hole.start) }, { start: Math.max(start, hole.end), end }
  ].filter(span => span.start < span.end && (span.end <= hole.start || span.start >= hole.end))), spans)
}

function rangeXml (name: string, { start, end }: Span): string {
  return branch(name, leaf('Start', start), leaf('End', end - 1))
}
