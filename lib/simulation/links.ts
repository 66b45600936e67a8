import { createHash } from 'node:crypto'

/** Hosts that exist in recordings only. Names below `.invalid` never resolve (RFC 2606). */
export const ENDPOINT_STAND_IN = 'https://endpoint.invalid'
export const LINK_STAND_IN = 'https://link.invalid'

/**
 * The links of one recording that carry their own authorization, and the paths that stand for them: what goes to a link
 * is recorded under its path, and a recorded answer holds `https://link.invalid<path>` in its place. A link is kept as its
 * digest, about 250 bytes with the path: a listing has one for each file.
 */
export class Links {
  readonly #paths = new Map<string, string>()
  #numbered = 0

  /** @param numbered how many links without a path of their own there are already. */
  constructor (numbered = 0) {
    this.#numbered = numbered
  }

  pathOf (url: string): string | undefined {
    return url.startsWith(`${LINK_STAND_IN}/`) ? url.slice(LINK_STAND_IN.length) : this.#paths.get(digestOf(url))
  }

  /** @param path what the link stands for; without it, it gets the next number. */
  add (url: string, path?: string): string {
    const known = this.pathOf(url)
    if (known !== undefined) return known
    const added = path ?? `/links/${++this.#numbered}`
    this.#paths.set(digestOf(url), added)
    return added
  }
}

function digestOf (url: string): string {
  return createHash('sha256').update(url).digest('base64')
}

/** The highest number of a link in the text of a recording. */
export function countLinks (text: string): number {
  return [...text.matchAll(/"(?:https:\/\/link\.invalid)?\/links\/(\d+)"/g)].reduce((highest, match) => Math.max(highest, Number(match[1])), 0)
}
