import type { RequestHead } from '../service.ts'
import { azureError } from './errors.ts'
import { MAX_METADATA } from './limits.ts'

const PREFIX = 'x-ms-meta-'
/** C# identifiers, as far as a header can name them. */
const IDENTIFIER = /^[a-z_][a-z0-9_]*$/

/** Metadata by lower-case name: header names do not come in any other case. @throws {AzureError} 400 */
export function readMetadata (headers: RequestHead['headers']): Record<string, string> {
  const metadata: Record<string, string> = {}
  let size = 0
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith(PREFIX)) continue
    const name = header.slice(PREFIX.length)
    if (name === '') throw azureError('EmptyMetadataKey')
    if (!IDENTIFIER.test(name)) throw azureError('InvalidMetadata')
    metadata[name] = value
    size += name.length + Buffer.byteLength(value)
  }
  if (size > MAX_METADATA) throw azureError('MetadataTooLarge')
  return metadata
}

export function metadataHeaders (metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [PREFIX + name, value]))
}
