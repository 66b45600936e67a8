/** What both carriers of requests make of a raw head. */
import type { RequestHead } from './service.ts'

/** `raw` has names and values in turn, values as Latin-1. */
export function readHead (method: string, target: string, raw: readonly string[]): RequestHead {
  const mark = target.indexOf('?')
  return {
    method,
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? '' : target.slice(mark + 1),
    headers: readHeaders(raw),
    repeated: repeatedHeaders(raw)
  }
}

function repeatedHeaders (raw: readonly string[]): string[] {
  const names = raw.filter((_, index) => index % 2 === 0).map(name => name.toLowerCase())
  return names.filter((name, index) => names.indexOf(name) !== index)
}

/** Repeated headers join with a bare comma, as signatures want them; bytes above ASCII are read as UTF-8 where they are. */
function readHeaders (raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] as string).toLowerCase()
    const value = decodeValue(raw[index + 1] as string)
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before},${value}`
  }
  return headers
}

function decodeValue (latin1: string): string {
  if (/^[\x20-\x7e\t]*$/.test(latin1)) return latin1
  const bytes = Buffer.from(latin1, 'latin1')
  const text = bytes.toString('utf8')
  return text.includes('\uFFFD') ? latin1 : text
}
