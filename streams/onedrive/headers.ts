/** Conditions and names as request headers. */
const PRINTABLE_ASCII = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** Conditions on the state of an item; etags and ctags as the service wrote them, with their quotes where it did. */
export interface Conditions {
  ifMatch?: string
  /** `*` means: only where there is no such item. */
  ifNoneMatch?: string
}

export function conditionHeaders ({ ifMatch, ifNoneMatch }: Conditions): Record<string, string> {
  const headers: Record<string, string> = {}
  setText(headers, 'if-match', ifMatch)
  setText(headers, 'if-none-match', ifNoneMatch)
  return headers
}

function setText (headers: Record<string, string>, name: string, value: string | undefined): void {
  if (value === undefined) return
  if (typeof value !== 'string' || !PRINTABLE_ASCII.test(value)) {
    throw new TypeError(`Cannot send header "${name}" as its value must be printable ASCII: received ${JSON.stringify(value)}`)
  }
  headers[name] = value
}

/**
 * SharePoint serves traffic later that does not say whose it is.
 * Wire: https://learn.microsoft.com/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online
 */
const DECORATED = /^(ISV|NONISV)\|[^|\r\n]+\|[\x20-\x7b\x7d\x7e]+$/

export function isDecoratedUserAgent (userAgent: string): boolean {
  return PRINTABLE_ASCII.test(userAgent) && DECORATED.test(userAgent)
}
