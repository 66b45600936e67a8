/** Shares and the user delegation key: request in, response out. */
import { readMetadata } from './headers.ts'
import type { ShareRef } from './names.ts'
import { GetShareProperties, GetUserDelegationKey, ListShares, TIMEOUTS } from './operations.ts'
import { USER_DELEGATION_VERSION } from './sas.ts'
import type { UserDelegationKey } from './sas.ts'
import { addressed, normalizeEtag, quote, readDate, readNothing, readXml, writtenOf } from './wire.ts'
import type { AzureOperation, Page, Written } from './wire.ts'
import { nextMarker } from './wire-directories.ts'
import type { LeaseState } from './wire-files.ts'
import { readEntries } from './xml.ts'
import type { Entry } from './xml.ts'

export interface ShareEntry {
  name: string
  /** The time of the snapshot, for one. */
  snapshot: string | undefined
  etag: string
  lastModified: Date | undefined
  /** GiB. */
  quota: number | undefined
  accessTier: string | undefined
  leaseState: LeaseState | undefined
  metadata: Record<string, string>
}

export interface ShareListOptions {
  prefix?: string | undefined
  /** Shares a page, 1 to 5,000. */
  pageSize?: number | undefined
  /** Snapshots stand before the share that they are of. Default false. */
  snapshots?: boolean | undefined
}

export function listShares (options: ShareListOptions = {}, marker?: string): AzureOperation<Page<ShareEntry, string>> {
  const action = 'list the shares'
  const query: Array<readonly [string, string]> = [['comp', 'list'], ['include', options.snapshots === true ? 'metadata,snapshots' : 'metadata']]
  if (options.prefix !== undefined && options.prefix !== '') query.push(['prefix', options.prefix])
  if (options.pageSize !== undefined) query.push(['maxresults', String(options.pageSize)])
  if (marker !== undefined && marker !== '') query.push(['marker', marker])
  return {
    description: ListShares,
    action,
    kind: 'account',
    method: 'GET',
    query,
    timeouts: TIMEOUTS.directory,
    read: async response => {
      const { values, raw } = await readXml(response, 'EnumerationResults', action, ListShares.name)
      return { entries: readEntries(raw('Shares')).map(readShare), next: nextMarker(values) }
    }
  }
}

function readShare ({ values, metadata }: Entry): ShareEntry {
  return {
    name: values['Name'] ?? '',
    snapshot: values['Snapshot'],
    etag: normalizeEtag(values['Etag'] ?? ''),
    lastModified: readDate(values['Last-Modified']),
    quota: optionalNumber(values['Quota']),
    accessTier: values['AccessTier'],
    leaseState: values['LeaseState'] as LeaseState | undefined,
    metadata
  }
}

function optionalNumber (text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

export interface ShareProperties extends ShareRef, Written {
  /** GiB. */
  quota: number | undefined
  accessTier: string | undefined
  leaseState: LeaseState | undefined
  metadata: Record<string, string>
}

export function getShareProperties (target: ShareRef, options: { leaseId?: string | undefined } = {}): AzureOperation<ShareProperties> {
  return {
    description: GetShareProperties,
    action: `get the properties of share ${quote(target.share)}`,
    method: 'GET',
    ...addressed('share', target),
    query: [['restype', 'share']],
    headers: options.leaseId === undefined ? {} : { 'x-ms-lease-id': options.leaseId },
    timeouts: TIMEOUTS.directory,
    read: async response => {
      await readNothing(response)
      const { headers } = response
      return {
        share: target.share,
        ...writtenOf(headers),
        quota: optionalNumber(headers['x-ms-share-quota']),
        accessTier: headers['x-ms-access-tier'],
        leaseState: headers['x-ms-lease-state'] as LeaseState | undefined,
        metadata: readMetadata(headers)
      }
    }
  }
}

/** Times as `sasTime` writes them. Needs a bearer token. */
export function getUserDelegationKey (start: string, expiry: string): AzureOperation<UserDelegationKey> {
  const action = 'get a user delegation key'
  return {
    description: GetUserDelegationKey,
    action,
    kind: 'account',
    method: 'POST',
    query: [['restype', 'service'], ['comp', 'userdelegationkey']],
    headers: { 'content-type': 'application/xml' },
    body: Buffer.from(`<?xml version="1.0" encoding="utf-8"?><KeyInfo><Start>${start}</Start><Expiry>${expiry}</Expiry></KeyInfo>`),
    version: USER_DELEGATION_VERSION,
    timeouts: TIMEOUTS.directory,
    read: async response => {
      const { values } = await readXml(response, 'UserDelegationKey', action, GetUserDelegationKey.name)
      return {
        signedOid: values['SignedOid'] ?? '',
        signedTid: values['SignedTid'] ?? '',
        signedStart: values['SignedStart'] ?? '',
        signedExpiry: values['SignedExpiry'] ?? '',
        signedService: values['SignedService'] ?? '',
        signedVersion: values['SignedVersion'] ?? '',
        value: values['Value'] ?? ''
      }
    }
  }
}
