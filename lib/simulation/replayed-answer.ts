import type { Dispatcher } from 'undici'
import { ReplayError } from '../errors.ts'
import type { ContentPiece, ContentSlice } from './content-slice.ts'
import type { RecordedFailure, RecordedResponse } from './recording-format.ts'
import type { Reins } from './reins.ts'
import type { ReplayedContents } from './replayed-contents.ts'
import type { Found } from './replay-session.ts'

export interface ReplayedAnswerOptions {
  contents: ReplayedContents
  /** A text of the recording with the client's own endpoint in it. */
  restore (text: string): string
}

interface Body {
  size: number
  /** Whose length is that of its text now, whatever it was. */
  isDocument: boolean
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>
}

/** Gives one answer of a recording to a client, as fast as the client takes it. @throws {Error} how it ends, if not well. */
export async function giveAnswer ({ interaction, slice }: Found, options: ReplayedAnswerOptions, handler: Dispatcher.DispatchHandler, reins: Reins): Promise<void> {
  const { response, error } = interaction
  if (response === undefined) throw failure(error as RecordedFailure)
  const { status, headers } = slice ?? response
  const body = await openBody(response, slice, options)
  handler.onResponseStart?.(reins, status, answerHeaders(headers, body, options))
  for await (const chunk of body.chunks) {
    await mayGoOn(reins)
    handler.onResponseData?.(reins, chunk)
  }
  await mayGoOn(reins)
  if (slice === undefined && response.broken !== undefined) throw brokenOff(response.broken.error, body.size)
  handler.onResponseEnd?.(reins, {})
}

async function mayGoOn (reins: Reins): Promise<void> {
  await reins.flowing()
  if (reins.reason !== null) throw reins.reason
}

function answerHeaders (headers: Record<string, string> | undefined, { size, isDocument }: Body, { restore }: ReplayedAnswerOptions): Record<string, string> {
  const restored = Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, restore(value)]))
  return isDocument || headers === undefined ? { ...restored, 'content-length': String(size) } : restored
}

async function openBody (response: RecordedResponse, slice: ContentSlice | undefined, { contents, restore }: ReplayedAnswerOptions): Promise<Body> {
  if (slice !== undefined) return { size: slice.size, isDocument: false, chunks: joined(slice.pieces, contents) }
  const { body, content_hash: hash, content_length: length } = response
  if (hash !== undefined) return { ...await contents.open(hash, length), isDocument: false }
  if (body === undefined) return { size: 0, isDocument: false, chunks: [] }
  const bytes = Buffer.from(restore(typeof body === 'string' ? body : JSON.stringify(body)))
  return { size: bytes.length, isDocument: true, chunks: [bytes] }
}

async function * joined (pieces: ContentPiece[], contents: ReplayedContents): AsyncGenerator<Buffer, undefined> {
  for (const { contentHash, contentLength, from, to } of pieces) yield * await contents.openPart(contentHash, contentLength, from, to)
  return undefined
}

function brokenOff (error: RecordedFailure | undefined, size: number): Error {
  return error === undefined ? new ReplayError(`The recording holds the first ${size} bytes only, as nobody read on when it was made`) : failure(error)
}

/** In the form in which the network failed. */
function failure ({ code, message }: RecordedFailure): Error {
  return Object.assign(new Error(message), { code })
}
