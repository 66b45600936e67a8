/** The query of a request: decoded, names in lower case as the service does not tell their case apart, in the order sent. */
export class Query {
  readonly pairs: ReadonlyArray<readonly [name: string, value: string]>

  constructor (raw: string) {
    this.pairs = raw.split('&').filter(text => text !== '').map(splitPair)
  }

  /** The value, unless it is absent or empty. */
  get (name: string): string | undefined {
    const value = this.pairs.find(pair => pair[0] === name)?.[1]
    return value === '' ? undefined : value
  }

  has (name: string): boolean {
    return this.pairs.some(pair => pair[0] === name)
  }

  /** The items of a list such as `include=a,b`, in lower case. */
  list (name: string): string[] {
    return (this.get(name) ?? '').split(',').map(item => item.trim().toLowerCase()).filter(item => item !== '')
  }
}

function splitPair (text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  const [name, value] = equals === -1 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
  return [decode(name).toLowerCase(), decode(value)]
}

function decode (text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
