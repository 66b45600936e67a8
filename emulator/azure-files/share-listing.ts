import type { Answer } from '../service.ts'
import { type Call, xmlAnswer } from './call.ts'
import { invalidQuery } from './errors.ts'
import { isActive, leaseAt } from './lease.ts'
import { echoed, readMarker, readMaxResults, serviceEndpoint, writeMarker } from './listing.ts'
import type { Share, Snapshot } from './state.ts'
import { etagOf, httpDate } from './times.ts'
import { attribute, branch, document, leaf } from './xml.ts'

/** A share or one of its snapshots. */
interface Listed {
  name: string
  snapshot: string | undefined
  fields: Share | Snapshot
}

/** In the order of their names; the snapshots of a share, oldest first, come before it. */
export async function listShares (call: Call): Promise<Answer> {
  const { query, context: { state }, now } = call
  const include = query.list('include')
  const unknown = include.find(item => !['metadata', 'snapshots', 'deleted'].includes(item))
  if (unknown !== undefined) throw invalidQuery('include', unknown, 'The include value is not supported.')
  const prefix = query.get('prefix') ?? ''
  const from = readMarker(query.get('marker'))
  const limit = readMaxResults(call)
  const all = state.shares.values().filter(share => share.name.startsWith(prefix)).flatMap(share => listed(share, include.includes('snapshots')))
  const start = from === undefined ? 0 : all.findIndex(item => positionOf(item) >= from)
  const page = start === -1 ? [] : all.slice(start, start + limit)
  const next = start === -1 ? undefined : all[start + limit]
  return xmlAnswer(document('EnumerationResults', attribute('ServiceEndpoint', serviceEndpoint(call)),
    echoed(call),
    branch('Shares', page.map(item => shareXml(item, include.includes('metadata'), now))),
    leaf('NextMarker', next === undefined ? '' : writeMarker(positionOf(next)))))
}

function listed (share: Share, withSnapshots: boolean): Listed[] {
  const { name } = share
  const snapshots = withSnapshots ? [...share.snapshots.values()].map(fields => ({ name, snapshot: fields.time, fields })) : []
  return [...snapshots, { name, snapshot: undefined, fields: share }]
}

/** Sorts as the list does: the share itself after all its snapshots. */
function positionOf ({ name, snapshot }: Listed): string {
  return `${name} ${snapshot ?? '~'}`
}

function shareXml ({ name, snapshot, fields }: Listed, withMetadata: boolean, now: number): string {
  const lease = leaseAt(fields.lease, now)
  return branch('Share',
    leaf('Name', name),
    leaf('Snapshot', snapshot),
    branch('Properties',
      leaf('Last-Modified', httpDate(fields.modified)),
      leaf('Etag', etagOf(fields.modified)),
      leaf('Quota', fields.quota),
      leaf('AccessTier', fields.accessTier),
      leaf('AccessTierChangeTime', httpDate(fields.tierChanged)),
      leaf('LeaseStatus', isActive(lease) ? 'locked' : 'unlocked'),
      leaf('LeaseState', lease.state),
      lease.state === 'leased' ? leaf('LeaseDuration', lease.expires === undefined ? 'infinite' : 'fixed') : undefined,
      leaf('EnabledProtocols', fields.protocols)),
    withMetadata ? branch('Metadata', Object.entries(fields.metadata).map(([key, value]) => leaf(key, value))) : undefined)
}
