/** Drives, and whose they are. */
import type { Answer } from '../service.ts'
import { type Call, driveOf, graphUrl, jsonAnswer } from './call.ts'
import type { Drive } from './drive.ts'
import { itemNotFound } from './errors.ts'
import { select } from './view.ts'

export async function getDrive (call: Call): Promise<Answer> {
  return jsonAnswer({ '@odata.context': `${graphUrl(call.context)}/$metadata#drives/$entity`, ...select(driveJson(call, driveOf(call)), call.query) })
}

export async function listDrives (call: Call): Promise<Answer> {
  const drive = driveOf(call)
  return jsonAnswer({ '@odata.context': `${graphUrl(call.context)}/$metadata#drives`, value: [select(driveJson(call, drive), call.query)] })
}

export async function getUser (call: Call): Promise<Answer> {
  const { userId, userPrincipalName, displayName } = call.context.drives.owner
  driveOf(call)
  return jsonAnswer({ '@odata.context': `${graphUrl(call.context)}/$metadata#users/$entity`, id: userId, userPrincipalName, displayName })
}

export async function getSite (call: Call): Promise<Answer> {
  const { drives } = call.context
  if (drives.library === undefined || !drives.isSite(call.route.owner ?? '')) throw itemNotFound('Requested site could not be found')
  const { siteId, sitePath } = drives.place
  const [host] = siteId.split(',')
  return jsonAnswer({
    '@odata.context': `${graphUrl(call.context)}/$metadata#sites/$entity`,
    id: siteId,
    name: sitePath.split('/').at(-1),
    displayName: 'Team',
    webUrl: `https://${host}${sitePath}`
  })
}

function driveJson ({ context }: Call, drive: Drive): Record<string, unknown> {
  const { owner, place } = context.drives
  const { userId, userPrincipalName, displayName } = owner
  return {
    id: drive.id,
    driveType: drive.type,
    name: drive.type === 'documentLibrary' ? 'Documents' : 'OneDrive',
    owner: drive.type === 'documentLibrary'
      ? { group: { id: place.groupId, displayName: 'Team' } }
      : { user: { id: userId, displayName, email: userPrincipalName } },
    quota: quotaJson(drive, context.quirks.quota)
  }
}

function quotaJson (drive: Drive, total: number): object {
  const remaining = Math.max(0, total - drive.used)
  return { deleted: drive.recycled, remaining, state: quotaState(remaining / total), total, used: drive.used }
}

function quotaState (free: number): string {
  if (free <= 0) return 'exceeded'
  if (free < 0.01) return 'critical'
  return free < 0.1 ? 'nearing' : 'normal'
}
