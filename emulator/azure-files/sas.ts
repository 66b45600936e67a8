/**
 * Shared access signatures as the service checks them: signature, times, address, protocol, scope, permissions.
 * Wire: https://learn.microsoft.com/rest/api/storageservices/create-account-sas, …/create-service-sas
 */
import { allows, type Need, NEEDS } from './access.ts'
import { authenticationFailed, azureError } from './errors.ts'
import { decodeLoosely } from './names.ts'
import type { Operation, Route } from './operations.ts'
import type { Query } from './query.ts'
import { hmac, sameText } from './shared-key.ts'
import { isKnownVersion, SINCE } from './versions.ts'

const SERVICE_PERMISSIONS = { s: 'rcwdl', f: 'rcwd' } as const
const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?Z)?$/
const OVERRIDES = [
  ['rscc', 'Cache-Control'], ['rscd', 'Content-Disposition'], ['rsce', 'Content-Encoding'], ['rscl', 'Content-Language'], ['rsct', 'Content-Type']
] as const

export interface AccessPolicy {
  id: string
  start?: string | undefined
  expiry?: string | undefined
  permissions?: string | undefined
}

export interface SasSettings {
  accountName: string
  accountKey: string
  /** What `sip` is compared with. */
  clientAddress: string
  /** Whether `spr=https` refuses a connection without TLS, as this one is. */
  enforceProtocol: boolean
  /** The stored access policies of a share. */
  policiesOf (share: string): readonly AccessPolicy[]
}

/** What the token allows. */
export interface Grant {
  permissions: string
  /** Headers that take the place of the stored ones, by their names on the wire. */
  overrides: Readonly<Record<string, string>>
}

/** The resource that the token is used for. */
export type Used = Pick<Route, 'share' | 'path' | 'level'>

/** @throws {AzureError} 403, the first check that failed */
export function verifySas (settings: SasSettings, query: Query, used: Used, operation: Operation, now: number): Grant {
  const version = query.get('sv')
  if (version === undefined || !isKnownVersion(version)) throw authenticationFailed('sv is mandatory. Cannot be empty or of an unknown version')
  const isAccount = query.has('ss')
  if (isAccount) checkSignature(settings.accountKey, query, accountString(settings.accountName, query, version))
  else checkServiceSignature(settings, query, used, version)
  const grant = isAccount ? { permissions: query.get('sp') ?? '', start: query.get('st'), expiry: query.get('se') } : serviceGrant(settings, query, used)
  checkTimes(grant, now)
  checkOrigin(settings, query)
  const need = NEEDS[operation]
  if (need === undefined) throw azureError('AuthorizationFailure')
  if (isAccount) checkAccountScope(query, need)
  else checkServiceScope(query, used, need)
  if (!allows(grant.permissions, need.permissions)) throw azureError('AuthorizationPermissionMismatch')
  return { permissions: grant.permissions, overrides: overridesOf(query) }
}

function accountString (accountName: string, query: Query, version: string): string {
  const lines = [accountName, ...fields(query, ['sp', 'ss', 'srt', 'st', 'se', 'sip', 'spr', 'sv'])]
  if (version >= SINCE.encryptionScopeInSas) lines.push(query.get('ses') ?? '')
  return `${lines.join('\n')}\n`
}

function checkServiceSignature (settings: SasSettings, query: Query, used: Used, version: string): void {
  const resource = signedResource(settings, query, used)
  const tail = fields(query, [...version === '2015-02-21' ? [] : ['sip', 'spr'], 'sv', 'rscc', 'rscd', 'rsce', 'rscl', 'rsct'])
  if (query.get('skoid') === undefined) {
    checkSignature(settings.accountKey, query, [...fields(query, ['sp', 'st', 'se']), resource, ...fields(query, ['si']), ...tail].join('\n'))
    return
  }
  const key = delegationKeyValue(settings.accountKey, query)
  const identity = fields(query, ['skoid', 'sktid', 'skt', 'ske', 'sks', 'skv', 'skdutid', 'sduoid'])
  checkSignature(key, query, [...fields(query, ['sp', 'st', 'se']), resource, ...identity, ...tail].join('\n'))
}

function signedResource ({ accountName }: SasSettings, query: Query, { share, path }: Used): string {
  const kind = query.get('sr')
  if (kind === 's') return `/file/${accountName}/${share}`
  if (kind === 'f') return `/file/${accountName}/${share}/${decodeLoosely(path)}`
  throw authenticationFailed('sr is mandatory. Cannot be empty or of an unknown kind')
}

