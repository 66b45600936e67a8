/** The query of a request, in the order sent: names are case-sensitive, and values are decoded once. */
export class Query {
  readonly pairs: ReadonlyArray<readonly [name: string, value: string]>

  constructor (raw: string) {
    this.pairs = raw.split('&').filter(text => text !== '').map(splitPair)
  }

  get (name: string): string | undefined {
    return this.pairs.find(pair => pair[0] === name)?.[1]
  }

  /** An OData option, whose dollar sign Graph lets callers leave out. */
  option (name: string): string | undefined {
    return this.pairs.find(([found]) => found.toLowerCase() === `$${name.toLowerCase()}` || found.toLowerCase() === name.toLowerCase())?.[1]
  }

  /** Whether the option came with its dollar sign. */
  hasDollar (name: string): boolean {
    return this.pairs.some(([found]) => found.toLowerCase() === `$${name.toLowerCase()}`)
  }
}

function splitPair (text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  return equals === -1 ? [decode(text), ''] : [decode(text.slice(0, equals)), decode(text.slice(equals + 1))]
}

function decode (text: string): string {
  return decodeLoosely(text.replaceAll('+', ' '))
}

/** Percent-decoding that leaves alone what is not decodable. */
export function decodeLoosely (text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
