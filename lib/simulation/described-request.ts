/** A request as a recording holds it: the same for every host, account and credential. */
import type { Dispatcher } from 'undici'
import { sha256Hex } from '../digest/sha256-off-thread.ts'
import { encodePath } from '../http/percent-encoding.ts'
import type { DispatchSubject } from './dispatch-subject.ts'
import { contentHash } from './recording-format.ts'
import type { RecordedRequest } from './recording-format.ts'
import type { RecordingProfile } from './recording-profile.ts'
import { isTelling } from './request-match.ts'
import { cleanQuery } from './sanitizer.ts'
import type { Sanitizer } from './sanitizer.ts'

/** Bodies of requests that hold links are short. */
const MAX_DOCUMENT_BYTES = 1024 * 1024

/** All but the body. */
export function describeRequest (options: Dispatcher.DispatchOptions, profile: RecordingProfile, sanitizer: Sanitizer): RecordedRequest {
  const url = String(options.origin ?? '') + options.path
  const below = sanitizer.links.pathOf(url) === undefined ? sanitizer.below(url) : undefined
  const target = below ?? sanitizer.links.addGiven(url)
  const [path, query] = splitTarget(target)
  return {
    method: options.method,
    path,
    query,
    ...(below === undefined ? { by_link: true } : {}),
    headers: tellingHeaders(options.headers, profile, sanitizer)
  }
}

function splitTarget (target: string): [path: string, query: string] {
  const start = target.indexOf('?')
  if (start === -1) return [target === '' ? '/' : target, '']
  return [target.slice(0, start), cleanQuery(target.slice(start + 1)).split('&').sort().join('&')]
}

function tellingHeaders (headers: Dispatcher.DispatchOptions['headers'], profile: RecordingProfile, sanitizer: Sanitizer): Record<string, string> {
  const telling = Object.entries((headers ?? {}) as Record<string, string>).filter(([name]) => isTelling(name, profile))
  return Object.fromEntries(telling.sort(([a], [b]) => a < b ? -1 : 1).map(([name, value]) => [name, sanitizer.text(value)]))
}

/** The body as it is recorded: that of a file as it is, any other without links and hosts; undefined where there is none. */
export function recordedBody ({ body }: Dispatcher.DispatchOptions, { operation }: DispatchSubject, profile: RecordingProfile, sanitizer: Sanitizer): Uint8Array | undefined {
  if (!(body instanceof Uint8Array) || body.byteLength === 0 || profile.volatileBodies?.includes(operation) === true) return undefined
  if (profile.contents.sent.includes(operation) || body.byteLength > MAX_DOCUMENT_BYTES) return body
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
  const clean = sanitizer.text(text)
  return clean === text ? body : Buffer.from(clean)
}

export async function describeBody (body: Uint8Array | undefined): Promise<{ content_hash?: string, content_length?: number }> {
  return body === undefined ? {} : { content_hash: contentHash(await sha256Hex(body)), content_length: body.byteLength }
}

/** Where clouds with containers (buckets, shares) keep a name. */
export function pathOf (container: string, name: string): string {
  return name === '' ? `/${container}` : `/${container}/${encodePath(name)}`
}
