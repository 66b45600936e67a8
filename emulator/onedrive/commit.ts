/** A session whose bytes are all there becomes a file. */
import type { Context } from './call.ts'
import { isNamedBy } from './etags.ts'
import { beingCompleted, GraphError, itemNotFound, preconditionFailed, sessionEnded } from './errors.ts'
import { hashContent } from './hashes.ts'
import { identity } from './names.ts'
import type { Session } from './sessions.ts'
import { type Placement, type StoredFile, storeFile } from './store-file.ts'
import type { Body } from './tree.ts'

/** Where the session itself wants its file. @throws {GraphError} 404 when the folder has gone */
export function ownPlacement ({ drives }: Context, { driveId, parentId, name, conflict }: Session): Placement {
  const drive = drives.byId(driveId)
  const folder = drive?.get(parentId)
  if (drive === undefined || folder?.kind !== 'folder') throw itemNotFound('The parent folder could not be found.')
  return { drive, folder, name, conflict }
}

/** Ends the session when it succeeds, and leaves it as it is when not. @throws {GraphError} 404, 409, 412, 500, 507 */
export async function commitSession (context: Context, session: Session, placement: Placement, now: number): Promise<StoredFile> {
  if (!context.sessions.isOpen(session)) throw sessionEnded(context.quirks) // A cancellation came between the last byte and this.
  if (session.committing) throw beingCompleted()
  session.committing = true
  try {
    checkCommit(session, placement)
    const stored = await publish(context, session, placement, now)
    await context.sessions.end(session)
    return stored
  } finally {
    session.committing = false
  }
}

function checkCommit ({ unaligned, ifMatch }: Session, { drive, folder, name }: Placement): void {
  if (unaligned) throw new GraphError(500, 'generalException', 'General exception while processing')
  const existing = folder.children.get(identity(name))
  if (ifMatch !== undefined && (existing === undefined || !isNamedBy(ifMatch, existing, drive.flavour))) throw preconditionFailed()
}

async function publish (context: Context, session: Session, placement: Placement, now: number): Promise<StoredFile> {
  const body = await bodyOf(context, session)
  try {
    return await storeFile(context, placement, body, { now, by: session.by, times: session.times, description: session.description })
  } catch (error) {
    context.contents.release(body.content)
    throw error
  }
}

async function bodyOf ({ contents, quirks }: Context, session: Session): Promise<Body> {
  const content = contents.join(session.pieces)
  const hasher = session.hasher ?? await hashContent(contents, content, quirks.hashes)
  return { content, hashes: hasher.hashes() }
}
