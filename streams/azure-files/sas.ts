/**
 * The three shared access signatures of Azure Files, as the strings that are signed and the tokens that come of them.
 * Wire: https://learn.microsoft.com/rest/api/storageservices/create-account-sas, …/create-service-sas
 */
import { hmacBase64 } from './auth.ts'
import { encodeStrict } from './names.ts'

/** The version that a token is verified by. */
export const SAS_VERSION = '2023-11-03'
/** The first that is known to take a user delegation token for Files. */
export const USER_DELEGATION_VERSION = '2026-02-06'

const SCOPE_LINE_SINCE = '2020-12-06'

interface TokenFields {
  permissions: string
  /** `2024-03-01T00:00:00Z`; signed in the very form in which it is sent. */
  startsOn?: string | undefined
  expiresOn: string
  /** One address, or two with `-` between them, both inside. */
  ip?: string | undefined
  protocol?: SasProtocol | undefined
  version?: string
}

export type SasProtocol = 'https' | 'https,http'

export interface AccountSasFields extends TokenFields {
  accountName: string
  /** Of `bqtf`. */
  services: string
  /** Of `sco`: service, container (share), object (file or directory). */
  resourceTypes: string
}

/** Headers that the answer carries in place of the stored ones. */
export interface SasResponseHeaders {
  cacheControl?: string
  contentDisposition?: string
  contentEncoding?: string
  contentLanguage?: string
  contentType?: string
}

export interface ServiceSasFields extends Omit<TokenFields, 'expiresOn' | 'permissions'>, SasResponseHeaders {
  accountName: string
  share: string
  /** Of one file, decoded; absent for the whole share. */
  path?: string | undefined
  /** Empty where the stored access policy says it. */
  permissions: string
  expiresOn: string
  /** The stored access policy. */
  identifier?: string | undefined
}

export interface UserDelegationKey {
  signedOid: string
  signedTid: string
  signedStart: string
  signedExpiry: string
  signedService: string
  signedVersion: string
  /** Base64. */
  value: string
}

type Pairs = ReadonlyArray<readonly [name: string, value: string | undefined]>

export function accountSasStringToSign (fields: AccountSasFields): string {
  const { version = SAS_VERSION } = fields
  const lines = [
    fields.accountName, fields.permissions, fields.services, fields.resourceTypes, fields.startsOn, fields.expiresOn, fields.ip,
    fields.protocol, version, ...(version >= SCOPE_LINE_SINCE ? [''] : [])
  ]
  return `${joined(lines)}\n`
}

export function accountSas (fields: AccountSasFields, keyBase64: string): string {
  const { version = SAS_VERSION } = fields
  return token([
    ['sv', version], ['ss', fields.services], ['srt', fields.resourceTypes], ['sp', fields.permissions], ['st', fields.startsOn],
    ['se', fields.expiresOn], ['sip', fields.ip], ['spr', fields.protocol], ['sig', hmacBase64(keyBase64, accountSasStringToSign(fields))]
  ])
}

/** Of a path-style endpoint the prefix does not count: always account, share, path. */
export function canonicalSasResource ({ accountName, share, path }: Pick<ServiceSasFields, 'accountName' | 'share' | 'path'>): string {
  return `/file/${accountName}/${share}${path === undefined ? '' : `/${path}`}`
}

export function serviceSasStringToSign (fields: ServiceSasFields): string {
  return joined([
    fields.permissions, fields.startsOn, fields.expiresOn, canonicalSasResource(fields), fields.identifier, fields.ip, fields.protocol,
    fields.version ?? SAS_VERSION, ...overrides(fields).map(([, value]) => value)
  ])
}

export function serviceSas (fields: ServiceSasFields, keyBase64: string): string {
  return token([
    ['sv', fields.version ?? SAS_VERSION], ['sr', signedResource(fields)], ['si', fields.identifier], ['sp', fields.permissions], ['st', fields.startsOn],
    ['se', fields.expiresOn], ['sip', fields.ip], ['spr', fields.protocol], ...overrides(fields), ['sig', hmacBase64(keyBase64, serviceSasStringToSign(fields))]
  ])
}

/** By the presence of a path, never by the permissions. */
function signedResource ({ path }: ServiceSasFields): 's' | 'f' {
  return path === undefined ? 's' : 'f'
}

export function userDelegationSasStringToSign (fields: ServiceSasFields, key: UserDelegationKey): string {
  return joined([
    fields.permissions, fields.startsOn, fields.expiresOn, canonicalSasResource(fields), key.signedOid, key.signedTid, key.signedStart,
    key.signedExpiry, key.signedService, key.signedVersion, '', '', fields.ip, fields.protocol, fields.version ?? USER_DELEGATION_VERSION,
    ...overrides(fields).map(([, value]) => value)
  ])
}

export function userDelegationSas (fields: ServiceSasFields, key: UserDelegationKey): string {
  return token([
    ['sv', fields.version ?? USER_DELEGATION_VERSION], ['sr', signedResource(fields)], ['sp', fields.permissions], ['st', fields.startsOn],
    ['se', fields.expiresOn], ['skoid', key.signedOid], ['sktid', key.signedTid], ['skt', key.signedStart], ['ske', key.signedExpiry],
    ['sks', key.signedService], ['skv', key.signedVersion], ['sip', fields.ip], ['spr', fields.protocol], ...overrides(fields),
    ['sig', hmacBase64(key.value, userDelegationSasStringToSign(fields, key))]
  ])
}

function overrides (fields: SasResponseHeaders): Pairs {
  return [
    ['rscc', fields.cacheControl], ['rscd', fields.contentDisposition], ['rsce', fields.contentEncoding], ['rscl', fields.contentLanguage],
    ['rsct', fields.contentType]
  ]
}

function joined (lines: ReadonlyArray<string | undefined>): string {
  return lines.map(line => line ?? '').join('\n')
}

function token (pairs: Pairs): string {
  return pairs
    .filter((pair): pair is readonly [string, string] => pair[1] !== undefined && pair[1] !== '')
    .map(([name, value]) => `${name}=${encodeStrict(value)}`)
    .join('&')
}

const ACCOUNT_PERMISSIONS = 'rwdxlacuptfiy'
const SHARE_PERMISSIONS = 'rcwdl'
const FILE_PERMISSIONS = 'rcwd'

/** The letters in the order that the service demands; @throws {RangeError} for one that does not exist or none at all. */
export function orderPermissions (kind: 'account' | 'share' | 'file', permissions: string): string {
  const known = { account: ACCOUNT_PERMISSIONS, share: SHARE_PERMISSIONS, file: FILE_PERMISSIONS }[kind]
  return orderLetters(`permissions of a SAS for a ${kind}`, known, permissions)
}

export function orderLetters (what: string, known: string, letters: string): string {
  const wrong = [...letters].find(letter => !known.includes(letter))
  if (wrong !== undefined || letters === '') throw new RangeError(`Cannot use ${JSON.stringify(letters)} as ${what}: it must have one or more letters of "${known}"`)
  return [...known].filter(letter => letters.includes(letter)).join('')
}

/** `2024-03-01T00:00:00Z`: whole seconds. */
export function sasTime (date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}
