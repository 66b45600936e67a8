import { ConfigurationError } from '../errors.ts'
import { redactUrl } from '../secret.ts'

/** Where requests go: `https://host:port` and the path before every key, without a slash at its end. */
export interface Endpoint {
  origin: string
  /** With the port unless it is the scheme's own, as it stands in `Host` and in signatures. */
  host: string
  hostname: string
  pathPrefix: string
}

const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** `https:` only, but for loopback hosts. @throws {ConfigurationError} */
export function parseEndpoint (endpoint: string | URL, name: string): Endpoint {
  const url = toUrl(endpoint, name)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname))) {
    throw new ConfigurationError(`Cannot use ${name} "${url.protocol}//${url.host}" as it must be https: (http: is for loopback hosts only)`)
  }
  if (url.username !== '' || url.password !== '') throw new ConfigurationError(`Cannot use ${name} as it holds a user name or password: pass credentials as options`)
  if (url.search !== '' || url.hash !== '') throw new ConfigurationError(`Cannot use ${name} "${url.origin}" as it has a query or fragment`)
  return { origin: url.origin, host: url.host, hostname: url.hostname, pathPrefix: url.pathname.replace(/\/+$/, '') }
}

function toUrl (endpoint: string | URL, name: string): URL {
  try {
    return new URL(endpoint)
  } catch {
    // Without the cause, which prints the text as it came.
    throw new ConfigurationError(`Cannot use ${name} as it must be an absolute URL: received ${JSON.stringify(withoutSecrets(String(endpoint)))}`)
  }
}

/** A password that made the URL unreadable, or a signature in its query, must not end in a log. */
function withoutSecrets (text: string): string {
  return redactUrl(text).replace(/[^/]*@/, '[redacted]@')
}
