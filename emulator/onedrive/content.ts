/** PutContent and GetContent: simple uploads, and the redirect of downloads. */
import type { Answer } from '../service.ts'
import { type Call, factsOf } from './call.ts'
import { checkPreconditions, isNamedBy } from './etags.ts'
import { invalidRequest, nameAlreadyExists, notSupported } from './errors.ts'
import { extensionOf, identity } from './names.ts'
import { openFolder, resolveFile, resolveTarget } from './resolve.ts'
import { conflictInQuery, readConflict, receiveBody, storedAnswer, storeFile } from './store-file.ts'

const CONVERTIBLE = /^(?:csv|docx?|od[pst]|po[tx]|pot[mx]|pp[st]|pps[mx]|ppsxm|ppt[mx]|rtf|xlsx?)$/

export async function putContent (call: Call): Promise<Answer> {
  const { context, incoming, headers, now } = call
  const target = await resolveTarget(call)
  const { drive, item, name } = target
  const conflict = readConflict(conflictInQuery(call), 'replace')
  checkPreconditions(headers, item, drive.flavour)
  if (item?.kind === 'folder') throw nameAlreadyExists()
  const body = await receiveBody(context, incoming)
  try {
    const folder = await openFolder(target, factsOf(call))
    checkPreconditions(headers, folder.children.get(identity(name)), drive.flavour)
    const stored = await storeFile(context, { drive, folder, name, conflict }, body, factsOf(call))
    return await storedAnswer(context, drive, stored, now)
  } catch (error) {
    context.contents.release(body.content)
    throw error
  }
}

/** Whatever `Range` says, the redirect is the same. */
export async function getContent (call: Call): Promise<Answer> {
  const { context, headers, query, now } = call
  const { drive, file } = await resolveFile(call)
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch !== undefined && isNamedBy(ifNoneMatch, file, drive.flavour)) return { status: 304, headers: {} }
  const format = query.get('format')
  if (format !== undefined) refuseConversion(format, file.name)
  return { status: 302, headers: { Location: context.tickets.url(context.filesOrigin, drive, file, now) } }
}

function refuseConversion (format: string, name: string): never {
  if (format !== 'pdf' || !CONVERTIBLE.test(extensionOf(name))) throw invalidRequest(`The file cannot be converted to ${format}.`)
  throw notSupported('The emulator does not convert files.')
}
