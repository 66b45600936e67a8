/** Streams fragments to where bodies stay. What is committed of one is all, nothing, or as much as a switch wants. */
import type { Context } from './call.ts'
import { ownPlacement } from './commit.ts'
import { sessionEnded } from './errors.ts'
import { checkOrder, type Fragment } from './fragment.ts'
import { hashContent, type BodyHasher } from './hashes.ts'
import type { Incoming } from './incoming.ts'
import type { PartialCommit } from './quirks.ts'
import type { Session } from './sessions.ts'
import { checkQuota } from './store-file.ts'

export interface Reception {
  /** When only a part of the fragment was committed. */
  partial: PartialCommit | undefined
}

/** @throws {GraphError} 404 when the session ended meanwhile, 416 when another request was faster, 507 when the file that is now complete does not fit */
export async function receiveFragment (context: Context, incoming: Incoming, session: Session, fragment: Fragment): Promise<Reception> {
  const partial = chance(context)
  const limit = partial === undefined ? fragment.length : Math.floor(context.random() * fragment.length)
  const hasher = (session.hasher ?? await rehash(context, session)).fork()
  const cut: Cut = { keep: context.quirks.brokenFragments === 'keep', error: undefined }
  const content = await context.contents.write(upTo(limit, incoming.body(), cut), [hasher])
  try {
    if (!context.sessions.isOpen(session)) throw sessionEnded(context.quirks)
    checkOrder(fragment, session)
    if (fragment.first + content.size === fragment.total) checkQuota(context, ownPlacement(context, session).drive, fragment.total)
  } catch (error) {
    context.contents.release(content)
    throw error
  }
  session.total = fragment.total
  session.hasher = hasher
  session.unaligned ||= fragment.unaligned
  if (partial !== undefined) context.sessions.partialCommits++
  if (content.size > 0) await context.sessions.append(session, content, incoming.now())
  else context.contents.release(content)
  if (cut.error !== undefined) throw cut.error
  return { partial }
}

interface Cut {
  /** Whether bytes that came before the connection broke are kept. */
  keep: boolean
  error: unknown
}

async function * upTo (limit: number, source: AsyncIterable<Buffer>, cut: Cut): AsyncGenerator<Buffer> {
  let left = limit
  try {
    for await (const chunk of source) {
      if (left > 0) yield left < chunk.length ? chunk.subarray(0, left) : chunk
      left -= chunk.length
    }
  } catch (error) {
    if (!cut.keep) throw error
    cut.error = error
  }
}

function chance ({ quirks, random }: Context): PartialCommit | undefined {
  const { partialCommit } = quirks
  return partialCommit !== undefined && random() < partialCommit.probability ? partialCommit : undefined
}

/** After a restart what was hashed is forgotten, what was stored is not. */
async function rehash ({ contents, quirks }: Context, session: Session): Promise<BodyHasher> {
  const content = contents.join(session.pieces)
  try {
    return await hashContent(contents, content, quirks.hashes)
  } finally {
    contents.release(content)
  }
}
