/** Create Permission and Get Permission. */
import type { Answer } from '../service.ts'
import { answer, type Call, shareOf, writableShareOf } from './call.ts'
import { azureError, invalidHeader, missingHeader } from './errors.ts'
import { receiveText } from './receive.ts'
import { keepPermission } from './smb.ts'

export async function createPermission (call: Call): Promise<Answer> {
  const text = await receiveText(call)
  const share = writableShareOf(call)
  const key = keepPermission(share, readPermissionBody(text))
  await call.context.state.saveShare(share)
  return answer(201, { 'x-ms-file-permission-key': key })
}

function readPermissionBody (text: string): string {
  try {
    const body = JSON.parse(text) as { permission?: unknown, Permission?: unknown }
    const permission = body.permission ?? body.Permission
    if (typeof permission === 'string') return permission
  } catch {
    // no JSON: refused below
  }
  throw azureError('InvalidInput')
}

export async function getPermission (call: Call): Promise<Answer> {
  const share = shareOf(call)
  const key = call.headers['x-ms-file-permission-key']
  if (key === undefined) throw missingHeader('x-ms-file-permission-key')
  const permission = Object.hasOwn(share.permissions, key) ? share.permissions[key] : undefined
  if (permission === undefined) throw invalidHeader('x-ms-file-permission-key', key)
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ permission }) }
}
