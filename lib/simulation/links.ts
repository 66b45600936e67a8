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
  #answered: number
  #given: number

  /** @param recorded text of the recording that these go on with, so that no number is given twice. */
  constructor (recorded = '') {
    this.#answered = highest(recorded, 'links')
    this.#given = highest(recorded, 'given-links')
  }

  pathOf (url: string): string | undefined {
    return url.startsWith(`${LINK_STAND_IN}/`) ? url.slice(LINK_STAND_IN.length) : this.#paths.get(digestOf(url))
  }

  /** Of an answer. @param path what the link stands for; without it, it gets the next number. */
  add (url: string, path?: string): string {
    return this.pathOf(url) ?? this.#keep(url, path ?? `/links/${++this.#answered}`)
  }

  /** Of a request whose link came from no answer but from the caller: numbered in the order of their first use. */
  addGiven (url: string): string {
    return this.pathOf(url) ?? this.#keep(url, `/given-links/${++this.#given}`)
  }

  #keep (url: string, path: string): string {
    this.#paths.set(digestOf(url), path)
    return path
  }
}

/** Origins are sent in their normal form, the rest byte for byte. */
function digestOf (url: string): string {
  const [, origin = '', rest = ''] = /^(https?:\/\/[^/?#]+)([^#]*)/i.exec(url) ?? []
  const sent = `${URL.canParse(origin) ? new URL(origin).origin : origin}${rest.startsWith('/') ? '' : '/'}${rest}`
  return createHash('sha256').update(sent).digest('base64')
}

function highest (text: string, name: string): number {
  const numbers = text.matchAll(new RegExp(`"(?:${LINK_STAND_IN})?/${name}/(\\d+)"`, 'g'))
  return [...numbers].reduce((most, match) => Math.max(most, Number(match[1])), 0)
}