/** The key that the service gave out for this identity and time; made of them, so that none must be kept. */
export function delegationKeyValue (accountKey: string, query: Pick<Query, 'get'>): string {
  return hmac(accountKey, ['skoid', 'sktid', 'skt', 'ske', 'sks', 'skv'].map(name => query.get(name) ?? '').join('\n'))
}

function fields (query: Query, names: readonly string[]): string[] {
  return names.map(name => query.get(name) ?? '')
}

function checkSignature (key: string, query: Query, text: string): void {
  if (sameText(hmac(key, text), query.get('sig') ?? '')) return
  throw authenticationFailed(`Signature did not match. String to sign used was ${text}`)
}

interface Terms {
  permissions: string
  start: string | undefined
  expiry: string | undefined
}

/** What the token says together with its stored policy; each field may be said only once. */
function serviceGrant (settings: SasSettings, query: Query, { share }: Used): Terms {
  const id = query.get('si')
  const policy = id === undefined ? undefined : settings.policiesOf(share).find(candidate => candidate.id === id)
  if (id !== undefined && policy === undefined) throw authenticationFailed('SAS identifier cannot be found for specified signed identifier')
  const once = (name: string, stored: string | undefined): string | undefined => {
    const given = query.get(name)
    if (given !== undefined && stored !== undefined) throw authenticationFailed(`${name} must be either in the stored access policy or in the signature`)
    return given ?? stored
  }
  const permissions = once('sp', policy?.permissions) ?? ''
  const kind = query.get('sr') === 's' ? 's' : 'f'
  if (policy === undefined && !isOrdered(permissions, SERVICE_PERMISSIONS[kind])) throw authenticationFailed(`sp=${permissions} is not valid`)
  if (query.get('skoid') !== undefined) checkDelegation(query)
  return { permissions, start: once('st', policy?.start), expiry: once('se', policy?.expiry) }
}

/** A token cannot outlive its key. */
function checkDelegation (query: Query): void {
  if ((query.get('se') ?? '') > (query.get('ske') ?? '')) throw authenticationFailed('The expiry of the signature is after that of its key')
}

function isOrdered (letters: string, known: string): boolean {
  const positions = [...letters].map(letter => known.indexOf(letter))
  return positions.every((position, index) => position !== -1 && (index === 0 || position > (positions[index - 1] as number)))
}

function checkTimes ({ start, expiry }: Terms, now: number): void {
  if (expiry === undefined || !TIME.test(expiry)) throw authenticationFailed('se is mandatory. Cannot be empty')
  if (start !== undefined && !TIME.test(start)) throw authenticationFailed('st is not a valid time')
  if ((start === undefined || Date.parse(start) <= now) && now < Date.parse(expiry)) return
  const times = [start ?? '', expiry, new Date(now).toISOString()].map(time => time === '' ? '' : new Date(time).toUTCString())
  throw authenticationFailed(`Signature not valid in the specified time frame: Start [${times[0]}] - Expiry [${times[1]}] - Current [${times[2]}]`)
}

function checkOrigin ({ clientAddress, enforceProtocol }: SasSettings, query: Query): void {
  const protocol = query.get('spr')
  if (protocol !== undefined && protocol !== 'https' && protocol !== 'https,http') throw authenticationFailed('spr is not valid')
  if (protocol === 'https' && enforceProtocol) throw azureError('AuthorizationProtocolMismatch')
  const range = query.get('sip')
  if (range === undefined) return
  const [first = '', last = first] = range.split('-')
  const address = addressValue(clientAddress)
  if (address < addressValue(first) || address > addressValue(last)) throw azureError('AuthorizationSourceIPMismatch', { SourceIP: clientAddress })
}

function addressValue (address: string): number {
  return address.split('.').reduce((value, byte) => value * 256 + Number(byte), 0)
}

function checkAccountScope (query: Query, { resource }: Need): void {
  if (!(query.get('ss') ?? '').includes('f')) throw azureError('AuthorizationServiceMismatch')
  if (!(query.get('srt') ?? '').includes(resource)) throw azureError('AuthorizationResourceTypeMismatch')
}

function checkServiceScope (query: Query, used: Used, need: Need): void {
  if (!need.service) throw azureError('AuthorizationFailure')
  if (query.get('sr') === 's') return
  if (need.resource === 'c' || used.level !== 'file') {
    throw authenticationFailed('Access without signed identifier: the signed resource is not allowed for this resource level')
  }
}

function overridesOf (query: Query): Record<string, string> {
  return Object.fromEntries(OVERRIDES.flatMap(([parameter, header]) => {
    const value = query.get(parameter)
    return value === undefined ? [] : [[header, value]]
  }))
}
