/** Takes out of texts what must not stand in a recording, and what would bind it to one host and one account. */
import type { Links } from './links.ts'
import { ENDPOINT_STAND_IN, LINK_STAND_IN } from './links.ts'
import type { LinkProfile, RecordedService } from './recording-profile.ts'

const REDACTED = '[redacted]'
const URLS = /https?:\/\/[^\s"'<>\\]+/g
const SECRET_PROPERTY = /^(?:access_?token|refresh_?token|id_?token|client_?secret)$/i
/** A SAS as a whole: parts of it tell whom and when it serves, and none of it is needed. Wire: https://learn.microsoft.com/rest/api/storageservices/create-account-sas, …/create-service-sas, …/create-user-delegation-sas */
const SAS = /^(?:sv|ss|srt|sp|se|st|spr|sip|sr|sig|si|ses|sdd|skoid|sktid|skt|ske|sks|skv|saoid|suoid|scid|rscc|rscd|rsce|rscl|rsct)$/i
const PRESIGNED = /^x-amz-/i
const TOKENS = /^(?:access_token|tempauth|authkey|prooftoken|client_secret)$/i

/** Between one client and one recording. */
export class Sanitizer {
  readonly links: Links
  readonly #base: string
  readonly #profile: LinkProfile | undefined
  readonly #redact: (operation: string, text: string) => string

  constructor ({ endpoint, profile }: RecordedService, links: Links) {
    this.links = links
    this.#base = endpoint.origin + endpoint.pathPrefix
    this.#profile = profile.links
    this.#redact = (operation, text) => profile.redact?.(operation, text) ?? text
  }

  /** The part of a URL below the endpoint, undefined for another. */
  below (url: string): string | undefined {
    if (!url.startsWith(this.#base)) return undefined
    const rest = url.slice(this.#base.length)
    return rest === '' || rest.startsWith('/') || rest.startsWith('?') ? rest : undefined
  }

  /** A URL of an answer or a request as a recording may hold it. */
  url (url: string): string {
    const path = this.links.pathOf(url)
    if (path !== undefined) return LINK_STAND_IN + path
    const below = this.below(url)
    return withoutSecrets(below === undefined ? url : ENDPOINT_STAND_IN + below)
  }

  text (text: string): string {
    return text.replace(URLS, url => this.url(url))
  }

  /** The text of an answer: JSON as the value that it is, anything else as text. */
  answer (operation: string, text: string): unknown {
    const redacted = this.#redact(operation, text)
    const json = parseObject(redacted)
    return json === undefined ? this.text(redacted) : this.json(json)
  }

  json (value: unknown, name = '', holder: Readonly<Record<string, unknown>> = {}): unknown {
    if (typeof value === 'string') return this.#jsonText(value, name, holder)
    if (Array.isArray(value)) return value.map(item => this.json(item, name, holder))
    if (typeof value !== 'object' || value === null) return value
    const object = value as Record<string, unknown>
    return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, this.json(item, key, object)]))
  }

  /** `Location` of an answer. @param path what was asked for, where the answer redirects its own content. */
  location (operation: string, url: string, path?: string): string {
    const isLink = path !== undefined || this.#profile?.located.includes(operation) === true
    return isLink && /^https?:/.test(url) ? LINK_STAND_IN + this.links.add(url, path) : this.url(url)
  }

  /** What an answer of a recording is for this client: URLs of the endpoint are its own again. */
  restore (text: string): string {
    return text.replaceAll(ENDPOINT_STAND_IN, this.#base)
  }

  #jsonText (text: string, name: string, holder: Readonly<Record<string, unknown>>): string {
    if (SECRET_PROPERTY.test(name)) return REDACTED
    if (this.#profile?.properties.includes(name) !== true || !/^https?:/.test(text)) return this.text(text)
    return LINK_STAND_IN + this.links.add(text, this.#profile.pathOf?.(name, holder))
  }
}

/** The URL without what in its query grants access; in XML its parts are joined by `&amp;`. */
export function withoutSecrets (url: string): string {
  const start = url.indexOf('?')
  if (start === -1) return url
  const query = cleanQuery(url.slice(start + 1))
  return query === '' ? url.slice(0, start) : `${url.slice(0, start)}?${query}`
}

export function cleanQuery (query: string): string {
  const separator = query.includes('&amp;') ? '&amp;' : '&'
  const parts = query.split(separator).filter(part => part !== '')
  const names = parts.map(nameOf)
  const isSigned = names.some(name => name === 'sig')
  const isPresigned = names.some(name => /^x-amz-signature$/i.test(name))
  const isSecret = (name: string): boolean => TOKENS.test(name) || (isSigned && SAS.test(name)) || (isPresigned && PRESIGNED.test(name))
  return parts.filter(part => !isSecret(nameOf(part))).join(separator)
}

function nameOf (part: string): string {
  return part.split('=', 1)[0] as string
}

function parseObject (text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text) as object
  } catch {
    return undefined // Text that only begins like JSON, as answers that broke off do.
  }
}
