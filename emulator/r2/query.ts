/** The query of a request: decoded, in the order sent. */
export class Query {
  readonly pairs: ReadonlyArray<readonly [name: string, value: string]>

  constructor (raw: string) {
    this.pairs = raw === '' ? [] : raw.split('&').filter(text => text !== '').map(splitPair)
  }

  get (name: string): string | undefined {
    return this.pairs.find(pair => pair[0] === name)?.[1]
  }

  has (name: string): boolean {
    return this.pairs.some(pair => pair[0] === name)
  }

  get names (): string[] {
    return this.pairs.map(pair => pair[0])
  }
}

function splitPair (text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  return equals === -1 ? [decode(text), ''] : [decode(text.slice(0, equals)), decode(text.slice(equals + 1))]
}

function decode (text: string): string {
  return decodeLoosely(text.replaceAll('+', ' '))
}

/** Percent-decoding that leaves alone what is not decodable, as servers do. */
export function decodeLoosely (text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
