/** The host behind upload URLs. Whoever has the URL may write: there is no token, and there must be none. */
import type { Answer } from '../service.ts'
import type { Context } from './call.ts'
import { refuseAuthorization } from './capability.ts'
import { commitSession, ownPlacement } from './commit.ts'
import { beingCompleted, errorForStatus, GraphError, invalidRequest, sessionEnded, unauthenticated } from './errors.ts'
import { parseFragment } from './fragment.ts'
import type { Incoming } from './incoming.ts'
import { receiveFragment } from './receive-fragment.ts'
import type { RangeForm } from './quirks.ts'
import type { Session } from './sessions.ts'
import { storedAnswer } from './store-file.ts'

const FORMS: readonly RangeForm[] = ['open', 'closed', 'several', 'empty', 'missing']

/** `status` is what a GET asks for: seen to be spelled otherwise than the answer to a fragment. */
type Occasion = 'fragment' | 'status'

export async function serveUpload (context: Context, incoming: Incoming): Promise<Answer> {
  const { method } = incoming.head
  refuseAuthorization(context, incoming.head)
  const session = await openSession(context, incoming)
  switch (method) {
    case 'PUT': return putFragment(context, incoming, session)
    case 'GET': return progress(context, session, 200, 'status')
    case 'POST': return commitDeferred(context, incoming, session)
    case 'DELETE': return cancel(context, session)
    default: throw new GraphError(405, 'invalidRequest', 'The HTTP method is not allowed for this resource.')
  }
}

/** @throws {GraphError} 404 when it is over, 401 or 403 when its URL is, or is not as it was given out */
async function openSession (context: Context, incoming: Incoming): Promise<Session> {
  const { path, query } = incoming.head
  const now = incoming.now()
  await context.sessions.expire(now)
  const session = context.sessions.find(path, query)
  if (session === undefined) throw sessionEnded(context.quirks)
  // Fetch encodes a quote, other clients do not; anything else that changed breaks the token.
  const given = query === '' ? path : `${path}?${query}`
  if (given.replaceAll("'", '%27') !== session.path.replaceAll("'", '%27')) throw unauthenticated('The upload URL is not valid.')
  if (session.urlExpires <= now) {
    throw context.quirks.expiredUploadUrl === 403 ? errorForStatus(403) : unauthenticated('The caller is not authenticated.', 'expiredToken')
  }
  return session
}

async function putFragment (context: Context, incoming: Incoming, session: Session): Promise<Answer> {
  const fragment = parseFragment(incoming, session, context.quirks)
  const { partial } = await receiveFragment(context, incoming, session, fragment)
  if (partial?.answer === 'reset') incoming.reset?.()
  if (typeof partial?.answer === 'number') throw errorForStatus(partial.answer)
  if (session.received === session.total && !session.deferCommit) return complete(context, session, incoming.now())
  const answer = progress(context, session, 202, 'fragment')
  if (session.fragments >= context.quirks.sessionFragments) await context.sessions.end(session)
  return answer
}

async function commitDeferred (context: Context, incoming: Incoming, session: Session): Promise<Answer> {
  if (context.drives.flavour === 'personal') throw invalidRequest('POST is not supported: commit the session with a PUT of its item.')
  if ((incoming.contentLength ?? 0) > 0) throw invalidRequest('The request to commit a session has no body.')
  if (session.received !== session.total) throw invalidRequest('The upload session is not complete.', 'uploadSessionIncomplete')
  return complete(context, session, incoming.now())
}

async function complete (context: Context, session: Session, now: number): Promise<Answer> {
  const placement = ownPlacement(context, session)
  const answer = await storedAnswer(context, placement.drive, await commitSession(context, session, placement, now), now)
  if (context.quirks.emptyFinalAnswer) return { ...answer, status: 200, body: '{}' }
  if (context.drives.flavour === 'personal' || typeof answer.body !== 'string') return answer
  return { ...answer, body: answer.body.replace('"@microsoft.graph.downloadUrl"', '"@content.downloadUrl"') } // so SharePoint spells it here
}

/** What is becoming a file can be cancelled no more: an answer that says so would be a lie once the file is there. */
async function cancel (context: Context, session: Session): Promise<Answer> {
  if (session.committing) throw beingCompleted()
  await context.sessions.end(session)
  return { status: 204, headers: {} }
}

function progress (context: Context, session: Session, status: number, occasion: Occasion): Answer {
  const ranges = expectedRanges(context, session, occasion)
  return {
    status,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      expirationDateTime: new Date(session.expires).toISOString(),
      ...(ranges === undefined ? {} : { nextExpectedRanges: ranges })
    })
  }
}

function expectedRanges (context: Context, { received, total }: Session, occasion: Occasion): string[] | undefined {
  const form = chooseForm(context, occasion)
  if (form === 'missing') return undefined
  if (form === 'empty' || received === total) return []
  if (form === 'open' || total === undefined) return [`${received}-`]
  const middle = received + Math.floor((total - received) / 2)
  return form === 'closed' || middle === received ? [`${received}-${total - 1}`] : [`${received}-${middle - 1}`, `${middle}-${total - 1}`]
}

function chooseForm ({ quirks, random }: Context, occasion: Occasion): RangeForm {
  const { nextExpectedRanges: form } = quirks
  if (form === 'usual') return occasion === 'fragment' ? 'closed' : 'open'
  return form === 'mixed' ? FORMS[Math.floor(random() * FORMS.length)] ?? 'open' : form
}
