/** Etags of R2 since 2023-06-21: MD5 of what one PUT stored; of a multipart object, MD5 of its parts' MD5s and `-N`. */
import { createHash } from 'node:crypto'

const MD5_ETAG = /^"([0-9a-f]{32})"$/
const COMPOSITE_ETAG = /^"([0-9a-f]{32})-(\d+)"$/

/** The MD5 that an etag states, or undefined for an opaque one (an older object, one with its own key). */
export function md5OfEtag (etag: string): string | undefined {
  return MD5_ETAG.exec(etag)?.[1]
}

export interface CompositeEtag {
  md5: string
  parts: number
}

export function parseCompositeEtag (etag: string): CompositeEtag | undefined {
  const match = COMPOSITE_ETAG.exec(etag)
  return match === null ? undefined : { md5: match[1] as string, parts: Number(match[2]) }
}

/** The etag that the whole object will have; undefined when one of the parts' etags is opaque. */
export function compositeEtag (partEtags: readonly string[]): string | undefined {
  const hash = createHash('md5')
  for (const etag of partEtags) {
    const md5 = md5OfEtag(etag)
    if (md5 === undefined) return undefined
    hash.update(md5, 'hex')
  }
  return `"${hash.digest('hex')}-${partEtags.length}"`
}
