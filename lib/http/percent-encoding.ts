const PLAIN = /^[A-Za-z0-9\-._~]*$/
const PLAIN_PATH = /^[A-Za-z0-9\-._~/]*$/
const LEFT_BY_ENCODE_URI_COMPONENT = /[!'()*]/g

function percentEncode (character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}

/**
 * Percent-encodes the UTF-8 of all but the unreserved characters of RFC 3986, as signatures are made over.
 * @throws {RangeError} for half a surrogate pair, which has no UTF-8.
 */
export function encodeStrict (text: string): string {
  if (PLAIN.test(text)) return text
  return encodeUtf8(text).replace(LEFT_BY_ENCODE_URI_COMPONENT, percentEncode)
}

function encodeUtf8 (text: string): string {
  try {
    return encodeURIComponent(text)
  } catch (cause) {
    throw new RangeError(`Cannot send ${JSON.stringify(text)} as it holds half a surrogate pair`, { cause })
  }
}

/** The same for a path, where `/` stays. */
export function encodePath (path: string): string {
  if (PLAIN_PATH.test(path)) return path
  return encodeStrict(path).replaceAll('%2F', '/')
}
