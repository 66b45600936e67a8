/** Shares and their snapshots: create, properties, metadata, statistics, delete. */
import type { Answer } from '../service.ts'
import { answer, type Call, leaseIdOf, shareOf, snapshotOf, stamp, writableShareOf, xmlAnswer } from './call.ts'
import { azureError, invalidHeader } from './errors.ts'
import { checkRead, checkWrite, isActive, leaseAt, leaseHeaders, NO_LEASE } from './lease.ts'
import { MAX_QUOTA, MAX_SNAPSHOTS } from './limits.ts'
import { metadataHeaders, readMetadata } from './metadata.ts'
import { checkShareName } from './names.ts'
import { type Directory, type Entry, newShare, type Share, type Snapshot } from './state.ts'
import { msOf } from './times.ts'
import { SINCE } from './versions.ts'
import { document, leaf } from './xml.ts'
import { SortedMap } from '../sorted-map.ts'

const TIERS = ['TransactionOptimized', 'Hot', 'Cool', 'Premium']

export async function createShare (call: Call): Promise<Answer> {
  const { context: { state }, headers, route, now } = call
  checkShareName(route.share)
  if (state.shares.get(route.share) !== undefined) throw azureError('ShareAlreadyExists')
  if ((state.deleted.get(route.share) ?? 0) > now) throw azureError('ShareBeingDeleted')
  const quota = readQuota(headers['x-ms-share-quota'])
  const accessTier = readTier(headers['x-ms-access-tier'])
  const protocols = headers['x-ms-enabled-protocols']
  if (protocols !== undefined && protocols !== 'SMB') throw invalidHeader('x-ms-enabled-protocols', protocols) // NFS shares are not emulated
  state.deleted.delete(route.share)
  const share = newShare(route.share, state.tick(now), {
    metadata: readMetadata(headers),
    ...(quota === undefined ? {} : { quota }),
    ...(accessTier === undefined ? {} : { accessTier })
  })
  await state.addShare(share)
  return answer(201, stamp(share))
}

function readQuota (text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const quota = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (quota < 1 || quota > MAX_QUOTA) throw invalidHeader('x-ms-share-quota', text)
  return quota
}

function readTier (text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const tier = TIERS.find(name => name.toLowerCase() === text.toLowerCase())
  if (tier === undefined) throw invalidHeader('x-ms-access-tier', text)
  return tier
}

export async function getShareProperties (call: Call): Promise<Answer> {
  const { version, now } = call
  const share = shareOf(call)
  const shown = snapshotOf(call, share) ?? share
  const lease = leaseAt(shown.lease, now)
  checkRead(lease, leaseIdOf(call), 'Container')
  return answer(200, {
    ...stamp(shown),
    ...metadataHeaders(shown.metadata),
    'x-ms-share-quota': String(shown.quota),
    'x-ms-access-tier': shown.accessTier,
    'x-ms-access-tier-change-time': new Date(msOf(shown.tierChanged)).toUTCString(),
    'x-ms-enabled-protocols': shown.protocols,
    'x-ms-has-immutability-policy': 'false',
    'x-ms-has-legal-hold': 'false',
    ...(version >= SINCE.shareLease ? leaseHeaders(lease) : {})
  })
}

export async function setShareProperties (call: Call): Promise<Answer> {
  const share = lockedShareOf(call)
  const quota = readQuota(call.headers['x-ms-share-quota'])
  const tier = readTier(call.headers['x-ms-access-tier'])
  if (quota !== undefined) share.quota = quota
  if (tier !== undefined) share.accessTier = tier
  await changed(call, share)
  if (tier !== undefined) share.tierChanged = share.modified
  return answer(200, stamp(share))
}

export async function getShareMetadata (call: Call): Promise<Answer> {
  const share = shareOf(call)
  const shown = snapshotOf(call, share) ?? share
  checkRead(leaseAt(shown.lease, call.now), leaseIdOf(call), 'Container')
  return answer(200, { ...stamp(shown), ...metadataHeaders(shown.metadata) })
}

export async function setShareMetadata (call: Call): Promise<Answer> {
  const share = lockedShareOf(call)
  share.metadata = readMetadata(call.headers)
  await changed(call, share)
  return answer(200, stamp(share))
}

/** The share, which a lease protects from all but its holder. */
export function lockedShareOf (call: Call): Share {
  const share = writableShareOf(call)
  checkWrite(leaseAt(share.lease, call.now), leaseIdOf(call), 'Container')
  return share
}

export async function changed ({ context, now }: Call, share: Share): Promise<void> {
  share.modified = context.state.tick(now)
  await context.state.saveShare(share)
}

export async function getShareStats (call: Call): Promise<Answer> {
  const share = shareOf(call)
  checkRead(leaseAt(share.lease, call.now), leaseIdOf(call), 'Container')
  return xmlAnswer(document('ShareStats', '', leaf('ShareUsageBytes', share.used)), stamp(share))
}

export async function snapshotShare (call: Call): Promise<Answer> {
  const { context: { state }, headers, now } = call
  const share = writableShareOf(call)
  if (share.snapshots.size >= MAX_SNAPSHOTS) throw azureError('ShareSnapshotCountExceeded')
  const sent = readMetadata(headers)
  const { modified, quota, accessTier, tierChanged, protocols, metadata } = share
  const snapshot: Snapshot = {
    time: state.tick(now),
    modified,
    quota,
    accessTier,
    tierChanged,
    protocols,
    metadata: Object.keys(sent).length === 0 ? { ...metadata } : sent,
    lease: NO_LEASE,
    root: frozen(share.root)
  }
  await state.addSnapshot(share, snapshot)
  return answer(201, { ...stamp(snapshot), 'x-ms-snapshot': snapshot.time })
}

/** The same tree once more; bytes by reference, leases left behind. */
function frozen (directory: Directory): Directory {
  const children = new SortedMap<Entry>()
  for (let index = 0, found = directory.children.at(0); found !== undefined; found = directory.children.at(++index)) {
    const [key, entry] = found
    children.set(key, entry.kind === 'directory'
      ? frozen(entry)
      : { ...entry, metadata: { ...entry.metadata }, http: { ...entry.http }, smb: { ...entry.smb }, bytes: entry.bytes.clone(), lease: NO_LEASE, copy: undefined, incoming: undefined })
  }
  return { ...directory, metadata: { ...directory.metadata }, smb: { ...directory.smb }, children }
}

/** Its files go, whatever leases they have; its name is free again after a while. */
export async function deleteShare (call: Call): Promise<Answer> {
  const { context: { state, quirks }, headers, now } = call
  const share = shareOf(call)
  const snapshot = snapshotOf(call, share)
  const mode = headers['x-ms-delete-snapshots']?.toLowerCase()
  if (mode !== undefined && mode !== 'include' && mode !== 'include-leased') throw invalidHeader('x-ms-delete-snapshots', mode)
  checkWrite(leaseAt((snapshot ?? share).lease, now), leaseIdOf(call), 'Container')
  if (snapshot !== undefined) {
    await state.deleteSnapshot(share, snapshot, now)
    return answer(202)
  }
  if (share.snapshots.size > 0 && mode === undefined) throw azureError('ShareHasSnapshots')
  const leased = [...share.snapshots.values()].some(({ lease }) => isActive(leaseAt(lease, now)))
  if (leased && mode === 'include') throw azureError('LeaseIdMissing')
  await state.deleteShare(share, now, now + quirks.shareDeletionMs)
  return answer(202)
}
