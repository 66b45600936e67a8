import { inspect } from 'node:util'

const REDACTED = '[redacted]'

/**
 * Holds a credential and shows it to nobody but `reveal()`: not to `inspect`, JSON, template strings or errors.
 * JavaScript strings cannot be wiped from memory; dropping the reference is all that can be done.
 */
export class Secret {
  readonly #value: string

  constructor (value: string) {
    this.#value = value
  }

  reveal (): string {
    return this.#value
  }

  toString (): string {
    return REDACTED
  }

  toJSON (): string {
    return REDACTED
  }

  [inspect.custom] (): string {
    return REDACTED
  }
}

/** A URL that grants access to whoever holds it: usable like any other, hidden from `inspect` and JSON. */
export class SecretURL extends URL {
  override toJSON (): string {
    return redactUrl(this.href)
  }

  [inspect.custom] (): string {
    return `SecretURL { ${redactUrl(this.href)} }`
  }
}

/** The URL without its query, which may carry signatures and tokens. */
export function redactUrl (url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : `${url.slice(0, query)}?${REDACTED}`
}
