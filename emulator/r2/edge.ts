/** What Cloudflare's edge does to compressed bodies on their way from R2 to the client. */
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Content, ContentStore } from '../content-store.ts'
import type { Answer } from '../service.ts'
import type { Call } from './call.ts'
import type { StoredObject } from './state.ts'

function acceptsGzip ({ headers }: Call): boolean {
  return /(?:^|[\s,])(?:gzip|x-gzip|\*)\s*(?:$|[,;])/i.test(headers['accept-encoding'] ?? '')
}

/** HEAD with `Accept-Encoding: gzip`: the edge might compress the body of a GET, so that it does not know its length. */
export function edgeHidesLength (call: Call): boolean {
  return call.context.quirks.edgeGzip && acceptsGzip(call)
}

export function edgeDecompresses (call: Call, { metadata }: StoredObject): boolean {
  return call.context.quirks.edgeGzip && !acceptsGzip(call) &&
    metadata.http['content-encoding']?.toLowerCase() === 'gzip' &&
    !/\bno-transform\b/i.test(metadata.http['cache-control'] ?? '')
}

/** The plain body: no length, no encoding, a weak etag. Undefined when it is not gzip after all. */
export async function decompressed (contents: ContentStore, content: Content, headers: Record<string, string>): Promise<Answer | undefined> {
  contents.retain(content)
  if (!await startsAsGzip(contents, content)) {
    contents.release(content)
    return undefined
  }
  const plain = createGunzip()
  pipeline(Readable.from(contents.read(content)), plain, () => {}) // whoever reads `plain` sees its error
  const { 'Content-Encoding': encoding, ETag: etag, ...rest } = headers
  return {
    status: 200,
    headers: { ...rest, ETag: `W/${etag}` },
    body: plain,
    finish: () => {
      plain.destroy()
      contents.release(content)
    }
  }
}

async function startsAsGzip (contents: ContentStore, content: Content): Promise<boolean> {
  const start: Buffer[] = []
  for await (const chunk of contents.read(content, 0, Math.min(2, content.size))) start.push(chunk)
  return Buffer.concat(start).equals(Buffer.of(0x1f, 0x8b))
}
