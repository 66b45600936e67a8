import { ConfigurationError } from '../../lib/errors.ts'

export interface ConnectionSettings {
  accountName?: string
  accountKey?: string
  sasToken?: string
  endpoint?: string
}

const KNOWN = new Set([
  'defaultendpointsprotocol', 'accountname', 'accountkey', 'sharedaccesssignature', 'endpointsuffix', 'fileendpoint', 'blobendpoint',
  'queueendpoint', 'tableendpoint', 'filesecondaryendpoint', 'blobsecondaryendpoint', 'queuesecondaryendpoint', 'tablesecondaryendpoint',
  'usedevelopmentstorage', 'developmentstorageproxyuri'
])

/**
 * `DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net`, as the portal shows it, or
 * with `FileEndpoint` and `SharedAccessSignature`. Names in any case. Its values never stand in a message.
 * @throws {ConfigurationError}
 */
export function parseConnectionString (text: string): ConnectionSettings {
  const pairs = readPairs(text)
  if (pairs.get('usedevelopmentstorage') === 'true') throw wrong('it means Azurite, which has no Files service: use the emulator of this package')
  const accountName = pairs.get('accountname')
  const settings: ConnectionSettings = {}
  if (accountName !== undefined) settings.accountName = accountName
  const accountKey = pairs.get('accountkey')
  const sasToken = pairs.get('sharedaccesssignature')
  if (accountKey !== undefined) settings.accountKey = accountKey
  else if (sasToken !== undefined) settings.sasToken = sasToken
  else throw wrong('it has neither AccountKey nor SharedAccessSignature')
  const endpoint = pairs.get('fileendpoint') ?? endpointOf(pairs, accountName)
  if (endpoint !== undefined) settings.endpoint = endpoint
  return settings
}

function readPairs (text: string): Map<string, string> {
  if (typeof text !== 'string') throw wrong(`it must be a text: received ${typeof text}`)
  const pairs = new Map<string, string>()
  for (const pair of text.split(';')) {
    if (pair.trim() === '') continue
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals).trim().toLowerCase()
    if (equals < 1 || !KNOWN.has(name)) throw wrong('it must have the form Name=value;Name=value with the names that Azure uses')
    pairs.set(name, pair.slice(equals + 1).trim())
  }
  return pairs
}

function endpointOf (pairs: Map<string, string>, accountName: string | undefined): string | undefined {
  if (accountName === undefined) throw wrong('it has neither AccountName nor FileEndpoint')
  const suffix = pairs.get('endpointsuffix')
  const protocol = pairs.get('defaultendpointsprotocol') ?? 'https'
  return suffix === undefined && protocol === 'https' ? undefined : `${protocol}://${accountName}.file.${suffix ?? 'core.windows.net'}`
}

function wrong (why: string): ConfigurationError {
  return new ConfigurationError(`Cannot use connectionString as ${why}`)
}
